/*
 * own_function.h - functions of our own schema.
 */
#ifndef STREAM_EXT_OWN_FUNCTION_H
#define STREAM_EXT_OWN_FUNCTION_H

/*
 * Returns the function of schema _stream_ext with this name and these argument
 * types.  It is looked up by nobody's rights: the owner of a view need not have
 * any in our schema.
 */
extern Oid	own_function(const char *name, int nargs, const Oid *types);

#endif							/* STREAM_EXT_OWN_FUNCTION_H */

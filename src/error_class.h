/*
 * error_class.h - whose fault an error is, by its SQLSTATE.
 */
#ifndef STREAM_EXT_ERROR_CLASS_H
#define STREAM_EXT_ERROR_CLASS_H

typedef enum ErrorClass
{
	ERROR_OF_DATA,				/* this row or group, again and again */
	ERROR_OF_VIEW,				/* rights or objects are gone; perhaps those
								 * that one row names */
	ERROR_OF_CODE,				/* the view's code does what it must not,
								 * whatever the row */
	ERROR_OF_TIME,				/* a time limit, or somebody cancelled */
	ERROR_INTERNAL,				/* should not be: may go away, or not */
	ERROR_TO_RETRY				/* locks, memory, disk ... */
} ErrorClass;

extern ErrorClass error_class(int sqlstate);

#endif							/* STREAM_EXT_ERROR_CLASS_H */


/* ---- aggregate: combining and finalising partials ---- */

-- Two signatures: an aggregate without arguments has no types to say.

CREATE FUNCTION _stream_ext.finalize_transition(internal, regprocedure, anyelement, anycompatible)
    RETURNS internal
    LANGUAGE c CALLED ON NULL INPUT STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'stream_ext_finalize_transition';
COMMENT ON FUNCTION _stream_ext.finalize_transition(internal, regprocedure, anyelement, anycompatible) IS
    'aggregate transition function of finalize()';
REVOKE ALL ON FUNCTION _stream_ext.finalize_transition(internal, regprocedure, anyelement, anycompatible)
    FROM PUBLIC;

CREATE FUNCTION _stream_ext.finalize_final(internal, regprocedure, anyelement, anycompatible)
    RETURNS anycompatible
    LANGUAGE c CALLED ON NULL INPUT STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'stream_ext_finalize_final';
COMMENT ON FUNCTION _stream_ext.finalize_final(internal, regprocedure, anyelement, anycompatible) IS
    'aggregate final function of finalize()';
REVOKE ALL ON FUNCTION _stream_ext.finalize_final(internal, regprocedure, anyelement, anycompatible)
    FROM PUBLIC;

CREATE AGGREGATE _stream_ext.finalize(aggregate regprocedure, partial anyelement, result anycompatible) (
    SFUNC = _stream_ext.finalize_transition,
    STYPE = internal,
    SSPACE = 128,
    FINALFUNC = _stream_ext.finalize_final,
    FINALFUNC_EXTRA,
    FINALFUNC_MODIFY = READ_WRITE,
    PARALLEL = RESTRICTED
);
COMMENT ON AGGREGATE _stream_ext.finalize(regprocedure, anyelement, anycompatible) IS
    'combines the partials of an aggregate and finalises them; arguments behind the partial only say their types';
-- functions in a view are checked against whoever reads it
GRANT EXECUTE ON FUNCTION _stream_ext.finalize(regprocedure, anyelement, anycompatible) TO PUBLIC;

CREATE FUNCTION _stream_ext.finalize_transition(internal, regprocedure, anyelement, anycompatible, VARIADIC "any")
    RETURNS internal
    LANGUAGE c CALLED ON NULL INPUT STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'stream_ext_finalize_transition';
COMMENT ON FUNCTION _stream_ext.finalize_transition(internal, regprocedure, anyelement, anycompatible, VARIADIC "any") IS
    'aggregate transition function of finalize()';
REVOKE ALL ON FUNCTION _stream_ext.finalize_transition(internal, regprocedure, anyelement, anycompatible, VARIADIC "any")
    FROM PUBLIC;

CREATE FUNCTION _stream_ext.finalize_final(internal, regprocedure, anyelement, anycompatible, VARIADIC "any")
    RETURNS anycompatible
    LANGUAGE c CALLED ON NULL INPUT STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'stream_ext_finalize_final';
COMMENT ON FUNCTION _stream_ext.finalize_final(internal, regprocedure, anyelement, anycompatible, VARIADIC "any") IS
    'aggregate final function of finalize()';
REVOKE ALL ON FUNCTION _stream_ext.finalize_final(internal, regprocedure, anyelement, anycompatible, VARIADIC "any")
    FROM PUBLIC;

CREATE AGGREGATE _stream_ext.finalize(aggregate regprocedure, partial anyelement, result anycompatible, VARIADIC arguments "any") (
    SFUNC = _stream_ext.finalize_transition,
    STYPE = internal,
    SSPACE = 128,
    FINALFUNC = _stream_ext.finalize_final,
    FINALFUNC_EXTRA,
    FINALFUNC_MODIFY = READ_WRITE,
    PARALLEL = RESTRICTED
);
COMMENT ON AGGREGATE _stream_ext.finalize(regprocedure, anyelement, anycompatible, VARIADIC "any") IS
    'combines the partials of an aggregate and finalises them; arguments behind the partial only say their types';
-- functions in a view are checked against whoever reads it
GRANT EXECUTE ON FUNCTION _stream_ext.finalize(regprocedure, anyelement, anycompatible, VARIADIC "any") TO PUBLIC;

CREATE FUNCTION _stream_ext.partial_transition(internal, regprocedure, anyelement, VARIADIC "any")
    RETURNS internal
    LANGUAGE c CALLED ON NULL INPUT STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'stream_ext_partial_transition';
COMMENT ON FUNCTION _stream_ext.partial_transition(internal, regprocedure, anyelement, VARIADIC "any") IS
    'aggregate transition function of partial()';
REVOKE ALL ON FUNCTION _stream_ext.partial_transition(internal, regprocedure, anyelement, VARIADIC "any")
    FROM PUBLIC;

CREATE FUNCTION _stream_ext.partial_final(internal, regprocedure, anyelement, VARIADIC "any")
    RETURNS anyelement
    LANGUAGE c CALLED ON NULL INPUT STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'stream_ext_partial_final';
COMMENT ON FUNCTION _stream_ext.partial_final(internal, regprocedure, anyelement, VARIADIC "any") IS
    'aggregate final function of partial()';
REVOKE ALL ON FUNCTION _stream_ext.partial_final(internal, regprocedure, anyelement, VARIADIC "any")
    FROM PUBLIC;

CREATE AGGREGATE _stream_ext.partial(aggregate regprocedure, partial anyelement, VARIADIC arguments "any") (
    SFUNC = _stream_ext.partial_transition,
    STYPE = internal,
    SSPACE = 128,
    FINALFUNC = _stream_ext.partial_final,
    FINALFUNC_EXTRA,
    FINALFUNC_MODIFY = READ_WRITE,
    PARALLEL = RESTRICTED
);
COMMENT ON AGGREGATE _stream_ext.partial(regprocedure, anyelement, VARIADIC "any") IS
    'makes from rows the partial that a continuous view would store; the partial argument only says its type';
REVOKE ALL ON FUNCTION _stream_ext.partial(regprocedure, anyelement, VARIADIC "any") FROM PUBLIC;

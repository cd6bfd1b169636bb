
/* ---- aggregates: first, last, arg_min, arg_max ---- */

CREATE FUNCTION _stream_ext.first_transition(internal, anyelement, anycompatible) RETURNS internal
    LANGUAGE c CALLED ON NULL INPUT IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'stream_ext_first_transition';
COMMENT ON FUNCTION _stream_ext.first_transition(internal, anyelement, anycompatible) IS
    'aggregate transition function of first() and arg_min()';
REVOKE ALL ON FUNCTION _stream_ext.first_transition(internal, anyelement, anycompatible) FROM PUBLIC;

CREATE FUNCTION _stream_ext.first_combine(internal, internal) RETURNS internal
    LANGUAGE c CALLED ON NULL INPUT IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'stream_ext_first_combine';
COMMENT ON FUNCTION _stream_ext.first_combine(internal, internal) IS
    'aggregate combine function of first() and arg_min()';
REVOKE ALL ON FUNCTION _stream_ext.first_combine(internal, internal) FROM PUBLIC;

CREATE FUNCTION _stream_ext.last_transition(internal, anyelement, anycompatible) RETURNS internal
    LANGUAGE c CALLED ON NULL INPUT IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'stream_ext_last_transition';
COMMENT ON FUNCTION _stream_ext.last_transition(internal, anyelement, anycompatible) IS
    'aggregate transition function of last() and arg_max()';
REVOKE ALL ON FUNCTION _stream_ext.last_transition(internal, anyelement, anycompatible) FROM PUBLIC;

CREATE FUNCTION _stream_ext.last_combine(internal, internal) RETURNS internal
    LANGUAGE c CALLED ON NULL INPUT IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'stream_ext_last_combine';
COMMENT ON FUNCTION _stream_ext.last_combine(internal, internal) IS
    'aggregate combine function of last() and arg_max()';
REVOKE ALL ON FUNCTION _stream_ext.last_combine(internal, internal) FROM PUBLIC;

CREATE FUNCTION _stream_ext.pair_serialize(internal) RETURNS bytea
    LANGUAGE c STRICT STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'stream_ext_pair_serialize';
COMMENT ON FUNCTION _stream_ext.pair_serialize(internal) IS
    'aggregate serialization function of first(), last(), arg_min() and arg_max()';
REVOKE ALL ON FUNCTION _stream_ext.pair_serialize(internal) FROM PUBLIC;

CREATE FUNCTION _stream_ext.pair_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c STRICT STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'stream_ext_pair_deserialize';
COMMENT ON FUNCTION _stream_ext.pair_deserialize(bytea, internal) IS
    'aggregate deserialization function of first(), last(), arg_min() and arg_max()';
REVOKE ALL ON FUNCTION _stream_ext.pair_deserialize(bytea, internal) FROM PUBLIC;

CREATE FUNCTION _stream_ext.pair_final(internal, anyelement, anycompatible) RETURNS anyelement
    LANGUAGE c CALLED ON NULL INPUT IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'stream_ext_pair_final';
COMMENT ON FUNCTION _stream_ext.pair_final(internal, anyelement, anycompatible) IS
    'aggregate final function of first(), last(), arg_min() and arg_max()';
REVOKE ALL ON FUNCTION _stream_ext.pair_final(internal, anyelement, anycompatible) FROM PUBLIC;

CREATE AGGREGATE @extschema@.first(value anyelement, ts anycompatible) (
    SFUNC = _stream_ext.first_transition,
    STYPE = internal,
    SSPACE = 64,
    FINALFUNC = _stream_ext.pair_final,
    FINALFUNC_EXTRA,
    COMBINEFUNC = _stream_ext.first_combine,
    SERIALFUNC = _stream_ext.pair_serialize,
    DESERIALFUNC = _stream_ext.pair_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.first(anyelement, anycompatible) IS
    'the value of the row with the smallest ts, the smallest such value; rows with NULL in either are ignored';
GRANT EXECUTE ON FUNCTION @extschema@.first(anyelement, anycompatible) TO PUBLIC;

CREATE AGGREGATE @extschema@.last(value anyelement, ts anycompatible) (
    SFUNC = _stream_ext.last_transition,
    STYPE = internal,
    SSPACE = 64,
    FINALFUNC = _stream_ext.pair_final,
    FINALFUNC_EXTRA,
    COMBINEFUNC = _stream_ext.last_combine,
    SERIALFUNC = _stream_ext.pair_serialize,
    DESERIALFUNC = _stream_ext.pair_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.last(anyelement, anycompatible) IS
    'the value of the row with the largest ts, the largest such value; rows with NULL in either are ignored';
GRANT EXECUTE ON FUNCTION @extschema@.last(anyelement, anycompatible) TO PUBLIC;

CREATE AGGREGATE @extschema@.arg_min(value anyelement, key anycompatible) (
    SFUNC = _stream_ext.first_transition,
    STYPE = internal,
    SSPACE = 64,
    FINALFUNC = _stream_ext.pair_final,
    FINALFUNC_EXTRA,
    COMBINEFUNC = _stream_ext.first_combine,
    SERIALFUNC = _stream_ext.pair_serialize,
    DESERIALFUNC = _stream_ext.pair_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.arg_min(anyelement, anycompatible) IS
    'the value of the row with the smallest key, the smallest such value; rows with NULL in either are ignored';
GRANT EXECUTE ON FUNCTION @extschema@.arg_min(anyelement, anycompatible) TO PUBLIC;

CREATE AGGREGATE @extschema@.arg_max(value anyelement, key anycompatible) (
    SFUNC = _stream_ext.last_transition,
    STYPE = internal,
    SSPACE = 64,
    FINALFUNC = _stream_ext.pair_final,
    FINALFUNC_EXTRA,
    COMBINEFUNC = _stream_ext.last_combine,
    SERIALFUNC = _stream_ext.pair_serialize,
    DESERIALFUNC = _stream_ext.pair_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.arg_max(anyelement, anycompatible) IS
    'the value of the row with the largest key, the largest such value; rows with NULL in either are ignored';
GRANT EXECUTE ON FUNCTION @extschema@.arg_max(anyelement, anycompatible) TO PUBLIC;

/* ---- aggregates: linear regression ---- */

CREATE TYPE @extschema@.linreg_model AS (
    n bigint,
    intercept double precision,
    coefficients double precision[],
    r2 double precision,
    mse double precision
);
COMMENT ON TYPE @extschema@.linreg_model IS
    'a linear model: rows it was fitted to, intercept, one coefficient per feature (NULL: not used), R squared, mean squared error';

CREATE FUNCTION _stream_ext.linreg_transition(double precision[], double precision, double precision[])
    RETURNS double precision[]
    LANGUAGE c CALLED ON NULL INPUT IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'stream_ext_linreg_transition';
COMMENT ON FUNCTION _stream_ext.linreg_transition(double precision[], double precision, double precision[]) IS
    'aggregate transition function of linreg()';
REVOKE ALL ON FUNCTION _stream_ext.linreg_transition(double precision[], double precision, double precision[])
    FROM PUBLIC;

CREATE FUNCTION _stream_ext.linreg_combine(double precision[], double precision[])
    RETURNS double precision[]
    LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'stream_ext_linreg_combine';
COMMENT ON FUNCTION _stream_ext.linreg_combine(double precision[], double precision[]) IS
    'aggregate combine function of linreg()';
REVOKE ALL ON FUNCTION _stream_ext.linreg_combine(double precision[], double precision[]) FROM PUBLIC;

CREATE FUNCTION _stream_ext.linreg_final(double precision[])
    RETURNS @extschema@.linreg_model
    LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'stream_ext_linreg_final';
COMMENT ON FUNCTION _stream_ext.linreg_final(double precision[]) IS
    'aggregate final function of linreg()';
REVOKE ALL ON FUNCTION _stream_ext.linreg_final(double precision[]) FROM PUBLIC;

CREATE AGGREGATE @extschema@.linreg(y double precision, x double precision[]) (
    SFUNC = _stream_ext.linreg_transition,
    STYPE = double precision[],
    SSPACE = 256,
    FINALFUNC = _stream_ext.linreg_final,
    COMBINEFUNC = _stream_ext.linreg_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.linreg(double precision, double precision[]) IS
    'the linear model of y over the features x, by least squares; rows with a NULL are ignored';
GRANT EXECUTE ON FUNCTION @extschema@.linreg(double precision, double precision[]) TO PUBLIC;

CREATE FUNCTION @extschema@.predict(model @extschema@.linreg_model, x double precision[])
    RETURNS double precision
    LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'stream_ext_predict';
COMMENT ON FUNCTION @extschema@.predict(@extschema@.linreg_model, double precision[]) IS
    'what a linear model says of the features x';
GRANT EXECUTE ON FUNCTION @extschema@.predict(@extschema@.linreg_model, double precision[]) TO PUBLIC;

CREATE FUNCTION @extschema@.standardise(x double precision, mean double precision, deviation double precision)
    RETURNS double precision
    LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'stream_ext_standardise';
COMMENT ON FUNCTION @extschema@.standardise(double precision, double precision, double precision) IS
    'how many deviations x is above mean; NULL if deviation is 0';
GRANT EXECUTE ON FUNCTION @extschema@.standardise(double precision, double precision, double precision) TO PUBLIC;

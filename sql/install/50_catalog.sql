
/* ---- catalog: continuous views, their positions, what went wrong ---------- */

CREATE TABLE _stream_ext.continuous_view (
	view regclass NOT NULL,
	definition regclass NOT NULL,
	storage regclass NOT NULL,
	memory regclass NOT NULL,
	stream regclass NOT NULL,
	state text NOT NULL,
	state_message text,
	retention text,
	partition_width text,
	lateness text,
	late_policy text,
	emit text,
	on_lag text,
	late regclass,
	settings text[] NOT NULL,
	CONSTRAINT continuous_view_pkey PRIMARY KEY (view)
);
COMMENT ON TABLE _stream_ext.continuous_view IS
	'one row per continuous view: its parts, options, frozen settings and state';
REVOKE ALL ON TABLE _stream_ext.continuous_view FROM PUBLIC;
GRANT SELECT ON TABLE _stream_ext.continuous_view TO pg_database_owner;
SELECT pg_catalog.pg_extension_config_dump('_stream_ext.continuous_view', '');

/*
 * Only the restore of a dump inserts by SQL: then the view is adopted (src/ddl/adopt_view.c).
 * ALWAYS: also under session_replication_role = replica.
 */
CREATE FUNCTION _stream_ext.adopt_view()
RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'stream_ext_adopt_view';
COMMENT ON FUNCTION _stream_ext.adopt_view() IS
	'trigger: makes a restored continuous view live';
REVOKE ALL ON FUNCTION _stream_ext.adopt_view() FROM PUBLIC;

CREATE TRIGGER adopt_view AFTER INSERT ON _stream_ext.continuous_view
	FOR EACH ROW EXECUTE FUNCTION _stream_ext.adopt_view();
ALTER TABLE _stream_ext.continuous_view ENABLE ALWAYS TRIGGER adopt_view;
COMMENT ON TRIGGER adopt_view ON _stream_ext.continuous_view IS
	'makes a restored continuous view live';

/*
 * Every flush updates one row, so pages are kept nearly empty for HOT.
 * Dumped for the watermark only: a position means nothing in another cluster.
 */
CREATE TABLE _stream_ext.view_position (
	view regclass NOT NULL,
	lsn pg_lsn NOT NULL,
	restart_lsn pg_lsn NOT NULL,
	max_window timestamptz NOT NULL,
	any_group boolean NOT NULL,
	system_identifier bigint NOT NULL,
	timeline integer NOT NULL,
	database oid NOT NULL,
	watermark bigint NOT NULL,
	event_time_since pg_lsn NOT NULL,
	max_future bigint NOT NULL,
	last_commit timestamptz NOT NULL,
	inputs text[] NOT NULL,
	input_times bigint[] NOT NULL,
	input_commits timestamptz[] NOT NULL,
	CONSTRAINT view_position_pkey PRIMARY KEY (view)
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0);
COMMENT ON TABLE _stream_ext.view_position IS
	'how far the storage of each continuous view has got in the WAL';
REVOKE ALL ON TABLE _stream_ext.view_position FROM PUBLIC;
GRANT SELECT ON TABLE _stream_ext.view_position TO pg_database_owner;
-- the least bigint is "none": src/window/watermark.h
SELECT pg_catalog.pg_extension_config_dump('_stream_ext.view_position',
	'WHERE watermark OPERATOR(pg_catalog.>) (-9223372036854775808)::pg_catalog.int8');

CREATE FUNCTION _stream_ext.restore_position()
RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'stream_ext_restore_position';
COMMENT ON FUNCTION _stream_ext.restore_position() IS
	'trigger: takes over the watermark of a restored continuous view';
REVOKE ALL ON FUNCTION _stream_ext.restore_position() FROM PUBLIC;

CREATE TRIGGER restore_position BEFORE INSERT ON _stream_ext.view_position
	FOR EACH ROW EXECUTE FUNCTION _stream_ext.restore_position();
ALTER TABLE _stream_ext.view_position ENABLE ALWAYS TRIGGER restore_position;
COMMENT ON TRIGGER restore_position ON _stream_ext.view_position IS
	'takes over the watermark of a restored continuous view';

/*
 * A row for each stream_set_event_time(); older ones while a view may still
 * read WAL from before the next.  delay and idle_timeout: microseconds, delay
 * in units of the column where is_time is false; idle_timeout 0 = never.
 */
CREATE TABLE _stream_ext.event_time (
	stream regclass NOT NULL,
	since pg_lsn NOT NULL,
	since_time timestamptz NOT NULL,
	event_column name,
	is_time boolean NOT NULL,
	delay bigint NOT NULL,
	idle_timeout bigint NOT NULL,
	CONSTRAINT event_time_pkey PRIMARY KEY (stream, since)
);
COMMENT ON TABLE _stream_ext.event_time IS
	'which column of a stream is its event time, and from where in the WAL on';
REVOKE ALL ON TABLE _stream_ext.event_time FROM PUBLIC;
GRANT SELECT ON TABLE _stream_ext.event_time TO pg_database_owner;
SELECT pg_catalog.pg_extension_config_dump('_stream_ext.event_time',
	'WHERE event_column IS NOT NULL AND since OPERATOR(pg_catalog.=)
	 (SELECT pg_catalog.max(e.since) FROM _stream_ext.event_time e
	   WHERE e.stream::pg_catalog.oid OPERATOR(pg_catalog.=) event_time.stream::pg_catalog.oid)');

CREATE FUNCTION _stream_ext.restore_event_time()
RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'stream_ext_restore_event_time';
COMMENT ON FUNCTION _stream_ext.restore_event_time() IS
	'trigger: a restored event time holds from the restore on';
REVOKE ALL ON FUNCTION _stream_ext.restore_event_time() FROM PUBLIC;

CREATE TRIGGER restore_event_time BEFORE INSERT ON _stream_ext.event_time
	FOR EACH ROW EXECUTE FUNCTION _stream_ext.restore_event_time();
ALTER TABLE _stream_ext.event_time ENABLE ALWAYS TRIGGER restore_event_time;
COMMENT ON TRIGGER restore_event_time ON _stream_ext.event_time IS
	'a restored event time holds from the restore on';

CREATE TABLE _stream_ext.dead_letter (
	view regclass NOT NULL,
	stream regclass NOT NULL,
	"row" text,
	sqlstate text NOT NULL,
	message text NOT NULL,
	lsn pg_lsn NOT NULL,
	commit_time timestamptz NOT NULL
);
CREATE INDEX dead_letter_view_idx ON _stream_ext.dead_letter (view);
COMMENT ON TABLE _stream_ext.dead_letter IS
	'rows that a continuous view could not process, with the reason';
REVOKE ALL ON TABLE _stream_ext.dead_letter FROM PUBLIC;
GRANT SELECT ON TABLE _stream_ext.dead_letter TO pg_database_owner;
SELECT pg_catalog.pg_extension_config_dump('_stream_ext.dead_letter', '');

/*
 * Rows of a stream are shown to its owner only: they are the stream's data.  A
 * message may quote whatever the view reads, with its owner's rights; so it is
 * the view's owner's, and others have the SQLSTATE.
 */
CREATE VIEW @extschema@.stream_dead_letter WITH (security_barrier) AS
	SELECT d.view, d.stream, d."row", d.sqlstate,
	       CASE WHEN pg_catalog.pg_has_role(v.relowner, 'USAGE') THEN d.message END AS message,
	       d.lsn, d.commit_time
	FROM _stream_ext.dead_letter d
	JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) d.stream::pg_catalog.oid
	LEFT JOIN pg_catalog.pg_class v ON v.oid OPERATOR(pg_catalog.=) d.view::pg_catalog.oid
	WHERE pg_catalog.pg_has_role(c.relowner, 'USAGE');
COMMENT ON VIEW @extschema@.stream_dead_letter IS
	'rows of your streams that a continuous view could not process';
REVOKE ALL ON TABLE @extschema@.stream_dead_letter FROM PUBLIC;
GRANT SELECT ON TABLE @extschema@.stream_dead_letter TO PUBLIC;

/* One row for each group; keys may be too long for an index, and a hash is not. */
CREATE TABLE _stream_ext.quarantine (
	view regclass NOT NULL,
	keys text NOT NULL,
	sqlstate text NOT NULL,
	message text NOT NULL,
	lsn pg_lsn NOT NULL,
	quarantine_time timestamptz NOT NULL,
	failures bigint NOT NULL DEFAULT 1,
	keys_hash bigint NOT NULL GENERATED ALWAYS AS
		(pg_catalog.hashtextextended(keys COLLATE pg_catalog."C", 0)) STORED
);
CREATE INDEX quarantine_view_idx ON _stream_ext.quarantine (view, keys_hash);
COMMENT ON TABLE _stream_ext.quarantine IS
	'groups that could not be written to the storage of a continuous view, with the reason when it was last tried';
COMMENT ON COLUMN _stream_ext.quarantine.failures IS 'how often the group could not be written';
REVOKE ALL ON TABLE _stream_ext.quarantine FROM PUBLIC;
GRANT SELECT ON TABLE _stream_ext.quarantine TO pg_database_owner;
SELECT pg_catalog.pg_extension_config_dump('_stream_ext.quarantine', '');

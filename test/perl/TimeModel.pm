# TimeModel.pm - event time as SQL says it: watermark, late rows, windows, sessions.
#
# A model of what continuous views do with event time, written from the rules
# (doc/guide/time.md) and from nothing in the product: rows are replayed in the
# order of their commits over an archive table.  All times are put on one axis
# of bigint, microseconds for timestamps and dates.
#
# A test fills model.arrived with the rows of the stream in order, model.rule
# with the settings of its event time, and compares a view with time_model_ok().
package TimeModel;

use strict;
use warnings;

use Exporter 'import';
use Test::More;

use StreamExt;

our @EXPORT = qw(time_model_install time_model_ok time_model_numbers);

my $install = q{
CREATE SCHEMA model;

-- infinities are the ends of the axis
CREATE FUNCTION model.axis(t timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE t WHEN 'infinity' THEN 9223372036854775807 WHEN '-infinity' THEN -9223372036854775808
		ELSE (extract(epoch FROM t) * 1000000)::bigint END $$;
CREATE FUNCTION model.axis(t timestamp) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE t WHEN 'infinity' THEN 9223372036854775807 WHEN '-infinity' THEN -9223372036854775808
		ELSE (extract(epoch FROM t) * 1000000)::bigint END $$;
CREATE FUNCTION model.axis(t date) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT model.axis(t::timestamp) $$;
CREATE FUNCTION model.axis(t bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT t $$;
CREATE FUNCTION model.axis(t interval) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT (extract(epoch FROM t) * 1000000)::bigint $$;
CREATE FUNCTION model.finite(t bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
	SELECT t > -9223372036854775808 AND t < 9223372036854775807 $$;

-- The rows of the stream: place is their order, committed the time of their
-- commit on the axis (NULL where time is an integer), id the row's own column
-- "place", input the stream_ext.input that it came by.
CREATE TABLE model.arrived (place bigint PRIMARY KEY, t bigint, key text, v bigint, committed bigint, id bigint,
	input text DEFAULT '');
-- Settings of the event time, in their order: they hold for rows behind the place.
CREATE TABLE model.rule (after_place bigint, delay bigint, no serial);

-- The rows behind start, the rule in force (NULL: none yet), and the time by
-- which a row moves the watermark: not if the clock of its commit is more than
-- max_future behind, nor if it has no finite time.
CREATE FUNCTION model.moving_rows(start bigint, max_future bigint)
RETURNS TABLE (place bigint, t bigint, key text, v bigint, input text, rule int, delay bigint, moves bigint) LANGUAGE sql STABLE AS $$
	SELECT place, t, key, v, input, r.no, r.delay,
		CASE WHEN r.no IS NOT NULL AND model.finite(t) AND NOT coalesce(t > committed + max_future, false) THEN t END
	  FROM (SELECT a.*, (SELECT max(no) FROM model.rule WHERE after_place < a.place) AS rule_no
			  FROM model.arrived a WHERE place > start) a
	  LEFT JOIN model.rule r ON r.no = a.rule_no $$;

-- The watermark before and after each row: of one input, the greatest time so
-- far less the delay; of several, row by row, the least of theirs, which a
-- rule starts anew.  It never goes back.
CREATE FUNCTION model.watermarks_of_one(start bigint, max_future bigint)
RETURNS TABLE (place bigint, t bigint, key text, v bigint, before bigint, after bigint) LANGUAGE sql STABLE AS $$
	SELECT place, t, key, v,
		max(moves - delay) OVER (ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
		max(moves - delay) OVER (ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
	  FROM model.moving_rows(start, max_future) $$;
CREATE FUNCTION model.watermarks_of_several(start bigint, max_future bigint)
RETURNS TABLE (place bigint, t bigint, key text, v bigint, before bigint, after bigint) LANGUAGE plpgsql STABLE AS $$
DECLARE
	r record;
	last_rule int;
	newest jsonb := '{}';
BEGIN
	FOR r IN SELECT * FROM model.moving_rows(start, max_future) m ORDER BY m.place LOOP
		IF r.rule IS DISTINCT FROM last_rule THEN
			last_rule := r.rule;
			newest := '{}';
		END IF;
		place := r.place; t := r.t; key := r.key; v := r.v; before := after;
		IF r.moves IS NOT NULL AND r.moves > coalesce((newest ->> r.input)::bigint, r.moves - 1) THEN
			newest := newest || jsonb_build_object(r.input, r.moves);
			after := greatest(after, (SELECT min(value::bigint) FROM jsonb_each_text(newest)) - r.delay);
		END IF;
		RETURN NEXT;
	END LOOP;
END $$;
CREATE FUNCTION model.watermarks(start bigint, max_future bigint)
RETURNS TABLE (place bigint, t bigint, key text, v bigint, before bigint, after bigint) LANGUAGE plpgsql STABLE AS $$
BEGIN
	IF EXISTS (SELECT FROM model.arrived WHERE input <> '') THEN
		RETURN QUERY SELECT * FROM model.watermarks_of_several(start, max_future);
	ELSE
		RETURN QUERY SELECT * FROM model.watermarks_of_one(start, max_future);
	END IF;
END $$;

-- The remainder that is never negative.
CREATE FUNCTION model.rest(a bigint, b bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT (a % b + b) % b $$;

-- The windows of a time.  What has no place on the axis has one window of itself.
CREATE FUNCTION model.windows(t bigint, kind text, step bigint, size bigint, origin bigint)
RETURNS TABLE (s bigint, e bigint) LANGUAGE sql IMMUTABLE AS $$
	SELECT t, t WHERE t IS NULL OR NOT model.finite(t)
	UNION ALL
	SELECT t - model.rest(t - origin, size), t - model.rest(t - origin, size) + size
	 WHERE kind = 'tumble' AND model.finite(t)
	UNION ALL
	SELECT n, n + size
	  FROM generate_series(t - model.rest(t - origin, step), t - size + 1, -step) n
	 WHERE kind = 'hop' AND model.finite(t)
	UNION ALL
	SELECT t - model.rest(t - origin, size), n
	  FROM generate_series(t - model.rest(t - origin, size) + step, t - model.rest(t - origin, size) + size, step) n
	 WHERE kind = 'cumulate' AND n > t AND model.finite(t)
	UNION ALL
	SELECT model.axis(m), model.axis((m AT TIME ZONE 'Europe/Berlin' + interval '1 month') AT TIME ZONE 'Europe/Berlin')
	  FROM date_trunc('month', 'epoch'::timestamptz + t * interval '1 microsecond', 'Europe/Berlin') m
	 WHERE kind = 'month' AND model.finite(t) $$;

-- Whether a window that ends at e is closed.  What ends at no time never is.
CREATE FUNCTION model.is_late(e bigint, watermark bigint, lateness bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
	-- numeric does not overflow
	SELECT coalesce(e < 9223372036854775807 AND watermark >= e::numeric + lateness, false) $$;

-- Sessions that never close: the rows of a key in the order of their times.
CREATE FUNCTION model.open_sessions(start bigint, gap bigint, modulo int)
RETURNS TABLE (place bigint, key text, v bigint, s bigint, e bigint) LANGUAGE sql STABLE AS $$
	SELECT place, key, v, min(t) OVER w, CASE WHEN model.finite(t) THEN max(t) OVER w + gap ELSE t END
	  FROM (SELECT *, count(*) FILTER (WHERE first) OVER (PARTITION BY key, model.finite(t) IS TRUE, t IS NULL ORDER BY t) AS session
			  FROM (SELECT *, coalesce(CASE WHEN model.finite(t) THEN t >= previous + gap ELSE t <> previous END, true) AS first
					  FROM (SELECT *, lag(t) OVER (PARTITION BY key, model.finite(t) IS TRUE, t IS NULL ORDER BY t) AS previous
							  FROM model.arrived WHERE place > start AND (modulo IS NULL OR arrived.v % modulo <> 0)) p) f) n
	WINDOW w AS (PARTITION BY key, model.finite(t) IS TRUE, t IS NULL, session) $$;

-- Sessions that close, replayed row by row: a row joins, and so merges, all
-- open sessions of its key that are less than the gap away; if there is none
-- it is late if its own session would be closed, or else begins a new one.
-- One row of the result for each row: the session, or its own bounds if it is late.
CREATE FUNCTION model.closing_sessions(start bigint, max_future bigint, gap bigint, lateness bigint, modulo int)
RETURNS TABLE (place bigint, key text, v bigint, s bigint, e bigint, before bigint, late boolean) LANGUAGE plpgsql STABLE AS $$
DECLARE
	r record;
	last_key text;
	n int := 0;					-- sessions made for this key
	firsts bigint[] := '{}'; lasts bigint[] := '{}';	-- of all its sessions
	into_of int[] := '{}';		-- which session it was merged into, or itself
	open_ones int[] := '{}';
	still_open int[];
	i int; hit int;
	members bigint[] := '{}'; member_values bigint[] := '{}'; member_befores bigint[] := '{}'; member_of int[] := '{}';
BEGIN
	FOR r IN SELECT * FROM (SELECT w.* FROM model.watermarks(start, max_future) w
							  WHERE model.finite(w.t) AND (modulo IS NULL OR w.v % modulo <> 0)
							 UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL) x
			  ORDER BY x.place IS NULL, x.key NULLS FIRST, x.place LOOP
		IF r.place IS NULL OR r.key IS DISTINCT FROM last_key THEN
			FOR m IN 1 .. cardinality(members) LOOP
				i := member_of[m];
				WHILE into_of[i] <> i LOOP
					i := into_of[i];
				END LOOP;
				place := members[m]; key := last_key; v := member_values[m]; s := firsts[i]; e := lasts[i] + gap;
				before := member_befores[m]; late := false;
				RETURN NEXT;
			END LOOP;
			EXIT WHEN r.place IS NULL;
			last_key := r.key; n := 0; firsts := '{}'; lasts := '{}'; into_of := '{}'; open_ones := '{}';
			members := '{}'; member_values := '{}'; member_befores := '{}'; member_of := '{}';
		END IF;
		still_open := '{}';
		hit := NULL;
		FOREACH i IN ARRAY open_ones LOOP
			CONTINUE WHEN r.before >= lasts[i] + gap + lateness;
			IF r.t < lasts[i] + gap AND firsts[i] < r.t + gap THEN
				IF hit IS NULL THEN
					hit := i;
					still_open := still_open || i;
				ELSE
					into_of[i] := hit;
					firsts[hit] := least(firsts[hit], firsts[i]);
					lasts[hit] := greatest(lasts[hit], lasts[i]);
				END IF;
			ELSE
				still_open := still_open || i;
			END IF;
		END LOOP;
		open_ones := still_open;
		IF hit IS NULL AND r.before >= r.t + gap + lateness THEN
			place := r.place; key := r.key; v := r.v; s := r.t; e := r.t + gap; before := r.before; late := true;
			RETURN NEXT;
			CONTINUE;
		END IF;
		IF hit IS NULL THEN
			n := n + 1;
			hit := n;
			firsts[n] := r.t; lasts[n] := r.t; into_of[n] := n;
			open_ones := open_ones || n;
		END IF;
		firsts[hit] := least(firsts[hit], r.t);
		lasts[hit] := greatest(lasts[hit], r.t);
		members := members || r.place; member_values := member_values || r.v; member_befores := member_befores || r.before;
		member_of := member_of || hit;
	END LOOP;
	RETURN QUERY SELECT w.place, w.key, w.v, w.t, w.t, w.before, model.is_late(w.t, w.before, lateness)
				   FROM model.watermarks(start, max_future) w
				  WHERE (w.t IS NULL OR NOT model.finite(w.t)) AND (modulo IS NULL OR w.v % modulo <> 0);
END $$;

-- Views to compare: where they start, what they have in FROM and WITH, and which
-- rows pass their WHERE (v % modulo <> 0, where it is set).
CREATE TABLE model.view (name text PRIMARY KEY, start bigint, kind text, step bigint, size bigint, origin bigint,
	lateness bigint, late text, emit text, modulo int,
	max_future bigint);			-- NULL where time is an integer

-- Every (row, window) of a view, and whether it is late.
CREATE FUNCTION model.pairs(view_name text)
RETURNS TABLE (place bigint, key text, v bigint, s bigint, e bigint, before bigint, late boolean) LANGUAGE plpgsql STABLE AS $$
DECLARE
	d model.view;
BEGIN
	SELECT * INTO STRICT d FROM model.view WHERE name = view_name;
	IF d.kind = 'session' AND d.late = 'update' THEN
		RETURN QUERY SELECT o.place, o.key, o.v, o.s, o.e, NULL::bigint, false FROM model.open_sessions(d.start, d.size, d.modulo) o;
	ELSIF d.kind = 'session' THEN
		RETURN QUERY SELECT * FROM model.closing_sessions(d.start, d.max_future, d.size, d.lateness, d.modulo);
	ELSE
		RETURN QUERY SELECT w.place, w.key, w.v, x.s, x.e, w.before, model.is_late(x.e, w.before, d.lateness)
			  FROM model.watermarks(d.start, d.max_future) w, model.windows(w.t, d.kind, d.step, d.size, d.origin) x
			 WHERE d.modulo IS NULL OR w.v % d.modulo <> 0;
	END IF;
END $$;

-- The watermark after the last row.
CREATE FUNCTION model.watermark(view_name text) RETURNS bigint LANGUAGE sql STABLE AS $$
	SELECT max(w.after) FROM model.view d, model.watermarks(d.start, d.max_future) w WHERE d.name = view_name $$;
};

# Creates the model in database postgres.
sub time_model_install
{
	my ($node) = @_;
	$node->safe_psql('postgres', $install);
	return;
}

# Fills model.found with the pairs of a view.  They are kept while the next view has
# the same ones; which of them are late follows from them, but for sessions.
my $found = '';

sub find_pairs
{
	my ($node, $view) = @_;
	my $pairs = $node->safe_psql('postgres', "SELECT concat_ws(',', start, kind, step, size, origin, modulo, max_future,
		CASE WHEN kind = 'session' THEN (lateness, late = 'update') END,
		(SELECT count(*) FROM model.arrived), (SELECT max(committed) FROM model.arrived)) FROM model.view WHERE name = '$view'");

	$node->safe_psql('postgres', "DROP TABLE IF EXISTS model.found;
		CREATE TABLE model.found AS SELECT * FROM model.pairs('$view')") if $pairs ne $found;
	$found = $pairs;
	$node->safe_psql('postgres', "UPDATE model.found f SET late = model.is_late(e, before, d.lateness) FROM model.view d
		WHERE d.name = '$view' AND d.kind <> 'session' AND f.late <> model.is_late(e, before, d.lateness)");
	return;
}

# Compares a view of columns (s, e, key, n, total), its table of late rows and
# how far it is closed with the model.  The rows of the stream have a column "place"
# by which a late row is recognised.
sub time_model_ok
{
	my ($node, $view, $name) = @_;
	my ($late, $emit) = split /\|/, $node->safe_psql('postgres', "SELECT late, emit FROM model.view WHERE name = '$view'");
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	find_pairs($node, $view);
	my $kept = $late eq 'update' ? 'true' : 'NOT late';
	my $shown = $emit eq 'on close'
	  ? "WHERE model.is_late(e, (SELECT model.watermark('$view')), (SELECT lateness FROM model.view WHERE name = '$view'))" : '';
	my $ok = oracle_ok($node, "SELECT model.axis(s) AS s, model.axis(e) AS e, key, n, total FROM $view",
		"SELECT * FROM (SELECT s, e, key, count(*) AS n, sum(v) AS total FROM model.found WHERE $kept GROUP BY s, e, key) g $shown",
		"$name: the windows of $view");
	# late rows are written with a flush
	$node->safe_psql('postgres', "SELECT stream_flush('$view')") if $late eq 'side';
	$ok &= oracle_ok($node,
		"SELECT (late_row).place, model.axis(window_start), model.axis(window_end), model.axis(watermark) FROM ${view}_late",
		'SELECT id, s, e, before FROM model.found JOIN model.arrived USING (place) WHERE late', "$name: the late rows of $view")
	  if $late eq 'side';
	my $until = $node->safe_psql('postgres', "SELECT max_future IS NULL FROM model.view WHERE name = '$view'") eq 't'
	  ? 'stream_closed_until_integer' : 'stream_closed_until';
	$ok &= is($node->safe_psql('postgres', "SELECT model.axis($until('$view'))"),
		$node->safe_psql('postgres', "SELECT model.watermark(name) - lateness FROM model.view WHERE name = '$view'"),
		"$name: how far $view is closed");
	return $ok;
}

# Returns how many (row, window) pairs of a view are in time, and late, as the
# last time_model_ok() found them.
sub time_model_numbers
{
	my ($node) = @_;
	return split /\|/, $node->safe_psql('postgres', 'SELECT count(*) FILTER (WHERE NOT late), count(*) FILTER (WHERE late) FROM model.found');
}

1;

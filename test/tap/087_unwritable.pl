# 087_unwritable.pl - what can never be written shows: a view whose flush fails
# again and again is in state error, late rows become dead letters, and views
# that are dropped leave no errors in the log.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('unwritable', conf => q{
	stream_ext.flush_interval = '50ms'
	stream_ext.read_freshness = off
});

$node->safe_psql('postgres', q{
	CREATE ROLE alice;
	GRANT CREATE ON SCHEMA public TO alice;
	SET ROLE alice;
	CREATE TABLE readings (ts timestamptz, v int) USING stream;
	CREATE TABLE witness (ts timestamptz, v int);
	SELECT stream_set_event_time('readings', 'ts');
	CREATE MATERIALIZED VIEW minutes WITH (stream.late = 'side') AS
		SELECT date_trunc('minute', ts) AS minute, count(*) AS n FROM readings GROUP BY 1;
	CREATE MATERIALIZED VIEW counts AS SELECT v, count(*) AS n FROM readings GROUP BY 1;
});
my $counts = 'SELECT v, count(*) FROM witness GROUP BY v';

# Writes rows to stream and witness.
sub write_rows
{
	my ($rows) = @_;
	$node->safe_psql('postgres', "SET ROLE alice; WITH r AS (INSERT INTO witness VALUES $rows RETURNING *)
		INSERT INTO readings SELECT * FROM r");
	return;
}

sub state_of
{
	my ($view) = @_;
	return "SELECT state FROM pg_stat_stream_view WHERE viewname = '$view'";
}

# --- late rows that an index of the owner's refuses ------------------------------
$node->safe_psql('postgres', q{SET ROLE alice;
	CREATE UNIQUE INDEX ON minutes_late (((late_row).v));
	CREATE INDEX ON minutes_late ((100 / ((late_row).v - 13)))});
write_rows(q{('2026-01-01 12:00+00', 0)});
write_rows(q{('2026-01-01 11:00+00', 1), ('2026-01-01 11:01+00', 2), ('2026-01-01 11:02+00', 1), ('2026-01-01 11:03+00', 13), ('2026-01-01 11:04+00', 3)});
oracle_ok($node, 'SELECT * FROM counts', $counts, 'others go on', others_broken => 1);
$node->safe_psql('postgres', q{SELECT stream_flush('minutes')});
is($node->safe_psql('postgres', q{SELECT (late_row).v, (late_row).ts AT TIME ZONE 'UTC' FROM minutes_late ORDER BY 1}),
	"1|2026-01-01 11:00:00\n2|2026-01-01 11:01:00\n3|2026-01-01 11:04:00", 'late rows are written but for those that cannot be');
is($node->safe_psql('postgres', q{SET timezone = 'UTC'; SELECT "row", sqlstate FROM stream_dead_letter ORDER BY 1}),
	qq{("2026-01-01 11:02:00+00",1)|23505\n("2026-01-01 11:03:00+00",13)|22012}, '... which are dead letters');
is($node->safe_psql('postgres', state_of('minutes')), 'running', '... and the view goes on');

# --- a flush that fails for ever ---------------------------------------------------
$node->safe_psql('postgres', q{ALTER TABLE minutes_late ALTER watermark TYPE text});
write_rows(q{('2026-01-01 10:00+00', 21)});
wait_until($node, state_of('minutes'), 'error');
like($node->safe_psql('postgres', q{SELECT last_error FROM pg_stat_stream_view WHERE viewname = 'minutes'}),
	qr/has been altered/, 'a view that cannot be flushed is in state error, and says why');
write_rows(q{('2026-01-01 12:30+00', 5)});
oracle_ok($node, 'SELECT * FROM counts', $counts, 'others go on', others_broken => 1);
$node->safe_psql('postgres', q{
	ALTER TABLE minutes_late ALTER watermark TYPE timestamptz USING watermark::timestamptz;
	SELECT stream_resume('minutes')});
oracle_ok($node, 'SELECT * FROM minutes', q{VALUES ('2026-01-01 12:00+00'::timestamptz, 1::bigint), ('2026-01-01 12:30+00', 1)},
	'mended and resumed it is exact');
$node->safe_psql('postgres', q{SELECT stream_flush('minutes')});
is($node->safe_psql('postgres', q{SELECT count(*) FROM minutes_late WHERE (late_row).v = 21}), '1', '... its late rows, too');

# --- views that are dropped under the worker ----------------------------------------
my $log = -s $node->logfile;
for my $round (1 .. 8)
{
	$node->safe_psql('postgres', 'CREATE SCHEMA s; CREATE TABLE s.events (k int) USING stream;' . join(';',
		map { "CREATE MATERIALIZED VIEW s.v$_ AS SELECT k, count(*) AS n FROM s.events GROUP BY k" } 1 .. 8));
	$node->safe_psql('postgres', 'INSERT INTO s.events SELECT generate_series(1, 1000)');
	$node->safe_psql('postgres', 'SET client_min_messages = warning; DROP SCHEMA s CASCADE');
}
oracle_ok($node, 'SELECT * FROM counts', $counts, 'others go on', others_broken => 1);
unlike(slurp_file($node->logfile, $log), qr/could not open relation|has no position|is error/,
	'views that are dropped leave no errors in the log');

$node->stop;
done_testing();

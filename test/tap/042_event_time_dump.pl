# 042_event_time_dump.pl - a dump has the event time of a stream and the
# watermarks of its views; both hold where it is restored, from then on.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('dumped', conf => "timezone = 'UTC'");
my $dump = "$PostgreSQL::Test::Utils::tmp_check/event_time.dump";

$node->safe_psql('postgres', q{
	CREATE TABLE clicks (gone int, n bigint, before timestamptz) USING stream;
	CREATE TABLE ticks (t bigint) USING stream;
	CREATE TABLE cleared (ts timestamptz) USING stream;
	ALTER TABLE clicks DROP COLUMN gone;
	CREATE MATERIALIZED VIEW v AS
		SELECT w.window_start, count(*) AS n FROM clicks, tumble(before, '1 minute') w GROUP BY 1;
	CREATE MATERIALIZED VIEW per_ten AS
		SELECT w.window_start, count(*) AS n FROM ticks, tumble(t, 10) w GROUP BY 1;
	CREATE MATERIALIZED VIEW without AS SELECT count(*) AS n FROM cleared;
	SELECT stream_set_event_time('clicks', 'before', '1 min');
	SELECT stream_set_event_time('clicks', 'before', '5 s', idle_timeout => '1 day');
	SELECT stream_set_event_time('ticks', 't', 7);
	SELECT stream_set_event_time('cleared', 'ts');
	SELECT stream_set_event_time('cleared', NULL);
	ALTER TABLE clicks RENAME COLUMN before TO "Event time";
	INSERT INTO clicks VALUES (1, '2026-01-01 12:00:00');
	INSERT INTO ticks VALUES (100);
	INSERT INTO cleared VALUES ('2026-01-01');
	SELECT stream_flush(view) FROM _stream_ext.continuous_view;
});

my $settings = q{SELECT streamname, event_time_column, event_time_delay, event_time_idle_timeout
	FROM pg_stat_stream ORDER BY 1};

# Checks a restored database: settings and watermarks are there, and go on.
sub restored
{
	my ($database, $cleared) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $sql = sub {
		return $node->safe_psql($database,
			"SELECT stream_sync('$PostgreSQL::Test::Utils::timeout_default s') \\g /dev/null\n$_[0]");
	};

	is($sql->($settings), $node->safe_psql('postgres', $settings), "$database: settings");
	is($sql->(q{SELECT count(*) FROM _stream_ext.event_time WHERE event_column IS NULL}), $cleared,
		"$database: those taken back are not dumped");
	is($sql->(q{SELECT stream_closed_until('v'), stream_closed_until_integer('per_ten'), stream_closed_until('without')}),
		'2026-01-01 11:59:55+00|93|', "$database: watermarks");
	$sql->(q{INSERT INTO clicks VALUES (2, '2026-01-01 11:00:00'); INSERT INTO ticks VALUES (90)});
	is($sql->(q{SELECT stream_closed_until('v'), stream_closed_until_integer('per_ten')}),
		'2026-01-01 11:59:55+00|93', "$database: they do not go back");
	$sql->(q{SELECT stream_flush('v')});
	$node->restart;
	is($sql->(q{SELECT stream_closed_until('v')}), '2026-01-01 11:59:55+00', "$database: nor with a restart");
	$sql->(q{INSERT INTO clicks VALUES (3, '2026-01-01 13:00:00'); INSERT INTO ticks VALUES (120)});
	is($sql->(q{SELECT stream_closed_until('v'), stream_closed_until_integer('per_ten')}),
		'2026-01-01 12:59:55+00|113', "$database: they go on");
	is($sql->(q{SELECT (SELECT sum(n) FROM v), (SELECT sum(n) FROM per_ten)}), '3|3', "$database: rows");
	$node->safe_psql('postgres', "DROP DATABASE $database");
	return;
}

$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'pg_dump');
for my $way ([ 'piecemeal' ], [ 'whole', '--single-transaction' ], [ 'quiet', '--disable-triggers' ])
{
	my ($database, @options) = @$way;

	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0");
	$node->command_ok([ 'pg_restore', @options, '-d', $node->connstr($database), $dump ],
		"pg_restore, $database");
	restored($database, 0);
}

# A copied database has all of it.
$node->safe_psql('template1', 'CREATE DATABASE copied TEMPLATE postgres');
restored('copied', 1);

done_testing();

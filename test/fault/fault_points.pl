# fault_points.pl - every fault point, fired with an error and with a kill.
#
# The points are read from the source, so a new one is tested without being
# listed here; one that the load below does not reach is a failure.  Each cell
# (point, action) has a database of its own, so that the points of the first
# stream (its slot) are reached as well.  Every statement of the load is repeated until it
# succeeds, as an application would; rows go to stream and witness in the same
# transaction, so the witness is the truth also where a COMMIT was cut off.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

# Returns the names of all fault points in the source.
sub points_of_source
{
	my %points;
	for my $path (glob('src/*.c src/*/*.c'))
	{
		my $text = slurp_file($path);
		$points{$1} = 1 while $text =~ /\bFAULT_POINT\("([^"]+)"\)/g;
	}
	return sort keys %points;
}

my $query = q{SELECT w.window_start, key, count(*) AS n, sum(v) AS total, max(note) AS last
	FROM %s, tumble(ts, '1 hour') w GROUP BY w.window_start, key};
my $columns = 'key int, ts timestamptz, v float8, note text';

# Returns SQL that writes n rows, over so many keys, to stream and witness.
sub write_sql
{
	my ($n, $keys) = @_;
	return "WITH r AS (INSERT INTO witness SELECT g % $keys, timestamptz '2026-01-01' + g % 7200 * interval '1 s',
			g / 4.0, 'note ' || g % 97 FROM generate_series(1, $n) g RETURNING *)
		INSERT INTO events SELECT * FROM r;";
}

# What every cell goes through; each is repeated until it succeeds.
my @load = (
	"CREATE TABLE IF NOT EXISTS events ($columns) USING stream",
	"CREATE TABLE IF NOT EXISTS witness ($columns)",
	'CREATE MATERIALIZED VIEW IF NOT EXISTS v AS ' . sprintf($query, 'events'),
	q{CREATE MATERIALIZED VIEW IF NOT EXISTS short WITH (stream.retention = '1000 years', stream.partition_width = '1 day') AS }
		. 'SELECT w.window_start, count(*) FROM events, tumble(ts, \'1 day\') w GROUP BY 1',
	write_sql(100, 10),
	'SELECT stream_sync()',
	'BEGIN; ' . write_sql(50, 5) . ' SAVEPOINT a; ' . write_sql(50, 5) . ' ROLLBACK TO a; ' . write_sql(5, 5) . ' COMMIT;',
	q{SELECT stream_flush('v'), stream_flush('short')},
	write_sql(60_000, 40_000),	# larger than the worker's memory
	write_sql(100, 10),
	'SELECT stream_sync()',
	q{SELECT stream_flush('v')},
	q{ALTER MATERIALIZED VIEW short SET (stream.retention = '1 day')},
	q{SELECT 1 / (count(*) = 0)::int FROM pg_class WHERE relname ~ ('storage_' || 'short'::regclass::oid || '_2026')},
	'CHECKPOINT',
	# a worker without a reader reads by itself, and goes over to the next one
	'SELECT pg_terminate_backend(pid) FROM pg_stat_stream_reader WHERE pid IS NOT NULL',
	write_sql(10, 10),
	'SELECT 1 / (pid IS NOT NULL)::int FROM pg_stat_stream_reader',
	'SELECT stream_sync()');

my $node = stream_node('faults', conf => q{
	log_statement = none
	stream_ext.flush_interval = '500ms'
	stream_ext.shared_memory = '4MB'
	stream_ext.work_memory = '1MB'
});
plan skip_all => 'built without fault points' unless declare_fault_points($node);

my $cells = 0;
for my $point (points_of_source())
{
	for my $action ('error', 'kill')
	{
		subtest "$point: $action" => sub { run_cell($point, $action) };
	}
}
unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:/, 'no assertion failed, nothing panicked');
done_testing();

# One cell: a database, the armed point, the load, the oracle.
sub run_cell
{
	my ($point, $action) = @_;
	my $offset = -s $node->logfile;
	my $database = 'cell_' . ++$cells;	# a fresh name: CREATE may be repeated

	attempt($node, 'postgres', "CREATE DATABASE $database");
	attempt($node, $database, 'CREATE EXTENSION IF NOT EXISTS stream_ext');
	attempt($node, 'postgres', "SELECT stream_fault_set('$point', '$action')");
	attempt($node, $database, $_) for @load;

	my $log = slurp_file($node->logfile, $offset);
	my $trace = $action eq 'kill' ? qr/was terminated by signal 9/ : qr/fault point "\Q$point\E"/;
	like($log, $trace, 'the point was reached');
	oracle_ok($node, 'SELECT * FROM v', sprintf($query, 'witness'), 'view and witness agree', database => $database);

	attempt($node, 'postgres', "SELECT stream_fault_set('$point', '')");
	attempt($node, 'postgres', "DROP DATABASE IF EXISTS $database WITH (FORCE)");
	return;
}

# 112_restart_while_reading.pl - the worker is restarted in the middle of a
# statement that reads: the answer is that of the statement's snapshot.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('restart_while_reading', conf => q{
	stream_ext.flush_interval = '1h'
	stream_ext.read_timeout = '120s'
});

# restart() flushes, so that storage holds what older snapshots do not see there,
# ends the worker, and waits until the next one has taken the views up.
$node->safe_psql('postgres', q{
	CREATE TABLE s (k int, x int) USING stream;
	CREATE TABLE archive (k int, x int);
	CREATE MATERIALIZED VIEW v AS SELECT k, count(*) AS n, sum(x) AS sum FROM s GROUP BY k;
	CREATE MATERIALIZED VIEW r AS SELECT k, x FROM s;
	CREATE FUNCTION restart() RETURNS int LANGUAGE plpgsql AS $$
	DECLARE old int;
	BEGIN
		PERFORM stream_flush('v'), stream_flush('r');
		LOOP
			SELECT pid INTO old FROM pg_stat_stream_worker WHERE pid IS NOT NULL;
			EXIT WHEN FOUND;
		END LOOP;
		PERFORM pg_terminate_backend(old, 60000);
		LOOP
			PERFORM FROM pg_stat_stream_worker w JOIN pg_stat_stream_database d USING (datid)
				WHERE w.pid <> old AND w.read_lsn >= d.last_commit_lsn;
			EXIT WHEN FOUND;
			PERFORM pg_sleep(0.01);
		END LOOP;
		RETURN old;
	END $$;
	CREATE PROCEDURE put(i int) LANGUAGE sql AS $$
		INSERT INTO s SELECT g % 7, i FROM generate_series(1, 100) g;
		INSERT INTO archive SELECT g % 7, i FROM generate_series(1, 100) g; $$;
	CALL put(1);
	SELECT stream_sync();
});

# One statement: its snapshot is taken, the worker is restarted, the view is read.
my $read = q{SELECT count(*), sum(w.n), sum(w.sum) FROM (SELECT restart() AS pid OFFSET 0) a,
	LATERAL (SELECT n, sum FROM v WHERE a.pid > 0 OFFSET 0) w};
is($node->safe_psql('postgres', $read), '7|100|100', 'a restart between snapshot and read');
is($node->safe_psql('postgres', "CALL put(2); $read"), '7|200|300', 'with rows of the session itself');
is($node->safe_psql('postgres', q{
	CALL put(3);
	SELECT count(*), sum(w.x) FROM (SELECT restart() AS pid OFFSET 0) a,
		LATERAL (SELECT x FROM r WHERE a.pid > 0 OFFSET 0) w}), '300|600', 'of a view that appends');

# One snapshot, restart after restart, with commits of others between.
my $reader = $node->background_psql('postgres');
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($reader->query_safe('SELECT sum(n) FROM v'), '300', 'a snapshot reads');
for my $i (1 .. 5)
{
	$node->safe_psql('postgres', "CALL put($i)");
	$reader->query_safe('SELECT restart()');
	is($reader->query_safe('SELECT sum(n) FROM v'), 300 + 100 * $i, "and reads on after $i restarts");
}
$reader->query_safe('COMMIT');
$reader->quit;

# Readers of all kinds while the worker is terminated again and again.
my @readers = map {
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start(
		[ $node->installed_command('psql'), '-XAtq', '-d', $node->connstr('postgres'), '-v', 'ON_ERROR_STOP=1', '-f', '-' ],
		'<', \"SET plan_cache_mode = $_; DO \$\$ DECLARE had bigint := 0; now bigint; BEGIN
			FOR i IN 1 .. 3000 LOOP
				SELECT sum(n) INTO now FROM v;
				IF now < had THEN RAISE EXCEPTION 'less than before'; END IF;
				had := now;
				COMMIT;
			END LOOP; END \$\$", '>', \$out, '2>', \$err);
	[ $run, \$err ] } 'force_generic_plan', 'force_custom_plan';
for my $i (1 .. 15)
{
	$node->safe_psql('postgres', "CALL put($i); SELECT restart()");
}
for my $reader (@readers)
{
	$reader->[0]->finish;
	is(${ $reader->[1] }, '', 'a reader does not notice that the worker is restarted');
}
oracle_ok($node, 'SELECT k, n, sum FROM v', 'SELECT k, count(*), sum(x) FROM archive GROUP BY k', 'all of it is there');
oracle_ok($node, 'SELECT k, x FROM r', 'SELECT k, x FROM archive', 'every row, too');

$node->stop;
done_testing();

# WAL that a view still needed is gone: the view says so and keeps its data,
# others go on, and an administrator lets it go on behind the gap.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('gap', conf => q{
	min_wal_size = 32MB
	max_wal_size = 48MB
	max_slot_wal_keep_size = 32MB
	stream_ext.flush_interval = 100ms
	stream_ext.read_timeout = 5s
	stream_ext.max_lag = -1
});
$node->safe_psql('postgres', q{
	CREATE TABLE s (k int) USING stream;
	CREATE TABLE bulk (t text);
	CREATE MATERIALIZED VIEW v AS SELECT k, count(*) FROM s GROUP BY k;
	INSERT INTO s VALUES (1), (1), (2);
	SELECT stream_flush('v');});

# Writes so much other WAL that old segments are removed; what is run before they
# are lets views that can keep up.
sub write_wal
{
	my ($meanwhile) = @_;
	for (1 .. 3)
	{
		$node->safe_psql('postgres', q{
			INSERT INTO bulk SELECT repeat(md5(g::text), 100) FROM generate_series(1, 8000) g;
			TRUNCATE bulk; SELECT pg_switch_wal();} . ($meanwhile // '') . 'CHECKPOINT;');
	}
	return;
}

# The segments' second names would do for the views: takes them away as well.
sub lose_names
{
	unlink glob($node->data_dir . '/pg_stream/wal/*');
	return;
}

sub state { return $node->safe_psql('postgres', q{SELECT state FROM pg_stat_stream_view WHERE viewname = 'v'}); }

# --- the worker does not answer, the slot is invalidated -----------------------------------
my $worker = worker_pid($node);
kill 'STOP', $worker;
$node->safe_psql('postgres', 'INSERT INTO s SELECT 3 FROM generate_series(1, 10)');
write_wal();
is($node->safe_psql('postgres', q{SELECT wal_status FROM pg_replication_slots}), 'lost', 'the slot is invalidated');
lose_names();
kill 'CONT', $worker;

wait_until($node, q{SELECT state = 'gap' FROM pg_stat_stream_view});
pass('the view is in state gap');
is(worker_pid($node), $worker, 'the worker has lived through it');
is($node->safe_psql('postgres', q{SET stream_ext.read_freshness = off; SELECT * FROM v ORDER BY k}), "1|2\n2|1",
	'its data is kept');
wait_until($node, q{SELECT count(*) = 1 FROM pg_replication_slots WHERE wal_status IN ('reserved', 'extended')});
pass('a new slot keeps what comes now');
my (undef, undef, $error) = $node->psql('postgres', 'SELECT stream_sync()');
like($error, qr/view "v" is in state "gap"/, 'nobody waits for a view in a gap, but is told');

is($node->safe_psql('postgres', q{SELECT lost_from < lost_to FROM stream_accept_gap('v')}), 't', 'the gap is accepted');
$node->safe_psql('postgres', 'INSERT INTO s VALUES (4)');
is($node->safe_psql('postgres', "SELECT stream_sync() \\g /dev/null\nSELECT * FROM v ORDER BY k"), "1|2\n2|1\n4|1",
	'the view goes on behind it');
is(state(), 'running', 'and is running');

# --- the slot is dropped by hand while the server is up ----------------------------------------
kill 'STOP', $worker;
$node->safe_psql('postgres', 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
$node->safe_psql('postgres', 'INSERT INTO s VALUES (5)');
write_wal();
lose_names();
kill 'CONT', $worker;
wait_until($node, q{SELECT state = 'gap' FROM pg_stat_stream_view});
pass('dropping the slot makes a gap, too');

# --- a second view, created meanwhile, is not concerned ----------------------------------------
$node->safe_psql('postgres', q{CREATE MATERIALIZED VIEW w AS SELECT count(*) FROM s; INSERT INTO s VALUES (6);});
is($node->safe_psql('postgres', "SELECT stream_flush('w') \\g /dev/null\nTABLE w"), 1, 'a view created now works');
$node->restart;
is(state(), 'gap', 'the gap survives a restart');
$node->safe_psql('postgres', q{SELECT stream_accept_gap('v'); INSERT INTO s VALUES (7)});
is($node->safe_psql('postgres', "SELECT stream_sync() \\g /dev/null\nSELECT string_agg(k::text, ' ' ORDER BY k) FROM v"),
	'1 2 4 7', 'and can be accepted then');
is($node->safe_psql('postgres', 'TABLE w'), 2, 'the other view has every row since its start');

# --- one view has lost its WAL, another has not, and a new worker reads for both ---------------
$node->safe_psql('postgres', "SELECT stream_flush('v'), stream_flush('w'), stream_pause('v')");
write_wal('INSERT INTO s VALUES (8); SELECT stream_sync();');
$node->safe_psql('postgres', "SELECT stream_flush('w'); INSERT INTO s VALUES (9)");
kill 'STOP', worker_pid($node);
$node->safe_psql('postgres', "SELECT stream_resume('v')");
$node->stop('immediate');
lose_names();
$node->start;
wait_until($node, q{SELECT state = 'gap' FROM pg_stat_stream_view WHERE viewname = 'v'});
pass('the one goes into state gap');
is($node->safe_psql('postgres', "SELECT stream_flush('w') \\g /dev/null\nTABLE w"), 6, 'the other misses nothing');
is($node->safe_psql('postgres', q{SELECT state FROM pg_stat_stream_view WHERE viewname = 'w'}), 'running',
	'and is running');

unlike(slurp_file($node->logfile), qr/TRAP|PANIC|terminated by signal/, 'nothing crashed');
$node->stop;
done_testing();

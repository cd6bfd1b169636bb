# 024_resume.pl - a view that everybody's feed did not know when it was opened
# loses nothing: neither transactions that were open then, nor itself.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('resume', conf => q{
	max_prepared_transactions = 4
	stream_ext.lock_timeout = '100ms'
	stream_ext.flush_interval = '100ms'
});

sub state_of
{
	my ($view) = @_;
	return "SELECT state FROM pg_stat_stream_view WHERE viewname = '$view'";
}

# Ends the workers and waits for the successor of the shared one.
sub restart_worker
{
	my $pid = worker_pid($node);

	terminate_workers($node);
	isnt(worker_pid($node), $pid, 'another worker');
	return;
}

$node->safe_psql('postgres', q{
	CREATE TABLE events (k int, x int) USING stream;
	CREATE TABLE witness (k int, x int);
	CREATE TABLE dim (k int PRIMARY KEY, name text);
	INSERT INTO dim SELECT g, 'name ' || g FROM generate_series(0, 9) g;
	CREATE MATERIALIZED VIEW totals AS
		SELECT k, count(*) AS n, sum(x) AS s FROM events GROUP BY k;
	CREATE MATERIALIZED VIEW named AS
		SELECT name, count(*) AS n FROM events JOIN dim USING (k) GROUP BY name;
});
my $totals = 'SELECT k, count(*), sum(x) FROM witness GROUP BY k';
my $named = 'SELECT name, count(*) FROM witness JOIN dim USING (k) GROUP BY name';

# Writes to stream and witness.
sub writes
{
	my ($n) = @_;
	return "WITH r AS (INSERT INTO witness
			SELECT g % 10, g FROM generate_series(1, $n) g RETURNING *)
		INSERT INTO events SELECT * FROM r";
}

# --- a transaction that began before the worker did, a view resumed after ---
$node->safe_psql('postgres', writes(100));
$node->safe_psql('postgres', 'BEGIN; ' . writes(1000) . "; PREPARE TRANSACTION 'old'");
$node->safe_psql('postgres', writes(10));
$node->safe_psql('postgres', "SELECT stream_sync(); SELECT stream_pause('totals'), stream_pause('named')");
restart_worker();
$node->safe_psql('postgres', "SELECT stream_resume('totals')");
oracle_ok($node, 'SELECT * FROM totals', $totals, 'a resumed view');
$node->safe_psql('postgres', writes(10));
$node->safe_psql('postgres', "COMMIT PREPARED 'old'");
oracle_ok($node, 'SELECT * FROM totals', $totals,
	'... holds what was begun before the worker that resumed it');
$node->safe_psql('postgres', "SELECT stream_resume('named')");
oracle_ok($node, 'SELECT * FROM named', $named, '... and so does one resumed even later');

# --- a view that cannot be prepared when the worker starts ---------------------
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE dim IN ACCESS EXCLUSIVE MODE');
restart_worker();
wait_until($node, state_of('named'), 'lagging');
is($node->safe_psql('postgres', writes(100) . '; SELECT sum(n) FROM totals'),
	$node->safe_psql('postgres', 'SELECT count(*) FROM witness'), 'others go on');
$locker->query_safe('COMMIT');
$locker->quit;
wait_until($node, state_of('named'), 'running');
oracle_ok($node, 'SELECT * FROM named', $named, 'a view that could not be loaded at first catches up');

# --- a view with a feed of its own falls behind and catches up -----------------
$node->safe_psql('postgres', 'BEGIN; ' . writes(100) . "; PREPARE TRANSACTION 'older'");
$node->safe_psql('postgres', "SELECT stream_sync(); SELECT stream_pause('named')");
restart_worker();
$node->safe_psql('postgres', "SELECT stream_resume('named'); SELECT stream_sync()");
$locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE dim IN ACCESS EXCLUSIVE MODE');
$node->safe_psql('postgres', writes(100));
wait_until($node, state_of('named'), 'lagging');
$locker->query_safe('COMMIT');
$locker->quit;
wait_until($node, state_of('named'), 'running');
oracle_ok($node, 'SELECT * FROM named', $named, 'a view is not behind because an old transaction is open');
$node->safe_psql('postgres', "COMMIT PREPARED 'older'");
oracle_ok($node, 'SELECT * FROM named', $named, '... and gets that as well');

$node->stop;
done_testing();

# crash_guard.pl - a view in which the worker crashes again and again is
# disabled, or in which it is killed again and again, as the out-of-memory killer
# would; kills between which the view goes on do not count.  Needs FAULTS=1.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('crash_guard');
declare_fault_points($node) or plan skip_all => 'built without fault points';

$node->safe_psql('postgres', q{
	CREATE TABLE events (k int) USING stream;
	CREATE TABLE other (k int) USING stream;
	CREATE TABLE witness (k int);
	CREATE MATERIALIZED VIEW v AS SELECT k, count(*) FROM events GROUP BY k;
	CREATE MATERIALIZED VIEW w AS SELECT k, count(*) FROM other GROUP BY k;
	INSERT INTO witness VALUES (1), (2);
});

# Lets the worker end by action at a fault point, while it applies a row to v
# or flushes it.
sub crash_worker
{
	my ($action, $point) = @_;
	my $pid = worker_pid($node);

	$point //= 'apply-before-publish';
	$node->safe_psql('postgres', "SELECT stream_fault_set('$point', '$action')");
	$node->psql('postgres', "INSERT INTO events VALUES (1);\nSELECT stream_flush('v')");
	for (1 .. 600)
	{
		last unless kill(0, $pid);
		select(undef, undef, undef, 0.1);
	}
	attempt($node, 'postgres', 'SELECT 1');
	return;
}

my $state = "SELECT state FROM pg_stat_stream_view WHERE viewname = 'v'";

# by then the view has taken in what it was killed in
for (1 .. 4)
{
	crash_worker('kill');
	synced($node, '');
}
wait_until($node, $state, 'running');
is($node->safe_psql('postgres', 'SELECT count FROM v'), '4', 'kill -9 now and then disables nothing and loses nothing');

# The worker is killed in this view whenever it comes to it.
$node->safe_psql('postgres', q{
	CREATE TABLE fatal (k int) USING stream;
	CREATE FUNCTION await_kill(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
		$$ BEGIN PERFORM pg_sleep(3600); RETURN $1; END $$;
	CREATE MATERIALIZED VIEW eater AS SELECT await_kill(k) AS k, count(*) FROM fatal GROUP BY 1;});
$node->safe_psql('postgres', 'INSERT INTO fatal VALUES (1)');
for my $kill (1 .. 3)
{
	my $asleep = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'stream worker' AND wait_event = 'PgSleep'};
	my $pid = '';

	for (1 .. 600)
	{
		$pid = attempt($node, 'postgres', $asleep);
		last if $pid ne '';
		select(undef, undef, undef, 0.1);
	}
	kill 'KILL', $pid;
	for (1 .. 600)
	{
		last unless kill(0, $pid);
		select(undef, undef, undef, 0.1);
	}
}
attempt($node, 'postgres', 'SELECT 1');
wait_until($node, "SELECT state FROM pg_stat_stream_view WHERE viewname = 'eater'", 'disabled');
like($node->safe_psql('postgres', q{SELECT last_error FROM pg_stat_stream_view WHERE viewname = 'eater'}),
	qr/killed three times in a row/, 'a view in which the worker is killed again and again is disabled, and says why');
is($node->safe_psql('postgres', $state), 'running', '... and no other');
$node->safe_psql('postgres', 'DROP MATERIALIZED VIEW eater');

# each crash takes the armed fault with it: shared memory starts anew
crash_worker('abort') for 1 .. 3;
wait_until($node, $state, 'disabled');
$node->safe_psql('postgres', 'INSERT INTO other SELECT k FROM witness');
oracle_ok($node, 'SELECT * FROM w', 'SELECT k, count(*) FROM witness GROUP BY k', 'other views go on');

$node->safe_psql('postgres', q{SELECT stream_resume('v')});
is($node->safe_psql('postgres', 'SELECT stream_sync() \g /dev/null
		SELECT count FROM v'), '7', 'resumed it has every row');

crash_worker('abort', 'flush-after-groups') for 1 .. 3;
wait_until($node, $state, 'disabled');
$node->safe_psql('postgres', q{SELECT stream_resume('v')});
is($node->safe_psql('postgres', q{SELECT stream_flush('v') \g /dev/null
		SELECT count FROM v}), '10', 'likewise for crashes in the flush');

done_testing();

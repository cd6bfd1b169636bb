# 122_back_pressure.pl - writers wait only for views over the stream they
# write, and only for those of roles that may stop them; other views go into
# state gap when they are too far behind.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('back_pressure', conf => q{
	stream_ext.max_lag = '4MB'
	stream_ext.max_lag_timeout = '500ms'
	stream_ext.lock_timeout = '20ms'
	stream_ext.flush_interval = '100ms'
	autovacuum = off
});

# Runs SQL as a role; returns its errors, empty if there are none.
sub errors_of
{
	my ($role, $sql) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $sql, extra_params => [ '-U', $role ]);
	return $status == 0 ? '' : $err;
}

# More WAL of somebody else's than a view may be behind.
sub write_wal
{
	$node->safe_psql('postgres', q{INSERT INTO filler SELECT g, repeat('x', 1000) FROM generate_series(1, 8000) g});
	return;
}

sub state_of
{
	my ($view) = @_;
	return "SELECT state FROM pg_stat_stream_view WHERE viewname = '$view'";
}

$node->safe_psql('postgres', q{
	CREATE ROLE alice LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE mallory LOGIN;
	GRANT CREATE ON SCHEMA public TO alice, mallory, bob;
	CREATE TABLE filler (n int, t text);
	SET ROLE alice;
	CREATE TABLE clicks (n int) USING stream;
	CREATE TABLE quiet (n int) USING stream;
	CREATE MATERIALIZED VIEW of_alice AS SELECT count(*) FROM clicks;
	GRANT SELECT, INSERT ON clicks TO mallory;
	GRANT INSERT ON clicks TO bob;
	SET ROLE mallory;
	CREATE TABLE own (n int) USING stream;
	CREATE TABLE joined (n int);
	INSERT INTO joined VALUES (1);
	CREATE MATERIALIZED VIEW of_mallory AS SELECT count(*) FROM own JOIN joined USING (n);
	CREATE MATERIALIZED VIEW over_alice AS SELECT count(*) FROM clicks JOIN joined USING (n)});

# --- who may make whom wait --------------------------------------------------
like(errors_of('mallory', q{ALTER MATERIALIZED VIEW over_alice SET (stream.on_lag = 'wait')}),
	qr/needs the rights of the owner of stream "clicks"/, 'nobody else lets writers wait');
like(errors_of('mallory', q{CREATE MATERIALIZED VIEW x WITH (stream.on_lag = 'wait') AS SELECT count(*) FROM clicks}),
	qr/needs the rights of the owner/, '... neither from the start');
like(errors_of('mallory', q{ALTER MATERIALIZED VIEW over_alice SET (stream.on_lag = 'stop')}),
	qr/cannot be "stop"/, 'there are two policies');
is(errors_of('alice', q{ALTER MATERIALIZED VIEW of_alice SET (stream.on_lag = 'wait')}), '',
	'the owner of the stream does');

# --- a lock under mallory's views ---------------------------------------------
my $locker = $node->background_psql('postgres', extra_params => [ '-U', 'mallory' ]);
$locker->query_safe('BEGIN; LOCK TABLE joined');
is(errors_of('mallory', 'INSERT INTO own VALUES (1); INSERT INTO clicks VALUES (1)'), '',
	'rows for views that cannot go on');
wait_until($node, state_of('of_mallory'), 'lagging');
wait_until($node, state_of('over_alice'), 'lagging');
write_wal() for 1 .. 2;
wait_until($node, state_of('over_alice'), 'gap');
pass('a view that nobody waits for goes into a gap');
like(slurp_file($node->logfile), qr/is gap/, '... loudly');
is(errors_of('bob', 'INSERT INTO clicks VALUES (1)'), '', 'writers of its stream go on');
is(errors_of('alice', 'INSERT INTO quiet VALUES (1)'), '', 'so do those of a stream without views');
like(errors_of('mallory', 'INSERT INTO own VALUES (1)'),
	qr/continuous view "of_mallory" is too far behind to accept more rows into stream "own"/,
	'writers of the stream of a view that waits do wait, and are told for which');
wait_until($node, 'SELECT count = 2 FROM of_alice');
pass('the other view of the stream is up to date');

# --- the policy can be changed while they wait -----------------------------------
is(errors_of('mallory', q{ALTER MATERIALIZED VIEW of_mallory SET (stream.on_lag = 'gap')}), '',
	'the owner chooses a gap');
wait_until($node, state_of('of_mallory'), 'gap');
is(errors_of('mallory', 'INSERT INTO own VALUES (1)'), '', 'and writes again');
wait_until($node, q{SELECT retained_bytes < 8 * 1024 * 1024 FROM pg_stat_stream_database});
$locker->query_safe('COMMIT');
$locker->quit;
$node->safe_psql('postgres', q{SELECT stream_accept_gap('over_alice'), stream_accept_gap('of_mallory')});
$node->safe_psql('postgres', q{INSERT INTO clicks VALUES (1); INSERT INTO own VALUES (1)});
is(synced($node, 'SELECT (SELECT count FROM over_alice), (SELECT count FROM of_mallory)'), '1|1',
	'after the gap they go on');

# --- rights that change ------------------------------------------------------------
# Says whether writers of clicks wait for a view of mallory that cannot go on.
sub alice_waits
{
	my $again = $node->background_psql('postgres', extra_params => [ '-U', 'mallory' ]);
	my $view = q{(SELECT count(*) FROM pg_stat_stream_view WHERE viewname = 'over_alice' AND state = 'lagging')};

	$again->query_safe('BEGIN; LOCK TABLE joined');
	$node->safe_psql('postgres', 'INSERT INTO clicks VALUES (1)');
	wait_until($node, "SELECT $view = 1");
	write_wal() for 1 .. 2;
	# either it is in a gap soon, or the writer fails
	my ($error, $state) = ('', '');
	until ($error || $state eq 'gap')
	{
		$error = errors_of('alice', 'INSERT INTO clicks VALUES (1)');
		$state = $node->safe_psql('postgres', state_of('over_alice'));
	}
	$again->query_safe('COMMIT');
	$again->quit;
	$node->safe_psql('postgres', q{SELECT stream_accept_gap('over_alice')}) if $state eq 'gap';
	synced($node, '');
	return $error =~ /"over_alice" is too far behind/ ? 'waits' : $state;
}
$node->safe_psql('postgres', 'GRANT alice TO mallory');
is(alice_waits(), 'waits', 'a member of the owner may make writers wait');
$node->safe_psql('postgres', 'REVOKE alice FROM mallory');
is(alice_waits(), 'gap', 'a former member may not');

# --- a flush that fails for ever ------------------------------------------------------
$node->safe_psql('postgres', q{
	SET ROLE mallory;
	CREATE TABLE timed (ts timestamptz, n int) USING stream;
	SELECT stream_set_event_time('timed', 'ts');
	CREATE MATERIALIZED VIEW sideways WITH (stream.late = 'side') AS
		SELECT w.window_start, count(*) FROM timed, tumble(ts, '1 minute') w GROUP BY 1;
	INSERT INTO timed VALUES ('2020-01-01', 1)});
$node->safe_psql('postgres', 'ALTER TABLE sideways_late ALTER watermark TYPE text');
$node->safe_psql('postgres', q{INSERT INTO timed SELECT '2010-01-01', g FROM generate_series(1, 3) g});
wait_until($node, state_of('sideways'), 'error');
like($node->safe_psql('postgres', q{SELECT state_message FROM _stream_ext.continuous_view
	WHERE view = 'sideways'::regclass}), qr/storage cannot be written|has been altered/, 'a view that cannot be flushed is in state error');
write_wal() for 1 .. 2;
wait_until($node, state_of('sideways'), 'gap');
is(errors_of('bob', 'INSERT INTO clicks VALUES (1)'), '', '... and holds nobody up');

$node->stop;
done_testing();

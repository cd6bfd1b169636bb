# 062_nexmark.pl - the Nexmark queries while worker and server are killed.
#
#   NEXMARK_EVENTS=1000000 SEED=42 make check-tap PROVE_TESTS=test/tap/062_nexmark.pl
#
# The events of doc/examples/nexmark are sent until something is killed, and on
# from there.  What was committed is in the streams and in the tables beside
# them; then every query must be that over the tables.
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

use StreamExt;

my $events = $ENV{NEXMARK_EVENTS} || 20_000;
my $seed = int($ENV{SEED} || time());
diag("SEED=$seed");
srand($seed);

my $node = stream_node('nexmark', conf => q{
	log_statement = none
	stream_ext.flush_interval = '200ms'
});
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'),
	'-f', 'doc/examples/nexmark/setup.sql' ], 'everything is made');
$node->safe_psql('postgres', 'CREATE TABLE nexmark.sent (upto bigint); INSERT INTO nexmark.sent VALUES (0);
	UPDATE nexmark.config SET seed = ' . int(rand(1000)));

# Sends the events up to a number, in small transactions that note how far they
# have come; ends when something is killed.
sub send_events
{
	my ($upto) = @_;
	my ($first) = attempt($node, 'postgres', 'SELECT upto FROM nexmark.sent');
	my $sql = "SET search_path = nexmark, public;\n";
	for (; $first < $upto; $first += 500)
	{
		my $last = $first + 500;
		$sql .= "BEGIN;\n" . join('', map { "WITH new AS (INSERT INTO $_->[0]_archive SELECT * FROM $_->[1]($first, $last) RETURNING *)
			INSERT INTO $_->[0] SELECT * FROM new;\n" } [ 'person', 'people' ], [ 'auction', 'auctions' ], [ 'bid', 'bids' ])
		  . "UPDATE sent SET upto = $last;\nCOMMIT;\n";
	}
	my $out = '';
	return IPC::Run::start([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ], '<', \$sql, '>&', \$out);
}

my %fault = (
	'the worker is killed' => sub { kill 'KILL', worker_pid($node); },
	'the worker is terminated' => sub { kill 'TERM', worker_pid($node); },
	'the server is killed' => sub { kill_and_restart($node); },
	'immediate shutdown' => sub { $node->restart('immediate'); });

my $part = 0;
for my $name (sort keys %fault)
{
	my $psql = send_events(int($events * ++$part / 5 / 500) * 500);
	sleep(rand(0.7));
	diag($name);
	$fault{$name}->();
	eval { $psql->finish; };
	attempt($node, 'postgres', 'SELECT stream_sync()');
}
send_events($events)->finish;
is($node->safe_psql('postgres', 'SELECT upto FROM nexmark.sent'), $events, 'all events are sent');
is($node->safe_psql('postgres', 'SELECT count(*) FROM nexmark.bid_archive'), $events / 50 * 46, 'each once');
is($node->safe_psql('postgres', q{SELECT stream_sync() \g /dev/null
	SET search_path = nexmark, public;
	SELECT count(*) FROM compare_all() WHERE rows > 0}), 12, 'every query has a result');
is($node->safe_psql('postgres', q{SET search_path = nexmark, public;
	SELECT * FROM compare_all() WHERE only_in_view > 0 OR only_expected > 0}), '', 'every query is that over the tables');
unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:/, 'no assertion failed, nothing panicked');

$node->stop;
done_testing();

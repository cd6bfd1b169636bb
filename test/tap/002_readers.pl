# 002_readers.pl - four readers, READ COMMITTED and REPEATABLE READ, during
# writes, flushes every few milliseconds and restarts of the worker: within a
# session counts never go back, and a transaction's rows are seen all or none.
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

use StreamExt;

my $node = stream_node('readers', conf => q{
	log_statement = none
	stream_ext.flush_interval = '10ms'
	stream_ext.read_timeout = '30s'
});

# Every transaction writes as many rows with key 1 as with key 2, and their
# values cancel out.
$node->safe_psql('postgres', q{
	CREATE TABLE pairs (key int, v bigint) USING stream;
	CREATE TABLE witness (key int, v bigint);
	CREATE MATERIALIZED VIEW by_key AS SELECT key, count(*) AS n, sum(v) AS total FROM pairs GROUP BY key;
});
my $read = q{SELECT coalesce(sum(n) FILTER (WHERE key = 1), 0), coalesce(sum(n) FILTER (WHERE key = 2), 0),
	coalesce(sum(total), 0) FROM by_key;} . "\n";

# Starts psql on a script; everything goes through files, so that it runs
# without being pumped.
my $sessions = 0;
my $dir = PostgreSQL::Test::Utils::tempdir();

sub start_psql
{
	my ($script) = @_;
	my $base = "$dir/session" . $sessions++;
	append_to_file("$base.sql", $script);
	return {
		base => $base,
		handle => IPC::Run::start(
			[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', "$base.sql" ],
			'>', "$base.out", '2>', "$base.err") };
}

# Waits until psql has ended, and fetches what it said.
sub finish_psql
{
	my ($session) = @_;
	$session->{handle}->finish;
	$session->{$_} = slurp_file("$session->{base}.$_") for qw(out err);
	return;
}

my $write = q{WITH r AS (INSERT INTO witness
	SELECT key, CASE key WHEN 1 THEN g ELSE -g END FROM generate_series(1, %d) g, (VALUES (1), (2)) k(key)
	RETURNING *) INSERT INTO pairs SELECT * FROM r;} . "\n";
my @writers = map { start_psql(join('', map { sprintf($write, 1 + $_ % 7) } 1 .. 4000)) } 1 .. 2;
my @readers = (
	(map { start_psql($read x 8000) } 1 .. 2),
	(map { start_psql(join('', ("BEGIN ISOLATION LEVEL REPEATABLE READ;\n" . $read x 5 . "COMMIT;\n") x 1600)) } 1 .. 2));

my $restarts = 0;
for (1 .. 5)
{
	sleep 0.7;
	$restarts++ if $node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE backend_type = 'stream worker'}) eq 't';
}
finish_psql($_) for @writers, @readers;

my $changes = 0;
for my $i (0 .. $#readers)
{
	my $name = $i < 2 ? 'READ COMMITTED' : 'REPEATABLE READ';
	my ($last, $reads, $back, $torn) = (0, 0, 0, 0);
	for (split /\n/, $readers[$i]{out})
	{
		my ($ones, $twos, $total) = split /\|/;
		next unless defined $total;
		$reads++;
		$torn++ if $ones != $twos || $total != 0;
		$back++ if $ones < $last;
		$changes++ if $ones > $last;
		$last = $ones;
	}
	is($torn, 0, "$name: transactions are seen whole");
	is($back, 0, "$name: the count never goes back");
	cmp_ok($reads, '>', 500, "$name: $reads reads");
	# a snapshot may lose its place in memory with a worker: an error, no answer
	my @errors = grep { /ERROR/ && !/snapshot too old|current transaction is aborted/ } split /\n/, $readers[$i]{err};
	is("@errors", '', "$name: no other error than a snapshot too old");
}
cmp_ok($restarts, '>', 1, "the worker was ended $restarts times");
cmp_ok($changes, '>', 50, "the view moved while it was read ($changes times)");
is($_->{err}, '', 'a writer had no error') for @writers;

my $flushes = $node->safe_psql('postgres', q{SELECT sum(flushes) FROM pg_stat_stream_view});
cmp_ok($flushes, '>', 20, "flushes went on meanwhile ($flushes)");
oracle_ok($node, 'SELECT * FROM by_key',
	'SELECT key, count(*) AS n, sum(v) AS total FROM witness GROUP BY key', 'view and witness agree');
done_testing();

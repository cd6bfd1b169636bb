# 051_new_partitions.pl - readers while every flush makes partitions that their
# plans do not know: a count never goes back, nothing is missing for a moment.
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $transactions = 1500;
my $node = stream_node('partitions', conf => q{
	log_statement = none
	log_min_messages = warning
	stream_ext.flush_interval = '10ms'
	stream_ext.read_timeout = '60s'
	stream_ext.max_partitions = 5000
});

# every transaction has a minute, and so a partition, of its own
$node->safe_psql('postgres', q{
	CREATE TABLE events (ts timestamptz, v int) USING stream;
	CREATE MATERIALIZED VIEW per_minute WITH (stream.partition_width = '1 minute') AS
		SELECT window_start, count(*) AS n, sum(v) AS total FROM events, tumble(ts, '1 minute') GROUP BY window_start;
});
my $dir = PostgreSQL::Test::Utils::tempdir();
my $sessions = 0;

# Starts psql on a script; everything goes through files.
sub start_psql
{
	my ($script) = @_;
	my $base = "$dir/session" . $sessions++;

	append_to_file("$base.sql", $script);
	return {
		base => $base,
		handle => IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', "$base.sql" ],
			'>', "$base.out", '2>', "$base.err") };
}

my $read = "SELECT coalesce(sum(n), 0), coalesce(sum(total), 0) FROM per_minute;\n";
my $writer = start_psql(join('', map {
	"INSERT INTO events SELECT date_trunc('minute', now()) - interval '$_ min', g FROM (VALUES (1), (-1), (0)) g(g);\n" }
	1 .. $transactions));
my @readers = (
	start_psql($read x 1000),
	start_psql(("BEGIN ISOLATION LEVEL REPEATABLE READ;\n" . $read x 5 . "COMMIT;\n") x 200),
	# its own rows, at once: planning waits for the worker
	start_psql("INSERT INTO events VALUES ('2000-01-01', 0), ('2000-01-01', 0), ('2000-01-01', 0);\n$read" x 500));
$_->{handle}->finish for $writer, @readers;

my @names = ('READ COMMITTED', 'REPEATABLE READ', 'own writes');
for my $i (0 .. $#readers)
{
	my ($last, $reads, $back, $torn) = (0, 0, 0, 0);
	for (split /\n/, slurp_file("$readers[$i]{base}.out"))
	{
		my ($n, $total) = split /\|/;
		next unless defined $total;
		$reads++;
		$torn++ if $total != 0 || $n % 3 != 0;
		$back++ if $n < $last || ($i == 2 && $n < $last + 3);
		$last = $n;
	}
	is("$back|$torn", '0|0', "$names[$i]: the count never goes back, transactions are whole ($reads reads)");
	# a snapshot may lose its place in memory: an error, no answer
	my @errors = grep { /ERROR/ && !/snapshot too old|current transaction is aborted/ }
	  split /\n/, slurp_file("$readers[$i]{base}.err");
	is("@errors", '', "$names[$i]: no other error than a snapshot too old");
}
is(slurp_file("$writer->{base}.err"), '', 'the writer had no error');
is($node->safe_psql('postgres', "SELECT stream_sync() \\g /dev/null\n$read"), 3 * ($transactions + 500) . '|0',
	'every row is there');
cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
	WHERE nspname = '_stream_ext' AND relkind = 'r' AND relname LIKE 'storage%'}), '>', 20, 'partitions were made meanwhile');

$node->stop;
done_testing();

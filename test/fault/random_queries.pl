# random_queries.pl - random views over a random stream agree with their queries.
#
#   make FAULTS=1 check-fault PROVE_TESTS=test/fault/random_queries.pl SCENARIOS=200 SEED=42
#
# A scenario makes a stream, a table of the same rows, and random views (test/perl/RandomQuery.pm).
# Random rows go to both in one transaction: committed, rolled back, in savepoints,
# prepared.  Meanwhile some views are flushed, paused, resumed, or the worker is ended.
# Then each view must be equal to its query over the table.  The seed is printed.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RandomQuery;
use StreamExt;

my $scenarios = $ENV{SCENARIOS} || 5;
my $seed = $ENV{SEED} || time() % 1_000_000_007;
my $views = 8;
my $steps = 12;
diag("SEED=$seed SCENARIOS=$scenarios");
srand($seed);

my $node = stream_node('random_queries', conf => q{
	log_statement = none
	log_min_messages = warning
	max_prepared_transactions = 20
	stream_ext.flush_interval = '1h'
	stream_ext.shared_memory = '8MB'
	stream_ext.work_memory = '1MB'
	stream_ext.batch_size = '4kB'
});
$node->safe_psql('postgres', random_tables());
my %count;

# Returns SQL that writes some random rows to both tables.
sub write_sql
{
	my $rows = random_rows(1 + int(rand(rand() < 0.1 ? 300 : 30)));
	return "WITH r AS (INSERT INTO archive $rows RETURNING *) INSERT INTO events SELECT * FROM r;\n";
}

# Returns a query over one of the two tables.
sub over
{
	my ($query, $table) = @_;
	return $query =~ s/\bSOURCE\b/$table/r;
}

# Makes stream, table and views; returns the views' queries by name.
sub make_scenario
{
	my $columns = random_columns();
	my %query;
	$node->safe_psql('postgres', "DROP TABLE IF EXISTS events CASCADE; DROP TABLE IF EXISTS archive;
		CREATE TABLE events ($columns) USING stream; CREATE TABLE archive ($columns);");
	for my $i (1 .. $views)
	{
		my $text = random_query();
		my ($status, undef, $err) = $node->psql('postgres', "CREATE MATERIALIZED VIEW v$i AS " . over($text, 'events'));
		$count{ $status ? 'refused' : 'accepted' }++;
		if ($status)
		{
			# what is not supported is refused with a hint; whatever else is a failure
			like($err, qr/HINT:/, "refused with a hint: $text") or diag($err);
			next;
		}
		$query{"v$i"} = $text;
	}
	return %query;
}

# Does something to the views or their worker.
sub disturb
{
	my (@names) = @_;
	my $view = $names[ int(rand(@names)) ];
	my $what = int(rand(9));

	return $node->safe_psql('postgres', "SELECT stream_flush('$view')") if $what < 3;
	return $node->safe_psql('postgres', join('', map { "SELECT stream_flush('$_');" } @names)) if $what == 3;
	return $node->safe_psql('postgres', "SELECT stream_pause('$view')") if $what == 4;
	return $node->safe_psql('postgres', "SELECT stream_resume('$view')") if $what == 5;
	return kill('TERM', worker_pid($node)) if $what == 6;
	return if $what > 7 || rand() < 0.5;
	kill('KILL', worker_pid($node));
	attempt($node, 'postgres', 'SELECT 1');
	return;
}

# Sends one random transaction.
sub send_transaction
{
	my $kind = rand();
	my $gid = 'g' . int(rand(1_000_000_000));

	my $sql = $kind < 0.2 ? write_sql()
	  : $kind < 0.3 ? 'BEGIN; ' . write_sql() . 'ROLLBACK;'
	  : $kind < 0.5 ? 'BEGIN; ' . write_sql() . 'SAVEPOINT a; ' . write_sql() . 'ROLLBACK TO a; ' . write_sql() . 'COMMIT;'
	  : $kind < 0.6 ? 'BEGIN; ' . write_sql() . "PREPARE TRANSACTION '$gid';"
	  : 'BEGIN; ' . write_sql() . write_sql() . 'COMMIT;';
	$node->safe_psql('postgres', $sql);
	return $gid if $kind >= 0.5 && $kind < 0.6;
	return;
}

# One scenario.
sub run_scenario
{
	my %query = make_scenario();
	my @names = sort keys %query;
	my @prepared;

	for (1 .. $steps)
	{
		push @prepared, send_transaction();
		disturb(@names);
		$node->safe_psql('postgres', (rand() < 0.7 ? 'COMMIT' : 'ROLLBACK') . " PREPARED '" . shift(@prepared) . "'")
		  if @prepared && rand() < 0.4;
	}
	$node->safe_psql('postgres', "COMMIT PREPARED '$_'") for @prepared;
	$node->safe_psql('postgres', "SELECT stream_resume('$_')") for @names;
	for my $name (@names)
	{
		oracle_ok($node, "SELECT * FROM $name", over($query{$name}, 'archive'), $query{$name});
	}
	is($node->safe_psql('postgres', 'SELECT coalesce(sum(rows_rejected), 0) FROM pg_stat_stream_view'), '0', 'no row failed');
	$count{rows} += $node->safe_psql('postgres', 'SELECT count(*) FROM archive');
	return;
}

for my $scenario (1 .. $scenarios)
{
	subtest "scenario $scenario" => \&run_scenario;
}
unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:/, 'no assertion failed, nothing panicked');
cmp_ok($count{accepted}, '>', 9 * ($count{refused} // 0), 'most queries are accepted');
diag(join(', ', map { "$_: $count{$_}" } sort keys %count));
done_testing();

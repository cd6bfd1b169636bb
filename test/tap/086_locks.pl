# 086_locks.pl - nobody waits for locks in line: views whose tables are locked
# lag and say who has the lock, and others go on at once.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

# A lock timeout so long that whoever waits for one is noticed.
my $node = stream_node('locks', conf => q{
	stream_ext.lock_timeout = '60s'
	stream_ext.read_timeout = '20s'
	stream_ext.flush_interval = '100ms'
});

$node->safe_psql('postgres', q{
	CREATE ROLE mallory;
	CREATE ROLE alice;
	GRANT CREATE ON SCHEMA public TO mallory, alice;
	SET ROLE alice;
	CREATE TABLE trades (k int) USING stream;
	CREATE MATERIALIZED VIEW trivial AS SELECT count(*) AS n FROM trades;
	RESET ROLE;
	SET ROLE mallory;
	CREATE TABLE events (k int) USING stream;
	CREATE TABLE witness (k int);
	CREATE TABLE dim (k int, name text);
	INSERT INTO dim SELECT g, 'name ' || g FROM generate_series(0, 9) g;
});
$node->safe_psql('postgres', join(';', 'SET ROLE mallory', map {
	"CREATE MATERIALIZED VIEW joined_$_ AS SELECT name, count(*) AS n FROM events JOIN dim USING (k) GROUP BY name"
} 1 .. 30));

my $written = 0;

# Writes to both streams; the trivial view must follow.
sub write_and_read
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->safe_psql('postgres', 'SET ROLE mallory; INSERT INTO witness SELECT g % 10 FROM generate_series(1, 100) g;
		INSERT INTO events SELECT g % 10 FROM generate_series(1, 100) g');
	$written++;
	return is($node->safe_psql('postgres', 'SET ROLE alice; INSERT INTO trades VALUES (1); SELECT n FROM trivial'),
		$written, $name);
}

sub lagging
{
	my ($n) = @_;
	return wait_until($node, "SELECT count(*) = $n FROM pg_stat_stream_view WHERE state = 'lagging'");
}

# Locks a table, looks at the trivial view, and lets the table go.
sub with_locked
{
	my ($table, $nlagging, $look) = @_;
	my $locker = $node->background_psql('postgres');
	my $pid = $locker->query_safe('SELECT pg_backend_pid()');

	$locker->query_safe("BEGIN; LOCK TABLE $table IN ACCESS EXCLUSIVE MODE");
	write_and_read("a trivial view goes on while $table is locked");
	lagging($nlagging) if $nlagging;
	write_and_read('... and again');
	$look->($pid);
	$locker->query_safe('COMMIT');
	$locker->quit;
	lagging(0);
	oracle_ok($node, "SELECT * FROM joined_$_", 'SELECT name, count(*) FROM witness JOIN dim USING (k) GROUP BY name',
		"view $_ catches up exactly") for 1, 30;
	return;
}

write_and_read('all is well');

# --- a table that they join ---------------------------------------------------
with_locked('dim', 30, sub {
	my ($pid) = @_;
	is($node->safe_psql('postgres', 'SELECT DISTINCT last_error FROM pg_stat_stream_view WHERE state = $$lagging$$'),
		"relation \"dim\" is locked by process $pid", 'the lock and its holder are named');
});

# --- the definition, when views are planned anew -------------------------------
my $definition = $node->safe_psql('postgres',
	q{SELECT definition FROM _stream_ext.continuous_view WHERE view = 'joined_1'::regclass});
my $locker = $node->background_psql('postgres');
$locker->query_safe("BEGIN; ALTER VIEW $definition RESET (security_barrier)");
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . worker_pid($node) . ', 10000)');
worker_pid($node);
write_and_read('a trivial view goes on while a definition is locked');
$locker->query_safe('ROLLBACK');
$locker->quit;
lagging(0);

# --- storage, at the flush ------------------------------------------------------
my @storage = split /\n/, $node->safe_psql('postgres',
	q{SELECT storage FROM _stream_ext.continuous_view WHERE view::text LIKE 'joined%'});
with_locked(join(', ', @storage), 0, sub {
	my ($pid) = @_;
	wait_until($node, q{SELECT count(*) = 30 FROM pg_stat_stream_view WHERE flush_failures > 0 AND viewname LIKE 'joined%'});
	like($node->safe_psql('postgres', 'SELECT last_error FROM pg_stat_stream_view WHERE viewname = $$joined_7$$'),
		qr/^relation "storage_\d+" is locked by process $pid$/, 'the lock and its holder are named');
	write_and_read('... and again');
});


$node->stop;
done_testing();

# 034_shared_memory.pl - groups of views and databases that are gone give
# their shared memory back.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('memory', conf => q{
	stream_ext.shared_memory = '1MB'
	stream_ext.flush_interval = '1h'
});
my $groups = q{
	CREATE TABLE s (k int) USING stream;
	CREATE MATERIALIZED VIEW v AS SELECT k, count(*) FROM s GROUP BY k;
	INSERT INTO s SELECT generate_series(1, 6000);
	SELECT sum(count) FROM v;};
my $full = 'SELECT flushes_memory + oversize_transactions FROM pg_stat_stream_view';

# --- databases: their worker does not tidy up ------------------
for my $n (1 .. 6)
{
	$node->safe_psql('postgres', 'CREATE DATABASE d');
	is($node->safe_psql('d', "CREATE EXTENSION stream_ext; $groups"), '6000', "database $n works");
	is($node->safe_psql('d', $full), '0', '... in memory');
	$node->safe_psql('postgres', 'DROP DATABASE d WITH (FORCE)');
	wait_until($node, q{SELECT count(*) = 0 FROM pg_replication_slots});
}

# --- views dropped while there is no worker ---------------------------------------
for my $n (1 .. 6)
{
	is($node->safe_psql('postgres', $groups), '6000', "view $n works");
	is($node->safe_psql('postgres', $full), '0', '... in memory');
	my $pid = worker_pid($node);
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 10000);
		DROP TABLE s CASCADE");
}

$node->stop;
done_testing();

# 036_autovacuum.pl - what the worker writes is counted like anybody's writes,
# so that storage is vacuumed and analysed like any table.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('autovacuum', conf => q{
	autovacuum_naptime = '1s'
	autovacuum_vacuum_threshold = 100
	autovacuum_analyze_threshold = 100
	stream_ext.flush_interval = '1h'
});
$node->safe_psql('postgres', q{
	CREATE TABLE events (k int, x int) USING stream;
	CREATE MATERIALIZED VIEW totals AS SELECT k, count(*) AS n, sum(x) AS s FROM events GROUP BY k;
});
my $storage = $node->safe_psql('postgres', q{SELECT 'storage_' || 'totals'::regclass::oid});
my $counter = sub { "SELECT $_[0] FROM pg_stat_all_tables WHERE schemaname = '_stream_ext' AND relname = '$storage'" };

$node->safe_psql('postgres', q{
	INSERT INTO events SELECT g, g FROM generate_series(1, 1000) g;
	SELECT stream_flush('totals')}) for 1 .. 2;
wait_until($node, $counter->('n_tup_ins >= 1000 AND n_tup_upd >= 1000'));
pass('rows that the worker wrote are counted');
wait_until($node, $counter->('autovacuum_count > 0 AND autoanalyze_count > 0'));
pass('storage is vacuumed and analysed');
is($node->safe_psql('postgres', 'SELECT count(*), sum(n), sum(s) FROM totals'), '1000|2000|1001000', 'the view is right');

$node->stop;
done_testing();

# 124_memory_share.pl - the memory of groups is shared out: a flooding owner
# leaves room for a quiet one, also of another database, and nothing is lost.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('memory_share', conf => q{
	stream_ext.shared_memory = '4MB'
	stream_ext.flush_interval = '1h'
	stream_ext.flush_wal = '1GB'
});
$node->safe_psql('postgres', 'CREATE ROLE alice LOGIN; CREATE ROLE mallory LOGIN; CREATE DATABASE other');
$node->safe_psql('other', q{
	CREATE EXTENSION stream_ext;
	GRANT CREATE ON SCHEMA public TO mallory;
	SET ROLE mallory;
	CREATE TABLE flood (k int) USING stream;
	CREATE MATERIALIZED VIEW f1 AS SELECT k, count(*) FROM flood GROUP BY k;
	CREATE MATERIALIZED VIEW f2 AS SELECT k % 3000 AS k, count(*) FROM flood GROUP BY 1});
$node->safe_psql('postgres', q{
	GRANT CREATE ON SCHEMA public TO alice;
	SET ROLE alice;
	CREATE TABLE quiet (k int) USING stream;
	CREATE MATERIALIZED VIEW q AS SELECT k, count(*) FROM quiet GROUP BY k});

# --- the flood stays below its share, between the rounds of its worker ----------
my $held = 'SELECT sum(memory_bytes) FROM pg_stat_stream_view';
for my $n (1 .. 12)
{
	$node->safe_psql('other', "INSERT INTO flood SELECT $n * 4000 + g FROM generate_series(1, 4000) g;
		SELECT stream_sync()");
	$node->poll_query_until('other', "SELECT ($held) < 2.5 * 1024 * 1024")
	  or die 'the flooding owner keeps the memory';
}
cmp_ok($node->safe_psql('other', 'SELECT sum(flushes) FROM pg_stat_stream_view'), '>', 0,
	'a flooding owner flushes early');
is($node->safe_psql('postgres', q{INSERT INTO quiet SELECT generate_series(1, 6000); SELECT sum(count) FROM q}),
	'6000', 'a quiet owner');
is($node->safe_psql('postgres', 'SELECT flushes_memory + oversize_transactions FROM pg_stat_stream_view'), '0',
	'... finds memory');

# --- nothing is lost ----------------------------------------------------------------
is($node->safe_psql('other', 'SELECT stream_sync() \g /dev/null
	SELECT (SELECT sum(count) FROM f1), (SELECT sum(count) FROM f2)'), '48000|48000', 'the flood is counted whole');

# --- memory that is wanted comes from the largest view, whosever it is --------------
for my $n (1 .. 3)
{
	$node->safe_psql('postgres', "INSERT INTO quiet SELECT $n * 20000 + g FROM generate_series(1, 20000) g;
		SELECT stream_sync()");
}
is($node->safe_psql('postgres', 'SELECT stream_sync() \g /dev/null
	SELECT sum(count) FROM q'), '66000', 'an owner that needs more gets it, or writes to storage');

$node->stop;
done_testing();

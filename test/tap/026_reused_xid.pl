# 026_reused_xid.pl - a crash cuts a transaction off; no later one that gets an
# xid of its subtransactions, of which recovery knows nothing, commits its rows.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('xids', conf => q{
	autovacuum = off
	checkpoint_timeout = '1h'
	stream_ext.batch_size = '4kB'
	stream_ext.flush_interval = '1h'
});
$node->safe_psql('postgres', q{
	CREATE TABLE events (k int) USING stream;
	CREATE TABLE witness (k int);
	CREATE MATERIALIZED VIEW totals AS SELECT k, count(*) AS n FROM events GROUP BY k;
});

# Begins a transaction that is still open when the server crashes, and lets
# the next transactions have the xids that recovery takes for unused.
sub crash_within
{
	my ($name, $statements) = @_;
	my ($in, $out, $err) = ($statements . "SELECT 'written';\n", '', '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ],
		'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	$session->pump until $out =~ /written/;

	# no xid of its own: what it writes says nothing of others
	$node->safe_psql('postgres', 'SELECT pg_switch_wal()');
	$node->stop('immediate');
	$session->finish;
	$node->start;
	$node->safe_psql('postgres', 'INSERT INTO events VALUES (1); INSERT INTO witness VALUES (1)') for 1 .. 5;
	oracle_ok($node, 'TABLE totals', 'SELECT k, count(*) FROM witness GROUP BY k', "$name: none of its rows is counted");
	return;
}

# a released savepoint owned the first rows of a batch that its parent went on filling
crash_within('released savepoint', q{
	BEGIN;
	SAVEPOINT a;
	INSERT INTO events VALUES (2);
	RELEASE a;
	INSERT INTO events SELECT 3 FROM generate_series(1, 20000);
});

# rows of a parent are written when a child's come, which has no xid yet
crash_within('new savepoint', q{
	BEGIN;
	INSERT INTO events VALUES (4);
	SAVEPOINT a;
	INSERT INTO events VALUES (5);
});

$node->stop;
done_testing();

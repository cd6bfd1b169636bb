# 131_replaced_functions.pl - who replaces functions of his own makes nobody
# else's views be planned again; his own views follow.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

# how often a function has been called while planning tells how often that was
my $node = stream_node('replaced', conf => q{
	track_functions = all
});
$node->safe_psql('postgres', q{
	CREATE TABLE s (k int) USING stream;
	CREATE TABLE a (k int);
	CREATE FUNCTION folded(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
	CREATE FUNCTION busy(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
	CREATE FUNCTION inner_one(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
	CREATE MATERIALIZED VIEW quiet AS SELECT count(*) FROM s WHERE k <> folded(-1);
	CREATE MATERIALIZED VIEW changing AS SELECT busy(k) AS b, count(*) FROM s GROUP BY busy(k);
	CREATE MATERIALIZED VIEW inlined AS SELECT inner_one(k) AS i, count(*) FROM s GROUP BY inner_one(k);
});
my $calls = q{SELECT coalesce(sum(calls), 0) FROM pg_stat_user_functions WHERE funcname = 'folded'};

sub send_row
{
	my ($k) = @_;
	$node->safe_psql('postgres', "BEGIN; INSERT INTO s VALUES ($k); INSERT INTO a VALUES ($k); COMMIT; SELECT stream_sync()");
	return;
}

send_row(1);
wait_until($node, "SELECT ($calls) > 0");
# what the planning of the first row has counted is there by then
send_row(2);
my $before = $node->safe_psql('postgres', $calls);
for my $i (1 .. 30)
{
	$node->safe_psql('postgres', 'CREATE OR REPLACE FUNCTION busy(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS ' . "'BEGIN RETURN \$1 + $i - $i; END'");
	send_row($i);
}
# a planning that must be, to know that all former ones have been counted
$node->safe_psql('postgres', q{CREATE OR REPLACE FUNCTION folded(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + 0; END'});
send_row(31);
wait_until($node, "SELECT ($calls) > $before");
cmp_ok($node->safe_psql('postgres', $calls) - $before, '<', 10, 'a view is not planned again for the functions of another');
oracle_ok($node, 'SELECT * FROM quiet', 'SELECT count(*) FROM a', 'and is exact');
oracle_ok($node, 'SELECT * FROM changing', 'SELECT k, count(*) FROM a GROUP BY k', 'so is the view whose function was replaced');

# a view follows its functions, inlined ones too
$node->safe_psql('postgres', q{
	SELECT stream_flush('changing'), stream_flush('inlined');
	CREATE OR REPLACE FUNCTION busy(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + 1000; END';
	CREATE OR REPLACE FUNCTION inner_one(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1000'});
send_row(5);
is($node->safe_psql('postgres', 'SELECT count FROM changing WHERE b = 1005'), '1', 'a replaced function counts from then on');
is($node->safe_psql('postgres', 'SELECT count FROM inlined WHERE i = 1005'), '1', 'also where it is inlined');

done_testing();

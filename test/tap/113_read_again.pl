# 113_read_again.pl - what a view has shown that joins a table, or calls a
# function that can be replaced, is in storage soon: after a crash the rows would
# be read again with what is there then.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('read_again', conf => q{
	stream_ext.flush_interval = '1h'
	stream_ext.join_flush_interval = '50ms'
});

$node->safe_psql('postgres', q{
	CREATE TABLE s (id int, k int) USING stream;
	CREATE TABLE d (k int, name text);
	INSERT INTO d VALUES (1, 'one');
	CREATE FUNCTION label(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1 || 'old'; END $$;
	CREATE MATERIALIZED VIEW joined AS SELECT d.name, count(*) AS n FROM s JOIN d USING (k) GROUP BY d.name;
	CREATE MATERIALIZED VIEW rows AS SELECT s.id, d.name FROM s JOIN d USING (k);
	CREATE MATERIALIZED VIEW called AS SELECT label(k), count(*) AS n FROM s GROUP BY label(k);
	CREATE MATERIALIZED VIEW harmless AS SELECT k, count(*) AS n FROM s GROUP BY k;
	INSERT INTO s VALUES (1, 1), (2, 1), (3, 1);
});
is($node->safe_psql('postgres', 'SELECT * FROM joined'), 'one|3', 'a view shows rows');
is($node->safe_psql('postgres', q{SELECT flushes, memory_groups FROM pg_stat_stream_view WHERE viewname = 'harmless'}),
	'0|1', 'a view that gives the same however often it reads is not flushed for that');
wait_until($node, q{SELECT bool_and(flushes > 0) FROM pg_stat_stream_view WHERE viewname <> 'harmless'});

$node->safe_psql('postgres', q{
	DELETE FROM d;
	CREATE OR REPLACE FUNCTION label(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1 || 'new'; END $$;});
kill_and_restart($node);
is($node->safe_psql('postgres', 'SELECT * FROM joined'), 'one|3', 'what was shown stays');
is($node->safe_psql('postgres', 'SELECT * FROM rows ORDER BY id'), "1|one\n2|one\n3|one", 'rows as well');
is($node->safe_psql('postgres', 'SELECT * FROM called'), '1old|3', 'and what a function gave that was replaced');
is($node->safe_psql('postgres', 'SELECT * FROM harmless'), '1|3', 'nothing is missing that is read again');

$node->stop;
done_testing();

# 085_slow_rows.pl - slow rows are taken in smaller pieces; one that does not
# end is a dead letter, and its neighbours are not.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('slow_rows', conf => q{
	stream_ext.apply_timeout = '400ms'
	stream_ext.read_freshness = off
});

$node->safe_psql('postgres', q{
	CREATE ROLE alice;
	GRANT CREATE ON SCHEMA public TO alice;
	SET ROLE alice;
	CREATE TABLE events (id int, k int) USING stream;
	CREATE TABLE witness (id int, k int);
	CREATE TABLE dim (k int, name text);
	INSERT INTO dim SELECT g, 'name ' || g FROM generate_series(0, 9) g;
	CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
		$$ BEGIN PERFORM pg_sleep(0.001); RETURN $1; END $$;
	CREATE FUNCTION poison(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
		$$ BEGIN WHILE $1 < 0 LOOP PERFORM 1; END LOOP; RETURN $1; END $$;
	CREATE MATERIALIZED VIEW plain AS SELECT k, count(*) AS n, sum(id) AS s FROM events GROUP BY k;
	CREATE MATERIALIZED VIEW slowly AS SELECT slow(k) AS k, count(*) AS n, sum(id) AS s FROM events GROUP BY 1;
});
my $query = 'SELECT k, count(*), sum(id) FROM witness GROUP BY k';
my $letters = 'SELECT count(*) FROM stream_dead_letter';

# Writes rows, an SQL query, to stream and witness in one transaction.
sub write_rows
{
	my ($rows) = @_;
	$node->safe_psql('postgres', "SET ROLE alice; WITH r AS (INSERT INTO witness $rows RETURNING *)
		INSERT INTO events SELECT * FROM r");
	return;
}

# Returns a column of a view's statistics.
sub figure
{
	my ($view, $column) = @_;
	return $node->safe_psql('postgres', "SELECT $column FROM pg_stat_stream_view WHERE viewname = '$view'");
}

# --- a view that takes a millisecond a row, and many rows ------------------------
write_rows('SELECT g, g % 10 FROM generate_series(1, 2500) g');
oracle_ok($node, 'SELECT * FROM slowly', $query, 'a view survives a transaction that takes several times the limit');
oracle_ok($node, 'SELECT * FROM plain', $query, '... and so does its neighbour');
write_rows('SELECT g, g % 10 FROM generate_series(1, 1500) g');
oracle_ok($node, 'SELECT * FROM slowly', $query, '... and the next one');
is(figure('slowly', 'state'), 'running', '... and is not disabled');
is(figure('slowly', 'rows_rejected'), '0', '... and rejects no row');

# --- rows that do not end, of various views ---------------------------------------
$node->safe_psql('postgres', q{
	DROP MATERIALIZED VIEW slowly;
	SET ROLE alice;
	CREATE MATERIALIZED VIEW grouped AS SELECT poison(k) AS k, count(*) AS n, sum(id) AS s FROM events GROUP BY 1;
	CREATE MATERIALIZED VIEW appended AS SELECT id, poison(k) AS k FROM events;
	CREATE MATERIALIZED VIEW joined AS SELECT name, sum(id) AS s FROM events JOIN dim ON dim.k = poison(events.k) GROUP BY 1;
	TRUNCATE witness;
	DROP MATERIALIZED VIEW plain;
	CREATE MATERIALIZED VIEW plain AS SELECT k, count(*) AS n, sum(id) AS s FROM events GROUP BY k;
});
my %oracle = (
	grouped => [ 'SELECT * FROM grouped', "SELECT k, count(*), sum(id) FROM witness WHERE k >= 0 GROUP BY k" ],
	appended => [ 'SELECT * FROM appended', 'SELECT id, k FROM witness WHERE k >= 0' ],
	joined => [ 'SELECT * FROM joined', 'SELECT name, sum(id) FROM witness JOIN dim USING (k) GROUP BY name' ],
	plain => [ 'SELECT * FROM plain', $query ]);

write_rows('SELECT g, CASE WHEN g IN (1, 70, 71) THEN -g ELSE g % 10 END FROM generate_series(1, 100) g');
oracle_ok($node, @{ $oracle{$_} }, "$_: all rows but those that do not end") for sort keys %oracle;
write_rows('VALUES (1000, -1000)');
write_rows('VALUES (1001, 1)');
oracle_ok($node, @{ $oracle{$_} }, "$_: ... and one that comes alone") for sort keys %oracle;
is(figure($_, 'state'), 'running', "$_: the view goes on") for sort keys %oracle;
is(figure($_, 'rows_rejected'), '4', "$_: rejects those rows") for qw(appended grouped joined);

$node->safe_psql('postgres', 'SELECT stream_flush(v) FROM unnest($${grouped,appended,joined}$$::regclass[]) v');
is($node->safe_psql('postgres', q{
	SELECT view::text, string_agg("row", ' ' ORDER BY "row"), min(sqlstate), count(DISTINCT lsn)
	  FROM stream_dead_letter GROUP BY 1 ORDER BY 1}),
	join("\n", map { "$_|(1,-1) (1000,-1000) (70,-70) (71,-71)|57014|2" } qw(appended grouped joined)),
	'they are dead letters, with the commits that they came with');

$node->stop;
done_testing();

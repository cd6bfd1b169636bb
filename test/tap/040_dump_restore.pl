# 040_dump_restore.pl - a dump has a view's definition and what was flushed; a
# restored view is read, goes on with new rows, flushes, and goes as a whole,
# by itself.  So does a view in a copied database, which misses nothing.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('dumped');
my %views = (
	renamed => q{SELECT w.window_start, key, count(*) AS n, avg(v) AS mean, max(note) AS last
		FROM %s, tumble(ts, '1 hour') w GROUP BY w.window_start, key HAVING count(*) > 1},
	named => q{SELECT d.name, sum(v) AS total, count(note) AS notes
		FROM %s JOIN dimension d USING (key) GROUP BY d.name},
	twice => q{SELECT w.window_start, w.window_start AS start, key, key AS again, count(*) AS n
		FROM %s, hop(ts, '20 min', '1 hour') w GROUP BY 1, 2, 3, 4},
	total => q{SELECT count(*) AS n, min(ts) AS first FROM %s},
);

my $write = q{WITH r AS (INSERT INTO witness
	SELECT timestamptz '2026-01-01' + g * interval '10 min', g %% 5, g / 4.0, 'note ' || g %% 13
	  FROM generate_series(%d, %d) g RETURNING *) INSERT INTO events SELECT * FROM r};

# What there is of a view beside its rows: whose it is, who may what, comment, options.
my $properties = q{
	SELECT r.relname, pg_get_userbyid(r.relowner), r.relacl::text, obj_description(r.oid),
		retention, state, settings, d.relname, s.relname, m.relname, pg_get_userbyid(s.relowner)
	  FROM _stream_ext.continuous_view
	  JOIN pg_class r ON r.oid = view JOIN pg_class d ON d.oid = definition
	  JOIN pg_class s ON s.oid = storage JOIN pg_class m ON m.oid = memory
	 ORDER BY 1};
my $parts = q{SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
	WHERE nspname = '_stream_ext' AND relname ~ '_[0-9]+' AND relkind <> 'i'};

sub flush_all
{
	my ($other, $database) = @_;
	$other->safe_psql($database, 'SELECT stream_flush(view) FROM _stream_ext.continuous_view');
	return;
}

# Compares every view with the plain query.
sub views_agree
{
	my ($other, $database, $when) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	oracle_ok($other, "SELECT * FROM $_", sprintf($views{$_}, 'witness'),
		"$database: $_ $when", database => $database)
	  for sort keys %views;
	return;
}

# Checks a database that has just come into being, writes to it, and ends
# with its views dropped.
sub database_lives
{
	my ($other, $database) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$other->safe_psql($database, sprintf($write, 400, 700));	# windows old and new
	is($other->safe_psql($database, $properties), $node->safe_psql('postgres', $properties),
		"$database: owners, rights, comments and options are the same");
	is($other->safe_psql($database, 'SELECT * FROM _stream_ext.quarantine'),
		$node->safe_psql('postgres', 'SELECT * FROM _stream_ext.quarantine'), "$database: so is the quarantine");
	views_agree($other, $database, 'goes on');
	flush_all($other, $database);
	views_agree($other, $database, 'flushes');
	$other->restart;
	$other->safe_psql($database, sprintf($write, 650, 800));
	views_agree($other, $database, 'restarts');
	$other->safe_psql($database, 'DROP MATERIALIZED VIEW total; DROP TABLE events CASCADE');
	is($other->safe_psql($database, $parts), '0', "$database: nothing is left after DROP");
	return;
}

# The text of a plain dump, without the line that is different each time, and
# with equal group keys once: so the parser reads them.
sub dump_text
{
	my ($other, $database) = @_;
	my ($text) = run_command([ 'pg_dump', $other->connstr($database) ]);
	$text =~ s/^\\(un)?restrict .*$//mg;
	$text =~ s{GROUP BY \K([^;\n]+)}{my %seen; join(', ', grep { !$seen{$_}++ } split(/, /, $1))}eg;
	return $text;
}

$node->safe_psql('postgres', q{
	CREATE ROLE owner;
	CREATE TABLE events (ts timestamptz, key int, v numeric, note text) USING stream;
	CREATE TABLE witness (ts timestamptz, key int, v numeric, note text);
	CREATE TABLE dimension (key int PRIMARY KEY, name text);
	INSERT INTO dimension SELECT g, 'name ' || g % 2 FROM generate_series(0, 4) g;
	GRANT SELECT ON events, dimension TO owner;
});
$node->safe_psql('postgres', "CREATE MATERIALIZED VIEW $$_[0] $$_[1] AS " . sprintf($views{ $$_[2] }, 'events'))
  for [ 'v', q{WITH (stream.retention = '1000 years')}, 'renamed' ], [ 'named', '', 'named' ], [ 'total', '', 'total' ],
  [ 'twice', '', 'twice' ];
$node->safe_psql('postgres', q{
	GRANT SELECT ON v TO PUBLIC;
	ALTER MATERIALIZED VIEW v OWNER TO owner;
	COMMENT ON MATERIALIZED VIEW v IS 'by the hour';
	ALTER MATERIALIZED VIEW v RENAME TO renamed;
});
$node->safe_psql('postgres', q{INSERT INTO _stream_ext.quarantine
	VALUES ('named', 'k1=name 7', '22003', 'value out of range: overflow', '0/1', '2026-01-01 00:00+00', 3)});
$node->safe_psql('postgres', sprintf($write, 1, 500));
flush_all($node, 'postgres');

my $dir = $node->basedir;
my %dumps = (
	plain => [],
	inserts => ['--inserts'],
	custom => ['-Fc'],
);
$node->command_ok([ 'pg_dump', '-f', "$dir/$_", @{ $dumps{$_} }, $node->connstr('postgres') ], "pg_dump: $_")
  for sort keys %dumps;
my $text = dump_text($node, 'postgres');

my $other = stream_node('other');
$other->safe_psql('postgres', 'CREATE ROLE owner');

# Restores a dump into a new database, by psql or pg_restore.
sub restore
{
	my ($to, $database, $dump, @options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$to->safe_psql('postgres', "CREATE DATABASE $database");
	$to->command_ok(
		$dump eq 'custom'
		? [ 'pg_restore', '-e', @options, '-d', $to->connstr($database), "$dir/$dump" ]
		: [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', @options, '-f', "$dir/$dump", '-d', $to->connstr($database) ],
		"$database: the dump is restored");
	return;
}

restore($node, 'same_cluster', 'plain');
is($node->safe_psql('same_cluster', q{
	BEGIN; DROP TABLE events CASCADE; } . $parts . q{; ROLLBACK;
	SELECT count(*) FROM _stream_ext.view_position;
	SELECT count(*) FROM pg_replication_slots, pg_database
	 WHERE datname = current_database() AND slot_name = 'stream_ext_' || oid}), "0\n4\n1",
	'same_cluster: parts, positions and slot are there at once');
views_agree($node, 'same_cluster', 'has what was flushed');
is(dump_text($node, 'same_cluster'), $text, 'a dump of the restored database is the same');
database_lives($node, 'same_cluster');


# the catalog is no place for rows that nobody dumped
for my $attempt (
	[ q{INSERT INTO _stream_ext.continuous_view (view, definition, storage, memory, stream, state, settings)
		SELECT 'witness', definition, storage, memory, stream, state, settings FROM _stream_ext.continuous_view LIMIT 1}, qr/is not complete/, 'a table' ],
	[ q{BEGIN; INSERT INTO events VALUES (now(), 1); INSERT INTO _stream_ext.continuous_view
		(view, definition, storage, memory, stream, state, settings)
		SELECT 'views', definition, storage, memory, stream, state, settings FROM _stream_ext.continuous_view LIMIT 1}, qr/has written to a stream/,
		'a view after rows' ])
{
	my ($sql, $message, $name) = @$attempt;
	my ($status, $out, $err) = $node->psql('postgres', "CREATE VIEW views AS SELECT 1; $sql", on_error_stop => 1);
	like($err, $message, "$name is not adopted");
	$node->safe_psql('postgres', 'DROP VIEW views');
}

restore($other, 'other_cluster', 'inserts', '-1');
database_lives($other, 'other_cluster');
restore($other, 'parallel', 'custom', '-j', '2');
database_lives($other, 'parallel');

# without the trigger: the worker adopts the views
restore($other, 'no_trigger', 'custom', '-s');
$other->command_ok([ 'pg_restore', '-e', '-a', '--disable-triggers', '-d', $other->connstr('no_trigger'), "$dir/custom" ],
	'no_trigger: data on its own, triggers disabled');
database_lives($other, 'no_trigger');

# a copy misses nothing: the worker flushes before it lets go
$node->safe_psql('postgres', sprintf($write, 501, 600));
$node->safe_psql('template1', 'CREATE DATABASE copied TEMPLATE postgres');
views_agree($node, 'copied', 'has everything');
views_agree($node, 'postgres', 'is not disturbed');
database_lives($node, 'copied');

done_testing();

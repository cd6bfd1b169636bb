# 112_dump_by_owner.pl - the owner of a database who is no superuser dumps it, and
# the dump has everything; what the owner may see in our schema is not to be changed,
# and not for others to see.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('dumped_by_owner');
$node->safe_psql('postgres', 'CREATE ROLE boss LOGIN; CREATE ROLE tenant LOGIN; CREATE DATABASE shop OWNER boss; CREATE DATABASE copy');
$node->safe_psql('shop', 'CREATE EXTENSION stream_ext; GRANT CREATE ON SCHEMA public TO boss');
my %views = (
	hourly => q{SELECT w.window_start, key, count(*) AS n, last(note, ts) AS last FROM %s, tumble(ts, '1 hour') w GROUP BY 1, 2},
	hopping => q{SELECT w.window_start, count(*) AS n FROM %s, hop(ts, '20 min', '1 hour') w GROUP BY 1},
	total => q{SELECT count(*) AS n, min(ts) AS first, sum(10 / key) AS tens FROM %s WHERE key > 0},
	rows => q{SELECT ts, note FROM %s});
sub as_boss
{
	my ($sql) = @_;
	return $node->safe_psql('shop', $sql, extra_params => [ '-U', 'boss' ]);
}

as_boss('CREATE TABLE events (ts timestamptz, key int, note text) USING stream; CREATE TABLE witness (ts timestamptz, key int, note text);'
	. q{SELECT stream_set_event_time('events', 'ts', delay => '1 day')});
as_boss("CREATE MATERIALIZED VIEW $_ AS " . sprintf($views{$_}, 'events')) for sort keys %views;
as_boss(q{CREATE MATERIALIZED VIEW strict_one WITH (stream.late = 'side', stream.retention = '1000 days') AS
	SELECT w.window_start, sum(10 / key) FROM events, tumble(ts, '1 hour') w GROUP BY 1});
my $write = q{WITH r AS (INSERT INTO witness SELECT timestamptz '2026-01-01' + g * interval '10 min', g % 5, 'note ' || g
	FROM generate_series(1, 100) g RETURNING *) INSERT INTO events SELECT * FROM r};
as_boss($write);
as_boss('SELECT stream_sync(), count(stream_flush(relid)) FROM pg_stat_stream_view');

my $file = $node->basedir . '/shop.dump';
$node->command_ok([ 'pg_dump', '-U', 'boss', '-Fc', '-f', $file, $node->connstr('shop') ], 'pg_dump as the owner of the database');
$node->command_ok([ 'pg_restore', '-e', '-d', $node->connstr('copy'), $file ], 'pg_restore');
my $properties = q{SELECT view::text, stream::text, state, retention, late_policy, settings,
	(SELECT relowner::regrole FROM pg_class WHERE oid = storage) FROM _stream_ext.continuous_view ORDER BY 1};
is($node->safe_psql('copy', $properties), $node->safe_psql('shop', $properties), 'the views are the same');
is($node->safe_psql('copy', 'SELECT count(*), count(DISTINCT message) FROM stream_dead_letter'), '20|1', 'dead letters are there');
for my $round (1, 2)
{
	oracle_ok($node, "SELECT * FROM $_", sprintf($views{$_}, 'witness'), "$_, round $round", database => 'copy') for sort keys %views;
	$node->safe_psql('copy', $write);
}
is($node->safe_psql('copy', q{SELECT has_schema_privilege('boss', '_stream_ext', 'USAGE'), has_schema_privilege('tenant', '_stream_ext', 'USAGE')}),
	'f|f', 'in the copy, which is not theirs, neither the former owner nor another role has rights');

# to look is all
for my $sql (
	'UPDATE _stream_ext.continuous_view SET state = state', 'DELETE FROM _stream_ext.view_position',
	'INSERT INTO _stream_ext.event_time SELECT * FROM _stream_ext.event_time', 'TRUNCATE _stream_ext.dead_letter',
	'CREATE TABLE _stream_ext.mine ()', 'DROP TABLE _stream_ext.quarantine',
	q{SELECT format('DELETE FROM %s', storage) FROM _stream_ext.continuous_view LIMIT 1},
	q{SELECT format('ALTER TABLE %s ADD x int', storage) FROM _stream_ext.continuous_view LIMIT 1},
	q{SELECT format('DROP FOREIGN TABLE %s', memory) FROM _stream_ext.continuous_view LIMIT 1})
{
	my $run = $sql =~ /^SELECT/ ? as_boss($sql) : $sql;
	my ($status, $out, $err) = $node->psql('shop', $run, extra_params => [ '-U', 'boss' ]);
	like($err, qr/permission denied|must be owner|cannot drop/, "refused: $sql");
}
$node->safe_psql('shop', 'GRANT SELECT ON events TO tenant');
for my $sql ('TABLE _stream_ext.continuous_view', 'TABLE _stream_ext.dead_letter')
{
	my ($status, $out, $err) = $node->psql('shop', $sql, extra_params => [ '-U', 'tenant' ]);
	like($err, qr/permission denied for schema/, "another role: $sql");
}
$node->stop;
done_testing();

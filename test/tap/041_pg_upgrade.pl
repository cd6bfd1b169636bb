# 041_pg_upgrade.pl - pg_upgrade takes continuous views along: after a clean
# shutdown everything is in storage, and the views go on in the new cluster.
use strict;
use warnings;

use Cwd;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $old = stream_node('old');
my $query = q{SELECT w.window_start, key, count(*) AS n, avg(v) AS mean
	FROM %s, tumble(ts, '1 hour') w GROUP BY w.window_start, key};
my $write = q{WITH r AS (INSERT INTO witness
	SELECT timestamptz '2026-01-01' + g * interval '10 min', g %% 5, g / 4.0
	  FROM generate_series(%d, %d) g RETURNING *) INSERT INTO events SELECT * FROM r};
my @oracle = ('SELECT * FROM v', sprintf($query, 'witness'));

$old->safe_psql('postgres', q{
	CREATE TABLE events (ts timestamptz, key int, v numeric) USING stream;
	CREATE TABLE witness (ts timestamptz, key int, v numeric);
	CREATE MATERIALIZED VIEW v AS } . sprintf($query, 'events'));
$old->safe_psql('postgres', sprintf($write, 1, 500));
oracle_ok($old, @oracle, 'before');
$old->stop;

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init;
$new->append_conf('postgresql.conf', slurp_file('test/stream_ext.conf'));
my $bindir = $new->config_data('--bindir');
{
	# it writes its logs where it stands
	my $start = Cwd::getcwd();
	chdir $new->basedir or die "cannot go to the node's directory";
	$new->command_ok(
		[   'pg_upgrade', '--no-sync',
			'-d', $old->data_dir, '-D', $new->data_dir, '-b', $bindir, '-B', $bindir,
			'-s', $new->host, '-p', $old->port, '-P', $new->port ],
		'pg_upgrade');
	chdir $start or die "cannot go back";
}
$new->start;
$new->safe_psql('postgres', sprintf($write, 400, 700));
oracle_ok($new, @oracle, 'after');
$new->safe_psql('postgres', q{SELECT stream_flush('v')});
oracle_ok($new, @oracle, 'after a flush');
is($new->safe_psql('postgres', q{DROP TABLE events CASCADE;
	SELECT count(*) FROM pg_class WHERE relnamespace = '_stream_ext'::regnamespace
		AND relname ~ '_[0-9]+' AND relkind <> 'i'}),
	'0', 'nothing is left after DROP');

done_testing();

# 031_alter_under_load.pl - a stream's columns come, go and change while four
# sessions insert; no row is lost, none is read with the wrong columns.
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $rounds = $ENV{ROUNDS} // 10;
my $node = stream_node('alter');
$node->safe_psql('postgres', q{
	CREATE TABLE s (k int, filler text) USING stream;
	CREATE TABLE witness (k int);
	CREATE MATERIALIZED VIEW v AS SELECT k, count(*) AS n FROM s GROUP BY k;
});

my $script = $node->basedir . '/insert.sql';
append_to_file($script, q{
	\set k random(1, 100)
	BEGIN;
	INSERT INTO s (k) VALUES (:k);
	INSERT INTO witness VALUES (:k);
	SAVEPOINT a;
	INSERT INTO s (k) SELECT :k FROM generate_series(1, 20);
	ROLLBACK TO a;
	INSERT INTO s (k) SELECT :k FROM generate_series(1, 3);
	INSERT INTO witness SELECT :k FROM generate_series(1, 3);
	COMMIT;
});
my ($in, $out, $err) = ('', '', '');
my $load = IPC::Run::start(
	[ 'pgbench', '-n', '-c', 4, '-T', 600, '-h', $node->host, '-p', $node->port, '-f', $script, 'postgres' ],
	\$in, \$out, \$err);
wait_until($node, 'SELECT count(*) > 0 FROM witness');

my $refused = 0;
for my $i (1 .. $rounds)
{
	$node->safe_psql('postgres', qq{
		ALTER TABLE s ADD COLUMN c int DEFAULT $i;
		ALTER TABLE s DROP COLUMN filler;
		ALTER TABLE s ADD COLUMN filler text;
	});
	# with rows on their way a type cannot change; once in storage it can
	my ($status) = $node->psql('postgres', 'ALTER TABLE s ALTER c TYPE bigint');
	$refused++ if $status != 0;
	$node->safe_psql('postgres', q{
		BEGIN;
		LOCK TABLE s IN SHARE MODE;
		SELECT stream_flush('v');
		ALTER TABLE s ALTER c TYPE text;
		COMMIT;
		ALTER TABLE s RENAME c TO d;
		ALTER TABLE s DROP COLUMN d;
	});
}
cmp_ok($refused, '>', 0, 'ALTER TYPE was refused while rows were on their way');
# not INT: a shell in the background lets its children ignore that
$load->signal('TERM');
$load->finish;
unlike($err, qr/ERROR/, 'no insert failed');

oracle_ok($node, 'SELECT * FROM v', 'SELECT k, count(*) FROM witness GROUP BY k',
	'every row counts once');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM witness'), '>', 100, 'there was load');

done_testing();

# An ordinary base backup loses nothing: not what was not flushed when it
# began, nor what open and prepared transactions had written before.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $query = 'SELECT k, count(*) AS n, sum(v) AS total FROM %s GROUP BY k';

# Makes stream, witness and view in a database.
sub make_objects
{
	my ($node) = @_;
	$node->safe_psql('postgres', 'CREATE TABLE s (k int, v numeric) USING stream; CREATE TABLE witness (k int, v numeric);
		CREATE MATERIALIZED VIEW v AS ' . sprintf($query, 's'));
	return;
}

# Returns SQL that writes n rows to both tables.
sub write_sql
{
	my ($k, $n) = @_;
	return "WITH r AS (INSERT INTO witness SELECT $k + g % 10, g FROM generate_series(1, $n) g RETURNING *)
		INSERT INTO s SELECT * FROM r;";
}

# Writes so much other WAL that segments come and go.
sub write_wal
{
	my ($node) = @_;
	$node->safe_psql('postgres', 'CREATE TABLE bulk AS SELECT repeat(md5(g::text), 100) AS t FROM generate_series(1, 8000) g;
		DROP TABLE bulk; SELECT pg_switch_wal(); CHECKPOINT;');
	return;
}

# Starts a copy made of a backup.
sub restored
{
	my ($node, $backup, $name, %options) = @_;
	my $copy = PostgreSQL::Test::Cluster->new($name);
	$copy->init_from_backup($node, $backup, %options);
	$copy->start;
	return $copy;
}

# Says whether the copy has the rows of its witness.
sub agrees
{
	my ($node, $name) = @_;
	oracle_ok($node, 'SELECT * FROM v', sprintf($query, 'witness'), $name);
	is($node->safe_psql('postgres', q{SELECT string_agg(state, ' ') FROM pg_stat_stream_view}), 'running', "$name: running");
	return;
}

# --- rows that were not flushed ------------------------------------------------------------
my $node = stream_node('primary', init => { allows_streaming => 1 }, conf => q{
	stream_ext.flush_interval = 1h
	max_prepared_transactions = 10
	min_wal_size = 32MB
	max_wal_size = 48MB
	wal_keep_size = 0
});
make_objects($node);
$node->safe_psql('postgres', write_sql(0, 1000));
$node->backup('unflushed');
my $copy = restored($node, 'unflushed', 'unflushed');
is($copy->safe_psql('postgres', 'SELECT count(*) FROM witness'), 1000, 'the copy has the rows of the table');
agrees($copy, 'rows that were not flushed');
$copy->safe_psql('postgres', write_sql(100, 10));
agrees($copy, 'and new ones');
kill_and_restart($copy);
agrees($copy, 'after a crash of the copy');
write_wal($copy) for 1 .. 4;
agrees($copy, 'after some checkpoints');
is($copy->safe_psql('postgres', q{SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'stream_recovery'}), 0,
	'the slot of the recovery is gone');
$copy->stop;

# --- open and prepared transactions, many segments ago ---------------------------------------
my $open = $node->background_psql('postgres');
$open->query_safe('BEGIN; ' . write_sql(200, 5000));
$node->safe_psql('postgres', 'BEGIN; ' . write_sql(300, 5000) . "PREPARE TRANSACTION 'one'");
$node->safe_psql('postgres', 'BEGIN; ' . write_sql(400, 5000) . "PREPARE TRANSACTION 'two'");
for (1 .. 4)
{
	write_wal($node);
	$node->safe_psql('postgres', write_sql(0, 10));
}
$node->safe_psql('postgres', q{SELECT stream_flush('v'); CHECKPOINT});
$node->backup('open');
# the other way of getting WAL: what the server has at the end
$node->backup('fetched', backup_options => [ '-X', 'fetch' ]);
$open->query_safe('COMMIT');
$open->quit;
$node->safe_psql('postgres', q{COMMIT PREPARED 'one'});
agrees($node, 'the original');

for my $backup (qw(open fetched))
{
	$copy = restored($node, $backup, $backup);
	agrees($copy, "$backup: a transaction that was open");
	$copy->safe_psql('postgres', q{COMMIT PREPARED 'one'});
	agrees($copy, "$backup: one that was prepared");
	kill_and_restart($copy);
	write_wal($copy) for 1 .. 3;
	$copy->safe_psql('postgres', q{COMMIT PREPARED 'two'});
	agrees($copy, "$backup: another, committed after a crash");
	is($copy->safe_psql('postgres', q{SELECT count(*) FROM v WHERE k BETWEEN 400 AND 409}), 10, "$backup: all of it is there");
	$copy->stop;
}

# --- second names go with the need for them --------------------------------------------------
$node->safe_psql('postgres', q{COMMIT PREPARED 'two'; SELECT stream_flush('v')});
write_wal($node) for 1 .. 2;
$node->safe_psql('postgres', q{SELECT stream_flush('v')});
wait_until($node, q{SELECT count(*) <= 6 FROM pg_ls_dir('pg_stream/wal')});
pass('second names are taken away');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_ls_dir('pg_stream/wal') f WHERE f ~ 'tmp'}), 0,
	'nothing temporary is left');
$node->safe_psql('postgres', 'DROP EXTENSION stream_ext CASCADE');
wait_until($node, q{SELECT count(*) <= 3 FROM pg_ls_dir('pg_stream/wal')});
pass('almost all of them, once there is no stream');

unlike(slurp_file($_->logfile), qr/TRAP|PANIC|terminated by signal \d+(?<!9)/, 'nothing crashed') for $node, $copy;
$node->stop;
done_testing();

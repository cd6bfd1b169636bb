# Point-in-time recovery from an archive, standbys that are promoted, backups of
# those and of standbys: views have what the tables have, whatever was open,
# prepared or not flushed when the backup began, and on each timeline.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $query = 'SELECT k, count(*) AS n, sum(v) AS total FROM %s GROUP BY k';
my $node = stream_node('primary', init => { allows_streaming => 1, has_archiving => 1 }, conf => q{
	stream_ext.flush_interval = 1h
	max_prepared_transactions = 10
	min_wal_size = 32MB
	max_wal_size = 48MB
	wal_keep_size = 0
	hot_standby = on
});
$node->safe_psql('postgres', 'CREATE TABLE s (k int, v numeric) USING stream; CREATE TABLE witness (k int, v numeric);
	CREATE MATERIALIZED VIEW v AS ' . sprintf($query, 's'));

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
	my ($primary) = @_;
	$primary->safe_psql('postgres', 'CREATE TABLE bulk AS SELECT repeat(md5(g::text), 100) AS t FROM generate_series(1, 8000) g;
		DROP TABLE bulk; SELECT pg_switch_wal(); CHECKPOINT;');
	return;
}

# Says whether the view has the rows of the witness, which are $rows if given.
sub agrees
{
	my ($copy, $name, $rows) = @_;
	oracle_ok($copy, 'SELECT * FROM v', sprintf($query, 'witness'), $name);
	is($copy->safe_psql('postgres', q{SELECT string_agg(state, ' ') FROM pg_stat_stream_view}), 'running', "$name: running");
	is($copy->safe_psql('postgres', 'SELECT count(*) FROM witness'), $rows, "$name: that many rows") if defined $rows;
	return;
}

# Returns a copy that has recovered up to a target.
sub recovered
{
	my ($name, $backup, $target) = @_;
	my $copy = PostgreSQL::Test::Cluster->new($name);
	$copy->init_from_backup($node, $backup, has_restoring => 1, standby => 0);
	$copy->append_conf('postgresql.conf', "$target\nrecovery_target_action = promote\narchive_mode = off\n");
	$copy->start;
	wait_until($copy, 'SELECT NOT pg_is_in_recovery()');
	return $copy;
}

# --- a backup, and what comes after it --------------------------------------------------------
$node->safe_psql('postgres', write_sql(0, 1000));
my $open = $node->background_psql('postgres');
$open->query_safe('BEGIN; ' . write_sql(200, 5000));
$node->safe_psql('postgres', 'BEGIN; ' . write_sql(300, 5000) . "PREPARE TRANSACTION 'one'");
write_wal($node) for 1 .. 3;
$node->safe_psql('postgres', write_sql(0, 10));
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

$node->safe_psql('postgres', write_sql(0, 10));
my $lsn_open = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
write_wal($node) for 1 .. 2;
$open->query_safe('COMMIT');
my $time_committed = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
$node->safe_psql('postgres', write_sql(0, 10));
$open->query_safe('BEGIN; ' . write_sql(500, 5000));
write_wal($node) for 1 .. 3;
$node->safe_psql('postgres', q{COMMIT PREPARED 'one'});
$node->safe_psql('postgres', 'BEGIN; ' . write_sql(400, 5000) . "PREPARE TRANSACTION 'two'");
write_wal($node) for 1 .. 2;
$node->safe_psql('postgres', write_sql(0, 10));
agrees($node, 'the original', 11040);
my $last = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
$node->safe_psql('postgres', write_sql(0, 1));
wait_until($node, "SELECT last_archived_wal >= '$last' FROM pg_stat_archiver");

# --- to a position, a time, the end -------------------------------------------------------------
my $copy = recovered('to_lsn', 'base', "recovery_target_lsn = '$lsn_open'");
agrees($copy, 'to a position, with a transaction open there', 1020);
$copy->safe_psql('postgres', q{ROLLBACK PREPARED 'one';} . write_sql(900, 100));
agrees($copy, 'and on from there', 1120);
$copy->stop;

$copy = recovered('to_time', 'base', "recovery_target_time = '$time_committed'");
agrees($copy, 'to a time', 6020);
$copy->safe_psql('postgres', q{COMMIT PREPARED 'one'});
agrees($copy, 'with what was prepared before the backup', 11020);
# a backup of what was recovered, on its timeline
$copy->safe_psql('postgres', write_sql(900, 100));
$copy->backup('again');
my $again = PostgreSQL::Test::Cluster->new('again');
$again->init_from_backup($copy, 'again');
$copy->stop;
$again->start;
agrees($again, 'a backup of what was recovered', 11120);
$again->stop;

$copy = recovered('to_end', 'base', '');
agrees($copy, 'to the end of the archive', 11040);
$copy->safe_psql('postgres', q{COMMIT PREPARED 'two'});
agrees($copy, 'with what was prepared', 16040);
$copy->stop;

# --- the standby: a backup of it, and its promotion -----------------------------------------------
$node->wait_for_catchup($standby);
$standby->safe_psql('postgres', 'CHECKPOINT');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'stream_recovery'}), 1,
	'a standby keeps WAL');
$standby->backup('of_standby');
$standby->restart;
$node->safe_psql('postgres', write_sql(0, 10));
write_wal($node) for 1 .. 2;
$node->wait_for_catchup($standby);
$standby->safe_psql('postgres', 'CHECKPOINT');
$node->stop('immediate');
eval { $open->quit };
$standby->promote;
agrees($standby, 'a standby that was promoted', 11051);
$standby->safe_psql('postgres', q{COMMIT PREPARED 'two'});
agrees($standby, 'with what was prepared on its primary', 16051);
wait_until($standby, q{SELECT count(*) = 0 FROM pg_replication_slots WHERE slot_name = 'stream_recovery'});
pass('the databases have their own slots then');
write_wal($standby) for 1 .. 3;
kill_and_restart($standby);
agrees($standby, 'after a crash');

$copy = PostgreSQL::Test::Cluster->new('from_standby');
$copy->init_from_backup($standby, 'of_standby', standby => 0);
$copy->start;
$copy->promote if $copy->safe_psql('postgres', 'SELECT pg_is_in_recovery()') eq 't';
agrees($copy, 'a backup of a standby', 11041);
$copy->safe_psql('postgres', q{COMMIT PREPARED 'two'});
agrees($copy, 'with what was prepared then', 16041);

# --- nobody asks for it ----------------------------------------------------------------------------
# a database that nobody uses for long after a restore
$standby->safe_psql('postgres', 'CREATE DATABASE quiet');
$standby->safe_psql('quiet', 'CREATE EXTENSION stream_ext; CREATE TABLE s (k int) USING stream;
	CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM s; INSERT INTO s SELECT generate_series(1, 1000)');
$standby->backup('quiet');
my $quiet = PostgreSQL::Test::Cluster->new('quiet');
$quiet->init_from_backup($standby, 'quiet');
$quiet->start;
write_wal($quiet) for 1 .. 4;
is($quiet->safe_psql('quiet', 'SELECT count FROM v'), 1000, 'a database that nobody has used since');

unlike(slurp_file($_->logfile), qr/TRAP|PANIC|terminated by signal \d+(?<!9)/, 'nothing crashed')
  for $node, $copy, $standby, $quiet;
$_->stop for $copy, $standby, $quiet;
done_testing();

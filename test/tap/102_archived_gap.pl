# A view whose WAL is gone reads on once the WAL is there: stream_resume() fetches
# it with restore_command.  stream_sync() says that a view lacks rows, and
# stream_prepare_backup() that all is in storage.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $query = 'SELECT k, count(*) AS n, sum(v) AS total FROM %s GROUP BY k';
my $node = stream_node('primary', init => { allows_streaming => 1, has_archiving => 1 }, conf => q{
	stream_ext.flush_interval = 1h
	stream_ext.read_timeout = 5s
	max_prepared_transactions = 10
});
my $archive = $node->archive_dir;
$node->safe_psql('postgres', 'CREATE TABLE s (k int, v numeric) USING stream; CREATE TABLE witness (k int, v numeric);
	CREATE MATERIALIZED VIEW v AS ' . sprintf($query, 's') . q{;
	CREATE TABLE other (k int) USING stream;
	CREATE MATERIALIZED VIEW others AS SELECT count(*) AS n FROM other;
	CREATE ROLE alice; GRANT SELECT ON others TO alice; GRANT CREATE ON SCHEMA public TO alice});

# Returns SQL that writes n rows to both tables.
sub write_sql
{
	my ($k, $n) = @_;
	return "WITH r AS (INSERT INTO witness SELECT $k + g % 10, g FROM generate_series(1, $n) g RETURNING *)
		INSERT INTO s SELECT * FROM r;";
}

# Runs SQL that must fail; returns the error.
sub error_of
{
	my ($copy, $sql) = @_;
	my ($status, undef, $error) = $copy->psql('postgres', $sql);
	isnt($status, 0, "fails: $sql");
	return $error;
}

# --- a backup of which the second names were left out -------------------------------------------
$node->safe_psql('postgres', write_sql(0, 1000));
for (1 .. 3)
{
	$node->safe_psql('postgres', 'BEGIN; ' . write_sql(100 * $_, 1000) . "PREPARE TRANSACTION 'p$_'; SELECT pg_switch_wal()");
}
$node->backup('base');
unlink glob($node->backup_dir . '/base/pg_stream/wal/*');
my $last = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
wait_until($node, "SELECT last_archived_wal >= '$last' FROM pg_stat_archiver");
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($node, 'base');
$copy->append_conf('postgresql.conf', "archive_mode = off\n");
$copy->start;
wait_until($copy, q{SELECT bool_and(state = 'gap') FROM pg_stat_stream_view});
wait_until($copy, q{SELECT count(*) = 2 FROM _stream_ext.continuous_view WHERE state = 'gap'});
$copy->safe_psql('postgres', q{SELECT stream_accept_gap('others')});

like(error_of($copy, 'SELECT stream_sync()'), qr/view "v" is in state "gap"/, 'stream_sync() tells of the gap');
like(error_of($copy, 'SELECT stream_prepare_backup()'), qr/view "v" is in state "gap"/, 'so does stream_prepare_backup()');
is($copy->safe_psql('postgres', 'SET ROLE alice; SELECT stream_sync() IS NULL'), 'f', 'who may not read it is not concerned');
like(error_of($copy, q{SELECT stream_resume('v')}), qr/is not there.*restore_command.*stream_accept_gap/s,
	'without an archive it stays');
$copy->safe_psql('postgres', q{ALTER SYSTEM SET restore_command = 'false'});
$copy->reload;
wait_until($copy, q{SELECT current_setting('restore_command') = 'false'});
like(error_of($copy, q{SELECT stream_resume('v')}), qr/is not there/, 'and where the archive does not have it');
is($copy->safe_psql('postgres', q{SELECT state FROM pg_stat_stream_view WHERE viewname = 'v'}), 'gap', 'still a gap');

# a command that hangs is one session's trouble
$copy->safe_psql('postgres', q{ALTER SYSTEM SET restore_command = 'sleep 600'});
$copy->reload;
wait_until($copy, q{SELECT current_setting('restore_command') = 'sleep 600'});
like(error_of($copy, q{SET statement_timeout = '300ms'; SELECT stream_resume('v')}), qr/statement timeout/,
	'a command that hangs can be left');
$copy->safe_psql('postgres', 'INSERT INTO other VALUES (1)');
is($copy->safe_psql('postgres', 'SELECT n FROM others'), 1, 'and holds nobody up');

$copy->safe_psql('postgres', qq{ALTER SYSTEM SET restore_command = 'cp "$archive/%f" "%p"'});
$copy->reload;
wait_until($copy, q{SELECT current_setting('restore_command') LIKE 'cp%'});
# rows that come meanwhile count as well
$copy->safe_psql('postgres', write_sql(0, 10));
$copy->safe_psql('postgres', q{SELECT stream_resume('v')});
oracle_ok($copy, 'SELECT * FROM v', sprintf($query, 'witness'), 'with one it has everything');
$copy->safe_psql('postgres', "COMMIT PREPARED 'p$_'") for 1 .. 2;
kill_and_restart($copy);
oracle_ok($copy, 'SELECT * FROM v', sprintf($query, 'witness'), 'also what was prepared then');
$copy->safe_psql('postgres', q{COMMIT PREPARED 'p3'});
oracle_ok($copy, 'SELECT * FROM v', sprintf($query, 'witness'), 'to the last');

# --- a gap made here, whose WAL is still there ----------------------------------------------------
$copy->safe_psql('postgres', q{
	BEGIN;
	SELECT stream_pause('v');
	UPDATE _stream_ext.continuous_view SET state = 'gap' WHERE view = 'v'::regclass;
	COMMIT;} . write_sql(0, 10) . q{SELECT stream_resume('v');} . write_sql(0, 10));
oracle_ok($copy, 'SELECT * FROM v', sprintf($query, 'witness'), 'a gap that is none');

# --- for those who want certainty ------------------------------------------------------------------
$copy->safe_psql('postgres', write_sql(0, 10));
my $end = $copy->safe_psql('postgres', 'SELECT pg_current_wal_flush_lsn()');
is($copy->safe_psql('postgres', "SELECT stream_prepare_backup() >= '$end'"), 't', 'storage is brought up to a position');
is($copy->safe_psql('postgres', "SELECT bool_and(flushed_lsn >= '$end') FROM pg_stat_stream_view"), 't',
	'and has everything');
like(error_of($copy, 'SET ROLE alice; SELECT stream_prepare_backup()'), qr/permission denied/, 'not for everybody');

unlike(slurp_file($copy->logfile), qr/TRAP|PANIC|terminated by signal \d+(?<!9)/, 'nothing crashed');
$copy->stop;
$node->stop;
done_testing();

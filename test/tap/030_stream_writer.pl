# 030_stream_writer.pl - what writers of streams rely on outside of a session:
# settings that must be there, prepared transactions, dumps, decoding.
use strict;
use warnings;

use File::Path qw(rmtree);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('writer', conf => q{
	wal_level = logical
});
$node->safe_psql('postgres', q{
	CREATE TABLE s (id int, note text) USING stream;
	CREATE TABLE witness (id int, note text);
	CREATE MATERIALIZED VIEW v AS SELECT id, note, count(*) AS n FROM s GROUP BY id, note;
});
my $query = 'SELECT id, note, count(*) FROM witness GROUP BY id, note';

# Returns SQL that puts a row into the stream and into the witness.
sub row
{
	my ($id, $note) = @_;
	return "INSERT INTO s VALUES ($id, '$note'); INSERT INTO witness VALUES ($id, '$note');";
}

# --- logical decoding sees the transaction, but no row of the stream ----------
$node->safe_psql('postgres', q{
	CREATE PUBLICATION everything FOR ALL TABLES;
	SELECT pg_create_logical_replication_slot('decoder', 'pgoutput')});
$node->safe_psql('postgres', row(1, 'decoded'));
# messages of pgoutput begin with their kind: R is a relation, I an insert
is($node->safe_psql('postgres', q{
	SELECT string_agg(chr(get_byte(data, 0)), '' ORDER BY lsn) || ' ' ||
		bool_or(position('witness'::bytea IN data) > 0)::text
	  FROM pg_logical_slot_get_binary_changes('decoder', NULL, NULL,
		'proto_version', '1', 'publication_names', 'everything')
	 WHERE get_byte(data, 0) IN (ascii('R'), ascii('I'))}),
	'RI true', 'a table in the same transaction is decoded, a stream is not');
$node->safe_psql('postgres', q{
	SELECT pg_drop_replication_slot('decoder');
	DROP PUBLICATION everything});
oracle_ok($node, 'SELECT * FROM v', $query, 'rows reach the view at wal_level logical');

# --- prepared transactions over a crash -----------------------------------------
$node->safe_psql('postgres', 'BEGIN; ' . row(2, 'prepared, committed') . "PREPARE TRANSACTION 'a'");
$node->safe_psql('postgres', 'BEGIN; ' . row(3, 'prepared, rolled back') . "PREPARE TRANSACTION 'b'");
$node->safe_psql('postgres', 'BEGIN; ' . row(4, 'top') . 'SAVEPOINT x; ' . row(4, 'gone')
	  . 'ROLLBACK TO x; SAVEPOINT y; ' . row(4, 'kept') . "RELEASE y; PREPARE TRANSACTION 'c'");
$node->safe_psql('postgres', row(5, 'after'));
$node->stop('immediate');
$node->start;
oracle_ok($node, 'SELECT * FROM v', $query, 'what is prepared does not count yet');
is($node->safe_psql('postgres', q{
	COMMIT PREPARED 'a';
	SELECT n FROM v WHERE note = 'prepared, committed'}),
	'1', 'the session that commits a prepared transaction sees its rows');
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'b'});
$node->stop('immediate');
$node->start;
$node->safe_psql('postgres', q{COMMIT PREPARED 'c'});
oracle_ok($node, 'SELECT * FROM v', $query, 'prepared transactions end as they ended');

# --- after a restart nobody knows what is on its way: a type has to wait --------
$node->safe_psql('postgres', q{ALTER TABLE s ADD COLUMN extra int});
$node->safe_psql('postgres', q{SELECT stream_pause('v')});
$node->safe_psql('postgres', row(6, 'before restart') =~ s/INTO s /INTO s (id, note) /r);
$node->restart;
my ($status, $out, $err) = $node->psql('postgres', 'ALTER TABLE s ALTER extra TYPE text');
like($err, qr/cannot change stream "s" while rows are on their way to view "v"/,
	'ALTER TYPE is refused while a paused view has rows to read');
$node->safe_psql('postgres', q{SELECT stream_resume('v')});
$node->safe_psql('postgres', q{SELECT stream_flush('v')});
$node->safe_psql('postgres', 'ALTER TABLE s ALTER extra TYPE text');
oracle_ok($node, 'SELECT * FROM v', $query, 'no row was lost to the new type');

# --- the extension goes and comes within one session -----------------------------
is($node->safe_psql('postgres', q{
	CREATE DATABASE other;
	\c other
	CREATE EXTENSION stream_ext;
	CREATE TABLE s (k int) USING stream;
	INSERT INTO s VALUES (1);
	DROP EXTENSION stream_ext CASCADE;
	CREATE EXTENSION stream_ext;
	CREATE TABLE s (k int) USING stream;
	CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM s;
	INSERT INTO s VALUES (1), (2);
	SELECT * FROM v;}),
	'2', 'a stream works after DROP and CREATE EXTENSION in the session');

# --- dumps ----------------------------------------------------------------------
for my $option ('--column-inserts', '--rows-per-insert=10', '--data-only')
{
	my $dump = $node->backup_dir . '.sql';
	$node->command_ok([ 'pg_dump', '-f', $dump, $option, '-t', 's', 'postgres' ],
		"pg_dump $option reads a stream");
	unlike(slurp_file($dump), qr/before restart/, '... and finds no rows');
}

# --- what must be set ---------------------------------------------------------------
$node->safe_psql('postgres', 'DROP MATERIALIZED VIEW v');
$node->append_conf('postgresql.conf', q{
	wal_level = minimal
	max_wal_senders = 0
	archive_mode = off
});
# a running worker would make its slot again
$node->stop;
rmtree([ glob($node->data_dir . '/pg_replslot/stream_ext_*') ]);
$node->start;
($status, $out, $err) = $node->psql('postgres', q{INSERT INTO s VALUES (1)});
like($err, qr/streams need wal_level to be "replica" or "logical".*HINT:  Set wal_level = replica/s,
	'wal_level = minimal is refused with a hint');

$node->append_conf('postgresql.conf', q{
	wal_level = replica
	shared_preload_libraries = ''
});
$node->restart;
($status, $out, $err) = $node->psql('postgres', q{INSERT INTO s VALUES (1)});
like($err, qr/to be preloaded.*HINT:  Add stream_ext to shared_preload_libraries/s,
	'INSERT without the library preloaded is refused with a hint');
($status, $out, $err) = $node->psql('postgres', q{CREATE TABLE s2 (k int) USING stream});
like($err, qr/to be preloaded/, 'so is a new stream');
($status, $out, $err) = $node->psql('postgres', q{SELECT * FROM s});
like($err, qr/cannot read stream "s" directly/, 'so is reading one');
$node->safe_psql('postgres', 'DROP TABLE s');
$node->safe_psql('postgres', 'DROP EXTENSION stream_ext CASCADE');
pass('a stream and the extension can be dropped without the library preloaded');

done_testing();

# The slot of a database: made with its first stream, once, whatever races;
# never in the way of a transaction that fails; missing room is explained.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('slot', conf => "max_replication_slots = 2\nmax_wal_senders = 2\n");
my $slots = q{SELECT count(*), count(*) FILTER (WHERE active), count(*) FILTER (WHERE slot_type = 'physical')
	FROM pg_replication_slots WHERE slot_name LIKE 'stream_ext_%'};

is($node->safe_psql('postgres', $slots), '0|0|0', 'CREATE EXTENSION alone takes no slot');

# --- many sessions make the first stream at once --------------------------------------
my @sessions = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 6;
$_->query_safe('BEGIN; SELECT 1') for @sessions;
my $i = 0;
for (@sessions)
{
	$_->{stdin} .= "CREATE TABLE s$i (a int) USING stream; INSERT INTO s$i VALUES (1); COMMIT;\n";
	$i++;
}
$_->query('SELECT 1') for @sessions;
$_->quit for @sessions;
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname ~ '^s[0-9]$'}), 6,
	'all of them succeed');
is($node->safe_psql('postgres', $slots), '1|0|1', 'one slot, physical, not kept acquired');

# --- it moves with what was applied -----------------------------------------------------
my $restart = q{SELECT restart_lsn FROM pg_replication_slots WHERE slot_name LIKE 'stream_ext_%'};
my $before = $node->safe_psql('postgres', $restart);
$node->safe_psql('postgres', 'INSERT INTO s0 SELECT generate_series(1, 100000)');
wait_until($node, "SELECT ($restart) > '$before'::pg_lsn");
pass('the slot moves forward');
my $moved = $node->safe_psql('postgres', $restart);
kill_and_restart($node);
cmp_ok($node->safe_psql('postgres', "SELECT ($restart) >= '$moved'::pg_lsn"), 'eq', 't',
	'it has not moved back after a crash');

# --- dropped by hand ----------------------------------------------------------------------
wait_until($node, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'stream worker'});
wait_until($node, q{SELECT NOT active FROM pg_replication_slots});
$node->psql('postgres', 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
$node->safe_psql('postgres', 'INSERT INTO s0 SELECT generate_series(1, 100000)');
wait_until($node, 'SELECT count(*) = 1 FROM pg_replication_slots');
pass('a slot that was dropped by hand is made again');

# --- extension, stream and view in one transaction, as a restore does --------------------
$node->safe_psql('postgres', 'CREATE DATABASE whole');
$node->safe_psql('whole', q{
	BEGIN;
	CREATE EXTENSION stream_ext;
	CREATE TABLE s (a int) USING stream;
	CREATE MATERIALIZED VIEW v AS SELECT a, count(*) FROM s GROUP BY a;
	INSERT INTO s VALUES (1);
	SELECT pg_sleep(3);
	COMMIT;
	INSERT INTO s VALUES (2);});
is($node->safe_psql('whole', 'SELECT stream_sync() \\g /dev/null'
	. "\nSELECT * FROM v ORDER BY a"), "1|1\n2|1", 'the worker waits for the extension');
$node->safe_psql('whole', 'DROP EXTENSION stream_ext CASCADE');
wait_until($node, "SELECT count(*) = 1 FROM pg_replication_slots WHERE slot_name LIKE 'stream_ext_%'");
pass('the slot goes with the extension');

# --- no room -----------------------------------------------------------------------------
$node->safe_psql('postgres', q{SELECT pg_create_physical_replication_slot('taken');
	CREATE DATABASE other});
$node->safe_psql('other', 'CREATE EXTENSION stream_ext');
my (undef, undef, $error) = $node->psql('other', "\\set VERBOSITY verbose\nCREATE TABLE s (a int) USING stream; INSERT INTO s VALUES (1)");
like($error, qr/ERROR:  53400: all replication slots are in use.*HINT:.*max_replication_slots/s,
	'no slot left: said with a hint');
($_, undef, $error) = $node->psql('other', q{
	DO $$ BEGIN CREATE TABLE s (a int) USING stream; INSERT INTO s VALUES (1); EXCEPTION WHEN OTHERS THEN RAISE NOTICE 'caught'; END $$;
	SELECT 1;});
like($error, qr/NOTICE:  caught/, 'the error can be caught');
$node->safe_psql('postgres', q{SELECT pg_drop_replication_slot('taken')});

# --- a slot that its transaction did not want ------------------------------------------------
$node->safe_psql('other', 'BEGIN; CREATE TABLE r (a int) USING stream; INSERT INTO r VALUES (1); ROLLBACK;');
is($node->safe_psql('other', q{CREATE TABLE t (a int) USING stream; INSERT INTO t VALUES (1);
	SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'stream_ext_%'}), '2',
	'a rolled back CREATE does not disturb the next');

# --- wal_level minimal ---------------------------------------------------------------------
my $minimal = PostgreSQL::Test::Cluster->new('minimal');
$minimal->init;
$minimal->append_conf('postgresql.conf', slurp_file('test/stream_ext.conf'));
$minimal->append_conf('postgresql.conf', "wal_level = minimal\nmax_wal_senders = 0\n"
	. "max_replication_slots = 0\n");
$minimal->start;
$minimal->psql('postgres', 'CREATE EXTENSION stream_ext');
(undef, undef, $error) = $minimal->psql('postgres',
	"\\set VERBOSITY verbose\nCREATE TABLE s (a int) USING stream; INSERT INTO s VALUES (1)");
like($error, qr/ERROR:  55000: [^\n]*wal_level.*HINT:/s, 'wal_level minimal is refused with a hint');
$minimal->stop;

unlike(slurp_file($node->logfile), qr/TRAP|PANIC/, 'no assertion failed');
$node->stop;
done_testing();

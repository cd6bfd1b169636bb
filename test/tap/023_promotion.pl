# A standby shows what has been flushed; promoted, it shows every row that was
# committed, across the change of timeline, and goes on.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $primary = stream_node('primary', init => { allows_streaming => 1 },
	conf => "stream_ext.flush_interval = '1h'\nhot_standby = on\nhot_standby_feedback = on\n");
my $query = 'SELECT k, count(*) AS n, sum(v) AS total FROM %s GROUP BY k';
$primary->safe_psql('postgres', q{
	CREATE TABLE s (k int, v numeric) USING stream;
	CREATE TABLE witness (k int, v numeric);});
$primary->safe_psql('postgres', 'CREATE MATERIALIZED VIEW v AS ' . sprintf($query, 's'));
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

# Writes n rows to both tables of a node.
sub write_rows
{
	my ($node, $n) = @_;
	$node->safe_psql('postgres', "WITH r AS (INSERT INTO witness SELECT g % 10, g FROM generate_series(1, $n) g RETURNING *)
		INSERT INTO s SELECT * FROM r");
	return;
}

write_rows($primary, 1000);
$primary->safe_psql('postgres', q{SELECT stream_flush('v'); CREATE TABLE flushed AS TABLE witness;});
write_rows($primary, 500);
$primary->safe_psql('postgres', q{BEGIN; INSERT INTO s VALUES (1, 1), (2, 2); INSERT INTO witness VALUES (1, 1), (2, 2);
	PREPARE TRANSACTION 'over';});
my $open = $primary->background_psql('postgres');
$open->query_safe('BEGIN; INSERT INTO s SELECT 77, 1 FROM generate_series(1, 5000); INSERT INTO witness VALUES (77, 1)');
write_rows($primary, 10);
$primary->wait_for_catchup($standby);

# --- on the standby ---------------------------------------------------------------------
my $difference = sub {
	my ($view, $table) = @_;
	my $plain = sprintf($query, $table);
	return "SELECT count(*) FROM ((TABLE $view EXCEPT ALL $plain) UNION ALL ($plain EXCEPT ALL TABLE $view)) d";
};
is($standby->safe_psql('postgres', $difference->('v', 'flushed')), 0, 'a standby shows what was flushed');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'stream worker'}), 0,
	'without a worker');
my (undef, undef, $error) = $standby->psql('postgres', 'INSERT INTO s VALUES (1, 1)');
like($error, qr/read-only|recovery/, 'and takes no rows');

# --- promoted ------------------------------------------------------------------------------
$primary->stop('immediate');
eval { $open->quit };
$standby->promote;
oracle_ok($standby, 'SELECT * FROM v', sprintf($query, 'witness'), 'after the promotion every committed row is there');
$standby->safe_psql('postgres', q{COMMIT PREPARED 'over'});
oracle_ok($standby, 'SELECT * FROM v', sprintf($query, 'witness'), 'a transaction prepared on the old primary');
write_rows($standby, 300);
oracle_ok($standby, 'SELECT * FROM v', sprintf($query, 'witness'), 'new rows');
kill_and_restart($standby);
oracle_ok($standby, 'SELECT * FROM v', sprintf($query, 'witness'), 'after a crash on the new timeline');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'stream_ext_%'}), 1,
	'it has a slot');

unlike(slurp_file($_->logfile), qr/TRAP|PANIC|terminated by signal/, 'nothing crashed') for $primary, $standby;
$standby->stop;
done_testing();

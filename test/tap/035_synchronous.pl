# 035_synchronous.pl - a commit that waits for a standby: the worker waits as
# well, because nobody sees its rows, but it can be told to leave.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('synchronous');

$node->safe_psql('postgres', q{
	CREATE TABLE s (k int) USING stream;
	CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM s;
	INSERT INTO s VALUES (1);
	SELECT stream_sync();});
$node->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'");
$node->reload;
wait_until($node, q{SELECT current_setting('synchronous_standby_names') = 'nobody'});

my $writer = $node->background_psql('postgres', on_error_stop => 0);
$writer->query_until(qr/started/, "\\echo started\nINSERT INTO s VALUES (2);\n");
wait_until($node, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'});
is($node->safe_psql('postgres', 'SELECT * FROM v'), '1', 'rows that nobody sees are not in the view');
my $pid = worker_pid($node);
is($node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 10000)"), 't',
	'a worker that waits for a commit leaves when it is told to');

$node->append_conf('postgresql.conf', "synchronous_standby_names = ''");
$node->reload;
$writer->quit;
is($node->safe_psql('postgres', "SELECT stream_sync() \\g /dev/null\nSELECT * FROM v"), '2', 'they are once the commit has returned');

$node->stop;
done_testing();

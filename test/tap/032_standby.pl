# 032_standby.pl - streams and standbys: redo takes no notice of the rows, a
# standby reads what has been flushed, a promoted one goes on where it was.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $primary = stream_node('primary', init => { allows_streaming => 1 });
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
# redo must not need the library
$standby->append_conf('postgresql.conf', q{shared_preload_libraries = ''});
$standby->start;

$primary->safe_psql('postgres', q{
	CREATE TABLE s (k int, note text) USING stream;
	CREATE TABLE witness (k int, note text);
	CREATE MATERIALIZED VIEW v AS SELECT note, count(*) AS n, sum(k) AS total FROM s GROUP BY note;
	SELECT stream_set_event_time('s', 'k');
});
my $query = 'SELECT note, count(*), sum(k) FROM witness GROUP BY note';

sub write_rows
{
	my ($node, $note) = @_;
	$node->safe_psql('postgres', "WITH r AS (INSERT INTO witness
			SELECT g, '$note' FROM generate_series(1, 5000) g RETURNING *)
		INSERT INTO s SELECT * FROM r");
	return;
}

write_rows($primary, 'flushed');
$primary->safe_psql('postgres', q{SELECT stream_flush('v')});
write_rows($primary, 'in memory only');
$primary->safe_psql('postgres', q{INSERT INTO s VALUES (7000, NULL); INSERT INTO witness VALUES (7000, NULL)});
oracle_ok($primary, 'SELECT * FROM v', $query, 'on the primary');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is($standby->safe_psql('postgres', 'SELECT count(*) FROM witness'), '10001',
	'a standby without the library follows');
is($standby->safe_psql('postgres', 'SELECT * FROM v'), 'flushed|5000|12502500',
	'... and reads what has been flushed');
my $closed = q{SELECT stream_closed_until_integer('v'), watermark_integer FROM pg_stat_stream_view};
is($primary->safe_psql('postgres', $closed), '7000|7000', 'the watermark on the primary');
is($standby->safe_psql('postgres', $closed), '5000|5000', '... and that of the last flush on the standby');

$standby->append_conf('postgresql.conf', q{shared_preload_libraries = 'stream_ext'});
$standby->restart;
my ($status, $out, $err) = $standby->psql('postgres', q{INSERT INTO s VALUES (1, 'x')});
like($err, qr/read-only transaction/, 'nothing is inserted on a standby');
is($standby->safe_psql('postgres', 'SELECT * FROM v'), 'flushed|5000|12502500',
	'a standby reads what has been flushed');
is($standby->safe_psql('postgres', q{BEGIN ISOLATION LEVEL REPEATABLE READ;
	SELECT * FROM v WHERE note = 'flushed'; SELECT count(*) FROM v WHERE note <> 'flushed'; COMMIT}),
	"flushed|5000|12502500\n0", '... in one snapshot, and nothing else');
is($standby->safe_psql('postgres', $closed), '5000|5000', '... with the watermark of that');

$primary->stop('immediate');
$standby->promote;
write_rows($standby, 'after promotion');
oracle_ok($standby, 'SELECT * FROM v', $query, 'the promoted standby has every row');
is($standby->safe_psql('postgres', $closed), '7000|7000', '... and the watermark after them');
$standby->stop('immediate');
$standby->start;
oracle_ok($standby, 'SELECT * FROM v', $query, '... also after a crash');

done_testing();

# 001_restart.pl - what was committed counts once, whatever stopped the server.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

# A long flush interval: at each stop nearly everything is in memory only.
my $node = stream_node('restart', conf => q{
	stream_ext.flush_interval = '1h'
});
my $query = q{SELECT w.window_start, url, count(*) AS n, sum(ms) AS total, max(ms) AS longest
	FROM %s, tumble(ts, '1 minute') w GROUP BY w.window_start, url};
$node->safe_psql('postgres', q{
	CREATE TABLE clicks (ts timestamptz, url text, ms float8) USING stream;
	CREATE TABLE witness (ts timestamptz, url text, ms float8);
});
$node->safe_psql('postgres', 'CREATE MATERIALIZED VIEW v AS ' . sprintf($query, 'clicks'));

# Writes n rows to both tables in one transaction.
sub write_rows
{
	my ($n) = @_;
	$node->safe_psql('postgres', "WITH r AS (INSERT INTO witness
			SELECT timestamptz '2026-01-01' + g * interval '1 s', '/page/' || g % 7, g / 4.0
			  FROM generate_series(1, $n) g RETURNING *)
		INSERT INTO clicks SELECT * FROM r");
	return;
}

# Says whether the view agrees with the witness.
sub agrees
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return oracle_ok($node, 'SELECT * FROM v', sprintf($query, 'witness'), $name);
}

write_rows(1000);
agrees('before any stop');

$node->restart;
agrees('after a fast shutdown');

write_rows(500);
$node->stop('immediate');
$node->start;
agrees('after an immediate shutdown');

write_rows(300);
$node->safe_psql('postgres', q{SELECT stream_flush('v')});
write_rows(200);
$node->stop('immediate');
$node->start;
agrees('flushed and unflushed rows together, after an immediate shutdown');

write_rows(100);
kill_and_restart($node);
agrees('after kill -9 of the postmaster');

write_rows(100);
my $pid = worker_pid($node);
kill 'KILL', $pid;
$node->poll_query_until('postgres', 'SELECT true');
agrees('after kill -9 of the worker');

$pid = worker_pid($node);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
write_rows(100);
agrees('after the worker was terminated');

# A worker that fails at once is started later and later.  One that was told to
# leave has not failed: with a pause that doubles, stream_ext.read_timeout would pass here.
for (1 .. 8)
{
	my $next = worker_pid($node);
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($next, 10000)");
}
is($node->safe_psql('postgres', q{INSERT INTO clicks VALUES ('2026-01-01', 'soon', 1);
		SELECT n FROM v WHERE url = 'soon'}), '1', 'a reader finds a worker soon after eight were terminated');
$node->safe_psql('postgres', q{INSERT INTO witness VALUES ('2026-01-01', 'soon', 1)});

# Rows that did not commit before the crash are not there after it.
$node->safe_psql('postgres', q{
	BEGIN;
	INSERT INTO clicks VALUES ('2026-01-01', 'prepared', 1);
	INSERT INTO witness VALUES ('2026-01-01', 'prepared', 1);
	PREPARE TRANSACTION 'kept';
	BEGIN;
	INSERT INTO clicks VALUES ('2026-01-01', 'lost', 1);
	INSERT INTO witness VALUES ('2026-01-01', 'lost', 1);
	PREPARE TRANSACTION 'dropped';
	BEGIN;
	INSERT INTO clicks VALUES ('2026-01-01', 'aborted', 1);
	INSERT INTO witness VALUES ('2026-01-01', 'aborted', 1);
	ROLLBACK;
});
$node->stop('immediate');
$node->start;
agrees('with two transactions prepared over the crash');
$node->safe_psql('postgres', q{COMMIT PREPARED 'kept'});
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'dropped'});
agrees('after one was committed and one rolled back');
is($node->safe_psql('postgres', q{SELECT n FROM v WHERE url = 'prepared'}), '1', 'the prepared row counts once');
is($node->safe_psql('postgres', q{SELECT count(*) FROM v WHERE url IN ('lost', 'aborted')}), '0', 'the others do not count');

done_testing();

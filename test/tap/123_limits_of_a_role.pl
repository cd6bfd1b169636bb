# 123_limits_of_a_role.pl - what an ordinary role can take at most: views,
# streams, dead letters.  The limits are stated in doc/reference/settings.md;
# here a role tries to go beyond each.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('limits', conf => q{
	stream_ext.max_views = 16
	stream_ext.max_views_per_role = 5
	stream_ext.max_streams_per_role = 4
	stream_ext.dead_letter_size = '1MB'
	stream_ext.flush_interval = '100ms'
});
$node->safe_psql('postgres', q{
	CREATE ROLE alice LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE mallory LOGIN;
	GRANT CREATE ON SCHEMA public TO alice, bob, mallory;
	GRANT alice TO mallory});
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION stream_ext; GRANT CREATE ON SCHEMA public TO mallory');

# Runs SQL as a role; returns its errors, empty if there are none.
sub errors_of
{
	my ($role, $sql, $database) = @_;
	my ($status, $out, $err) =
	  $node->psql($database // 'postgres', $sql, extra_params => [ '-U', $role ]);
	return $status == 0 ? '' : $err;
}

# --- streams ---------------------------------------------------------------------
is(errors_of('mallory', join(';', map { "CREATE TABLE m$_ (n int) USING stream" } 1 .. 4)), '',
	'as many streams as a role may have');
like(errors_of('mallory', 'CREATE TABLE m5 (n int) USING stream'),
	qr/role "mallory" cannot own more than 4 streams/, '... and no more');
like(errors_of('mallory', 'SET default_table_access_method = stream; CREATE TABLE m5 (n int)'),
	qr/cannot own more than 4 streams/, '... by no way');
is(errors_of('alice', 'CREATE TABLE a1 (n int, t text) USING stream'), '', 'others have their own');
$node->safe_psql('postgres', join(';', map { "CREATE TABLE p$_ (n int) USING stream" } 1 .. 6));
is(errors_of('mallory', 'DROP TABLE m4; CREATE TABLE m5 (n int) USING stream; TRUNCATE m5'), '',
	'a stream that was dropped does not count');

# --- views ------------------------------------------------------------------------
is(errors_of('mallory', join(';', map { "CREATE MATERIALIZED VIEW mv$_ AS SELECT count(*) FROM m1" } 1 .. 5)), '',
	'as many views as a role may have');
like(errors_of('mallory', 'CREATE MATERIALIZED VIEW mv6 AS SELECT count(*) FROM m1'),
	qr/role "mallory" cannot own more than 5 continuous views/, '... and no more');
wait_until($node, q{SELECT count(*) = 5 FROM _stream_ext.stat_view()});
like(errors_of('mallory', 'CREATE TABLE x (n int) USING stream; CREATE MATERIALIZED VIEW mv6 AS SELECT count(*) FROM x', 'other'),
	qr/cannot own more than 5 continuous views/, '... nor in another database');
like(errors_of('mallory', 'SET stream_ext.max_views_per_role = 100'), qr/permission denied/,
	'the limit is not his to raise');
$node->safe_psql('postgres', q{
	SET ROLE alice;
	CREATE MATERIALIZED VIEW av1 AS SELECT count(*), sum(10 / n) FROM a1});
my ($status, $out, $err) = $node->psql('postgres', q{
	SET SESSION AUTHORIZATION mallory;
	SET ROLE alice;
	ALTER MATERIALIZED VIEW av1 OWNER TO mallory});
like($err, qr/must be member|must be able to SET ROLE|cannot own more than 5/, 'a view is not given away beyond the limit');
($status, $out, $err) = $node->psql('postgres', 'ALTER MATERIALIZED VIEW mv1 OWNER TO alice');
is($status, 0, 'a view that goes to somebody else');
is(errors_of('mallory', 'ALTER TABLE m1 OWNER TO alice'), '', '... with its stream');
is(errors_of('mallory', 'CREATE MATERIALIZED VIEW mv6 AS SELECT count(*) FROM m2'), '',
	'... makes room for another');
$node->safe_psql('postgres', q{ALTER ROLE mallory SET stream_ext.max_views_per_role = 100});

# the last eighth is for those who have none
is(errors_of('mallory', join(';', map { "CREATE MATERIALIZED VIEW more$_ AS SELECT count(*) FROM m2" } 1 .. 7)), '',
	'a role with a higher limit');
like(errors_of('mallory', 'CREATE MATERIALIZED VIEW more8 AS SELECT count(*) FROM m2'),
	qr/last places .* are kept for roles that have none/, '... does not get the last places');
is(errors_of('bob', 'CREATE TABLE b1 (n int) USING stream; CREATE MATERIALIZED VIEW bv1 AS SELECT count(*) FROM b1'), '',
	'somebody without a view does');

# --- dead letters ------------------------------------------------------------------
$node->safe_psql('postgres', q{GRANT INSERT ON a1 TO mallory});
is(errors_of('mallory', q{INSERT INTO a1 SELECT 0, repeat('x', 100000) FROM generate_series(1, 500)}), '',
	'rows that fail');
synced($node, '');
is($node->safe_psql('postgres', q{SELECT rows_rejected, dead_letters_dropped BETWEEN 420 AND 450
	FROM pg_stat_stream_view WHERE viewname = 'av1'}), '500|t', 'letters beyond the size are counted');
cmp_ok($node->safe_psql('postgres', q{SELECT sum(length("row")) FROM stream_dead_letter}), '<', 1200000,
	'what is kept is bounded');
like($node->safe_psql('postgres', q{SELECT right("row", 50) FROM stream_dead_letter LIMIT 1}),
	qr/xx\.\.\. \(cut; 10000\d bytes, hash [0-9a-f]{8}\)/, 'a row that was cut says so');
like(errors_of('bob', q{SELECT stream_purge_dead_letters('a1')}), qr/must be owner/, 'others cannot purge');
is($node->safe_psql('postgres', q{SELECT stream_purge_dead_letters('av1', now() - interval '1 day')}), '0',
	'nothing is so old');
cmp_ok($node->safe_psql('postgres', q{SET SESSION AUTHORIZATION alice; SELECT stream_purge_dead_letters('a1')}),
	'>', 50, 'the owner of the stream purges');
is($node->safe_psql('postgres', 'SELECT count(*) FROM stream_dead_letter'), '0', '... all of them');
is(errors_of('mallory', q{INSERT INTO a1 SELECT 0, 'short' FROM generate_series(1, 5)}), '', 'more rows that fail');
synced($node, '');
is($node->safe_psql('postgres', 'SELECT count(*) FROM stream_dead_letter'), '5', 'there is room again');

$node->stop;
done_testing();

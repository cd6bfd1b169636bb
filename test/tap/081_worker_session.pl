# 081_worker_session.pl - what code of a view finds in the worker: its owner as
# the session's user, the time that it is, settings that ALTER DATABASE does not
# decide; and what it leaves behind.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('worker_session', conf => "stream_ext.flush_interval = '100ms'\n");

# --- the session is the owner's ---------------------------------------------------
$node->safe_psql('postgres', q{
	CREATE TABLE secrets (who text);
	CREATE FUNCTION admin_only(x text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
	BEGIN
		IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN
			RAISE EXCEPTION 'not for you, %', session_user;
		END IF;
		RETURN 'the secret';
	END $$;
	CREATE ROLE mallory;
	CREATE ROLE alice;
	CREATE SCHEMA mallory AUTHORIZATION mallory;
	CREATE SCHEMA alice AUTHORIZATION alice;
	CREATE TABLE s (n int, ts timestamptz) USING stream;
	CREATE TABLE witness (n int, ts timestamptz);
	GRANT SELECT, INSERT ON s TO mallory, alice;
	SET ROLE alice;
	CREATE FUNCTION alice.who(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
		$$ BEGIN RETURN format('%s %s %s', session_user, current_user, current_setting('is_superuser')); END $$;
	CREATE MATERIALIZED VIEW alice.who_runs AS SELECT alice.who(n) AS who, count(*) AS c FROM s GROUP BY 1;
	SET ROLE mallory;
	CREATE FUNCTION mallory.ask(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
		$$ BEGIN RETURN public.admin_only('x'); EXCEPTION WHEN raise_exception THEN RETURN sqlerrm; END $$;
	CREATE MATERIALIZED VIEW mallory.asks AS SELECT mallory.ask(n) AS answer, count(*) AS c FROM s GROUP BY 1;
	CREATE FUNCTION mallory.leave(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
		PERFORM pg_advisory_lock(42), pg_advisory_lock_shared(43);
		RETURN $1; END $$;
	CREATE MATERIALIZED VIEW mallory.leaves AS SELECT mallory.leave(n) AS n, count(*) AS c FROM s GROUP BY 1;
	RESET ROLE;
	CREATE FUNCTION boss(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
		$$ BEGIN RETURN format('%s %s', session_user = current_user, (SELECT rolsuper FROM pg_roles WHERE rolname = session_user)); END $$;
	CREATE MATERIALIZED VIEW bosses AS SELECT boss(n) AS who, count(*) AS c FROM s GROUP BY 1;
	CREATE MATERIALIZED VIEW healthy AS SELECT n, count(*) AS c FROM s GROUP BY n;});

# Writes a row to stream and witness.
sub write_row
{
	my ($n) = @_;
	$node->safe_psql('postgres', "INSERT INTO witness VALUES ($n, now()); INSERT INTO s VALUES ($n, now()); SELECT stream_sync()");
	return;
}

sub healthy_ok
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return oracle_ok($node, 'SELECT * FROM healthy', 'SELECT n, count(*) FROM witness GROUP BY n', $name);
}

write_row($_) for 1 .. 3;
is($node->safe_psql('postgres', 'SELECT * FROM alice.who_runs'), 'alice alice off|3', 'session and current user are the owner');
is($node->safe_psql('postgres', 'SELECT * FROM mallory.asks'), 'not for you, mallory|3', 'a function that asks session_user is not deceived');
is($node->safe_psql('postgres', 'SELECT * FROM bosses'), 't t|3', 'likewise for a superuser, beside the others');
is($node->safe_psql('postgres', 'SELECT sum(c) FROM mallory.leaves'), '3', 'a function that takes locks for the session runs');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), '0', '... and they do not outlive the transaction');
healthy_ok('the neighbour is exact');

# --- the time is now ---------------------------------------------------------------
$node->safe_psql('postgres', q{
	CREATE FUNCTION age_class(timestamptz) RETURNS text LANGUAGE plpgsql STABLE AS
		$$ BEGIN RETURN CASE WHEN $1 > now() THEN 'from the future' WHEN clock_timestamp() - now() > '1 min'
			THEN 'from the past' ELSE 'fresh' END; END $$;
	CREATE MATERIALIZED VIEW ages AS SELECT age_class(ts) AS class, count(*) AS c FROM s GROUP BY 1;});
write_row(4);
is($node->safe_psql('postgres', 'SELECT * FROM ages'), 'fresh|1', 'now() is later than a row that was written before');
is($node->safe_psql('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'stream worker'
		AND state IN ('active', 'idle') AND query ~ '^(applying to|flushing|taking in) view "'}), 't', 'pg_stat_activity says what the worker does');

# --- settings of the database --------------------------------------------------------
my @hostile = (
	"role = 'pg_monitor'", 'exit_on_error = on', "default_transaction_isolation = 'serializable'",
	'default_transaction_read_only = on', 'default_transaction_deferrable = on', 'statement_timeout = 1',
	'lock_timeout = 1', 'idle_in_transaction_session_timeout = 1', 'idle_session_timeout = 1',
	"search_path = 'mallory'", "session_replication_role = 'replica'", 'row_security = off', 'jit = on',
	"default_table_access_method = 'stream'", 'quote_all_identifiers = on', 'transform_null_equals = on',
	"restrict_nonsystem_relation_kind = 'view, foreign-table'", "temp_tablespaces = 'pg_default'");
for my $setting (@hostile)
{
	my ($name) = split / /, $setting;
	next if $node->safe_psql('postgres', "SELECT count(*) FROM pg_settings WHERE name = '$name'") eq '0' && $name ne 'role';

	# the session that resets them must not have them
	$node->safe_psql('template1', "ALTER DATABASE postgres SET $setting");
	my $start = $node->safe_psql('template1', 'SELECT clock_timestamp()');
	$node->safe_psql('template1', q{SELECT count(pg_terminate_backend(pid, 60000)) FROM pg_stat_activity WHERE backend_type = 'stream worker'});
	$node->poll_query_until('template1', qq{SELECT count(*) > 0 FROM pg_stat_activity
		WHERE backend_type = 'stream worker' AND query ~ 'view' AND backend_start > '$start'})
	  or die "no worker under $setting";
	$node->safe_psql('template1', "ALTER DATABASE postgres RESET $name");
	write_row(5);
	my $flushed = $node->safe_psql('postgres', q{SELECT stream_flush('healthy') \g /dev/null
		SELECT state FROM pg_stat_stream_view WHERE viewname = 'healthy'});
	is($flushed, 'running', "the worker works and flushes under $setting");
}
healthy_ok('after all of them');

$node->stop;
done_testing();

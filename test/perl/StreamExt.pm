# StreamExt.pm - what the TAP tests of stream_ext share: a node with the
# extension, the oracle, waiting, and fault points.
package StreamExt;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  stream_node oracle_ok synced set_for_worker wait_until attempt worker_pid worker_pids view_worker_pid terminate_workers
  kill_and_restart declare_fault_points);

# A test that dies says why in its output, not only in its log: that is all
# that whoever runs it elsewhere may see.
$SIG{__DIE__} = sub { diag("died: " . substr($_[0], 0, 3000)) if defined $^S && !$^S };

# Starts a node with test/stream_ext.conf and more settings, and creates the
# extension in database postgres.
sub stream_node
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(%{ $options{init} // {} });
	$node->append_conf('postgresql.conf', slurp_file('test/stream_ext.conf'));
	$node->append_conf('postgresql.conf', $options{conf}) if $options{conf};
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION stream_ext');
	return $node;
}

# Says whether view and plain query agree, row by row and number by number.
# Both are SELECTs; rows that only one of them has are printed.  Option:
# database; others_broken: other views may have a gap or an error.
sub oracle_ok
{
	my ($node, $view, $query, $name, %options) = @_;
	my $sql = qq{
		WITH v AS MATERIALIZED ($view), q AS MATERIALIZED ($query)
		(SELECT 'only in the view' AS side, x::text FROM (TABLE v EXCEPT ALL TABLE q) x LIMIT 20)
		UNION ALL
		(SELECT 'only in the query', x::text FROM (TABLE q EXCEPT ALL TABLE v) x LIMIT 20)};
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	# stream_sync() in the same session: wait for every commit so far, as long as any test waits
	my $sync = "stream_sync('$PostgreSQL::Test::Utils::timeout_default s')";
	my $wait = $options{others_broken}
	  ? "DO \$\$ BEGIN PERFORM $sync; EXCEPTION WHEN object_not_in_prerequisite_state THEN NULL; END \$\$;"
	  : "SELECT $sync \\g /dev/null";
	my $rows = $node->safe_psql($options{database} // 'postgres', "$wait\n$sql");
	return is($rows, '', $name);
}

# Returns what a query gives once every running view holds all that was committed
# so far, by whatever session.
sub synced
{
	my ($node, $sql) = @_;
	return $node->safe_psql('postgres',
		"SELECT stream_sync('$PostgreSQL::Test::Utils::timeout_default s') \\g /dev/null\n$sql");
}

# Changes a setting; afterwards the worker goes by it in all that it reads.
sub set_for_worker
{
	my ($node, $name, $value) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET $name = '$value'");
	$node->reload;
	# new sessions have it from the postmaster, which has told everybody then;
	# who is told looks between two rounds of reading
	wait_until($node, "SELECT current_setting('$name') = '$value'");
	synced($node, '');
	return;
}

# Polls until the query returns the expected text; dies after the timeout.
sub wait_until
{
	my ($node, $query, $expected) = @_;
	$node->poll_query_until('postgres', $query, $expected // 't')
	  or die "timed out waiting for: $query";
	return;
}

# Runs SQL until it succeeds, through errors and restarts of the server; dies
# after the timeout.  Returns the output.
sub attempt
{
	my ($node, $database, $sql) = @_;
	my ($status, $out, $err);

	for (1 .. 5 * $PostgreSQL::Test::Utils::timeout_default)
	{
		# psql may end before it has read the SQL: IPC::Run dies of that
		$status = -1;
		eval { ($status, $out, $err) = $node->psql($database, $sql, on_error_stop => 1); };
		return $out if $status == 0;
		select(undef, undef, undef, 0.2);
	}
	die "does not succeed: $err: $sql";
}

# Returns the pid of a stream worker of a database, waiting for one: the shared
# one, or that of the views of a role.
sub worker_pid
{
	my ($node, $database, $role) = @_;
	$database //= 'postgres';
	my $whose = defined $role ? "usename = '$role'" : "worker_type = 'shared'";
	my $query = "SELECT pid FROM pg_stat_stream_worker WHERE $whose AND datname = '$database'";

	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my $pid = $node->safe_psql('postgres', $query);
		return $pid if $pid ne '';
		select(undef, undef, undef, 0.1);
	}
	die "no stream worker for database $database";
}

# Returns the pid of the worker that maintains a view of database postgres, waiting for one.
sub view_worker_pid
{
	my ($node, $view) = @_;

	wait_until($node, "SELECT worker_pid IS NOT NULL FROM pg_stat_stream_view WHERE viewname = '$view'");
	return $node->safe_psql('postgres', "SELECT worker_pid FROM pg_stat_stream_view WHERE viewname = '$view'");
}

# Returns the pids of all stream workers of a database.
sub worker_pids
{
	my ($node, $database) = @_;
	$database //= 'postgres';
	return split /\n/, $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_stream_worker WHERE datname = '$database' ORDER BY worker_type DESC");
}

# Ends all stream workers of database postgres.
sub terminate_workers
{
	my ($node) = @_;

	$node->safe_psql('postgres', "SELECT pg_terminate_backend($_, 10000)") for worker_pids($node);
	return;
}

# kill -9 of the postmaster (and more), then a start once it and its children have gone:
# until then they hold the lock file and the shared memory.  (The children are
# found by their working directory.)
sub kill_and_restart
{
	my ($node, @also) = @_;
	my $data = $node->data_dir;
	my ($postmaster) = slurp_file("$data/postmaster.pid") =~ /^(\d+)/;

	$node->kill9;
	kill 'KILL', @also;
	for (1 .. 300)
	{
		last unless kill(0, $postmaster)
		  || grep { (readlink($_) // '') eq $data } glob('/proc/[0-9]*/cwd');
		select(undef, undef, undef, 0.1);
	}
	$node->start;
	return;
}

# Declares stream_fault_set(name, action) and stream_fault_hits(name) in database
# postgres; returns false if the library was built without fault points.
sub declare_fault_points
{
	my ($node) = @_;
	my ($status) = $node->psql('postgres', q{
		CREATE FUNCTION stream_fault_set(text, text) RETURNS void
			AS '$libdir/stream_ext', 'stream_ext_fault_set' LANGUAGE C STRICT;
		CREATE FUNCTION stream_fault_hits(text) RETURNS bigint
			AS '$libdir/stream_ext', 'stream_ext_fault_hits' LANGUAGE C STRICT;},
		on_error_stop => 1);
	return $status == 0;
}

1;

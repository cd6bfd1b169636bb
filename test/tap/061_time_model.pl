# 061_time_model.pl - event time against a model that replays the rows in SQL.
#
#   TIME_MODEL_ROUNDS=50 SEED=42 make check-tap PROVE_TESTS=test/tap/061_time_model.pl
#
# Each round has a stream with a random type of event time and a random delay, and
# views with random windows, lateness and policies.  Rows come out of order, some
# without a time or from the future, in every other round by several inputs, in
# transactions of every kind: rolled back wholly or in part, prepared, committed
# in another order than begun; delays change; worker and server are killed.  Every
# view, its late rows and its watermark must be those of test/perl/TimeModel.pm.  The seed decides all that
# but how the worker cuts the rows into runs.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;
use TimeModel;

my $rounds = $ENV{TIME_MODEL_ROUNDS} || 3;
my $steps = $ENV{TIME_MODEL_STEPS} || 16;
my $seed = int($ENV{SEED} || time());
diag("SEED=$seed");
srand($seed);

# little memory makes large transactions go to storage by themselves
my $memory = pick('1MB', '1MB', '64MB');
my $node = stream_node('time_model', conf => qq{
	stream_ext.shared_memory = '$memory'
	track_commit_timestamp = on
	log_statement = none
	stream_ext.flush_interval = '200ms'
	stream_ext.work_memory = '1MB'
	stream_ext.batch_size = '4kB'
});
time_model_install($node);

# Returns a random integer of [0, n).
sub below
{
	return int(rand($_[0]));
}

# Returns one of its arguments.
sub pick
{
	return $_[ below(scalar @_) ];
}

# --- types of event time ------------------------------------------------------------

# unit: the axis' length of 1; length: how SQL writes n of them; base: SQL of the
# time around which rows lie; origin: the default origin of windows on the axis.
my %type = (
	timestamptz => {
		unit => 60_000_000,
		length => sub { "interval '$_[0] minutes'" },
		base => "date_trunc('minute', now()) - interval '20 hours'",
		monday => "'2000-01-03 00:00+00'::timestamptz",
	},
	timestamp => {
		unit => 60_000_000,
		length => sub { "interval '$_[0] minutes'" },
		base => "date_trunc('minute', now()) AT TIME ZONE 'UTC' - interval '20 hours'",
		monday => "'2000-01-03 00:00'::timestamp",
	},
	date => {
		unit => 86_400_000_000,
		length => sub { "interval '$_[0] days'" },
		base => 'current_date - 1500',
		monday => "'2000-01-03'::date",
	},
	bigint => {
		unit => 1,
		length => sub { "$_[0]::bigint" },
		base => '-500::bigint',
		monday => '0::bigint',
	});

# The round at work: its number, type, streams, the next transaction, views.
my %round;

# Returns SQL of a time n units after the base; whole days are all that dates have.
sub time_sql
{
	my ($n) = @_;
	my $sql = "($type{$round{type}}{base}) + $n * " . $type{ $round{type} }{length}->(1);
	return $round{type} eq 'date' ? "($sql)::date" : $sql;
}

# --- rows -----------------------------------------------------------------------------

# Returns SQL that writes n rows to archive and stream.  Times go up slowly,
# most of them up to spread out of order, some far behind or without a place.
sub rows_sql
{
	my ($n, $spread) = @_;
	my $progress = $round{progress};
	$spread //= pick(1, 5, 30, 200);
	my $future = $round{type} eq 'bigint' ? time_sql('(random() * 200)::int') : time_sql('100000');
	$round{progress} += pick(0, 1, 5, 20);
	my $input = pick(@{ $round{inputs} });
	return "SET stream_ext.input = '$input';
		WITH r AS (INSERT INTO archive_$round{number} (txn, input, ts, key, v)
		SELECT $round{txn}, '$input', CASE WHEN kind < 0.01 THEN NULL
			WHEN kind < 0.03 AND '$round{type}' <> 'bigint' THEN (CASE WHEN kind < 0.02 THEN 'infinity' ELSE '-infinity' END)::text
			WHEN kind < 0.05 THEN ($future)::text
			WHEN kind < 0.08 THEN (" . time_sql("($progress - random() * 600)::int") . ")::text
			ELSE (" . time_sql("($progress + g * 20 / $n - random() * $spread)::int") . ")::text END::$round{type},
			CASE WHEN random() < 0.02 THEN NULL ELSE 'k' || (random() * 4)::int END, (random() * 1000)::bigint
		  FROM (SELECT g, random() AS kind FROM generate_series(1, $n) g) k
		RETURNING place, ts, key, v) INSERT INTO events_$round{number} SELECT * FROM r;\n";
}

# Begins another transaction of the model.
sub next_transaction
{
	$round{txn}++;
	return "SELECT setseed(" . rand() . ");\nBEGIN;\n";
}

# Notes that transactions have committed, in this order.
sub note_commits
{
	$node->safe_psql('postgres', "INSERT INTO commits_$round{number} (txn) VALUES ($_)") for @_;
	return;
}

my %action = (
	simple => sub {
		$node->safe_psql('postgres', next_transaction() . rows_sql(1 + below(300)) . 'COMMIT;');
		note_commits($round{txn});
	},
	small => sub {
		for (1 .. 8)
		{
			$node->safe_psql('postgres', next_transaction() . rows_sql(1 + below(3)) . 'COMMIT;');
			note_commits($round{txn});
		}
	},
	large => sub {
		$node->safe_psql('postgres', next_transaction() . rows_sql(pick(2000, 10_000), 1500) . 'COMMIT;');
		note_commits($round{txn});
	},
	aborted => sub {
		$node->safe_psql('postgres', next_transaction() . rows_sql(1 + below(200)) . 'ROLLBACK;');
	},
	savepoints => sub {
		my $end = pick('ROLLBACK TO', 'RELEASE');
		my $inner = pick('ROLLBACK TO', 'RELEASE');
		$node->safe_psql('postgres', next_transaction() . rows_sql(1 + below(50)) . "SAVEPOINT a;\n"
			. rows_sql(1 + below(50)) . "SAVEPOINT b;\n" . rows_sql(1 + below(50)) . "$inner b;\n"
			. rows_sql(1 + below(50)) . "$end a;\n" . rows_sql(1 + below(50)) . 'COMMIT;');
		note_commits($round{txn});
	},
	interleaved => sub {
		my @sessions = map { { psql => $node->background_psql('postgres') } } 1 .. 3;
		for my $session (@sessions)
		{
			$session->{psql}->query_safe(next_transaction());
			$session->{txn} = $round{txn};
		}
		for (1 .. 6)
		{
			my $session = pick(@sessions);
			local $round{txn} = $session->{txn};
			$session->{psql}->query_safe(rows_sql(1 + below(40)));
		}
		for my $session (sort { rand() <=> 0.5 } @sessions)
		{
			$session->{psql}->query_safe('COMMIT');
			$session->{psql}->quit;
			note_commits($session->{txn});
		}
	},
	prepared => sub {
		$node->safe_psql('postgres', next_transaction() . rows_sql(1 + below(100)) . "PREPARE TRANSACTION 't$round{txn}';");
		my $prepared = $round{txn};
		$node->safe_psql('postgres', next_transaction() . rows_sql(1 + below(100)) . 'COMMIT;');
		note_commits($round{txn});
		kill_and_restart($node) if below(3) == 0;
		my $commits = below(3) > 0;
		$node->safe_psql('postgres', ($commits ? 'COMMIT' : 'ROLLBACK') . " PREPARED 't$prepared'");
		note_commits($prepared) if $commits;
	},
	flush => sub {
		$node->safe_psql('postgres', 'SELECT stream_flush(\'' . pick(@{ $round{views} }) . '\')');
	},
	delay => sub {
		set_event_time();
	},
	view => sub {
		make_view() if @{ $round{views} } < 14;
	},
	'kill worker' => sub {
		kill 'KILL', worker_pid($node);
		attempt($node, 'postgres', 'SELECT stream_sync()');
	},
	'terminate worker' => sub {
		$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . worker_pid($node) . ')');
	},
	'kill server' => sub {
		kill_and_restart($node);
	},
	'restart server' => sub {
		$node->restart(pick('fast', 'immediate'));
	});

# --- event time and views ---------------------------------------------------------------

# Fills model.arrived from the archive.
sub fill_model
{
	my $committed = $round{type} eq 'bigint' ? 'NULL::bigint' : 'model.axis(pg_xact_commit_timestamp(a.xmin))';
	$node->safe_psql('postgres', "TRUNCATE model.arrived; INSERT INTO model.arrived
		SELECT row_number() OVER (ORDER BY c.no, a.place), model.axis(a.ts), a.key, a.v, $committed, a.place, a.input
		  FROM archive_$round{number} a JOIN commits_$round{number} c USING (txn)");
	return;
}

# Returns how many rows the stream has had.
sub place_now
{
	return $node->safe_psql('postgres',
		"SELECT count(*) FROM archive_$round{number} JOIN commits_$round{number} USING (txn)");
}

# Sets the event time, with a random delay.
sub set_event_time
{
	my $delay = pick(0, 0, 3, 20, 100);
	$node->safe_psql('postgres', "SELECT stream_set_event_time('events_$round{number}', 'ts', " . $type{ $round{type} }{length}->($delay) . ')');
	$node->safe_psql('postgres', 'INSERT INTO model.rule (after_place, delay) VALUES (' . place_now() . ", ${delay}::bigint * $type{$round{type}}{unit})");
	return;
}

# Makes a view with random windows and policies, and tells the model.
sub make_view
{
	my ($t, $name) = ($type{ $round{type} }, "v_$round{number}_" . (1 + @{ $round{views} }));
	my $kind = pick('tumble', 'hop', 'hop', 'cumulate', 'session', 'session', $round{type} eq 'timestamptz' ? 'month' : 'tumble');
	my $step = 1 + below(12);
	my $size = $kind eq 'cumulate' ? $step * (1 + below(6)) : 1 + below(40);
	my $origin = $kind eq 'session' || $kind eq 'month' || below(2) ? 0 : below(100) - 50;
	my $origin_sql = "$t->{monday} + $origin * " . $t->{length}->(1);
	$origin_sql = "($origin_sql)::date" if $round{type} eq 'date';
	my $from = $kind eq 'tumble' ? 'tumble(ts, ' . $t->{length}->($size)
	  : $kind eq 'session' ? 'session(ts, ' . $t->{length}->($size)
	  : $kind eq 'month' ? q{tumble(ts, '1 month', NULL, 'Europe/Berlin'}
	  : "$kind(ts, " . $t->{length}->($step) . ', ' . $t->{length}->($size);
	$from .= ", $origin_sql" if $origin != 0;
	my $lateness = pick(0, 0, 2, 15, 100, 100_000);
	my $late = pick('update', 'drop', 'drop', 'side', 'side');
	my $emit = $late ne 'update' && below(3) == 0 ? 'on close' : 'on update';
	my $modulo = below(3) ? 'NULL' : 2 + below(5);
	# a join may give the rows in another order; it changes nothing else
	my $join = below(4) ? '' : " LEFT JOIN names_$round{number} ON name = key";
	my $lateness_sql = $t->{length}->($lateness) =~ s/^interval '|'$|::bigint//gr;

	$node->safe_psql('postgres', "CREATE MATERIALIZED VIEW $name
		WITH (stream.lateness = '$lateness_sql', stream.late = '$late', stream.emit = '$emit') AS
		SELECT w.window_start AS s, w.window_end AS e, key, count(*) AS n, sum(v) AS total
		  FROM events_$round{number}$join, $from) w" . ($modulo eq 'NULL' ? '' : " WHERE v % $modulo <> 0") . '
		 GROUP BY w.window_start, w.window_end, key');
	$node->safe_psql('postgres', "INSERT INTO model.view VALUES ('$name', " . place_now() . ", '$kind', ${step}::bigint * $t->{unit},
		${size}::bigint * $t->{unit}, model.axis($t->{monday}) + ${origin}::bigint * $t->{unit}, ${lateness}::bigint * $t->{unit},
		'$late', '$emit', $modulo, " . ($round{type} eq 'bigint' ? 'NULL' : "model.axis(interval '1 day')") . ')');
	push @{ $round{views} }, $name;
	return;
}

# --- rounds ------------------------------------------------------------------------------

my @weights = (('simple') x 6, ('small') x 2, ('savepoints') x 2, 'large', 'aborted', 'interleaved', 'prepared', 'flush',
	'delay', 'view', 'kill worker', 'terminate worker', 'kill server', 'restart server');
my ($late_pairs, $kept_pairs) = (0, 0);

for my $number (1 .. $rounds)
{
	my $type = pick(sort keys %type);
	%round = (number => $number, type => $type, txn => 0, progress => 0, views => [],
		inputs => below(2) ? [''] : [ '', 'a', 'b' ]);
	subtest "round $number: event time of type $type" => sub {
		$node->safe_psql('postgres', "TRUNCATE model.view, model.rule;
			CREATE TABLE events_$number (place bigint, ts $type, key text, v bigint) USING stream;
			CREATE TABLE archive_$number (txn int, place bigserial, input text, ts $type, key text, v bigint);
			CREATE TABLE commits_$number (no serial, txn int);
			CREATE TABLE names_$number (name text);
			INSERT INTO names_$number SELECT 'k' || n FROM generate_series(0, " . pick(3, 3000) . ") n; ANALYZE names_$number");
		$action{simple}->() if below(2);	# rows from before the event time was set
		set_event_time();
		make_view() for 1 .. 6;
		my @log;
		for (1 .. $steps)
		{
			push @log, pick(@weights);
			$action{ $log[-1] }->();
			next if below(8);
			fill_model();
			time_model_ok($node, pick(@{ $round{views} }), 'on the way') or diag(join(', ', @log));
		}
		fill_model();
		for my $view (@{ $round{views} })
		{
			my $ok = time_model_ok($node, $view, 'at the end');
			my ($kept, $late) = time_model_numbers($node);
			$kept_pairs += $kept;
			$late_pairs += $late;
			diag(join(', ', @log) . "\n" . $node->safe_psql('postgres',
				"SELECT v::text, pg_get_viewdef('$view'::regclass) FROM model.view v WHERE name = '$view'")) if !$ok;
		}
		diag($node->safe_psql('postgres', q{SELECT sum(oversize_transactions) || ' transactions for storage' FROM pg_stat_stream_view}));
		is($node->safe_psql('postgres', q{SELECT string_agg(viewname || ': ' || state, ', ') FROM pg_stat_stream_view
			WHERE state <> 'running'}), '', 'every view is running');
		$node->safe_psql('postgres', "DROP TABLE events_$number CASCADE");
	};
}
diag("$kept_pairs rows in time for a window, $late_pairs late");
cmp_ok($late_pairs, '>', 100 * $rounds, 'enough rows were late');
unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:/, 'no assertion failed, nothing panicked');

$node->stop;
done_testing();

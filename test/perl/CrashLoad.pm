# CrashLoad.pm - random transactions for the crash test.
#
# Every transaction writes the same rows to the stream "events" and to the table
# "witness".  Column bal of the rows of one committed transaction adds up to
# zero, and only that of whole transactions does: a reader that finds
# another sum has seen half of one.
package CrashLoad;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(load_columns load_transaction load_oversize);

# Returns the columns of stream and witness.
sub load_columns
{
	return 'producer int, seq bigint, key int, ts timestamptz, v float8, note text, bal bigint';
}

# Returns SQL that gives both tables the rows of a SELECT, in one order or the other.
sub both_tables_sql
{
	my ($rows) = @_;
	my ($first, $second) = rand() < 0.5 ? qw(witness events) : qw(events witness);
	return "WITH r AS (INSERT INTO $first $rows RETURNING *) INSERT INTO $second SELECT * FROM r;\n";
}

# Returns the SELECT of n rows with so many keys, each with the value bal; all numbers are exact in float8.
sub rows_sql
{
	my ($producer, $n, $bal, $keys) = @_;
	$keys //= rand() < 0.9 ? 50 : 20_000;
	my $first = int(rand(1_000_000_000));
	return "SELECT $producer AS producer, $first + g AS seq, (g * 7919 + $first) % $keys AS key,
		timestamptz '2026-01-01 00:00+00' + ((g * 31 + $first) % 1800) * interval '1 s' AS ts,
		((g * 13 + $first) % 1000)::float8 / 4 AS v, 'note ' || (g + $first) % 97 AS note, $bal AS bal
		FROM generate_series(1, $n) g";
}

# Returns psql input that copies the same n rows into both tables.
sub copy_sql
{
	my ($producer, $n) = @_;
	my $first = int(rand(1_000_000_000));
	my $data = '';
	for my $g (1 .. $n)
	{
		my $s = ($g * 31 + $first) % 1800;
		$data .= sprintf("%d\t%d\t%d\t2026-01-01 %02d:%02d:%02d+00\t%.2f\tnote %d\t1\n",
			$producer, $first + $g, ($g * 7919 + $first) % 50, $s / 3600, $s / 60 % 60, $s % 60,
			(($g * 13 + $first) % 1000) / 4, ($g + $first) % 97);
	}
	return join('', map { "COPY $_ FROM STDIN;\n$data\\.\n" } 'events', 'witness');
}

# Returns SQL that writes up to most rows, with bal 1, and how many those are.
sub write_sql
{
	my ($producer, $most) = @_;
	my $n = 1 + int(rand($most));
	return (copy_sql($producer, $n), $n) if $n <= 3000 && rand() < 0.33;
	return (both_tables_sql(rows_sql($producer, $n, 1)), $n);
}

# Returns SQL that writes the row that balances n others.
sub balance_sql
{
	my ($producer, $n) = @_;
	return both_tables_sql(rows_sql($producer, 1, -$n));
}

# Returns SQL of the body of a transaction: several writes of up to most rows.
sub body_sql
{
	my ($producer, @most) = @_;
	my ($sql, $n) = ('', 0);
	for (@most)
	{
		my ($write, $rows) = write_sql($producer, $_);
		$sql .= $write;
		$n += $rows;
	}
	return $sql . balance_sql($producer, $n);
}

# Returns SQL of a transaction with savepoints, each released or rolled back.
sub savepoints_sql
{
	my ($producer) = @_;
	my ($keep_outer, $keep_inner) = (rand() < 0.5, rand() < 0.5);
	my ($before, $n) = write_sql($producer, 400);
	my ($outer, $n_outer) = write_sql($producer, 400);
	my ($inner, $n_inner) = write_sql($producer, 5);
	my ($late, $n_late) = write_sql($producer, 5);

	$n += $n_outer + $n_late + ($keep_inner ? $n_inner : 0) if $keep_outer;
	return "BEGIN;\n${before}SAVEPOINT a;\n${outer}SAVEPOINT b;\n$inner"
	  . ($keep_inner ? 'RELEASE b' : 'ROLLBACK TO b') . ";\n$late"
	  . ($keep_outer ? 'RELEASE a' : 'ROLLBACK TO a') . ";\n"
	  . balance_sql($producer, $n) . "COMMIT;\n";
}

# Returns SQL of a prepared transaction that may stay open.
sub prepared_sql
{
	my ($producer) = @_;
	my $gid = "p${producer}_" . int(rand(1_000_000_000));
	my $end = rand();
	return "BEGIN;\n" . body_sql($producer, 400) . "PREPARE TRANSACTION '$gid';\n"
	  . ($end < 0.5 ? "COMMIT PREPARED '$gid';\n" : $end < 0.85 ? "ROLLBACK PREPARED '$gid';\n" : '');
}

# Returns SQL of a transaction with more groups than the worker's memory holds.
sub load_oversize
{
	my ($producer) = @_;
	my $n = 10_000 + int(rand(10_000));
	return "BEGIN;\n" . both_tables_sql(rows_sql($producer, $n, 1, 20_000)) . balance_sql($producer, $n) . "COMMIT;\n";
}

# Returns psql input for one transaction of a random kind.
sub load_transaction
{
	my ($producer) = @_;
	my $kind = rand();

	if ($kind < 0.10)	# one statement, no BEGIN
	{
		my $n = 1 + int(rand(5));
		return both_tables_sql(rows_sql($producer, $n, "CASE g WHEN 1 THEN 1 - $n ELSE 1 END"));
	}
	return "BEGIN;\n" . body_sql($producer, 400) . "ROLLBACK;\n" if $kind < 0.25;
	# larger than the worker's memory
	return "BEGIN;\n" . body_sql($producer, 20_000) . "COMMIT;\n" if $kind < 0.28;
	return "BEGIN;\n" . body_sql($producer, 10_000, 400, 10_000) . "COMMIT;\n" if $kind < 0.30;
	return savepoints_sql($producer) if $kind < 0.60;
	return prepared_sql($producer) if $kind < 0.80;
	return "BEGIN;\n" . body_sql($producer, 400, 5) . "COMMIT;\n";
}

1;

# RandomQuery.pm - random rows and random queries over them.
#
# A query reads SOURCE: put the stream there, or the table of the same rows.
# Everything that it computes is exact and independent of the order of rows, so
# that two ways of running it must agree: floats are multiples of a quarter, and
# "first" and its like have a unique order.
package RandomQuery;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(random_columns random_tables random_rows random_query);

my @columns = (
	[ id => 'bigint' ], [ i2 => 'int2' ], [ i4 => 'int4' ], [ i8 => 'int8' ], [ n => 'numeric' ], [ f4 => 'float4' ],
	[ f8 => 'float8' ], [ t => 'text' ], [ c => 'char(4)' ], [ b => 'boolean' ], [ d => 'date' ], [ ts => 'timestamp' ],
	[ tz => 'timestamptz' ], [ iv => 'interval' ], [ u => 'uuid' ], [ j => 'jsonb' ], [ a => 'int4[]' ], [ by => 'bytea' ],
	[ e => 'mood' ], [ m => 'small' ]);

# Returns the column list of stream and table.
sub random_columns
{
	return join(', ', map { "\"$_->[0]\" $_->[1]" } @columns);
}

# Returns SQL of the types, and of the table that queries join.
sub random_tables
{
	return q{
		CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
		CREATE DOMAIN small AS int CHECK (VALUE < 1000);
		CREATE TABLE dim (k int, name text, weight numeric);
		INSERT INTO dim SELECT g % 9, CASE WHEN g % 4 > 0 THEN 'name ' || g % 5 END, g / 2.0 FROM generate_series(0, 10) g;
		INSERT INTO dim VALUES (NULL, 'nobody', 1)};
}

# Returns one of its arguments.
sub one_of
{
	return $_[ int(rand(@_)) ];
}

# Returns true with a probability.
sub chance
{
	return rand() < $_[0];
}

# Returns a literal of a timestamp: mostly within three days, sometimes far away.
sub random_time
{
	return one_of("'1970-01-01'", "'1969-12-31 23:59:59.999999'", "'infinity'", "'-infinity'", "'2100-02-28 12:00'") if chance(0.02);
	return sprintf("'2026-03-%02d %02d:%02d:%02d%s'", 27 + int(rand(3)), rand(24), one_of(0, 0, 30, int(rand(60))),
		one_of(0, int(rand(60))), one_of('', '.5'));
}

my %literal = (
	i2 => sub { int(rand(7)) - 3 },
	i4 => sub { chance(0.02) ? one_of(2147483647, -2147483648) : int(rand(20)) - 5 },
	i8 => sub { chance(0.02) ? one_of('9223372036854775806', '-9223372036854775807') : int(rand(100)) },
	n => sub { one_of('0', '1.0', '1.00', '-2.5', "'NaN'", sprintf('%d.%03d', rand(1000), rand(1000)), '1e30') },
	f4 => sub { one_of("'NaN'", "'-0'", 0, int(rand(40)) / 4, int(rand(40)) / 4) },
	f8 => sub { one_of("'-0'", 0, -1.5, int(rand(4000)) / 4) },
	t => sub { one_of("''", "'a'", "'A'", "'b '", "'\xc3\xa4'", "'word " . int(rand(30)) . "'", "repeat('long ', " . int(rand(500)) . ')') },
	c => sub { one_of("'x'", "'x  '", "'abcd'", "''") },
	b => sub { one_of('true', 'false') },
	d => sub { chance(0.02) ? one_of("'infinity'", "'-infinity'", "'1969-12-31'") : sprintf("'2026-0%d-%02d'", 1 + rand(3), 1 + rand(28)) },
	ts => \&random_time,
	tz => \&random_time,
	iv => sub { one_of("'1 day'", "'24 hours'", "'1 mon'", "'30 days'", "'-5 s'", "'" . int(rand(9)) . " s'") },
	u => sub { sprintf("'00000000-0000-0000-0000-%012d'", rand(5)) },
	j => sub { one_of("'1'", "'1.0'", "'null'", "'{\"k\": " . int(rand(4)) . ", \"x\": [1]}'", "'{\"x\": [1], \"k\": 0}'") },
	a => sub { one_of("'{}'", "'{1}'", "'{1,NULL}'", "'{" . int(rand(4)) . ',' . int(rand(4)) . "}'") },
	by => sub { one_of("''", "'\\x00'", "'\\x00ff'") },
	e => sub { one_of("'sad'", "'ok'", "'happy'") },
	m => sub { int(rand(50)) });

my $next_id = 0;

# Returns VALUES of n rows; a tenth of the values is NULL.
sub random_rows
{
	my ($n) = @_;
	my @rows;
	for (1 .. $n)
	{
		push @rows, '(' . join(', ', ++$next_id,
			map { '(' . (chance(0.1) ? 'NULL' : $literal{ $_->[0] }->()) . ")::$_->[1]" } @columns[ 1 .. $#columns ]) . ')';
	}
	return 'VALUES ' . join(",\n", @rows);
}

# --- queries ------------------------------------------------------------------------

# Returns a window in FROM as ", tumble(...) w", or "".
sub random_window
{
	return '' if chance(0.4);
	my ($column, $unit, @origin) = @{ one_of(
		[ 'tz', 'm', "'2026-01-01 00:07+00'" ], [ 'tz', 'm', "'2026-01-01 00:07+00'" ], [ 'ts', 'm', "'2001-01-01 03:00'" ],
		[ 'd', 'd', "'2026-01-03'" ], [ 'i4', '', 3 ], [ 'i8', '', -4 ]) };
	my $length = sub {
		my ($n) = @_;
		return $unit eq '' ? $n : $unit eq 'd' ? "'$n days'" : "'" . $n * 5 . " minutes'";
	};
	my $origin = chance(0.3) ? ", $origin[0]" : '';
	my $small = 1 + int(rand(12));
	# windows of numbers near the ends of their type are an error either way
	my $time = $unit eq '' ? "CASE WHEN abs(s.${column}::numeric) < 1000 THEN s.$column END" : "s.$column";

	return ", tumble($time, " . $length->($small) . "$origin) w" if chance(0.6);
	return ", hop($time, " . $length->($small) . ', ' . $length->($small + int(rand(3 * $small))) . "$origin) w" if chance(0.6);
	return ", cumulate($time, " . $length->($small) . ', ' . $length->($small * (1 + int(rand(4)))) . "$origin) w";
}

my @key_expressions = (
	(map { 's."' . $_->[0] . '"' } grep { $_->[0] !~ /^(id|iv)$/ } @columns),
	's.iv', 's.i4 % 5', 'lower(s.t)', "s.t || '!'", "date_trunc('hour', s.tz)", "date_trunc('day', s.ts)",
	"date_bin('15 min', s.ts, '2001-01-01')", "date_bin('20 min', s.tz, '2026-01-01 00:05+00')", 'coalesce(s.b, false)',
	"s.j->>'k'", 's.a[1]', 'cardinality(s.a)', 's.e > \'sad\'', "CASE WHEN s.i2 > 0 THEN 'up' WHEN s.i2 < 0 THEN 'down' END",
	'extract(dow FROM s.d)', 's.id % 3', 's.n > 1', "s.t COLLATE \"C\"", 's.f8::numeric');

# Returns an aggregate of exact result, without FILTER.
sub random_plain_aggregate
{
	my $number = one_of('i2', 'i4', 'i8', 'n', 'f8', 'm');
	my $ordered = one_of(qw(i2 i4 i8 n f4 f8 t c d ts tz iv e m));
	return one_of('count(*)', 'count(*)', "count(s.$ordered)", "sum(s.$number)", "sum(s.$number)", "avg(s.$number)",
		"min(s.$ordered)", "max(s.$ordered)", "max(s.$ordered)", 'bool_and(s.b)', 'bool_or(s.i4 > 0)', 'every(s.b)',
		'bit_or(s.i4)', 'bit_and(s.i8)', 'bit_xor(s.i2)', 'sum(s.iv)', 'stddev(s.i4)', 'var_pop(s.i2)', 'variance(s.n)',
		'sum(s.f4) FILTER (WHERE s.f4 < 100)', 'sum(length(s.t))', "first(s.$ordered, s.id)", "last(s.$ordered, s.id)",
		"arg_max(s.$ordered, s.id)", "arg_min(s.$number, s.id)", 'sum(s.i4::int8 * s.i2)', 'count(s.j->\'k\')', 'regr_count(s.f8, s.i2)');
}

# Returns a condition on a row.
sub random_condition
{
	return one_of('s.i4 > 2', 's.b', 's.t IS NOT NULL', "s.t LIKE '%a%'", 's.n < 10 OR s.n IS NULL', 's.i2 IN (0, 1, 2)',
		"s.tz > '2026-03-28 00:00+00'", 's.id % 2 = 0', "s.j ? 'k'", 's.f8 BETWEEN 0 AND 500', "s.e <> 'sad'", 's.a @> \'{1}\'',
		'NOT s.b', 's.c = \'x\'');
}

# Returns an aggregate, maybe with FILTER, maybe in an expression.
sub random_aggregate
{
	my $aggregate = random_plain_aggregate();
	$aggregate .= ' FILTER (WHERE ' . random_condition() . ')' if $aggregate !~ /FILTER/ && chance(0.25);
	return $aggregate unless chance(0.15);
	return one_of("($aggregate) IS NULL", "coalesce(count(*), 0) + count(s.b)", "count(*) > 2", "ROW(count(*), $aggregate)::text IS NULL",
		"sum(s.i4) / count(*)");
}

# Returns n different elements, or fewer if there are not so many.
sub some_of
{
	my ($n, @from) = @_;
	my @result;
	push @result, splice(@from, int(rand(@from)), 1) while $n-- > 0 && @from;
	return @result;
}

# Returns a random query over SOURCE: mostly groups, sometimes rows.
sub random_query
{
	return chance(0.85) ? random_groups_query() : random_rows_query();
}

# Returns a random query that gives rows as they are.
sub random_rows_query
{
	my $join = chance(0.3) ? one_of('JOIN', 'LEFT JOIN') . ' dim ON dim.k = s.' . one_of('i4', 'i2', 'm') : '';
	my @columns = some_of(1 + int(rand(4)), @key_expressions, 's.id', $join ? 'dim.name' : ());
	my $place = 0;
	return 'SELECT ' . join(', ', map { "$_ AS c" . ++$place } @columns) . " FROM SOURCE s $join"
	  . (chance(0.6) ? ' WHERE ' . random_condition() : '');
}

# Returns a random query with aggregates over SOURCE.
sub random_groups_query
{
	my $window = random_window();
	my $join = chance(0.25) ? one_of('JOIN', 'JOIN', 'LEFT JOIN') . ' dim ON dim.k = s.' . one_of('i4', 'i2', 'm') : '';
	my @keys = some_of(int(rand(4)), @key_expressions, $join ? ('dim.name') x 4 : ());
	push @keys, chance(0.5) ? 'w.window_start' : ('w.window_start', 'w.window_end') if $window;
	@keys = some_of(scalar(@keys), @keys);
	my @aggregates = map { random_aggregate() } 1 .. 1 + int(rand(4));
	push @aggregates, 'sum(dim.weight)' if $join && chance(0.3);
	my $place = 0;
	my @output = map { "$_ AS c" . ++$place } @keys, @aggregates;
	$window =~ s/^, / CROSS JOIN LATERAL / if $join;	# a comma binds weaker than JOIN
	my $sql = 'SELECT ' . join(', ', @output) . " FROM SOURCE s $join$window";

	my @where = map { '(' . random_condition() . ')' } 1 .. int(rand(2.5));
	$sql .= ' WHERE ' . join(one_of(' AND ', ' OR '), @where) if @where;
	$sql .= ' GROUP BY ' . join(', ', @keys) if @keys;
	$sql .= ' HAVING ' . one_of('count(*) > 1', 'count(*) % 2 = 0', 'max(s.i4) > 3', 'sum(s.i8) IS NOT NULL', 'NOT bool_and(s.b)') if chance(0.25);
	return $sql;
}

1;

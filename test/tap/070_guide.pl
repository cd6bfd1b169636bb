# 070_guide.pl - what the guide says that a query prints, it prints.
#
# The SQL of each page of doc/guide runs in a database of its own, top to bottom,
# in one session.  A block of SQL that is followed by a block without a
# language must print that block (but for blanks at line ends and the "(n rows)"
# that many leave out); a NOTICE or an ERROR is part of it where the page
# shows one.  SQL without an output behind it may be a sketch, and fail.  A block
# that begins with a prompt, "=>", is a transcript from elsewhere.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('guide');

# Returns the blocks of a page: [language, text, the line it begins in].
sub blocks_of
{
	my ($page) = @_;
	my (@blocks, $open);
	my $number = 0;
	for my $line (split /\n/, $page)
	{
		$number++;
		if ($line =~ /^(\s*)```(\w*)\s*$/)
		{
			if ($open) { push @blocks, $open; $open = undef; }
			else { $open = { language => $2, text => '', line => $number, indent => $1 }; }
		}
		elsif ($open)
		{
			$line =~ s/^$open->{indent}//;
			$open->{text} .= "$line\n";
		}
	}
	return @blocks;
}

# Returns an output without what does not matter.
sub plain
{
	my ($text) = @_;
	$text =~ s/^psql:\S+:\d+: //mg;
	$text =~ s/[ \t]+$//mg;
	$text =~ s/^\(\d+ rows?\)\n?//mg;
	$text =~ s/\n{2,}/\n/g;
	$text =~ s/\A\n+|\n+\z//g;
	return $text;
}

for my $file (glob('doc/guide/*.md'))
{
	my @blocks = blocks_of(slurp_file($file));
	my $database = 'page_' . (lc($file) =~ s/\W/_/gr);
	my (@expected, $sql);
	for my $i (0 .. $#blocks)
	{
		next if $blocks[$i]{language} ne 'sql';
		$sql .= "\\echo <<<$i\n$blocks[$i]{text}\n;\n";
		push @expected, $i if $i < $#blocks && $blocks[ $i + 1 ]{language} eq '' && $blocks[ $i + 1 ]{text} !~ /^=>/;
	}
	next unless @expected;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION stream_ext');
	my $script = $node->basedir . "/$database.sql";
	append_to_file($script, "\\pset footer off\n$sql");
	my ($out, $err);
	IPC::Run::run([ 'psql', '-Xq', '-d', $node->connstr($database), '-f', $script ], '>', \$out, '2>&1');
	my %printed = $out =~ /^<<<(\d+)\n(.*?)(?=^<<<|\z)/msg;
	is(plain($printed{$_} // ''), plain($blocks[ $_ + 1 ]{text}), "$file, line $blocks[$_]{line}") for @expected;
}

$node->stop;
done_testing();

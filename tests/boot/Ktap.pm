# SPDX-License-Identifier: MIT
# Reads KTAP version 1 as the kernel and the host frame print it, and judges a run by it.
#
# A log may hold other lines before, between and after: only lines of KTAP's own shape count. A run passes when its status
# is the one demanded, the whole plan was kept on both levels, and no test failed. Whatever is missing is a failed test.
package Ktap;
use strict;
use warnings;

# Result: list of { ok, name, skip, notes }, one per sub-test, then one that says whether the run was complete.
sub judge {
	my (%run) = @_;    # log: text, status: number, demanded: number, name: prefix
	my (@results, @notes, @problems, $plan, $suite);
	my ($nr_suites, $in_ktap) = (0, 0);

	for my $line (split /\r?\n/, $run{log}) {
		if ($line =~ /^KTAP version 1$/) {
			push @problems, 'a second KTAP header: the machine started again' if $in_ktap++;
		} elsif (!$in_ktap) {
			next;
		} elsif ($line =~ /^1\.\.(\d+)( # SKIP .*)?$/) {
			push @problems, 'a second plan' if defined $plan;
			$plan = $1;
		} elsif ($line =~ /^    # Subtest: (\S+)$/) {
			push @problems, "suite $suite->{name} did not end" if $suite;
			$suite = { name => $1, nr => 0, nr_failed => 0 };
		} elsif ($line =~ /^    1\.\.(\d+)$/ && $suite) {
			$suite->{plan} = $1;
		} elsif ($line =~ /^\s*# (.*)$/) {
			push @notes, $1;
		} elsif ($line =~ /^    (not )?ok (\d+) (\S+)(?: # SKIP (.*))?$/ && $suite) {
			push @problems, "suite $suite->{name}: test $2 where " . ($suite->{nr} + 1) . ' was due'
			  if $2 != ++$suite->{nr};
			$suite->{nr_failed}++ if $1;
			push @results, { ok => !$1, name => "$run{name}: $suite->{name}.$3", skip => $4, notes => [@notes] };
			@notes = ();
		} elsif ($line =~ /^(not )?ok (\d+) (\S+)/) {
			my ($failed, $number, $name) = ($1, $2, $3);
			push @problems, "suite number $number where " . ($nr_suites + 1) . ' was due'
			  if $number != ++$nr_suites;
			push @problems, suite_problems($suite, $failed, $name);
			$suite = undef;
		}
	}
	push @problems, "suite $suite->{name} did not end" if $suite;
	push @problems, 'no KTAP header' if !$in_ktap;
	push @problems, 'no plan' if !defined $plan;
	push @problems, "$nr_suites suites of $plan ended" if defined $plan && $plan != $nr_suites;
	push @problems, status_problem($run{status}, $run{demanded}) if $run{status} != $run{demanded};
	push @problems, 'no test ran' if !@results;
	push @results, { ok => !@problems, name => "$run{name}: the run is complete", notes => [@notes, @problems] };
	return @results;
}

sub suite_problems {
	my ($suite, $failed, $name) = @_;
	return "$name failed before any test of it" if !$suite;
	return "suite $suite->{name} ended as $name" if $suite->{name} ne $name;
	return "suite $name has no plan" if !defined $suite->{plan};
	return "suite $name: $suite->{nr} tests of $suite->{plan} ran" if $suite->{plan} != $suite->{nr};
	return "suite $name: its result contradicts its tests" if !$failed != !$suite->{nr_failed};
	return;
}

sub status_problem {
	my ($status, $demanded) = @_;
	my %meaning = (0 => 'triple fault or power-off', 35 => 'the kernel says that something failed',
		37 => 'the kernel cannot run here', 124 => 'time limit');
	my $meaning = $meaning{$status} ? " ($meaning{$status})" : '';
	return "status $status$meaning, expected $demanded";
}

# Prints results as flat TAP with a plan; result: exit status.
sub print_tap {
	my (@results) = @_;
	my ($number, $nr_failed) = (0, 0);
	for my $result (@results) {
		$nr_failed++ if !$result->{ok};
		if (!$result->{ok}) {
			print "# $_\n" for @{ $result->{notes} };
		}
		printf "%s %d - %s%s\n", $result->{ok} ? 'ok' : 'not ok', ++$number, $result->{name},
		  defined $result->{skip} ? " # SKIP $result->{skip}" : '';
	}
	print "1..$number\n";
	return $nr_failed ? 1 : 0;
}

# Can this machine's own kernel start the program? Many start none of 32 bits any more.
sub can_start {
	my ($program) = @_;
	open(my $file, '<:raw', $program) or return 1;
	read($file, my $head, 5);
	return 1 if $head ne "\x7fELF\x01";
	return system("/usr/i686-linux-gnu/lib/ld-linux.so.2 --version >/dev/null 2>&1") == 0;
}

1;

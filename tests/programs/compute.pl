# SPDX-License-Identifier: GPL-2.0
# What Perl computes: numbers, strings, sorting, closures, modules.
use strict;
use warnings;
use Math::BigInt;
use List::Util qw(sum max first shuffle);
use Digest::SHA qw(sha256_hex);
use Time::Local;
use Encode;

my $limit = 20000;
my @composite;
for my $n (2 .. int sqrt $limit) {
	next if $composite[$n];
	for (my $m = $n * $n; $m <= $limit; $m += $n) { $composite[$m] = 1 }
}
my @primes = grep { !$composite[$_] } 2 .. $limit;
printf "%d primes, last %d, sum %d\n", scalar @primes, $primes[-1], sum @primes;

printf "%s\n", join ',', map { sprintf '%.3e|%5d|%-5s|%x', $_ ** 3.5, $_, "n$_", $_ * 255 } 1, 12, 123;
my %words;
$words{lc $1}++ while "It was the best of times, it was the worst of times" =~ /(\w+)/g;
print join(' ', map { "$_=$words{$_}" } sort { $words{$b} <=> $words{$a} || $a cmp $b } keys %words), "\n";
(my $text = 'a1b22c333') =~ s/(\d+)/'<' . $1 * 2 . '>'/ge;
print "$text\n";
print Math::BigInt->new(2)->bpow(521)->bsub(1)->bmod('1000000007'), "\n";
print unpack('H*', pack 'nNvVwa3', 1, 2, 3, 4, 300, 'xyz'), "\n";
my $counter = do { my $n = 0; sub { return $n += shift } };
$counter->($_) for 1 .. 1000;
print $counter->(0), ' ', sha256_hex(join '', 1 .. 5000), "\n";
print scalar gmtime(timegm(1, 2, 3, 4, 5, 2006)), ' ', length(encode 'UTF-8', "\x{20ac}" x 100), "\n";
my @sorted = sort { $a <=> $b } map { $_ * 7919 % 10007 } 1 .. 10006;
print defined(first { $sorted[$_] != $_ + 1 } 0 .. $#sorted) ? "not sorted\n" : "sorted\n";
eval { die { code => 42 } };
print "died with $@->{code}\n";

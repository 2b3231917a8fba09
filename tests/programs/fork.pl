# SPDX-License-Identifier: GPL-2.0
# Processes of Perl: fork, exec, pipes, backticks, wait, signals.
use strict;
use warnings;
use IO::Handle;
use POSIX ':sys_wait_h';

STDOUT->autoflush(1);
my %status;
for my $n (1 .. 6) {
	my $pid = fork // die "fork: $!";
	exit $n * 10 unless $pid;
	$status{$pid} = $n;
}
while ((my $pid = wait) > 0) { $status{$pid} .= ':' . ($? >> 8) }
print join(' ', sort values %status), "\n";

pipe my $reader, my $writer or die $!;
for my $part (0 .. 2) {
	next if fork;
	close $reader;
	my $sum = 0;
	$sum += $_ for $part * 10000 + 1 .. ($part + 1) * 10000;
	syswrite $writer, "$sum\n";
	exit;
}
close $writer;
my $sum = 0;
$sum += $_ while <$reader>;
print "$sum\n";
1 while wait > 0;

print `echo backticks; exit 3`, $? >> 8, "\n";
print system('false') >> 8, ' ', system('sh', '-c', 'kill -9 $$') & 127, "\n";
open my $sort, '|-', 'sort', '-rn' or die $!;
print $sort "$_\n" for 3, 11, 2;
close $sort;
open my $seq, '-|', 'seq 5 | tac' or die $!;
print map { chomp; "$_ " } <$seq>;
close $seq;
print "\n";

my $caught = 0;
$SIG{CHLD} = sub { $caught++ while waitpid(-1, WNOHANG) > 0 };
for (1 .. 4) { fork or exit }
select undef, undef, undef, 0.2 while $caught < 4;
$SIG{CHLD} = 'DEFAULT';
print "$caught children\n";
my $pid;
local $SIG{USR1} = sub { kill TERM => $pid };
$pid = fork // die $!;
if (!$pid) {
	$SIG{TERM} = sub { exit 5 };
	kill USR1 => getppid;
	sleep 1 while 1;
}
1 until waitpid($pid, 0) == $pid;
print $? >> 8, "\n";
exec 'echo', 'replaced' or die $!;

# SPDX-License-Identifier: GPL-2.0
# What Perl asks of the system: files, directories, locks, sockets, select, signals, timers.
use strict;
use warnings;
use Fcntl qw(:flock :seek O_CREAT O_EXCL O_RDWR);
use File::Find;
use File::Temp;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Time::HiRes qw(ualarm usleep);

for my $n (1 .. 300) {
	open my $out, '>', "f$n" or die "f$n: $!";
	print $out "line $_ of $n\n" for 1 .. 20;
	close $out or die $!;
}
opendir my $dir, '.' or die $!;
print scalar(grep { /^f\d+$/ } readdir $dir), " files\n";
rename "f$_", "g$_" or die $! for 1 .. 100;
unlink map { "f$_" } 101 .. 299;
mkdir 'sub' or die $!;
symlink '../f300', 'sub/link' or die $!;
my $size = 0;
find({ wanted => sub { $size += -s $_ if -f }, no_chdir => 1 }, '.');
print "$size bytes, link to ", readlink('sub/link'), "\n";

sysopen my $file, 'data', O_CREAT | O_EXCL | O_RDWR, 0600 or die $!;
flock $file, LOCK_EX | LOCK_NB or die $!;
syswrite $file, pack 'N*', 1 .. 1000;
sysseek $file, 400, SEEK_SET;
sysread $file, my $buffer, 8;
print join(' ', unpack 'N*', $buffer), "\n";
truncate $file, 100 or die $!;
print -s $file, ' ', (sysopen(my $again, 'data', O_CREAT | O_EXCL | O_RDWR) ? 'opened' : $!), "\n";

my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', ReuseAddr => 1) or die $!;
my $client = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->sockport) or die $!;
my $peer = $server->accept or die $!;
my $got = 0;
for my $n (1 .. 50) {
	$client->syswrite("request $n " . 'x' x 1000 . "\n");
	die unless IO::Select->new($peer)->can_read(10);
	$got += $peer->sysread($buffer, 4096);
	$peer->syswrite("answer $n\n");
	$client->sysread($buffer, 100);
}
print "$got bytes, then $buffer";
my ($one, $two) = IO::Socket::UNIX->socketpair(AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die $!;
$one->shutdown(1);
print defined $two->sysread($buffer, 1) ? "end of file\n" : "$!\n";
pipe my $reader, my $writer or die $!;
syswrite $writer, 'p' x 5000;
print sysread($reader, $buffer, 10000), "\n";

my $ticks = 0;
$SIG{ALRM} = sub { $ticks++ };
ualarm 20000, 20000;
usleep 100000 while $ticks < 5;
ualarm 0;
$SIG{USR1} = sub { print "signal @_\n" };
kill USR1 => $$;
print POSIX::strftime('%F', gmtime 86400 * 365), ' ', (POSIX::uname())[0], "\n";

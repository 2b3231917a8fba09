#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What yod and lwkctl say and return when something is wrong, compared with bash where a shell has an opinion. TAP.
# Runs where there is no driver: everything here ends before or at the opening of the device.
# Usage: tools.sh DIRECTORY_OF_THE_TOOLS
bin=$(realpath "$1")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
count=0
failed=0

result() {	# result OK NAME [DETAIL]
	count=$((count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $count - $2"
	else
		failed=$((failed + 1))
		echo "not ok $count - $2"
		printf '%s\n' "$3" | sed 's/^/# /'
	fi
}

# check NAME STATUS TEXT COMMAND...: the status, and one line on standard error that contains TEXT
check() {
	local name=$1 status=$2 text=$3 got line
	shift 3
	line=$("$@" 2>&1 >/dev/null </dev/null)
	got=$?
	[ "$got" = "$status" ] && [ "$(printf '%s\n' "$line" | wc -l)" = 1 ] && [[ $line == *"$text"* ]]
	result $? "$name" "status $got (wanted $status), said: $line (wanted: $text)"
}

# option NAME STATUS TEXT TOOL WORD...: an option that TOOL does not take: as check, and a second line leads to TOOL's help
option() {
	local name=$1 status=$2 text=$3 tool=$4 got lines
	lines=$("$bin/$tool" "${@:5}" 2>&1 >/dev/null </dev/null)
	got=$?
	[ "$got" = "$status" ] && [[ $lines == *"$text"*$'\n'"Try '$tool --help' for more information." ]]
	result $? "$name" "status $got (wanted $status), said: $lines (wanted: $text, and where help is)"
}

# like_bash NAME TEXT PROGRAM: yod fails with the status that bash gives to PROGRAM
like_bash() {
	bash -c '"$1"' - "$3" >/dev/null 2>&1 </dev/null
	check "$1, as bash" $? "$2" "$bin/yod" "$3"
}

cp /bin/true program
chmod 755 program
patch_byte() {	# patch_byte FILE OFFSET OCTAL
	cp /bin/true "$1"
	printf '%b' "\\0$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
patch_byte machine 18 267		# e_machine 183: AArch64
patch_byte class 4 001			# ELFCLASS32
patch_byte object 16 001		# ET_REL
patch_byte headers 54 001		# e_phentsize
head -c 40 /bin/true >truncated
head -c 4096 /bin/true >half
printf 'echo hello\n' >text
: >empty
printf '#!/bin/sh\nexit 0\n' >script
printf '\177ELF' >magic
mkfifo fifo
mkdir directory
sed 's|/lib64/ld-linux-x86-64.so.2|/lib64/no-such-linker.so.2|' /bin/true >linker
chmod 755 machine class object headers truncated half text empty magic linker fifo script
cp /bin/true plain
chmod 644 plain

like_bash 'missing path' 'no such file' ./missing
like_bash 'missing command' 'not found in PATH' no-such-command-at-all
like_bash 'empty name' 'not found' ''
like_bash 'directory' 'Is a directory' ./directory
like_bash 'file used as directory' 'Not a directory' ./plain/x
like_bash 'not executable' 'permission denied' ./plain
check 'FIFO' 126 'permission denied' "$bin/yod" ./fifo
like_bash 'other machine' 'another machine' ./machine
check '32-bit program' 126 'another machine' "$bin/yod" ./class
like_bash 'object file' 'not a program' ./object
like_bash 'bad program headers' 'corrupt' ./headers
like_bash 'truncated header' 'truncated' ./truncated
like_bash 'missing dynamic linker' 'no-such-linker' ./linker
check 'truncated segments' 126 'truncated' "$bin/yod" ./half
check 'text without #!' 126 'neither an ELF program nor a script' "$bin/yod" ./text
check 'empty file' 126 'neither an ELF program nor a script' "$bin/yod" ./empty
check 'nothing but the magic' 126 'truncated' "$bin/yod" ./magic
check 'name too long' 126 'too long' "$bin/yod" "./$(printf 'x%.0s' {1..5000})"
mkdir a b
cp plain a/tool
check 'PATH: only one that is not executable' 126 'permission denied' env PATH="$dir/a:$dir/b" "$bin/yod" tool

check 'no program' 1 'no program given' "$bin/yod" -v
check '-c 0' 1 '-c 0' "$bin/yod" -c 0 ./program
check '-c -1' 1 '-c -1' "$bin/yod" -c -1 ./program
check '-c 2x' 1 '-c 2x' "$bin/yod" -c 2x ./program
check '-c too many' 1 'between 1 and 1024' "$bin/yod" -c 1025 ./program
option '-c without number' 1 'requires an argument' yod -c
check '--cpus 5-2' 1 '--cpus 5-2' "$bin/yod" --cpus 5-2 ./program
check '--cpus empty' 1 'not a CPU list' "$bin/yod" --cpus '' ./program
check '-c and --cpus' 1 'exclude each other' "$bin/yod" -c 2 --cpus 2-3 ./program
check '-M 1X' 1 '-M 1X' "$bin/yod" -M 1X ./program
check '-M 0' 1 '-M 0' "$bin/yod" -M 0 ./program
check '-o without a name' 1 'no such option' "$bin/yod" -o '' ./program
check '-o nonsense' 1 '-o nonsense' "$bin/yod" -o nonsense ./program
check '-o with a mistake in its value' 1 'not a time slice' "$bin/yod" -o timeshare=0 ./program
check '-o timeshare=1x' 1 'not a time slice' "$bin/yod" -o timeshare=1x ./program
check '-o with an empty value' 1 'not a time slice' "$bin/yod" -o timeshare= ./program
check '-o with too large a value' 1 'not a time slice' "$bin/yod" -o lwksched-enable-rr=65536 ./program
check '-o without its value' 1 'give a value' "$bin/yod" -o lwksched-enable-rr ./program
check '-M too large' 1 'not a size' "$bin/yod" -M 99999999999G ./program
option 'unknown option' 1 "yod: unrecognized option '--fast'" yod --fast ./program
check '--linux without a name' 1 'give names' "$bin/yod" --linux '' ./program
check '--linux with an empty name' 1 'give names' "$bin/yod" --linux a,,b ./program
check '--linux with a path' 1 'give names' "$bin/yod" --linux /bin/ls ./program
check 'options end at the program' 127 './missing' "$bin/yod" -c 2 ./missing --fast -c 0
check 'options end at --' 127 '-c:' "$bin/yod" -c 2 -- -c

check 'lwkctl: no command' 2 'no command' "$bin/lwkctl"
check 'lwkctl: unknown command' 2 'start: no such command' "$bin/lwkctl" start
check 'lwkctl: too many operands' 2 "'b' is too much" "$bin/lwkctl" boot a b
option 'lwkctl: unknown option' 2 'lwkctl: invalid option' lwkctl stop -x
check 'lwkctl: log -n 0' 2 '-n 0' "$bin/lwkctl" log -n 0
check 'lwkctl: top -n x' 2 'top: -n x' "$bin/lwkctl" top -n x
check 'lwkctl: top -d 0' 2 'top: -d 0' "$bin/lwkctl" top -d 0
check 'lwkctl: image missing' 1 './no.img' "$bin/lwkctl" boot ./no.img
check 'lwkctl: image is a directory' 1 'not an LWK image' "$bin/lwkctl" boot ./directory

if [ -e /dev/azalea ]; then
	echo '# this kernel has Azalea: what is said without it cannot be seen here'
else
	check 'kernel without Azalea' 1 'lwkcpus=' "$bin/yod" -c 2 ./program
	check 'script goes to the loader' 1 'lwkcpus=' "$bin/yod" ./script
	check 'found in PATH' 1 'lwkcpus=' env PATH="$dir/a:$dir" "$bin/yod" program
	check 'found in an empty PATH entry' 1 'lwkcpus=' env PATH="$dir/a:" "$bin/yod" program
	check 'lwkctl: kernel without Azalea' 1 'lwkcpus=' "$bin/lwkctl" stop
	check 'lwkctl: status without Azalea' 1 'lwkcpus=' "$bin/lwkctl" status
	check 'lwkctl: top without Azalea' 1 'lwkcpus=' "$bin/lwkctl" top -n 1
fi

for tool in yod lwkctl; do
	"$bin/$tool" --help | grep -q "^Usage: $tool "
	result $? "$tool --help"
	"$bin/$tool" --version | grep -q "^$tool (Azalea) [0-9]"
	result $? "$tool --version"
	check "$tool --help to a full disk" 1 'standard output' sh -c "\"$bin/$tool\" --help >/dev/full"
done

echo "1..$count"
[ "$failed" = 0 ]

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What yod and lwkctl ask of the driver and how yod starts the proxy, with a made-up driver and a made-up proxy. TAP.
# Usage: fake.sh DIRECTORY_OF_THE_TOOLS FAKE_DRIVER.so
driver=$(realpath "$2")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/bin" "$dir/lwk"
cp "$1/yod" "$1/lwkctl" "$dir/bin"
cd "$dir" || exit 1
cp /bin/true program
cat >bin/azalea-proxy <<'END'
#!/bin/sh
echo "proxy $*"
echo "device $(readlink "/proc/$$/fd/$1"), open $(find "/proc/$$/fd" -lname /dev/full | wc -l) times"
echo "pid $$ $KEPT"
exit 7
END
chmod +x bin/azalea-proxy
count=0
failed=0

# expect NAME STATUS TEXT COMMAND...: the status and the whole output, standard error included
expect() {
	local name=$1 status=$2 text=$3 got output
	shift 3
	count=$((count + 1))
	output=$(env LD_PRELOAD="$driver" "$@" 2>&1 </dev/null)
	got=$?
	# shellcheck disable=SC2053	# TEXT is a pattern
	if [ "$got" = "$status" ] && [[ $output == $text ]]; then
		echo "ok $count - $name"
	else
		failed=$((failed + 1))
		echo "not ok $count - $name"
		printf '%s\n' "status $got (wanted $status), output: $output" "wanted: $text" | sed 's/^/# /'
	fi
}

expect 'proxy, its arguments and descriptors' 7 \
	$'proxy 3 ./program ./program program ./program -c 1 *\ndevice /dev/full, open 1 times\n*' bin/yod ./program -c 1 '*'
expect 'path found in PATH, name as typed' 7 "proxy 3 $dir/program $dir/program program program"$'\n*' env PATH="$dir:$PATH" bin/yod program
printf '#!/bin/sh -e\n' >script; chmod +x script
expect 'a script keeps its name' 7 $'proxy 3 /bin/sh ./script script /bin/sh -e ./script x\n*' bin/yod ./script x
expect 'environment' 7 $'*\npid * kept as it was' env KEPT='kept as it was' bin/yod ./program
expect '-v, all free CPUs' 7 $'yod: CPUs 2-5 (4), memory shared\n*' bin/yod -v ./program
expect '-v -c -M' 7 $'yod: CPUs 2-3 (2), memory 8G\n*' bin/yod -v -c 2 -M 8G ./program
expect '--cpus' 7 $'yod: CPUs 7,9-10 (3), memory shared\n*' bin/yod -v --cpus 9-10,7 ./program
expect '--cpus all' 7 $'yod: CPUs 2-5 (4), memory shared\n*' bin/yod -v --cpus all ./program
expect '--trace of what is no call' 1 "yod: --trace: 'opne' is no system call *" bin/yod --trace=open,opne,read ./program
expect '--trace of nothing' 1 "yod: --trace: '' is no system call *" bin/yod --trace= ./program
expect '--trace, the file is not left open' 7 $'*open 1 times\n*' bin/yod --trace=open,%file,local --trace-output=/dev/full ./program
expect '--trace-output that cannot be' 1 'yod: --trace-output ./none/trace: No such file*' bin/yod --trace --trace-output=./none/trace ./program
echo kept >trace
expect '--trace-output alone' 1 'yod: --trace-output without --trace*' bin/yod --trace-output=trace ./program
expect '--trace-output, no CPUs' 1 'yod: cannot lease *' env FAKE_ERROR=12 bin/yod --trace --trace-output=trace ./program
expect '--trace-output, no program' 127 'yod: ./none: *' bin/yod --trace --trace-output=trace ./none
expect '--trace-output is kept if nothing runs' 0 kept cat trace
expect '--trace-output, it runs' 7 'proxy *' bin/yod --trace --trace-output=trace ./program
expect '--trace-output is emptied if it runs' 0 '' cat trace
expect "the driver's words" 1 'yod: 9 CPUs wanted, 4 free; lwkctl status *' env FAKE_ERROR=16 FAKE_TEXT='9 CPUs wanted, 4 free' bin/yod -c 9 ./program
expect 'no words of the driver' 1 'yod: cannot lease *: Cannot allocate memory' env FAKE_ERROR=12 bin/yod ./program
expect 'the program is looked at first' 127 'yod: ./none: *' env FAKE_ERROR=16 bin/yod ./none

expect 'boot without image' 1 'lwkctl: boot: cannot find the image *' bin/lwkctl boot
echo 12345 >lwk/azalea.img
expect 'boot, image of the build' 0 'boot 6' bin/lwkctl boot
expect 'boot, named image' 0 'boot 27' bash -c 'echo a longer image than before >i; bin/lwkctl boot i'
expect 'boot refused' 1 'lwkctl: boot: image is damaged' env FAKE_ERROR=22 FAKE_TEXT='image is damaged' bin/lwkctl boot
expect 'boot without privilege' 1 'lwkctl: boot: only root may do this: sudo lwkctl boot' env FAKE_ERROR=1 bin/lwkctl boot
expect 'stop' 0 'stop (nil)' bin/lwkctl stop
expect 'stop -f' 0 'stop 0x1' bin/lwkctl stop -f
expect 'stop while programs run' 1 'lwkctl: stop: *lwkctl stop -f' env FAKE_ERROR=16 bin/lwkctl stop
expect 'stop without LWK' 1 'lwkctl: stop: no LWK is booted: lwkctl boot' env FAKE_ERROR=19 bin/lwkctl stop
expect 'crash' 0 '' bin/lwkctl crash
expect 'crash without privilege' 1 'lwkctl: crash: only root may do this*' env FAKE_ERROR=1 bin/lwkctl crash
expect 'log' 0 $'one\ntwo\nthree' bin/lwkctl log
expect 'log -n 2' 0 $'two\nthree' bin/lwkctl log -n 2
expect 'log -n more than there are' 0 $'one\ntwo\nthree' bin/lwkctl log -n 99
rm bin/azalea-proxy
[ -e /usr/lib/azalea/azalea-proxy ] ||
	expect 'no proxy' 1 'yod: cannot find azalea-proxy *' bin/yod ./program

echo "1..$count"
[ "$failed" = 0 ]

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For the test groups of the virtual machine: what they look at and how long they wait.
sys=/sys/kernel/azalea
[ -d $sys ] || { echo "$0: this kernel has no Azalea: run it by tools/vm -- $0, or tests/run GROUP" >&2; exit 2; }
. tests/lib/tap.sh

t=$PWD/build/bin/tests
ulimit -c 0

# Everything that must be the same before and after: what the LWK gave out.
counters()
{
	echo "free CPUs: $(<$sys/cpus_free)"
	echo "slots: $(<$sys/slots)"
	echo "threads: $(<$sys/threads)"
	awk 'NR > 1 { print "process " $1 }' $sys/processes
	awk 'NR > 1 { print "node " $1 ": total " $3 " kb, quarantined " $5 " kb"; free += $4 } END { print "free kb:", free }' $sys/memory
}

# The LWK keeps what many threads needed once (kernel stacks, thread structures) for the next ones: fill that before counting.
# warm_up [THREADS]
warm_up()
{
	yod "$t/wait" threads >/dev/null 2>&1 </dev/null &
	sleep 2
	kill -KILL $!
	wait $! 2>/dev/null
	yod "$t/crash64" "${1:-64}" >/dev/null 2>&1 </dev/null
	yod "$t/echo" >/dev/null </dev/null
}

# same BEFORE NOW: equal counters. The LWK keeps partly used pages of small objects, hence the slack in its free memory: 64 KB, which a
# leak of one frame in a thousand launches exceeds 60 times.
same()
{
	local lost=$((${1##*free kb: } - ${2##*free kb: }))

	[ "${1%free kb:*}" = "${2%free kb:*}" ] && [ $lost -le 64 ]
}

# settles NAME BEFORE: the counters get back to BEFORE, within seconds
settles()
{
	local end=$((SECONDS + 8)) now

	until [ $SECONDS -ge $end ]; do
		now=$(counters)
		if same "$2" "$now"; then
			pass "$1"
			return 0
		fi
		sleep 0.2
	done
	fail "$1" "$(diff <(echo "$2") <(echo "$now"))"
	return 1
}

# What Linux's threads of the processes that the LWK knows wait for: how many, state, and the functions of Linux that they are in.
waiting_for()
{
	local pid task

	for pid in $(awk 'NR > 1 { print $1 }' $sys/processes); do
		for task in "/proc/$pid/task"/*; do
			echo "$pid $(sed 's/.*) \(.\).*/\1/' "$task/stat") $(sed 's/^[^ ]* //; s/+.*//' "$task/stack" | head -n 7 | tr '\n' ' ')"
		done
	done 2>/dev/null | sort | uniq -c
}

# At the end of a group: neither processes nor open devices nor complaints of Linux.
nothing_left()
{
	is "no process is left" 0 "" bash -c "ps -e -o comm= | grep -E '^(azalea|yod|die|wait|crash64)'; true"
	is "the device is closed" 0 "" bash -c "find /proc/[0-9]*/fd -lname /dev/azalea 2>/dev/null; true"
	is "no complaint in Linux's log" 0 "" bash -c "dmesg | grep -E 'BUG:|WARNING:|Call Trace|detected stall'; true"
}

# until_true SECONDS COMMAND...
until_true()
{
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# start NAME yod-options-and-program...: in the background, output in $NAME.out; returns when it says "ready" or "started"
start()
{
	local name=$1

	shift
	: >"$scratch/$name.out"
	yod "$@" >"$scratch/$name.out" 2>"$scratch/$name.err" </dev/null &
	eval "$name=$!"
	until_true 60 grep -q -E 'ready|started' "$scratch/$name.out"
}

# ends_with STATUS PID: the process ends so, in time
ends_with()
{
	local i got

	for ((i = 0; i < 300; i++)); do
		kill -0 "$2" 2>/dev/null || break
		sleep 0.1
	done
	if kill -0 "$2" 2>/dev/null; then
		echo "process $2 does not end: $(cat "/proc/$2/status" "/proc/$2/wchan" 2>/dev/null | head -n 5)"
		return 1
	fi
	wait "$2"
	got=$?
	[ $got -eq "$1" ] || echo "status $got, wanted $1"
	[ $got -eq "$1" ]
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

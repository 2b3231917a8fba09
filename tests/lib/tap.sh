# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For shell tests: counts and prints results in TAP, one line each, and keeps what a failed command printed.
#
#   . tests/lib/tap.sh
#   try "name" COMMAND...              passes if the command succeeds
#   is "name" STATUS TEXT COMMAND...   passes on this status and exactly this standard output
#   pass NAME / fail NAME [why...]     for a result found in another way
#   done_testing                       last: prints the plan, exits with 1 if anything failed

tap_count=0
tap_failed=0
tap_said=$(mktemp)

pass()
{
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1"
}

fail()
{
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_count - $1"
	shift
	[ $# -eq 0 ] || printf '%s\n' "$*" | tail -n 30 | sed 's/^/#   /'
}

try()
{
	local name=$1 status

	shift
	"$@" >"$tap_said" 2>&1 </dev/null	# not in a subshell: the command may wait for a child of ours
	status=$?
	if [ $status -eq 0 ]; then
		pass "$name"
	else
		fail "$name" "status $status: $*"$'\n'"$(cat "$tap_said")"
	fi
}

is()
{
	local name=$1 want_status=$2 want=$3 said status

	shift 3
	said=$("$@" </dev/null)
	status=$?
	if [ $status -eq "$want_status" ] && [ "$said" = "$want" ]; then
		pass "$name"
	else
		fail "$name" "status $status, wanted $want_status: $*"$'\n'"printed: $said"$'\n'"wanted:  $want"
	fi
}

done_testing()
{
	echo "1..$tap_count"
	rm -f "$tap_said"
	[ $tap_failed -eq 0 ]
	exit
}

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Linux has booted with mistakes in lwkcpus= or lwkmem=: each must be named in sysfs, in Linux's log and by lwkctl.
. tests/vm/lib.sh

# named TEXT...: TEXT is in all three places
named()
{
	local text place

	for text; do
		for place in "cat $sys/errors" dmesg "lwkctl status"; do
			if $place 2>&1 | grep -q -F -- "$text"; then
				pass "$place: $text"
			else
				fail "$place: $text" "$(cat $sys/errors)"
			fi
		done
	done
}

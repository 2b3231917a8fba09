# SPDX-License-Identifier: GPL-2.0
# What bash can do without a second process.
declare -A count
shopt -s extglob nullglob

collatz()
{
	local n=$1 steps=0
	while ((n != 1)); do
		((n = n % 2 ? 3 * n + 1 : n / 2, steps++))
	done
	REPLY=$steps
}

for ((i = 1; i <= 150; i++)); do
	collatz $i
	((count[$REPLY]++))
done
keys=("${!count[@]}")
echo "${#keys[@]} lengths, ${count[7]} of 7"

text='The quick brown fox jumps over the lazy dog'
words=($text)
echo "${#words[@]} ${text^^} ${text//o/0} ${words[*]: -2} ${text%% *} ${text//+([aeiou])/_}"
[[ $text =~ ([a-z]+)\ fox\ ([a-z]+) ]] && printf '%s-%s\n' "${BASH_REMATCH[@]:1}"
printf '%q %08.3f %x %-6s|\n' "a b'c" 3.14159 255 ab

mkfile()
{
	printf '%s\n' "$@" >file
	echo more >>file
}
mkfile one two 'three four'
mapfile -t lines <file
echo "${#lines[@]} lines: ${lines[2]}"
while read -r -a fields; do
	echo "${#fields[@]}: ${fields[*]}"
done <file
exec 5<file
read -r -u 5 first
exec 5<&-
echo "$first"

trap 'echo "caught USR1"' USR1
kill -USR1 $$
cd / && echo "$PWD" && cd - >/dev/null
set -- a b c
shift
echo "$# $* ${@:1:1}"
umask 027
: >new
test -r new -a ! -x new && echo "new"
printf '%(%Y)T\n' 0
case abc in a?(b)c) echo match ;; esac
let 'x = 7 ** 20 % 1000003' && echo $x
exit 7

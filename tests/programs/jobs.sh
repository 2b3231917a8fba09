# SPDX-License-Identifier: GPL-2.0
# What a shell does with other processes.
seq 1000 | grep 7 | sort -rn | head -n 3
total=0
while read -r n; do total=$((total + n)); done < <(seq 100)
echo "$total $(wc -l <in) $(echo $(seq 5))"
cat <<END | tr a-z A-Z
a here-document of $(basename "$PWD/x")
END
for i in 1 2 3 4; do
	(sleep 0.$i; exit $i) &
	jobs[i]=$!
done
for i in 1 2 3 4; do
	wait ${jobs[i]}
	echo "job $i ended with $?"
done
sleep 100 &
kill -TERM $!
wait $!
echo "killed: $?"
trap 'echo "child ended"' CHLD
true &
wait
trap - CHLD
set -o pipefail
false | cat
echo "pipefail $?"
diff <(seq 5) <(seq 6)
exec 3< <(seq 4)
read -r -u 3 a
read -r -u 3 b
echo "$a $b"
coproc tr a-z A-Z
echo text >&"${COPROC[1]}"
eval "exec ${COPROC[1]}>&-"
cat <&"${COPROC[0]}"
trap 'echo caught' USR1
(kill -USR1 $$)
x=$( (echo in; exit 4) )
echo "$x $?"
seq 200000 | head -n 1
echo "${PIPESTATUS[*]}"
command -v sort >/dev/null && type -t cd
exec bash -c 'echo "replaced: $*"; exit 6' name a b

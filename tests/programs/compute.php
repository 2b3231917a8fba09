<?php
// SPDX-License-Identifier: GPL-2.0
// Arrays, strings, JSON, hashes, regular expressions, files.
$sum = 0;
for ($i = 0; $i < 200000; $i++)
	$sum = ($sum * 31 + $i) % 1000003;
echo $sum, "\n";
$rows = array_map(fn($n) => ['n' => $n, 'k' => $n * $n % 17, 's' => str_repeat('x', $n % 9)], range(1, 2000));
usort($rows, fn($a, $b) => [$a['k'], $b['n']] <=> [$b['k'], $a['n']]);
echo md5(json_encode($rows)), ' ', count(json_decode(json_encode($rows))), "\n";
preg_match_all('/(\w)\1/', 'bookkeeper committee', $pairs);
echo implode(',', $pairs[0]), ' ', preg_replace_callback('/\d+/', fn($m) => $m[0] * 2, 'a1b22'), "\n";
foreach (['sha256', 'crc32b', 'xxh3'] as $name)
	echo $name, ' ', hash($name, str_repeat('text', 10000)), "\n";
file_put_contents('out', serialize($rows));
echo filesize('out'), ' ', count(unserialize(file_get_contents('out'))), ' ', sha1_file('out'), "\n";
printf("%05.2f %'*10s %b %e\n", M_PI, 'right', 10, 12345.678);
echo gmdate('Y-m-d', 0), ' ', intdiv(PHP_INT_MAX, 7), ' ', levenshtein('kitten', 'sitting'), "\n";
function tree($depth) { return $depth ? [tree($depth - 1), tree($depth - 1)] : null; }
function leaves($tree) { return $tree ? leaves($tree[0]) + leaves($tree[1]) : 1; }
echo leaves(tree(11)), ' ', gc_collect_cycles(), "\n";
$generator = (function () { for ($n = 0; $n < 5; $n++) yield $n => $n ** 3; })();
echo implode(' ', iterator_to_array($generator)), "\n";

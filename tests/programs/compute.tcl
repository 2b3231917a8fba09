# SPDX-License-Identifier: GPL-2.0
# Lists, dictionaries, big integers, files, an event loop with a server and a client.
proc fib {n} { expr {$n < 2 ? $n : [fib [expr {$n - 1}]] + [fib [expr {$n - 2}]]} }
puts "[fib 17] [expr {3 ** 200 % 1000000007}] [expr {sqrt(2)}]"
for {set i 0} {$i < 3000} {incr i} { dict incr count [expr {$i * $i % 97}] }
puts "[dict size $count] [lindex [lsort -integer -decreasing [dict values $count]] 0]"
puts [lmap x {1 2 3} {expr {$x * $x}}]
puts [regsub -all {(\d+)} "a1b22" {<\1>}][format %08.3f 3.14159][string map {a b} banana]
set file [open out w]
for {set i 0} {$i < 1000} {incr i} { puts $file "line $i" }
close $file
puts "[file size out] [llength [split [read [set file [open out]]] \n]]"
close $file

proc accept {channel address port} {
	fconfigure $channel -buffering line
	fileevent $channel readable [list answer $channel]
}
proc answer {channel} {
	if {[gets $channel line] < 0} { close $channel; set ::done 1 } else { puts $channel [string toupper $line] }
}
set server [socket -server accept -myaddr 127.0.0.1 0]
set client [socket 127.0.0.1 [lindex [fconfigure $server -sockname] 2]]
fconfigure $client -buffering line -blocking 0
fileevent $client readable {
	if {[gets $client line] >= 0} { puts $line; set answered 1 }
}
foreach word {one two three} { puts $client $word; vwait answered }
close $client
vwait done
after 50 {set ticked 1}
vwait ticked
puts "[clock format 0 -gmt 1 -format %Y-%m-%d] [catch {error oops} message] $message"

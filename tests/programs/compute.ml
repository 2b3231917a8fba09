(* SPDX-License-Identifier: GPL-2.0 *)
(* Lists, maps, hash tables, exceptions, strings, files, garbage. *)
module Names = Map.Make (String)

let rec primes = function [] -> [] | p :: rest -> p :: primes (List.filter (fun n -> n mod p <> 0) rest)
let () = Printf.printf "%d\n" (List.length (primes (List.init 3000 (fun n -> n + 2))))

let count = List.fold_left (fun map word -> Names.update word (function None -> Some 1 | Some n -> Some (n + 1)) map)
	Names.empty (String.split_on_char ' ' "to be or not to be that is the question")
let () = Names.iter (fun word n -> Printf.printf "%s=%d " word n) count; print_newline ()

let table = Hashtbl.create 100
let () = for n = 1 to 20000 do Hashtbl.replace table (n * n mod 997) n done; Printf.printf "%d\n" (Hashtbl.length table)

type tree = Leaf | Node of tree * int * tree
let rec insert x = function
	| Leaf -> Node (Leaf, x, Leaf)
	| Node (l, y, r) when x < y -> Node (insert x l, y, r)
	| Node (l, y, r) -> Node (l, y, insert x r)
let rec depth = function Leaf -> 0 | Node (l, _, r) -> 1 + max (depth l) (depth r)
let () = Printf.printf "%d\n" (depth (List.fold_left (fun t n -> insert (n * 7919 mod 10007) t) Leaf (List.init 5000 Fun.id)))
let () = try failwith "oops" with Failure message -> Printf.printf "%s %.6f\n" message (sqrt 2.)
let () =
	let out = open_out "out" in
	for n = 1 to 1000 do Printf.fprintf out "%d\n" n done;
	close_out out;
	Gc.full_major ();
	Printf.printf "%d %s\n" (in_channel_length (open_in "out")) (Digest.to_hex (Digest.file "out"))

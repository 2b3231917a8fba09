# SPDX-License-Identifier: GPL-2.0
# Big integers, hashes, threads, queues, regular expressions, files.
require 'digest'
require 'json'
require 'set'

puts (1..200).inject(:*).to_s.length, 7.pow(10**12, 10**9 + 7), Rational(3, 7) + Rational(1, 3)
count = Hash.new(0)
5000.times { |n| count[n * n % 97] += 1 }
puts count.size, count.max_by { |key, value| [value, -key] }.inspect
puts 'to be or not to be'.scan(/\w+/).tally.inspect, 'a1b22'.gsub(/\d+/) { |digits| (digits.to_i * 2).to_s }
queue = Queue.new
results = Queue.new
threads = 4.times.map do
	Thread.new do
		while (n = queue.pop) != :end
			results << [n, Digest::SHA256.hexdigest(n.to_s * 100)]
		end
	end
end
100.times { |n| queue << n }
4.times { queue << :end }
threads.each(&:join)
puts results.size, Digest::MD5.hexdigest(results.size.times.map { results.pop }.sort.inspect)
mutex = Mutex.new
total = 0
8.times.map { Thread.new { 200.times { mutex.synchronize { total += 1 } } } }.each(&:join)
puts total
fiber = Fiber.new { 3.times { |n| Fiber.yield n }; :end }
puts 4.times.map { fiber.resume }.inspect
File.write('out', JSON.generate((1..500).map { |n| { n: n, s: "s#{n}" } }))
puts JSON.parse(File.read('out')).sum { |row| row['n'] }, File.size('out'), Dir.children('.').inspect
reader, writer = IO.pipe
writer.puts 'through a pipe'
puts reader.gets
GC.start
puts Set.new([1, 2, 2]).size, (begin; Integer('x'); rescue ArgumentError => e; e.message; end), Time.at(0).utc

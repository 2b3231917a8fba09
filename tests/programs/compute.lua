-- SPDX-License-Identifier: GPL-2.0
-- Tables, strings, coroutines, metatables, collection of garbage.
local function sieve(limit)
	local composite, primes = {}, {}
	for n = 2, limit do
		if not composite[n] then
			primes[#primes + 1] = n
			for m = n * n, limit, n do composite[m] = true end
		end
	end
	return primes
end

local primes = sieve(30000)
print(#primes, primes[#primes])

local function permutations(a, n)
	n = n or #a
	if n <= 1 then coroutine.yield(a) end
	for i = 1, n do
		a[n], a[i] = a[i], a[n]
		permutations(a, n - 1)
		a[n], a[i] = a[i], a[n]
	end
end

local count, sum = 0, 0
for p in coroutine.wrap(function() permutations({ 1, 2, 3, 4, 5, 6, 7 }) end) do
	count = count + 1
	sum = sum + p[1] * count
end
print(count, sum)

local garbage = {}
for i = 1, 50000 do garbage[i % 100] = { ("x"):rep(i % 50), i } end
collectgarbage()
print(collectgarbage("count") < 4000)

local words = {}
for word in ("the quick brown the lazy the end"):gmatch("%a+") do words[word] = (words[word] or 0) + 1 end
print(words.the, ("%s %5.2f %x"):format("f", 3.14159, 255), ("abc"):rep(3, "-"), ("hello"):gsub("l", "L"))
table.sort(primes, function(a, b) return a % 1000 < b % 1000 or (a % 1000 == b % 1000 and a < b) end)
print(primes[1], primes[2], math.maxinteger // 3, 7.5 // 2, 2 ^ 0.5, 1 << 40)
local file = assert(io.open("out", "w"))
for i = 1, 1000 do file:write(i, "\n") end
file:close()
local lines = 0
for line in io.lines("out") do lines = lines + tonumber(line) end
print(lines, pcall(error, "fails"), string.pack("<i4z", 7, "s"):byte(1, -1))
print(setmetatable({}, { __add = function() return "added" end }) + 1, os.date("!%F", 0), utf8.len("häß"))

// SPDX-License-Identifier: GPL-2.0
/*
 * Threads of C++: std::thread, mutexes, condition variables, futures, thread_local with destructors, exceptions across get().
 */
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <future>
#include <mutex>
#include <numeric>
#include <shared_mutex>
#include <stdexcept>
#include <thread>
#include <vector>

static std::atomic<long> alive{0}, built{0};

struct tracked {
	tracked() { alive++; built++; }
	~tracked() { alive--; }
	long value = 0;
};

static thread_local tracked local;

template <class F> static long run(int n, F f)
{
	std::vector<std::thread> threads;
	std::vector<long> result(n);

	for (int i = 0; i < n; i++)
		threads.emplace_back([&, i] { result[i] = f(i); });
	for (auto &t : threads)
		t.join();
	return std::accumulate(result.begin(), result.end(), 0L);
}

static void locks()
{
	std::mutex mutex;
	std::shared_timed_mutex shared;
	std::recursive_mutex recursive;
	std::condition_variable cond;
	long total = 0, turn = 0, written = 0;

	run(8, [&](int) {
		for (int i = 0; i < 100; i++) {
			std::lock_guard<std::mutex> guard(mutex);
			total++;
		}
		return 0;
	});
	std::printf("mutex: %ld\n", total);
	run(8, [&](int i) {
		std::unique_lock<std::mutex> lock(mutex);
		cond.wait(lock, [&] { return turn == i; });
		turn++;
		cond.notify_all();
		return 0;
	});
	std::printf("in turn: %ld\n", turn);
	run(8, [&](int i) {
		if (i % 2) {
			std::unique_lock<std::shared_timed_mutex> lock(shared);
			written++;
		} else {
			std::shared_lock<std::shared_timed_mutex> lock(shared);
		}
		std::lock_guard<std::recursive_mutex> one(recursive), two(recursive);
		return 0;
	});
	std::printf("shared: %ld\n", written);
	std::unique_lock<std::mutex> lock(mutex);
	std::printf("timeout: %d\n", cond.wait_for(lock, std::chrono::milliseconds(5)) == std::cv_status::timeout);
}

static void futures()
{
	std::promise<long> promise;
	std::thread setter([&] { promise.set_value(42); });
	auto failing = std::async(std::launch::async, []() -> long { throw std::runtime_error("thrown there"); });
	std::vector<std::future<long>> many;
	long sum = 0;

	for (long i = 0; i < 16; i++)
		many.push_back(std::async(std::launch::async, [i] { return i * i; }));
	for (auto &f : many)
		sum += f.get();
	std::printf("async: %ld\npromise: %ld\n", sum, promise.get_future().get());
	setter.join();
	try {
		failing.get();
	} catch (const std::runtime_error &e) {
		std::printf("caught: %s\n", e.what());
	}
}

int main()
{
	std::once_flag once;
	int ran = 0;

	std::printf("thread_local: %ld\n", run(8, [](int i) { local.value += i; return local.value; }));
	std::printf("alive: %ld of %ld\n", alive.load(), built.load());
	run(8, [&](int) { std::call_once(once, [&] { ran++; }); return 0; });
	std::printf("once: %d\n", ran);
	locks();
	futures();
}

// SPDX-License-Identifier: GPL-2.0
// Java: threads that meet and contend, its collectors under pressure, files and mapped files, sockets, processes, timers, exceptions.
import java.io.*;
import java.net.*;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.stream.*;

public class Work {
	static void threads() throws Exception {
		ExecutorService pool = Executors.newFixedThreadPool(4);
		List<Future<Long>> answers = new ArrayList<>();
		AtomicLong count = new AtomicLong();
		long[] guarded = new long[1];
		CyclicBarrier barrier = new CyclicBarrier(4);

		for (int n = 0; n < 4; n++) {
			long seed = n;
			answers.add(pool.submit(() -> {
				long sum = seed;
				for (int i = 0; i < 20000; i++) {
					sum = (sum * 31 + i) % 1000003;
					count.incrementAndGet();
					if (i % 20 == 0)
						synchronized (guarded) {
							guarded[0]++;
						}
					if (i % 5000 == 0)
						barrier.await();
				}
				return sum;
			}));
		}
		for (Future<Long> answer : answers)
			System.out.print(answer.get() + " ");
		pool.shutdown();
		System.out.println(count + " " + guarded[0] + " " + pool.awaitTermination(10, TimeUnit.SECONDS));
		System.out.println(IntStream.rangeClosed(1, 50000).parallel().mapToLong(i -> (long)i * i % 977).sum());
	}

	static void collector() throws Exception {
		Map<Integer, byte[]> kept = new HashMap<>();
		List<Thread> threads = new ArrayList<>();
		AtomicLong sum = new AtomicLong();

		for (int n = 0; n < 2; n++) {
			Thread t = new Thread(() -> {
				List<String> old = new LinkedList<>();
				for (int i = 0; i < 60000; i++) {
					old.add("text " + i);
					if (old.size() > 5000)
						old.remove(0);
					sum.addAndGet(old.get(0).length());
				}
			});
			t.start();
			threads.add(t);
		}
		for (int i = 0; i < 20000; i++)
			kept.put(i % 500, new byte[2000 + i % 100]);
		for (Thread t : threads)
			t.join();
		System.gc();
		System.out.println("collector " + kept.values().stream().mapToInt(b -> b.length).sum() + " " + sum);
	}

	static void files() throws Exception {
		Path path = Path.of("file");

		Files.write(path, IntStream.range(0, 20000).mapToObj(i -> "line " + i * 7919 % 20011).collect(Collectors.toList()));
		try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
			MappedByteBuffer map = channel.map(FileChannel.MapMode.READ_WRITE, 0, channel.size());
			for (int i = 0; i < map.limit(); i++)
				if (map.get(i) == '7')
					map.put(i, (byte)'#');
			map.force();
		}
		try (Stream<String> lines = Files.lines(path)) {
			System.out.println("files " + lines.sorted().skip(10000).findFirst().get() + " " + Files.size(path));
		}
		Files.createDirectories(Path.of("a/b"));
		Files.move(path, Path.of("a/b/moved"));
		try (RandomAccessFile file = new RandomAccessFile("a/b/moved", "rw")) {
			file.setLength(5000);
			file.seek(4990);
			file.writeLong(42);
		}
		try (Stream<Path> walk = Files.walk(Path.of("a"))) {
			System.out.println(walk.map(Path::toString).sorted().collect(Collectors.joining(" ")));
		}
	}

	static void sockets() throws Exception {
		try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
			Thread echo = new Thread(() -> {
				try (Socket s = server.accept()) {
					s.getInputStream().transferTo(s.getOutputStream());
				} catch (IOException error) {
					System.out.println("WRONG " + error);
				}
			});
			echo.start();
			try (Socket s = new Socket(server.getInetAddress(), server.getLocalPort())) {
				s.getOutputStream().write("there and back".getBytes());
				s.shutdownOutput();
				System.out.println("sockets " + new String(s.getInputStream().readAllBytes()));
			}
			echo.join();
		}
	}

	static void processes() throws Exception {
		Process p = new ProcessBuilder("tr", "a-z", "A-Z").start();

		try (OutputStream out = p.getOutputStream()) {
			out.write("shouted".getBytes());
		}
		System.out.println("processes " + new String(p.getInputStream().readAllBytes()) + " " + p.waitFor());
		p = new ProcessBuilder("sh", "-c", "echo $WORD; exit 7").redirectErrorStream(true).redirectOutput(new File("said")).start();
		System.out.println(p.waitFor() + " " + Files.size(Path.of("said")));
		p = new ProcessBuilder("sleep", "60").start();
		p.destroy();
		System.out.println(p.waitFor());
		try {
			new ProcessBuilder("./none").start();
		} catch (IOException error) {
			System.out.println(error.getMessage());
		}
	}

	static int depth(int n) {
		return depth(n + 1) + 1;
	}

	static void faults() throws Exception {
		try {
			depth(0);
		} catch (StackOverflowError error) {
			System.out.println("faults " + (error.getMessage() == null));
		}
		int[] none = System.nanoTime() == 1 ? new int[1] : null;
		try {
			none[0]++;
		} catch (NullPointerException error) {
			System.out.println("null");
		}
		try {
			System.out.println(new byte[64][64 << 20].length);
		} catch (OutOfMemoryError error) {
			System.out.println("memory");
		}
	}

	static void time() throws Exception {
		ScheduledExecutorService timer = Executors.newScheduledThreadPool(2);
		CountDownLatch ticks = new CountDownLatch(5);
		long before = System.nanoTime();

		timer.scheduleAtFixedRate(ticks::countDown, 10, 10, TimeUnit.MILLISECONDS);
		ticks.await();
		timer.shutdownNow();
		System.out.println("time " + (System.nanoTime() - before >= 40_000_000));
	}

	public static void main(String[] args) throws Exception {
		threads();
		collector();
		files();
		sockets();
		processes();
		faults();
		time();
		Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
		System.exit(3);
	}
}

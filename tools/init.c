// SPDX-License-Identifier: GPL-2.0
/*
 * First process of the test machine, alone in its initramfs, linked statically. It makes the host's root (9p, read-only,
 * with an overlay in memory) its own, boots the LWK if asked to, runs one command and reports how that ended.
 *
 * tools/vm talks to it through virtio-serial ports, so that nothing mixes with the kernel's console:
 *
 *   vport0p1  control   out: "boot N\n" lwkctl's status, then "status N\n"; in: "log\n" asks for the LWK's log
 *   vport0p2  stdin     of the command
 *   vport0p3  stdout
 *   vport0p4  stderr
 *   vport0p5  log       what `lwkctl log` prints, when the command has ended or when asked
 *
 * /request holds strings that end in NUL: working directory, PATH, folder of --out or "", "boot" or "", rows and columns
 * of the terminal ("24 80") or "" for pipes, then the command's words. Programs see pipes or a pseudo-terminal, never
 * the ports themselves, which only one file may have open.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NEWROOT		"/newroot"
#define REQUEST_MAX	(1 << 20)
#define WORDS_MAX	4096
#define P9_OPTIONS	"trans=virtio,version=9p2000.L,msize=512000,posixacl,"

enum { CONTROL = 1, INPUT, OUTPUT, ERROR, LOG, PORTS };

struct request {
	char *cwd, *path, *out, *boot, *terminal;
	char *words[WORDS_MAX];
};

struct streams {
	int child[3];			/* the command's ends */
	int own[3];			/* ours, that the pumps serve */
};

static int port[PORTS];

/* Without its machine this process has nothing to do: says why on the console and ends everything. */
static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "init: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, ": %s\n", strerror(errno));
	va_end(args);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void must_mount(const char *what, const char *where, const char *type, unsigned long flags, const char *options)
{
	mkdir(where, 0755);
	if (mount(what, where, type, flags, options))
		die("mount %s on %s", what, where);
}

static void make_folders(const char *path)
{
	char part[4096];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		mkdir(part, 0755);
	}
	mkdir(path, 0755);
}

/* The ports appear a moment after the device does. */
static void open_ports(void)
{
	char name[32];

	for (int i = CONTROL; i < PORTS; i++) {
		snprintf(name, sizeof(name), "/dev/vport0p%d", i);
		for (int tries = 0; (port[i] = open(name, O_RDWR | O_CLOEXEC)) < 0; tries++) {
			if (tries == 30000)
				die("%s", name);
			usleep(1000);
		}
	}
}

static void read_request(struct request *request)
{
	static char text[REQUEST_MAX];
	char **field[] = { &request->cwd, &request->path, &request->out, &request->boot, &request->terminal };
	int fd = open("/request", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	int count = 0;

	if (size <= 0)
		die("/request");
	close(fd);
	for (char *at = text; at < text + size && count < 5 + WORDS_MAX - 1; at += strlen(at) + 1, count++) {
		if (count < 5)
			*field[count] = at;
		else
			request->words[count - 5] = at;
	}
	if (count < 6)
		die("/request has %d fields", count);
}

static void mount_root(const struct request *request)
{
	char path[4096];

	must_mount("hostroot", "/host", "9p", MS_RDONLY, P9_OPTIONS "cache=loose");
	must_mount("tmpfs", "/changes", "tmpfs", 0, "mode=755,size=90%");
	mkdir("/changes/upper", 0755);
	mkdir("/changes/work", 0755);
	must_mount("overlay", NEWROOT, "overlay", 0, "lowerdir=/host,upperdir=/changes/upper,workdir=/changes/work");
	if (*request->out) {
		snprintf(path, sizeof(path), NEWROOT "%s", request->out);
		make_folders(path);
		must_mount("out", path, "9p", 0, P9_OPTIONS "cache=mmap");
	}
	must_mount("proc", NEWROOT "/proc", "proc", 0, NULL);
	must_mount("sysfs", NEWROOT "/sys", "sysfs", 0, NULL);
	must_mount("debugfs", NEWROOT "/sys/kernel/debug", "debugfs", 0, NULL);
	must_mount("cgroup2", NEWROOT "/sys/fs/cgroup", "cgroup2", 0, NULL);
	must_mount("devtmpfs", NEWROOT "/dev", "devtmpfs", 0, NULL);
	must_mount("devpts", NEWROOT "/dev/pts", "devpts", 0, "ptmxmode=666,mode=620,gid=5");
	must_mount("tmpfs", NEWROOT "/dev/shm", "tmpfs", 0, "mode=1777");
	must_mount("mqueue", NEWROOT "/dev/mqueue", "mqueue", 0, NULL);
	must_mount("hugetlbfs", NEWROOT "/dev/hugepages", "hugetlbfs", 0, NULL);
	must_mount("tmpfs", NEWROOT "/run", "tmpfs", 0, "mode=755");
	symlink("/proc/self/fd", NEWROOT "/dev/fd");
	symlink("/proc/self/fd/0", NEWROOT "/dev/stdin");
	symlink("/proc/self/fd/1", NEWROOT "/dev/stdout");
	symlink("/proc/self/fd/2", NEWROOT "/dev/stderr");
	if (chdir(NEWROOT) || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		die("change to the new root");
}

static void set_up_system(const struct request *request)
{
	struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &loopback))
		die("loopback network");
	close(fd);
	if (sethostname("azalea", 6))
		die("host name");
	clearenv();
	setenv("PATH", request->path, 1);
	setenv("HOME", "/root", 1);
	setenv("USER", "root", 1);
	setenv("LOGNAME", "root", 1);
	setenv("SHELL", "/bin/bash", 1);
	setenv("LANG", "C.UTF-8", 1);
	setenv("TERM", *request->terminal ? "xterm-256color" : "dumb", 1);
}

/* Copies until one side ends. */
static void pump(int from, int to)
{
	static char buffer[65536];
	ssize_t size, done, part;

	while ((size = read(from, buffer, sizeof(buffer))) > 0) {
		for (done = 0; done < size; done += part) {
			part = write(to, buffer + done, size - done);
			if (part < 0)
				return;
		}
	}
}

static pid_t start_pump(int from, int to, const struct streams *streams)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	signal(SIGPIPE, SIG_IGN);
	/* A pipe ends only when nobody else holds its other side. */
	for (int i = 0; i < 3; i++) {
		close(streams->child[i]);
		if (streams->own[i] != from && streams->own[i] != to)
			close(streams->own[i]);
	}
	pump(from, to);
	_exit(0);
}

static void open_terminal(struct streams *streams, const char *size)
{
	struct winsize window = { 0 };
	int lines = 24, columns = 80, unlock = 0, number, master;
	char name[32];

	sscanf(size, "%d %d", &lines, &columns);
	window.ws_row = lines;
	window.ws_col = columns;
	master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) || ioctl(master, TIOCGPTN, &number) ||
	    ioctl(master, TIOCSWINSZ, &window))
		die("terminal");
	snprintf(name, sizeof(name), "/dev/pts/%d", number);
	for (int i = 0; i < 3; i++) {
		streams->own[i] = master;
		streams->child[i] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (streams->child[i] < 0)
			die("%s", name);
	}
}

static void open_streams(struct streams *streams, const char *terminal)
{
	int ends[2];

	if (*terminal) {
		open_terminal(streams, terminal);
		return;
	}
	for (int i = 0; i < 3; i++) {
		if (pipe2(ends, O_CLOEXEC))
			die("pipe");
		streams->child[i] = ends[i == 0 ? 0 : 1];
		streams->own[i] = ends[i == 0 ? 1 : 0];
	}
}

/* In the child: becomes the command. Statuses are those of a shell. */
static void __attribute__((noreturn)) become(const struct request *request, const struct streams *streams)
{
	setsid();
	if (*request->terminal)
		ioctl(streams->child[0], TIOCSCTTY, 0);
	for (int i = 0; i < 3; i++)
		dup2(streams->child[i], i);
	if (chdir(request->cwd)) {
		fprintf(stderr, "vm: cannot go to %s: %s\n", request->cwd, strerror(errno));
		_exit(126);
	}
	execvp(request->words[0], request->words);
	fprintf(stderr, "vm: cannot run %s: %s\n", request->words[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static int shell_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Waits for a child, reaping the orphans that this process inherits. With a limit: false when it is still there. */
static int wait_for(pid_t pid, int limit_ms, int *status)
{
	for (int waited_ms = 0;;) {
		pid_t ended = waitpid(-1, status, limit_ms < 0 ? 0 : WNOHANG);

		if (ended == pid)
			return 1;
		if (ended > 0 || (ended < 0 && errno == EINTR))
			continue;
		/* Another wait may have reaped it already. */
		if (ended < 0 || kill(pid, 0))
			return 1;
		if (waited_ms++ >= limit_ms)
			return 0;
		usleep(1000);
	}
}

static int lwkctl(const char *word, int output, int error, int limit_ms)
{
	pid_t pid = fork();
	int status = 0;

	if (pid < 0)
		die("fork");
	if (!pid) {
		dup2(output, 1);
		dup2(error, 2);
		execlp("lwkctl", "lwkctl", word, (char *)NULL);
		_exit(127);
	}
	if (!wait_for(pid, limit_ms, &status)) {
		kill(pid, SIGKILL);
		return 128 + SIGKILL;
	}
	return shell_status(status);
}

/* The LWK's log for tools/vm. */
static void send_log(void)
{
	int null;

	if (access("/dev/azalea", F_OK))
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	lwkctl("log", port[LOG], null, 5000);
	close(null);
}

/* Serves tools/vm when the command does not end. */
static void serve_control(void)
{
	char line[16];

	if (fork())
		return;
	while (read(port[CONTROL], line, sizeof(line)) > 0)
		send_log();
	for (;;)
		pause();
}

static void report(const char *what, int status)
{
	dprintf(port[CONTROL], "%s %d\n", what, status);
}

/* What the command printed must be out before its status is; what it left running must not hold that up. */
static void drain(pid_t *pumps)
{
	int status;

	for (int i = 0; i < 2; i++) {
		if (pumps[i] > 0 && !wait_for(pumps[i], 300, &status))
			kill(pumps[i], SIGKILL);
	}
}

static int run(const struct request *request)
{
	struct streams streams;
	pid_t pid, pumps[2];
	int status = 0;

	open_streams(&streams, request->terminal);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid)
		become(request, &streams);
	pumps[0] = start_pump(streams.own[1], port[OUTPUT], &streams);
	pumps[1] = *request->terminal ? 0 : start_pump(streams.own[2], port[ERROR], &streams);
	start_pump(port[INPUT], streams.own[0], &streams);
	for (int i = 0; i < 3; i++) {
		close(streams.child[i]);
		close(streams.own[i]);
	}
	wait_for(pid, -1, &status);
	drain(pumps);
	return shell_status(status);
}

int main(void)
{
	static struct request request;
	int status = 0;

	mkdir("/dev", 0755);
	if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) && errno != EBUSY)
		die("mount /dev");
	open_ports();
	read_request(&request);
	mount_root(&request);
	set_up_system(&request);
	if (*request.boot)
		status = lwkctl("boot", port[OUTPUT], port[ERROR], -1);
	report("boot", status);
	serve_control();
	if (!status)
		status = run(&request);
	send_log();
	sync();
	report("status", status);
	for (;;)
		pause();
}

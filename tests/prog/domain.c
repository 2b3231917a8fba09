// SPDX-License-Identifier: GPL-2.0
/*
 * landlock(7): a thread gives up rights to files, for itself and for those it makes from then on, not for its siblings. In an empty
 * folder.
 */
#include <fcntl.h>
#include <linux/landlock.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

#define ALL	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)

static pthread_barrier_t barrier;

static long create(const struct landlock_ruleset_attr *attr, size_t size, unsigned int flags)
{
	return syscall(SYS_landlock_create_ruleset, attr, size, flags);
}

static long allow(int ruleset, const char *path, unsigned long rights)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights, .parent_fd = open(path, O_PATH | O_CLOEXEC) };
	long ret = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);

	close(rule.parent_fd);
	return ret;
}

static void try(const char *who, const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	printf("%s: open %s: ", who, path);
	say(flags & O_CREAT ? "new" : "old", fd >= 0 ? 0 : -1);
	if (fd >= 0)
		close(fd);
}

static void try_all(const char *who)
{
	try(who, "/etc/passwd", O_RDONLY);
	try(who, "inside/file", O_RDONLY);
	try(who, "inside/new", O_RDWR | O_CREAT);
	try(who, "outside", O_RDWR | O_CREAT);
	say("unlink", unlink("inside/new"));
	say("unlink outside", unlink("outside"));
	say("exec", access("/bin/true", X_OK));
	fflush(stdout);
}

static void *sibling(void *arg)
{
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	try_all("a thread that was there before");
	return arg;
}

static void *younger(void *arg)
{
	try_all("a thread that is made later");
	return arg;
}

static void errors(int ruleset)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = 1ULL << 60 };
	struct landlock_path_beneath_attr rule = { .allowed_access = ALL, .parent_fd = 999 };

	say("version", create(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION));
	say("unknown right", create(&attr, sizeof(attr), 0));
	say("nowhere", create((void *)8, sizeof(attr), 0));
	say("too small", create(&attr, 1, 0));
	say("too large", create(&attr, 1 << 20, 0));
	say("no folder", syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0));
	say("rule nowhere", syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, 8, 0));
	say("no kind of rule", syscall(SYS_landlock_add_rule, ruleset, 77, &rule, 0));
	say("no ruleset", syscall(SYS_landlock_restrict_self, 999, 0));
	say("flags", syscall(SYS_landlock_restrict_self, ruleset, ~0u));
}

/* A program can only be executed on the LWK if it may read the proxy (docs/limits.md), which lies in the folder above the tests. */
static long allow_proxy(int ruleset)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	for (int i = 0; i < 2; i++) {
		path[length] = 0;
		length = strrchr(path, '/') - path;
	}
	path[length] = 0;
	return allow(ruleset, path, LANDLOCK_ACCESS_FS_READ_FILE);
}

int main(void)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = ALL };
	pthread_t thread;
	int ruleset, status = 0;
	pid_t child;

	mkdir("inside", 0700);
	close(open("inside/file", O_WRONLY | O_CREAT, 0600));
	ruleset = create(&attr, sizeof(attr), 0);
	ok("ruleset", ruleset >= 0);
	errors(ruleset);
	say("rule", allow(ruleset, "inside", ALL));
	say("rule for reading", allow(ruleset, "/usr", LANDLOCK_ACCESS_FS_READ_FILE));
	say("rule for a file", allow(ruleset, "/etc/ld.so.cache", LANDLOCK_ACCESS_FS_READ_FILE));
	say("rule for the proxy", allow_proxy(ruleset));
	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread, NULL, sibling, NULL);
	pthread_barrier_wait(&barrier);
	say("no new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	say("restrict", syscall(SYS_landlock_restrict_self, ruleset, 0));
	try_all("itself");
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	pthread_create(&thread, NULL, younger, NULL);
	pthread_join(thread, NULL);
	child = need("fork", fork());
	if (!child) {
		try_all("a child");
		execl("/bin/cat", "cat", "inside/file", "/etc/passwd", NULL);
		_exit(99);
	}
	waitpid(child, &status, 0);
	say("child", status);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Every descriptor below the limit is the program's: none is open that it does not know, each can be had, closed and chosen, in a child and
 * after an exec, too.
 *
 *   descriptors          all that in turn
 *   descriptors spawn    threads make children at the same time, which look what they have inherited
 *   descriptors count    how many are open is the exit status
 */
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

static int most;

static int count_open(void)
{
	int fd, open = 0;

	for (fd = 0; fd < most; fd++)
		open += fcntl(fd, F_GETFD) >= 0;
	return open;
}

static void choose(int fd)
{
	say("dup2", dup2(0, fd) == fd);
	say("its flags", fcntl(fd, F_GETFD));
	say("dup3", dup3(0, fd, O_CLOEXEC) == fd);
	say("its flags", fcntl(fd, F_GETFD));
	say("close", close(fd));
	say("close again", close(fd));
}

static void all(const char *who)
{
	int fd, opened = 0;

	printf("%s\n", who);
	say("open", count_open());
	choose(most - 1);
	choose(most - 2);
	while ((fd = open("/dev/null", O_RDONLY)) >= 0)
		opened++;
	say("one more", fd);
	say("opened", opened);
	say("open now", count_open());
	for (fd = 3; fd < most; fd++)
		close(fd);
	say("open after all are closed", count_open());
	fflush(stdout);
}

/* ---- Children at the same time --------------------------------------------------------------------------------- */

#define THREADS		3
#define CHILDREN	12

static char *self;
static int expected, wrong;

static pid_t spawn(void)
{
	char *argv[] = { self, "count", NULL };
	pid_t pid;

	errno = posix_spawn(&pid, self, NULL, NULL, argv, environ);
	need("posix_spawn", errno ? -1 : 0);
	return pid;
}

static pid_t copy(void)
{
	pid_t pid = need("fork", fork());

	if (!pid)
		_exit(count_open());
	return pid;
}

static void *make_children(void *how)
{
	int status;

	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = how ? copy() : spawn();

		need("waitpid", waitpid(pid, &status, 0));
		if (status != expected << 8)
			__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void at_once(void)
{
	pthread_t thread[THREADS];

	expected = count_open();
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, make_children, i ? NULL : &wrong);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	say("children with other descriptors", wrong);
}

int main(int argc, char **argv)
{
	struct rlimit r;
	int status;

	need("getrlimit", getrlimit(RLIMIT_NOFILE, &r));
	most = r.rlim_cur;
	if (argc > 1 && argv[1][0] == 'c')
		return count_open();
	if (argc > 1 && argv[1][0] == 's') {
		self = argv[0];
		at_once();
		return 0;
	}
	all("the program");
	if (fork() == 0) {
		all("a child");
		_exit(0);
	}
	wait(&status);
	if (argc == 1) {
		execl(argv[0], argv[0], "again", NULL);
		fail("exec");
	}
	return status;
}

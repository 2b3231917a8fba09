// SPDX-License-Identifier: GPL-2.0
/*
 * Every descriptor below the limit is the program's: none is open that it does not know, each can be had, closed and chosen, in a child and
 * after an exec, too.
 */
#include <fcntl.h>
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

int main(int argc, char **argv)
{
	struct rlimit r;
	int status;

	need("getrlimit", getrlimit(RLIMIT_NOFILE, &r));
	most = r.rlim_cur;
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

// SPDX-License-Identifier: GPL-2.0
/*
 * Ends in the way and with the status that its arguments name: exit return|exit|_exit|thread|last|syscall STATUS
 */
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "say.h"

static void *exit_thread(void *status)
{
	exit((long)status);
}

static void *sleeper(void *status)
{
	usleep(20000);
	_exit((long)status);
}

static void at_exit(void)
{
	puts("atexit");
}

int main(int argc, char **argv)
{
	const char *way = argc == 3 ? argv[1] : "";
	long status = argc == 3 ? strtol(argv[2], NULL, 0) : 0;
	pthread_t t;

	if (!strcmp(way, "return"))
		return status;
	if (!strcmp(way, "_exit"))
		_exit(status);
	if (!strcmp(way, "syscall"))	/* the only thread ends, not the group */
		syscall(SYS_exit, status);
	atexit(at_exit);
	if (!strcmp(way, "exit"))
		exit(status);
	if (!strcmp(way, "thread")) {
		pthread_create(&t, NULL, exit_thread, (void *)status);
		pause();
	}
	if (!strcmp(way, "last")) {	/* main ends first, another thread ends the process */
		pthread_create(&t, NULL, sleeper, (void *)status);
		pthread_exit(NULL);
	}
	return 98;
}

// SPDX-License-Identifier: GPL-2.0
/* Jobs that make processes; each child's exit status says that it has done its part. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jobs.h"

static bool child_ended(pid_t pid, int wanted)
{
	int status;

	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == wanted;
}

/* A child sees what its parent has stored, and what it stores itself the parent does not see. */
bool job_fork(struct random *random)
{
	volatile unsigned int number = random_below(random, 100);
	unsigned int before = number;
	pid_t pid = fork();

	if (!pid) {
		number++;
		_exit(number);
	}
	return child_ended(pid, before + 1) && number == before;
}

bool job_exec(struct random *random)
{
	bool succeed = random_below(random, 2);
	const char *program = succeed ? "/bin/true" : "/bin/false";
	pid_t pid = fork();

	if (!pid) {
		execl(program, program, (char *)NULL);
		_exit(127);
	}
	return child_ended(pid, succeed ? 0 : 1);
}

/* A script of the shell's own commands, a pipe and two programs. */
static const char script[] =
	"sum=0\n"
	"for i in 1 2 3 4 5 6 7 8 9 10; do\n"
	"	sum=$((sum + i * $1))\n"
	"done\n"
	"echo $sum >script-out || exit 1\n"
	"lines=$(cat script-out script-out | wc -l) || exit 1\n"
	"read -r again <script-out || exit 1\n"
	"[ $lines -eq 2 ] && [ $again -eq $((55 * $1)) ]\n";

bool job_shell(struct random *random)
{
	char number[16];
	bool good;
	pid_t pid;

	snprintf(number, sizeof(number), "%u", (unsigned int)random_below(random, 1000));
	pid = fork();
	if (!pid) {
		execl("/bin/sh", "sh", "-c", script, "sh", number, (char *)NULL);
		_exit(127);
	}
	good = child_ended(pid, 0);
	return !unlink("script-out") && good;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Start of the proxy:  azalea-proxy FD EXE PATH NAME ARGV0 [ARG...]
 *
 * EXE is the file to load, by its descriptor or by its name; PATH is what was executed (it may be a script), NAME that of the process.
 *
 * yod has opened the device as FD and leased CPUs and memory, and then became the proxy by exec, so the proxy's pid is the one that
 * yod's caller knows. The proxy has the LWK start the program, with the program's address range mapped from the device, and serves.
 */
#include "proxy.h"

#define PR_SET_NAME	15
#define AT_FDCWD	(-100)
#define O_CLOEXEC	02000000

struct start_info start_info;

static int parse_fd(const char *s)
{
	int fd = 0;

	for (; *s >= '0' && *s <= '9' && fd < 1 << 24; s++)
		fd = fd * 10 + *s - '0';
	return *s ? -1 : fd;
}

static void take_arguments(uint64_t *sp)
{
	uint64_t argc = sp[0], *aux;
	char **argv = (char **)(sp + 1);

	if (argc < 6 || parse_fd(argv[1]) < 0)
		FAIL(1, "azalea-proxy: not a command by itself, start programs with yod");
	start_info.fd = parse_fd(argv[1]);
	start_info.exe = parse_fd(argv[2]);
	if (start_info.exe < 0)
		start_info.exe = sys3(__NR_openat, (uint64_t)AT_FDCWD, (uint64_t)argv[2], O_CLOEXEC);
	start_info.path = argv[3];
	start_info.name = argv[4];
	start_info.argv = argv + 5;
	start_info.envp = argv + argc + 1;
	for (aux = (uint64_t *)start_info.envp; *aux; aux++)
		;
	start_info.auxv = aux + 1;
}

static void start_program(void)
{
	struct az_ioc_start start = {
		.exec_size = exec_size(), .fd = start_info.fd, .exe = start_info.exe,
		.handler = (uint64_t)on_signal, .restorer = (uint64_t)signal_return,
		.arg_start = (uint64_t)start_info.argv[0],
	};
	long ret = sys3(__NR_ioctl, start_info.fd, AZ_IOC_START, (uint64_t)&start);
	char digits[24];

	if (ret == -EIO)
		FAIL(1, "yod: the LWK has failed; see 'lwkctl log', restart it with 'lwkctl boot'");
	if (ret == -EAGAIN)
		FAIL(1, "yod: the LWK already runs as many threads as it can; end other jobs ('lwkctl status' shows them)");
	if (ret < 0)
		FAIL(1, "yod: the LWK does not start the program (Linux's error ", number(digits, -ret), ")");
	start_info.fd = ret;		/* it has moved */
}

void proxy_main(uint64_t *sp) __attribute__((noreturn));

void proxy_main(uint64_t *sp)
{
	take_arguments(sp);
	sys3(__NR_prctl, PR_SET_NAME, (uint64_t)start_info.name, 0);
	start_program();
	serve(NULL);
}

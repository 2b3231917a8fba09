// SPDX-License-Identifier: GPL-2.0
/*
 * Calls whose structures hold addresses of their own, which Linux follows: bpf, keys, and comparing what processes share.
 */
#include <linux/bpf.h>
#include <linux/kcmp.h>
#include <linux/keyctl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "say.h"

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static void maps(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_HASH, .key_size = 8, .value_size = 4000, .max_entries = 8 };
	static unsigned char value[4000], back[4000];
	uint64_t key = 0x1234, next = 0;
	int map = bpf(BPF_MAP_CREATE, &attr);

	say("map", map >= 0 ? 0 : -1);
	if (map < 0)
		return;
	fill(value, sizeof(value), 3);
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = map;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)value;
	say("update", bpf(BPF_MAP_UPDATE_ELEM, &attr));
	attr.value = (uintptr_t)back;
	say("look up", bpf(BPF_MAP_LOOKUP_ELEM, &attr));
	ok("as it was", is_filled(back, sizeof(back), 3));
	attr.value = 8;
	say("look up to nowhere", bpf(BPF_MAP_LOOKUP_ELEM, &attr));
	attr.key = 0;
	attr.next_key = (uintptr_t)&next;
	say("next", bpf(BPF_MAP_GET_NEXT_KEY, &attr));
	say("key", next);
	say("unknown", bpf(9999, &attr));
	close(map);
}

static void program(void)
{
	struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 3 }, { .code = BPF_JMP | BPF_EXIT },
	};
	static char log[4096];
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insns = (uintptr_t)code, .insn_cnt = 2, .license = (uintptr_t)"GPL",
		.log_buf = (uintptr_t)log, .log_size = sizeof(log), .log_level = 1,
	};
	int fd = bpf(BPF_PROG_LOAD, &attr), pair[2];
	char text[16] = "";

	say("program", fd >= 0 ? 0 : -1);
	ok("log", fd < 0 || strstr(log, "processed 2 insns"));
	if (fd < 0)
		return;
	need("sockets", socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	say("attach", setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof(fd)));
	say("send", send(pair[0], "longer than that", 16, 0));
	say("what the program lets through", recv(pair[1], text, sizeof(text), 0));
	code[1].code = 0xff;
	say("wrong program", bpf(BPF_PROG_LOAD, &attr) >= 0 ? 0 : -1);
}

static void keys(void)
{
	long ring = syscall(SYS_add_key, "keyring", "test", NULL, 0, KEY_SPEC_PROCESS_KEYRING);
	long key = syscall(SYS_add_key, "user", "test:key", "secret", 6, KEY_SPEC_PROCESS_KEYRING);
	struct keyctl_dh_params dh = { .priv = key, .prime = key, .base = key };
	struct keyctl_pkey_params params = { .key_id = key };
	unsigned char caps[8] = "";
	char text[100] = "";

	say("keyring", ring > 0);
	say("key", key > 0);
	say("move", syscall(SYS_keyctl, KEYCTL_MOVE, key, KEY_SPEC_PROCESS_KEYRING, ring, 0));
	say("read", syscall(SYS_keyctl, KEYCTL_READ, key, text, sizeof(text)));
	say("secret", strcmp(text, "secret"));
	say("restrict", syscall(SYS_keyctl, KEYCTL_RESTRICT_KEYRING, ring, NULL, NULL));
	say("add to restricted", syscall(SYS_add_key, "user", "another", "x", 1, ring));
	say("capabilities", syscall(SYS_keyctl, KEYCTL_CAPABILITIES, caps, sizeof(caps)));
	say("first", caps[0]);
	say("Diffie and Hellman", syscall(SYS_keyctl, KEYCTL_DH_COMPUTE, &dh, text, sizeof(text), NULL));
	say("query", syscall(SYS_keyctl, KEYCTL_PKEY_QUERY, key, 0, "", text));
	say("sign", syscall(SYS_keyctl, KEYCTL_PKEY_SIGN, &params, "", text, text));
	say("unknown", syscall(SYS_keyctl, 77, 0, 0, 0, 0));
}

static void compare(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct kcmp_epoll_slot slot = { 0 };
	int epoll = epoll_create1(0), pair[2];
	pid_t pid = getpid();

	need("sockets", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	need("add", epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event));
	slot.efd = epoll;
	slot.tfd = pair[0];
	say("watched", syscall(SYS_kcmp, pid, pid, KCMP_EPOLL_TFD, pair[0], &slot));
	say("another", syscall(SYS_kcmp, pid, pid, KCMP_EPOLL_TFD, pair[1], &slot) > 0);
	slot.tfd = pair[1];
	say("not watched", syscall(SYS_kcmp, pid, pid, KCMP_EPOLL_TFD, pair[1], &slot));
	say("nowhere", syscall(SYS_kcmp, pid, pid, KCMP_EPOLL_TFD, pair[0], 8));
}

int main(void)
{
	maps();
	program();
	keys();
	compare();
	return 0;
}

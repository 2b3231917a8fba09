# SPDX-License-Identifier: GPL-2.0
# Azalea: `make help` lists what can be made. Everything built is under build/; programs in build/bin.
# Each folder has a Makefile of its own that works alone too; this one knows the order and installs what is missing.

ifneq ($(words $(CURDIR)),1)
$(error the path of this folder contains a space, which make cannot handle: move it)
endif

root := $(CURDIR)
build := $(root)/build
bin := $(build)/bin

-include .config
CPUS ?= $(or $(CONFIG_DEMO_CPUS),4)
linux_cpus := $(or $(CONFIG_DEMO_LINUX_CPUS),1)
lwk_memory := $(or $(patsubst "%",%,$(CONFIG_DEMO_LWK_MEMORY)),2G)
include bench/edge_detect/photo.mk
ifeq ($(CONFIG_CC_CLANG),y)
export CC := clang
endif

MAKEFLAGS += --no-print-directory
quiet := $(if $(V),,-s)
sub = +@$(MAKE) $(quiet) -C

.PHONY: all
all: linux programs

## Building
.PHONY: deps linux calls lwk proxy yod bench-programs vm-init test-programs programs
deps:
	@tools/deps

linux: deps
	@tools/linux-build

calls: deps
	$(sub) syscall-tables O=$(build)/gen

lwk: calls
	$(sub) lwk O=$(build)/lwk GEN=$(build)/gen

proxy: calls
	$(sub) proxy O=$(build)/proxy BIN=$(bin)

yod: calls
	$(sub) yod O=$(build)/yod BIN=$(bin) GEN=$(build)/gen

bench-programs: deps
	$(sub) bench/edge_detect O=$(build)/bench/edge_detect BIN=$(bin)
	$(sub) bench BIN=$(bin)
	$(sub) bench/mix O=$(build)/bench/mix BIN=$(bin)
	$(sub) bench/icount O=$(build)/bench

test-programs: calls
	@tools/deps $$(tests/programs/table --packages)
	$(sub) tests O=$(build)/tests BIN=$(bin)/tests GEN=$(build)/gen
	$(sub) tests/programs O=$(build)/tests/programs BIN=$(bin)/tests

vm-init: deps $(build)/vm/init

$(build)/vm/init: tools/init.c
	@mkdir -p $(@D)
	gcc -std=gnu11 -O2 -static -Wall -Wextra -Werror -o $@ $<

programs: lwk proxy yod bench-programs vm-init

## Running
.PHONY: demo vm test check
demo: all
	@mkdir -p $(build)/demo
	@tools/vm --linux-cpus $(linux_cpus) --lwk-cpus $(CPUS) --lwk-memory $(lwk_memory) --timeout 900 --out $(build)/demo \
		-- bench/edge_detect/demo $(PHOTO) $(build)/demo $(CPUS)

vm: all
	@tools/vm --linux-cpus $(linux_cpus) --lwk-cpus $(CPUS) --lwk-memory $(lwk_memory)

test: all test-programs
	@tests/run

check: deps calls
	@tests/run host

# QUICK=1 tries less and takes minutes; bench-hw needs an LWK that is booted on this machine.
.PHONY: bench bench-hw
bench: all
	@bench/run

bench-hw: yod bench-programs
	@bench/hw

.PHONY: programs-table
programs-table: all test-programs
	@tools/deps $$(tests/programs/table --extended)
	@EXTENDED=1 tests/run programs
	@cp $(build)/tests/vm/programs/programs.md docs/programs.md

## Configuring
.PHONY: menuconfig defconfig linux-source
kconfig = +@$(MAKE) $(quiet) -C $(build)/linux/src ARCH=x86_64 KBUILD_KCONFIG=$(root)/Kconfig KCONFIG_CONFIG=$(root)/.config

linux-source: deps
	@tools/linux-build source

menuconfig: linux-source
	@[ -t 0 ] || { echo 'make menuconfig needs a terminal; make defconfig does not' >&2; exit 1; }
	@tools/deps libncurses-dev
	$(kconfig) menuconfig

defconfig: linux-source
	$(kconfig) alldefconfig

## Real machines
.PHONY: linux-deb
linux-deb:
	@tools/deps linux-config-6.1 dpkg-dev debhelper rsync kmod cpio
	@tools/linux-build deb

# As root, after make: the commands and manual pages, the proxy, the LWK's image.
PREFIX ?= /usr
.PHONY: install
installed := $(addprefix $(bin)/,yod lwkctl edge_detect azalea-proxy) $(build)/lwk/azalea.img
install:
	$(foreach file,$(installed),$(if $(wildcard $(file)),,$(error $(file) is missing: run make first)))
	$(sub) yod install BIN=$(bin) GEN=$(build)/gen PREFIX=$(PREFIX)
	$(sub) bench/edge_detect install O=$(build)/bench/edge_detect BIN=$(bin) PREFIX=$(PREFIX)
	install -D -m 755 $(bin)/azalea-proxy $(DESTDIR)$(PREFIX)/lib/azalea/azalea-proxy
	install -D -m 644 $(build)/lwk/azalea.img $(DESTDIR)$(PREFIX)/lib/azalea/azalea.img

.PHONY: clean help
clean:
	rm -rf $(build)

help:
	@echo 'make              build everything: Linux, LWK, proxy, yod, lwkctl, edge_detect'
	@echo 'make demo         find the edges of a photograph on Linux and on the LWK, in a virtual machine'
	@echo '  CPUS=128          with so many LWK CPUs (now $(CPUS))'
	@echo 'make vm           a root shell in that machine; tools/vm --help for more'
	@echo 'make test         all tests: host, then virtual machine; tests/run GROUP... for some'
	@echo 'make check        the host tests alone, in minutes, without root'
	@echo 'make bench        all experiments, counted in virtual machines (35 minutes): build/bench/report.html'
	@echo '  QUICK=1           with fewer parameters (8 minutes); bench/run EXPERIMENT... for some'
	@echo 'make bench-hw     the same programs in cycles, on this machine, where an LWK must be booted'
	@echo 'make programs-table'
	@echo '                  runs programs of Debian on Linux and on the LWK and writes docs/programs.md from that'
	@echo 'make linux-deb    Debian packages of Linux with Azalea, for real machines (takes hours)'
	@echo 'make install      what was built, under PREFIX=/usr (DESTDIR= for packagers)'
	@echo 'make menuconfig   choose compiler and size of the demonstration; make defconfig: the defaults'
	@echo 'make linux, lwk, proxy, yod, bench-programs, deps'
	@echo '                  one part of the build'
	@echo 'make clean        remove build/'
	@echo 'V=1 shows the commands.'

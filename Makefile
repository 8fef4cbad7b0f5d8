# SPDX-License-Identifier: MIT
# Ashlar. `make help` lists the targets and switches; `make run` is the short way.

# Of the release that CHANGELOG.md has on top; nothing else says it.
VERSION    := 0.9.0

# ---------------------------------------------------------------------------------------------------------- switches
DEBUG      ?= 0
MEM        ?= 1G
SMP        ?= 1
NODES      ?= 1
DISK       ?=
QEMU       ?= qemu-system-i386
QEMU_EXTRA ?=
APPEND     ?=
V          ?= 0
Q          := $(if $(filter 1,$(V)),,@)
MAKEFLAGS  += --no-builtin-rules
# One goal by one make: its parts side by side, as many as there are CPUs.
ifeq ($(MAKELEVEL)$(words $(MAKECMDGOALS))$(filter -j%,$(MAKEFLAGS)),01)
MAKEFLAGS  += -j$(shell nproc)
endif
SHELL      := /bin/sh
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

export QEMU MEM SMP NODES GUI GDB_BATCH GDB_PORT REPLAY

# ------------------------------------------------------------- set-up: what the goals need is here, or gets installed
# PACKAGE=WITNESS, see tools/setup.sh. Another cross toolchain makes Debian's unnecessary.
HAVE_CROSS := $(CROSS_COMPILE)$(shell command -v i686-elf-gcc)
NEED_BUILD := nasm=nasm $(if $(HAVE_CROSS),,gcc-i686-linux-gnu=i686-linux-gnu-gcc)
NEED_BUILD += $(if $(filter clang%,$(notdir $(CC))),clang=$(CC))
NEED_ISO   := $(NEED_BUILD) grub-common=grub-mkrescue grub-pc-bin=/usr/lib/grub/i386-pc/multiboot2.mod
NEED_ISO   += xorriso=xorriso mtools=mformat
NEED_RUN   := $(NEED_ISO) qemu-system-x86=qemu-system-i386 e2fsprogs=/usr/sbin/mke2fs
NEED_RUN   += $(if $(filter 1,$(GUI)),qemu-system-gui=$(firstword $(wildcard /usr/lib/*/qemu/ui-gtk.so) /usr/lib/qemu/ui-gtk.so))
NEED_DEBUG := $(NEED_BUILD) qemu-system-x86=qemu-system-i386 gdb=gdb
NEED_GDB   := $(NEED_DEBUG) perl=prove expect=expect procps=pgrep qemu-utils=qemu-img
NEED_SCREEN := $(NEED_BUILD) qemu-system-x86=qemu-system-i386 python3=python3
NEED_HOST  := gcc=gcc libc6-dev=/usr/include/stdio.h
NEED_TEST  := $(NEED_RUN) $(NEED_HOST) $(NEED_GDB) $(NEED_SCREEN)
NEED_TEST  += gcc-i686-linux-gnu=i686-linux-gnu-gcc libc6-dev-i386-cross=/usr/i686-linux-gnu/include/stdio.h
NEED_TEST  += clang=clang libclang-rt-14-dev=/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.fuzzer-i386.a
NEED_TEST  += libstdc++-12-dev=/usr/lib/gcc/x86_64-linux-gnu/12/libstdc++.a
NEED_TEST  += libstdc++-12-dev-i386-cross=/usr/lib/gcc-cross/i686-linux-gnu/12/libstdc++.a
NEED_TEST  += ovmf-ia32=/usr/share/OVMF/OVMF32_VARS_4M.fd grub-efi-ia32-bin=/usr/lib/grub/i386-efi/multiboot2.mod
NEED_MATRIX = $(NEED_TEST) nodejs=node npm=npm bochs=bochs bochsbios=/usr/share/bochs/BIOS-bochs-latest
NEED_MATRIX += vgabios=/usr/share/vgabios/vgabios.bin
NEED_MATRIX += ovmf=/usr/share/OVMF/OVMF_CODE_4M.fd
NEED_MATRIX += grub-efi-amd64-bin=/usr/lib/grub/x86_64-efi/multiboot2.mod
NEED_LINT  := $(NEED_BUILD) clang=clang clang-format=clang-format sparse=sparse cppcheck=cppcheck
NEED_LINT  += clang-tidy=clang-tidy libc6-dev=/usr/include/stdio.h perl=perl $(NEED_RUN) $(NEED_DEBUG) $(NEED_HOST)
NEED_FUZZ  := clang=clang libclang-rt-14-dev=/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.fuzzer-i386.a
NEED_FUZZ  += gcc-i686-linux-gnu=i686-linux-gnu-gcc libc6-dev-i386-cross=/usr/i686-linux-gnu/include/stdio.h
NEED_FUZZ  += libstdc++-12-dev-i386-cross=/usr/lib/gcc-cross/i686-linux-gnu/12/libstdc++.a perl=perl
NEED_FUZZ  += libstdc++-12-dev=/usr/lib/gcc/x86_64-linux-gnu/12/libstdc++.a libc6-dev=/usr/include/stdio.h
NEED_PROVE := spin=spin gcc=gcc libc6-dev=/usr/include/stdio.h perl=perl
NEED_TEST  += $(NEED_PROVE) e2fsprogs=/usr/sbin/mke2fs
NEED_MUTANTS := $(NEED_HOST) perl=perl
NEED_COVERAGE := $(NEED_HOST) gcovr=gcovr
NEED_DIST  := $(NEED_BUILD) git=git perl=prove qemu-system-x86=qemu-system-i386
NEED_WEB   := $(NEED_BUILD) nodejs=node npm=npm e2fsprogs=/usr/sbin/mke2fs
NEED_WEB_TEST := $(NEED_WEB) perl=prove chromium-headless-shell=$(or $(CHROMIUM),chromium-headless-shell)

GOALS := $(or $(MAKECMDGOALS),all)
NEEDS := $(if $(filter all iso build/%,$(GOALS)),$(NEED_ISO)) $(if $(filter run,$(GOALS)),$(NEED_RUN)) \
	 $(if $(filter debug attach,$(GOALS)),$(NEED_DEBUG)) $(if $(filter debug-test record,$(GOALS)),$(NEED_GDB)) $(if $(filter host,$(GOALS)),$(NEED_HOST)) \
	 $(if $(filter screenshots session-test,$(GOALS)),$(NEED_SCREEN)) \
	 $(if $(filter lint,$(GOALS)),$(NEED_LINT)) $(if $(filter fuzz fuzz-keep,$(GOALS)),$(NEED_FUZZ)) \
	 $(if $(filter mutants,$(GOALS)),$(NEED_MUTANTS)) $(if $(filter prove,$(GOALS)),$(NEED_PROVE)) \
	 $(if $(filter dist,$(GOALS)),$(NEED_DIST)) $(if $(filter web,$(GOALS)),$(NEED_WEB)) $(if $(filter web-test,$(GOALS)),$(NEED_WEB_TEST)) \
	 $(if $(filter coverage,$(GOALS)),$(NEED_COVERAGE)) $(if $(filter matrix,$(GOALS)),$(NEED_MATRIX)) \
	 $(if $(filter-out all iso build/% run disk debug record attach prompt debug-test screenshots session-test host lint fuzz fuzz-keep mutants coverage prove web web-test dist clean help,$(GOALS)),$(NEED_TEST))
ifneq ($(strip $(NEEDS)),)
ifeq ($(findstring n,$(filter-out --%,$(firstword -$(MAKEFLAGS)))),)
ifneq ($(shell tools/setup.sh $(sort $(NEEDS)) >&2; echo $$?),0)
$(error set-up is incomplete, see above)
endif
endif
endif

# ---------------------------------------------------------------------------------------------------------- toolchain
ifeq ($(origin CROSS_COMPILE),undefined)
CROSS_COMPILE := $(firstword $(foreach p,i686-linux-gnu- i686-elf-,$(if $(shell command -v $(p)ld),$(p))))
ifneq ($(if $(CROSS_COMPILE),,$(filter-out clean help prompt host mutants coverage prove,$(GOALS))),)
$(error no cross toolchain: looked for i686-linux-gnu-ld and i686-elf-ld; name yours with CROSS_COMPILE=PREFIX-)
endif
endif
ifeq ($(origin CC),default)
CC := $(CROSS_COMPILE)gcc
endif
LD      := $(CROSS_COMPILE)ld
NM      := $(CROSS_COMPILE)nm
OBJCOPY := $(CROSS_COMPILE)objcopy
export STRIP := $(CROSS_COMPILE)strip
HOSTCC  ?= gcc
IS_CLANG := $(filter clang%,$(notdir $(CC)))
CONFIG  := $(if $(IS_CLANG),clang,gcc)-debug$(DEBUG)$(if $(filter 1,$(IRQOFF)),-irqoff)
OUT     := build/$(CONFIG)

# Shared with the host builds.
WARNINGS := -Wall -Wextra -Wshadow -Wundef -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wimplicit-fallthrough \
	    -Wconversion -Wno-sign-conversion
ifneq ($(WERROR),)
WARNINGS += -Werror
endif

INCLUDES := -I. -Iboot/port -Ikernel/arch/i386/include -Ikernel/include -Imm/include
CFLAGS := -std=gnu11 -ffreestanding -nostdinc -isystem $(shell $(CC) -print-file-name=include 2>/dev/null) \
	  -D__KERNEL__ -DDEBUG_LEVEL=$(DEBUG) $(if $(filter 1,$(IRQOFF)),-DMEASURE_IRQOFF) $(INCLUDES) $(WARNINGS) -O2 -g \
	  -m32 -march=i686 -mregparm=3 -mno-sse -mno-mmx -mno-80387 -fno-pic -fno-pie -fno-stack-protector \
	  -fno-asynchronous-unwind-tables -fcf-protection=none -fno-omit-frame-pointer -momit-leaf-frame-pointer \
	  -fno-strict-aliasing -fno-delete-null-pointer-checks -fno-common \
	  $(if $(IS_CLANG),--target=i686-linux-gnu,)
ASFLAGS := -f elf32 -g -F dwarf -w+all
LDFLAGS := -m elf_i386 -nostdlib -static --build-id=none -z max-page-size=4096 -z noexecstack

# ------------------------------------------------------------------------------------- sources, the ground floor first
# MM_ROOMS, MM_SOURCES
include mm/mm.mk

SOURCES := $(sort $(wildcard kernel/lib/*.c)) \
	   $(sort $(wildcard kernel/arch/i386/*.c kernel/arch/i386/*.asm)) \
	   $(sort $(wildcard kernel/core/*.c)) \
	   $(MM_SOURCES) \
	   $(sort $(wildcard drivers/*.c drivers/block/*.c drivers/fs/*.c)) \
	   $(sort $(wildcard user/*.c)) \
	   $(sort $(wildcard monitor/*.c)) \
	   $(sort $(wildcard boot/*.c boot/*.asm boot/port/*.asm)) \
	   $(sort $(wildcard tests/*.c tests/kernel/*.c tests/kernel/books/*.c tests/bench/*.c))
OBJECTS := $(patsubst %,$(OUT)/%.o,$(SOURCES)) $(OUT)/user/programs/archive.o

# What runs in ring 3: each file of user/programs but lib.c is a program; an archive of all lies in the image.
PROGRAMS     := $(filter-out lib,$(basename $(notdir $(sort $(wildcard user/programs/*.c)))))
USER_CFLAGS   = $(filter-out -D__KERNEL__ -DDEBUG_LEVEL=% -O2 -g -mregparm=3 -fno-omit-frame-pointer $(INCLUDES),$(CFLAGS)) -I. -Os
USER_OBJECTS := $(PROGRAMS:%=$(OUT)/user/programs/%.c.o) $(OUT)/user/programs/lib.c.o

# ------------------------------------------------------------------------------------------------------------ targets
.PHONY: all iso run debug record attach prompt screenshots clean help FORCE
all: build/ashlar.elf build/ashlar.iso
iso: build/ashlar.iso

# Tests and the monitor are many and need not be fast; what is measured is.
$(OUT)/tests/kernel/%.c.o $(OUT)/monitor/%.c.o: CFLAGS += -Os

$(OUT)/%.c.o: %.c Makefile
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $<")
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

# Labels of macros would hide the names of what begins there.
$(OUT)/%.asm.o: %.asm kernel/arch/i386/cfi.inc Makefile
	@mkdir -p $(@D)
	$(if $(Q),@echo "  NASM  $<")
	$(Q)nasm $(ASFLAGS) $< -o $@
	$(Q)$(OBJCOPY) --wildcard --strip-symbol='..@*' $@

$(USER_OBJECTS): $(OUT)/%.c.o: %.c Makefile
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $<")
	$(Q)$(CC) $(USER_CFLAGS) -MMD -MP -c $< -o $@

$(OUT)/programs/%: $(OUT)/user/programs/%.c.o $(OUT)/user/programs/lib.c.o $(OUT)/user/programs/start.asm.o user/programs/program.ld
	@mkdir -p $(@D)
	$(Q)$(LD) $(LDFLAGS) -s -T user/programs/program.ld -o $@ $(filter %.o,$^)

$(OUT)/programs.tar: $(PROGRAMS:%=$(OUT)/programs/%) user/programs/words
	$(Q)tar --format=ustar --owner=0 --group=0 --numeric-owner --mtime=@0 -b 1 -cf $@ -C $(OUT)/programs $(PROGRAMS) -C $(CURDIR)/user/programs words

$(OUT)/user/programs/archive.o: user/programs/archive.asm $(OUT)/programs.tar
	$(Q)nasm -f elf32 -DARCHIVE='"$(OUT)/programs.tar"' $< -o $@

# The symbol table is data behind all code, so filling it in moves no function: the second link is the last.
$(OUT)/empty.ksym.asm: tools/symbols.sh
	@mkdir -p $(@D)
	$(Q)tools/symbols.sh </dev/null >$@

$(OUT)/ashlar.ksym.asm: $(OUT)/first.elf tools/symbols.sh
	$(Q)$(NM) $< | tools/symbols.sh >$@

$(OUT)/%.ksym.o: $(OUT)/%.ksym.asm
	$(Q)nasm -f elf32 $< -o $@

$(OUT)/first.elf: $(OBJECTS) $(OUT)/empty.ksym.o linker.ld
	$(Q)$(LD) $(LDFLAGS) -T linker.ld -o $@ $(filter %.o,$^)

$(OUT)/ashlar.elf: $(OBJECTS) $(OUT)/ashlar.ksym.o linker.ld
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(LD) $(LDFLAGS) -T linker.ld -o $@ $(filter %.o,$^)
	@set -- $$($(NM) $@ | sed -n 's/ . __image_start$$//p; s/ . __image_end$$//p' | sort); \
		echo "  image in memory: $$(((0x$$2 - 0x$$1) / 1024)) KiB"

build/ashlar.elf: $(OUT)/ashlar.elf FORCE
	@cmp -s $< $@ || cp $< $@

build/ashlar.iso: build/ashlar.elf FORCE
	$(Q)tools/make-iso.sh $< $@ 0 '$(APPEND)'

# In a terminal: a screen, the short suites, the prompt. From a pipe: all tests in KTAP and the demonstrations; what it says is
# for the monitor, and at its end leave with the tests' result.
UNLESS     = $(if $(findstring $(1)=,$(APPEND)),,$(1)=$(2))
RUN_ROOT   = $(if $(filter none,$(DISK)),,$(call UNLESS,root,ide0)) $(if $(DISK),,$(call UNLESS,swap,ide3))
RUN_PERSON = $(call UNLESS,output,terminal) $(call UNLESS,selftest,quick) $(call UNLESS,map,on)
RUN_PIPE   = $(call UNLESS,demo,all) exit=qemu panic=exit $(call UNLESS,monitor,on)
run: build/ashlar.elf $(if $(DISK),,disk)
	$(Q)[ -t 0 ] && [ -t 1 ] && words="$(RUN_PERSON)" || words="$(RUN_PIPE)"; \
		tools/make-iso.sh $< build/run.iso 0 '$(APPEND)'" $$words $(RUN_ROOT)" && tools/run-qemu.sh -cdrom build/run.iso $(RUN_DISKS) \
		-gdb unix:$(RUN_GDB),server=on,wait=off $(QEMU_EXTRA)

# A disk with files, an empty one for demo=flags, one to swap to, and a floppy whose every word the tests know; DISK=FILE is ide0 and alone,
# DISK=none: none of them.
RUN_FLOPPY = -drive if=floppy,index=0,file=build/floppy.img,format=raw
RUN_SPARE  = -drive if=none,id=ide1,file=build/spare.img,format=raw -device ide-hd,drive=ide1,bus=ide.0,unit=1
RUN_SWAP   = -drive if=none,id=ide3,file=build/swap.img,format=raw,cache=unsafe -device ide-hd,drive=ide3,bus=ide.1,unit=1
RUN_DISK   = -drive if=none,id=ide0,file=$(1),format=raw -device ide-hd,drive=ide0,bus=ide.0,unit=0
RUN_DISKS  = -boot d $(if $(filter none,$(DISK)),,$(call RUN_DISK,$(or $(DISK),build/root.img)) $(if $(DISK),,$(RUN_SPARE) $(RUN_SWAP) $(RUN_FLOPPY)))
disk: $(PROGRAMS:%=$(OUT)/programs/%)
	@mkdir -p build
	$(Q)tools/make-root build/root.img 16M $^ && tools/make-disk build/floppy.img 1474560 && truncate -s 1M build/spare.img && tools/make-swap build/swap.img 64M

# `make attach` finds the machine of `make run` at this socket, which costs nothing until then.
RUN_GDB = build/run.gdb

debug: build/ashlar.elf
	$(Q)tools/debug.sh $< '$(APPEND) $(call UNLESS,selftest,none)' $(QEMU_EXTRA)

record: build/ashlar.elf
	$(Q)tools/record.sh $< '$(APPEND) $(call UNLESS,selftest,none) panic=exit'

attach: build/ashlar.elf
	$(Q)tools/gdb.sh $< $(if $(GDB_PORT),localhost:$(GDB_PORT),$(RUN_GDB))

prompt:
	$(Q)tools/prompt.sh

screenshots: build/ashlar.elf
	$(Q)python3 tools/screenshots.py docs/img

clean:
	rm -rf build

help:
	@sed -n 's/^#: \?//p' Makefile
	@echo; echo "Words for APPEND (docs/boot.md; 'help boot' at the prompt):"; tools/kernel-words

# What a release hands out, each built from its archive.
.PHONY: dist
dist:
	$(Q)tools/make-dist $(VERSION) build/dist
	$(Q)tests/run-tests --program='dist tree=tests/dist tree build/dist/ashlar-$(VERSION).tar.gz' \
		--program='dist mm=tests/dist mm build/dist/ashlar-mm-$(VERSION).tar.gz'

-include tools/web/web.mk
-include tests/tests.mk
-include tests/bench/bench.mk
-include $(OBJECTS:.o=.d) $(USER_OBJECTS:.o=.d)

#: make            build/ashlar.elf and build/ashlar.iso
#: make run        boot the ISO in QEMU: a screen, the short self-tests, the prompt; from a pipe: all tests as KTAP, the
#:                 demonstrations, then the commands of the pipe
#: make test       everything that must hold; one closing line
#: make matrix     the self-tests on every kind of machine; MACHINE=WORD: those with WORD in their name
#: make debug      QEMU stopped at the first instruction, GDB attached; GDB_BATCH=FILE runs FILE instead.
#:                 GDB_PORT=1234: waits there for make attach or an editor. docs/debugging.md
#: make record     a session at the prompt, recorded; make debug REPLAY=1 runs it again, the same at every instruction
#: make attach     GDB on the `make run` that runs in another terminal, or at GDB_PORT
#: make prompt     the kernel's prompt of the `make debug` that runs in another terminal; Ctrl-] leaves
#: make debug-test a real GDB does all of that, and looks
#: make session-test  a session of 150 commands and keys in a terminal of 80 by 24
#: make screenshots  docs/img/map.png and memory.svg anew, each from a machine that runs
#: make web        build/web/, a page in which a browser boots the kernel, beside a live map of its memory: open
#:                 index.html, copy the folder, or serve it. docs/web.md
#: make web-test   a headless Chromium opens it, types, clicks, and looks at the map
#: make disk       build/root.img, an ext2 disk that make run mounts, an empty one, one to swap to, and a floppy; those that are there stay
#: make host       host tools under build/host/
#: make fuzz       libFuzzer on loader data, command line, maps and calls of mm, 64 and 32 bits; TIME=60 seconds each
#: make mutants    plants small faults one at a time; the host tests must catch each
#: make lint       layers, headers, format, sparse, cppcheck, -fanalyzer, clang-tidy, the documents' samples
#: make dist       build/dist/: the tree and mm/ alone as archives, each built from its archive
#: make clean      remove build/
#:
#: make sweep      an interrupt at each instruction of the allocators' paths
#: make sweep-failures  each self-test with its 1st, 2nd, 3rd ... request for memory failing
#: make soak       everything at once for 60,000 ticks
#: make crash      ext2 with the power cut after every write: e2fsck repairs it, and what fsync confirmed is there
#: make soak-files  a million operations on files, by four threads, against a model and the image
#: make soak-ext2  the same with all that is done to files on ext2, e2fsck last
#: make soak-swap  programs larger than memory, a file, objects and a hog for 60,000 ticks
#: make soak-calls  a million system calls at random, by ten programs
#: make prove      spin tries every interleaving of models of sleeping, page locks and write-back; planted faults must be found
#: make coverage lines and branches of mm that the host tests reach; a page in build/coverage
#:
#: IRQOFF=1 measures for how long interrupts are off, as make bench does for irqoff_max
#: DEBUG=0|1|2  CC=clang  CROSS_COMPILE=i686-elf-  V=1  WERROR=1
#: MEM=1G  SMP=1  NODES=1  DISK=FILE|none  APPEND="kernel words"  QEMU_EXTRA="options"  GUI=1

# SPDX-License-Identifier: MIT
# `make host`: the host's tools and test programs. `make test`: everything that must hold, one closing line.
# TEST=WORD: only the test programs with WORD in their name, or, when WORD is a suite, that suite on host and guest.

# ------------------------------------------------------------------------------------ host programs, 64 and 32 bits
HOST_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
HOST_CFLAGS   := -std=gnu11 -g -O1 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DDEBUG_LEVEL=2 $(WARNINGS) $(HOST_SANITIZE) \
		 -I. -Itests/host/include -idirafter mm/include -idirafter kernel/include
HOST_LDFLAGS32 := -Wl,--dynamic-linker=/usr/i686-linux-gnu/lib/ld-linux.so.2 -Wl,-rpath,/usr/i686-linux-gnu/lib
HOSTCC32      ?= i686-linux-gnu-gcc
comma         := ,

# mm as the kernel has it; of the kernel only what needs no machine. string.c is left to the host's C library.
GUEST_ONLY := $(addprefix tests/kernel/test_,$(addsuffix .c,trap irq handler thread context kmap_threads protect timer percpu smp smp_shared lockorder rseq sweep soak books books_names scull vmalloc_irq))
GUEST_ONLY += tests/kernel/test_pci.c tests/kernel/test_blk.c tests/kernel/test_ide.c tests/kernel/test_ide_odd.c tests/kernel/test_diskfile.c tests/kernel/test_vfs.c tests/kernel/test_ext2.c tests/kernel/test_ext2_cut.c tests/kernel/test_scullf.c tests/kernel/test_ext2_edges.c tests/kernel/test_ext2_damage.c tests/kernel/test_floppy.c tests/kernel/test_edu.c tests/kernel/test_dma_image.c tests/kernel/test_demo.c tests/kernel/test_hog.c tests/kernel/test_sweep_slow.c tests/kernel/test_rules.c tests/kernel/test_slab_guest.c tests/kernel/test_keyboard.c
GUEST_ONLY += tests/kernel/test_mempool_sleep.c tests/kernel/test_owner.c tests/kernel/test_user.c tests/kernel/test_user_disk.c tests/kernel/test_user_fault.c tests/kernel/test_user_kill.c tests/kernel/test_guard.c tests/kernel/test_fault_drivers.c tests/kernel/test_sleep.c tests/kernel/test_oom.c tests/kernel/test_background.c
GUEST_ONLY += tests/kernel/test_writeback_disk.c tests/kernel/test_swap_disk.c tests/kernel/swap_disk.c tests/kernel/test_soak_swap.c tests/kernel/test_soak_files.c tests/kernel/test_sweep_cache.c tests/kernel/test_sweep_disk.c tests/kernel/test_soak_ext2.c tests/kernel/test_sweep_user.c tests/kernel/test_sweep_swap.c
# mm stands on mm/kit, and functions of tests around some of the kit's (tests/host/fake_kit.c).
HOST_KIT     := $(addprefix mm/kit/,stack.c lock.c descriptor.c threads.c print.c names.c sized.c)
HOST_WRAP    := $(addprefix -Wl$(comma)--wrap=,object_pop_sized port_size_of_call page_push port_print port_backtrace port_task_name \
		port_park port_park_for port_unpark)
HOST_SOURCES := $(MM_SOURCES) $(HOST_KIT) kernel/lib/format.c kernel/core/cmdline.c boot/multiboot.c boot/acpi.c tests/ktest.c tests/ktest_report.c \
		monitor/line.c monitor/parse.c user/elf.c \
		$(filter-out $(GUEST_ONLY),$(sort $(wildcard tests/kernel/test_*.c))) $(sort $(wildcard tests/host/test_*.c)) \
		tests/host/main.c $(sort $(wildcard tests/host/fake_*.c))
TOOL_MEMMAP  := mm/early/range.c mm/early/memmap.c tests/host/tool_memmap.c

HOST_OBJECTS64 := $(HOST_SOURCES:%.c=build/host64/%.o)
HOST_OBJECTS32 := $(HOST_SOURCES:%.c=build/host32/%.o)
MEMMAP_OBJECTS := $(TOOL_MEMMAP:%.c=build/host64/%.o)

.PHONY: host test
host: build/host/memmap build/host/test64

build/host64/%.o: %.c tests/tests.mk
	@mkdir -p $(@D)
	$(if $(Q),@echo "  HOST  $<")
	$(Q)$(HOSTCC) $(HOST_CFLAGS) -MD -MP -c $< -o $@

build/host32/%.o: %.c tests/tests.mk
	@mkdir -p $(@D)
	$(if $(Q),@echo "  HOST32 $<")
	$(Q)$(HOSTCC32) $(HOST_CFLAGS) -MD -MP -c $< -o $@

build/host/test64: $(HOST_OBJECTS64)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(HOST_SANITIZE) $(HOST_WRAP) $^ -o $@

build/host/test32: $(HOST_OBJECTS32)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC32) $(HOST_SANITIZE) $(HOST_LDFLAGS32) $(HOST_WRAP) $^ -o $@

build/host/memmap: $(MEMMAP_OBJECTS)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(HOST_SANITIZE) $^ -o $@

-include $(sort $(HOST_OBJECTS64:.o=.d) $(HOST_OBJECTS32:.o=.d) $(MEMMAP_OBJECTS:.o=.d))

include tests/fuzz/fuzz.mk

# `make mutants`: do the tests notice? MUTANT=WORD: those with WORD in their name or file.
.PHONY: mutants
mutants:
	$(Q)tests/mutants/run $(MUTANT)

# `make coverage`: what of mm the host tests reach; docs/assurance.md says what is left, and why. Built as what ships, without
# assertions; unoptimized, so that a branch is one of the source; a function that is inlined everywhere counts once.
# Percent of the branches that must be taken.
COVERAGE_MIN := 92
COV_CFLAGS    = $(subst -DDEBUG_LEVEL=2,-DDEBUG_LEVEL=0,$(filter-out $(HOST_SANITIZE) -O1,$(HOST_CFLAGS))) -O0 --coverage \
		-D__always_inline__=__unused__ -Wno-sign-compare
COV_OBJECTS  := $(HOST_SOURCES:%.c=build/cov/%.o)

build/cov/%.o: %.c tests/tests.mk
	@mkdir -p $(@D)
	$(if $(Q),@echo "  COV   $<")
	$(Q)$(HOSTCC) $(COV_CFLAGS) -MD -MP -c $< -o $@

build/cov/test: $(COV_OBJECTS)
	$(Q)$(HOSTCC) --coverage $(HOST_WRAP) $^ -o $@

-include $(sort $(COV_OBJECTS:.o=.d))

.PHONY: coverage
coverage: build/cov/test
	$(Q)tests/coverage $< build/cov $(COVERAGE_MIN)

# `make prove`: models of the protocols, every state of them; those with a planted fault must be found out.
.PHONY: prove
prove:
	$(Q)tests/proof/run

# -------------------------------------------------------------------------------------------------- the test programs
# NAME=COMMAND each, the longest first.
TEST_WORDS    = selftest=$(or $(GUEST_SUITE),all) monitor=off exit=qemu panic=exit
MATRIX       := tests/boot/matrix

# A suite's name, when TEST is one; GUEST_SUITE, when the guest has it too.
TEST_SUITE   := $(if $(TEST),$(if $(shell grep -rlE '^KTEST[A-Z_]*.$(TEST),' tests),$(TEST)))
GUEST_SUITE  := $(if $(TEST_SUITE),$(if $(shell grep -lE '^KTEST[A-Z_]*.$(TEST),' -r tests/kernel),$(TEST)))

PROGRAMS_HOST  = --program='host64=tests/host/run-host host64 build/host/test64 $(TEST_SUITE)' \
		 --program='host32=tests/host/run-host host32 build/host/test32 $(TEST_SUITE)' \
		 $(if $(TEST_SUITE),,--program='host64-high=tests/host/run-host host64-high build/host/test64 kmap,highmem 1100')
# The machines are a table, tests/boot/machines; a bounded set of them belongs to `make test`.
PROGRAMS_BOOT  = $(foreach machine,$(shell $(MATRIX) --names),\
		 --program='boot $(machine)=$(MATRIX) --run=$(machine) $(TEST_WORDS)')
# Suites of their own, on machines that count instructions; the soak is fed through its serial line.
COUNTING      := --qemu='-icount shift=0,sleep=off'
GUEST_WORDS   := monitor=off exit=qemu panic=exit
SWEEP_SUITES   = tests/boot/run-guest --name='sweep $(1)' $(COUNTING) $(1) kernel selftest=rseq,$(2) $(3) $(GUEST_WORDS)
SOAK_SUITE     = tests/boot/run-guest --name='$(1)' --qemu='-icount shift=6,sleep=off' --input='soak it ' 8M kernel \
		 selftest=$(1) $(GUEST_WORDS)
CALLS_SUITE    = tests/boot/run-guest --name='$(1)' --proves='R8 PRG-01 PRG-02' 64M kernel selftest=$(1) $(GUEST_WORDS)
FILES_SUITE    = tests/boot/run-guest --name='soak-files' --qemu='DISK=ide0:4M' 16M kernel selftest=$(1) $(GUEST_WORDS)
SWAP_SUITE     = tests/boot/run-guest --name='soak-swap' --qemu='DISK=ide0:128M:swap DISK=ide1:1M' 16M kernel selftest=$(1) $(GUEST_WORDS)
EXT2_SUITE     = tests/boot/run-guest --name='soak-ext2' --qemu='DISK=ide1:8M:ext2,-b,1024' 16M kernel selftest=$(1) $(GUEST_WORDS)
PROGRAMS_COUNTED = --program="sweep=$(call SWEEP_SUITES,16M,sweep)" \
		 --program="sweep-high=$(call SWEEP_SUITES,24M,sweep,lowmem=16M)" --program="soak=$(call SOAK_SUITE,soak_short)"

# Suites whose requests for memory fail one by one. Not these: threads of `thread` and `sleep` cannot be stopped half way, caches of
# `books` panic where they cannot be had, what `scull_hog`
# asks the prompt for must be refused. Those of the second line run to the end of memory, or make many programs: a run of each
# takes seconds, and so fewer of their requests are tried one by one (FAIL_NTH_LONG).
STARVED_ALL    = selftest=all,-thread,-sleep,-books,-scull_hog,-gfp,-oom,-user lowmem=48M
STARVED_LONG   = selftest=gfp,oom,user lowmem=48M
FAIL_NTH      ?= 100
FAIL_NTH_LONG ?= 8
STARVED_FEW    = selftest=alloc_percpu,bulk,debug,kmalloc,mempool,page_alloc,scull,slab,vmalloc lowmem=48M
STARVED_HOST   = alloc_percpu,areas,bulk,debug,gfp,highmem,kmalloc,kmap,mempool,page_alloc,pieces,reclaim,slab,vmalloc
STARVED_GUEST  = tests/boot/run-guest --name='$(1)' --proves='S7 FLT-01' 64M kernel $(2) $(GUEST_WORDS)

# It leaves things behind on purpose, and must be found out; in the guest by the monitor's script.
LEAKY_SUITE    = tests/host/leaky build/host/test64 $(1) $(2)

PROGRAMS_OTHER = --program='monitor=tests/boot/monitor-script' --program='prove=tests/proof/run' \
		 --program='fuzz=tests/fuzz/run --tap 5 $(FUZZ_PROGRAMS)' \
		 --program='e820=tests/host/e820-check build/host/memmap tests/data/e820/*.map' \
		 --program='screen map=tests/screen/map' --program='screen keys=tests/screen/keys' \
		 --program='session=tests/screen/session' \
		 --program='crash 1K=tests/boot/crash --name=crash-1K --cuts=40 --subsets=40 -b 1024' \
		 --program='crash 4K=tests/boot/crash --name=crash-4K --cuts=40 --subsets=40 -b 4096 -I 256 -O ^filetype' \
		 --program='harness=tests/boot/self-test' --program='leaky=$(call LEAKY_SUITE,leaky,careless)' \
		 --program="failures-few=$(call STARVED_GUEST,failures-few,$(STARVED_FEW) fail_nth=1)" --program='lint=tools/lint/self-test'
# mm in a kernel that is not ours, and in a program of Linux; tests/port/Makefile.
PORTS         := hosted level1 level2
PROGRAMS_PORT := $(foreach port,$(PORTS) tree,--program='port $(port)=tests/port/run $(port)') \
		 --program='port names=tests/port/names'

.PHONY: $(PORTS:%=port-%)
$(PORTS:%=port-%): port-%:
	$(Q)$(MAKE) --no-print-directory -C tests/port PORT=$* Q=$(Q)

PROGRAMS_SUITE = $(PROGRAMS_HOST) $(if $(GUEST_SUITE),\
		 --program='boot 512M-kernel=$(MATRIX) --run=512M-kernel $(TEST_WORDS)')

# A real GDB on a real machine; tests/gdb/README.md.
GDB_SCENARIOS := tables programs swaps owners corruption unwinding sequences panics prompt disks cpus nodes
PROGRAMS_GDB  := $(foreach scenario,$(GDB_SCENARIOS),--program='gdb $(scenario)=tests/gdb/run $(scenario)') \
		 --program='gdb terminal=tests/gdb/terminal'

.PHONY: debug-test
debug-test: build/ashlar.elf
	$(Q)tests/run-tests $(if $(TEST),--match='$(TEST)') $(PROGRAMS_GDB) --program='gdb replay=tests/gdb/replay'

# A person's session in a terminal, as it is part of `make test`.
.PHONY: session-test
session-test: build/ashlar.elf
	$(Q)tests/run-tests --program='session=tests/screen/session'

test: build/ashlar.elf build/host/memmap build/host/test64 build/host/test32 $(if $(TEST_SUITE),,$(FUZZ_PROGRAMS) build/ashlar-debug2.elf $(PORTS:%=port-%))
	$(Q)tests/run-tests $(if $(TEST_SUITE),$(PROGRAMS_SUITE),$(if $(TEST),--match='$(TEST)') \
		$(PROGRAMS_BOOT) $(PROGRAMS_HOST) $(PROGRAMS_OTHER) $(PROGRAMS_PORT) $(PROGRAMS_GDB) $(PROGRAMS_COUNTED))

# The kernel with every assertion and walk, beside the one that is asked for.
CONFIG2 := $(if $(IS_CLANG),clang,gcc)-debug2
build/ashlar-debug2.elf: FORCE
	$(Q)$(MAKE) $(if $(Q),-s) --no-print-directory DEBUG=2 IRQOFF= CONFIG=$(CONFIG2) build/$(CONFIG2)/ashlar.elf
	@cmp -s build/$(CONFIG2)/ashlar.elf $@ || cp build/$(CONFIG2)/ashlar.elf $@

# `make sweep`: an interrupt at each instruction, in full: -m 16M; with longer per-CPU lists; with high memory.
# `make soak`: everything at once for 60,000 ticks. The figures are in the logs.
.PHONY: sweep soak sweep-failures
sweep: build/ashlar.elf
	$(Q)TIME_LIMIT=1800 tests/run-tests --program="16M=$(call SWEEP_SUITES,16M,sweep_full)" \
		--program="64M=$(call SWEEP_SUITES,64M,sweep_full)" \
		--program="24M=$(call SWEEP_SUITES,24M,sweep_full,lowmem=16M)"; result=$$?; \
		grep -hE '# .*boundaries hit' build/tests/sweep-16M.log | grep -v 'so far'; \
		for log in build/tests/sweep-*M.log; do echo "$$log: $$(grep 'so far' $$log | tail -1)"; done; exit $$result

# `make sweep-failures`: each self-test with its 1st, 2nd ... FAIL_NTH-th request for memory failing, then the 2nd, 4th, 8th multiple of
# that. `FAIL_NTH_LONG=100` tries all of them in the long suites, too, which takes hours.
sweep-failures: build/ashlar.elf build/host/test64
	$(Q)TIME_LIMIT=2400 tests/run-tests --program="failures=$(call STARVED_GUEST,failures,$(STARVED_ALL) fail_nth=$(FAIL_NTH))" \
		--program="failures-long=$(call STARVED_GUEST,failures-long,$(STARVED_LONG) fail_nth=$(FAIL_NTH_LONG))" \
		--program="host=tests/host/run-host host build/host/test64 $(STARVED_HOST) 64 $(FAIL_NTH)"; result=$$?; \
		grep -hoE '[0-9]+ failures' build/tests/failures.log build/tests/failures-long.log | \
		awk '{ nr += $$1 } END { print nr " requests of the guest failed" }'; exit $$result

# `make crash`: the power cut after every write of a busy run on ext2, and with some of the writes since the last flush.
.PHONY: crash
crash: build/ashlar.elf
	$(Q)TIME_LIMIT=1800 tests/run-tests --program='1K=tests/boot/crash --name=all-1K --all --subsets=2000 -b 1024' \
		--program='2K=tests/boot/crash --name=all-2K --all --subsets=2000 -b 2048 -O ^sparse_super -O ^resize_inode -I 128' \
		--program='4K=tests/boot/crash --name=all-4K --all --subsets=2000 -b 4096 -I 256 -O ^filetype'

soak: build/ashlar.elf
	$(Q)TIME_LIMIT=900 tests/run-tests --program="soak=$(call SOAK_SUITE,soak)"; result=$$?; \
		grep -E '^    #' build/tests/soak.log; exit $$result

# `make soak-calls`: 10^6 system calls of ten programs, at random and with random pointers.
.PHONY: soak-calls
soak-calls: build/ashlar.elf
	$(Q)tests/run-tests --program="soak-calls=$(call CALLS_SUITE,user_calls)"

# `make soak-files`: 10^6 operations of four threads on files of one disk, compared with a model and with the image.
.PHONY: soak-files
soak-files: build/ashlar.elf
	$(Q)TIME_LIMIT=900 tests/run-tests --program="soak-files=$(call FILES_SUITE,soak_files)"; result=$$?; \
		grep -E '^    #' build/tests/soak-files.log; exit $$result

# `make soak-ext2`: 10^6 operations of four threads on an ext2 image, compared with models, by e2fsck and with the image.
.PHONY: soak-ext2
soak-ext2: build/ashlar.elf
	$(Q)TIME_LIMIT=1800 tests/run-tests --program="soak-ext2=$(call EXT2_SUITE,soak_ext2)"; result=$$?; \
		grep -E '^    # .*(operations|swallowed)' build/tests/soak-ext2.log; exit $$result

# `make soak-swap`: programs larger than memory, a file, objects and a hog for 60,000 ticks.
.PHONY: soak-swap
soak-swap: build/ashlar.elf
	$(Q)TIME_LIMIT=900 tests/run-tests --program="soak-swap=$(call SWAP_SUITE,soak_swap)"; result=$$?; \
		grep -E '^    #' build/tests/soak-swap.log; exit $$result

# `make matrix`: the same tests on every machine of the table; MACHINE=WORD picks. v86 comes from npm (tools/web/web.mk);
# without it its machines are absent, by name.
.PHONY: matrix
matrix: build/ashlar.elf build/ashlar-debug2.elf
	@$(MAKE) -s --no-print-directory $(NPM)/installed || echo "v86 cannot be had from npm: its machines will be absent" >&2
	$(Q)$(MATRIX) --match='$(MACHINE)' $(TEST_WORDS)

include tools/lint/lint.mk

# SPDX-License-Identifier: MIT
# `make host`: the host's tools and test programs. `make test`: everything that must hold, one closing line.
# TEST=WORD: only the test programs with WORD in their name, or, when WORD is a suite, that suite on host and guest.

# ------------------------------------------------------------------------------------ host programs, 64 and 32 bits
HOST_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
HOST_CFLAGS   := -std=gnu11 -g -O1 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DDEBUG=2 $(WARNINGS) $(HOST_SANITIZE) \
		 -I. -Itests/host/include -idirafter mm/include -idirafter kernel/include
HOST_LDFLAGS32 := -Wl,--dynamic-linker=/usr/i686-linux-gnu/lib/ld-linux.so.2 -Wl,-rpath,/usr/i686-linux-gnu/lib
HOSTCC32      ?= i686-linux-gnu-gcc

# mm as the kernel has it; of the kernel only what needs no machine. string.c is left to the host's C library.
GUEST_ONLY := $(addprefix tests/kernel/test_,$(addsuffix .c,trap irq thread context timer percpu rseq sweep soak))
HOST_SOURCES := $(sort $(wildcard mm/*.c)) kernel/lib/format.c kernel/core/cmdline.c boot/multiboot.c tests/ktest.c \
		$(filter-out $(GUEST_ONLY),$(sort $(wildcard tests/kernel/test_*.c))) $(sort $(wildcard tests/host/test_*.c)) \
		tests/host/main.c $(sort $(wildcard tests/host/fake_*.c))
TOOL_MEMMAP  := mm/range.c mm/memmap.c tests/host/tool_memmap.c

HOST_OBJECTS64 := $(HOST_SOURCES:%.c=build/host64/%.o)
HOST_OBJECTS32 := $(HOST_SOURCES:%.c=build/host32/%.o)
MEMMAP_OBJECTS := $(TOOL_MEMMAP:%.c=build/host64/%.o)

.PHONY: host test
host: build/host/memmap build/host/test64

build/host64/%.o: %.c tests/tests.mk
	@mkdir -p $(@D)
	$(if $(Q),@echo "  HOST  $<")
	$(Q)$(HOSTCC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

build/host32/%.o: %.c tests/tests.mk
	@mkdir -p $(@D)
	$(if $(Q),@echo "  HOST32 $<")
	$(Q)$(HOSTCC32) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

build/host/test64: $(HOST_OBJECTS64)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(HOST_SANITIZE) $^ -o $@

build/host/test32: $(HOST_OBJECTS32)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC32) $(HOST_SANITIZE) $(HOST_LDFLAGS32) $^ -o $@

build/host/memmap: $(MEMMAP_OBJECTS)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(HOST_SANITIZE) $^ -o $@

-include $(sort $(HOST_OBJECTS64:.o=.d) $(HOST_OBJECTS32:.o=.d) $(MEMMAP_OBJECTS:.o=.d))

# -------------------------------------------------------------------------------------------------- the test programs
# NAME=COMMAND each, the longest first.
TEST_WORDS    = selftest=$(or $(GUEST_SUITE),all) monitor=off exit=qemu panic=exit
MATRIX       := tests/boot/matrix
V86_VERSION  := 0.5.462

# A suite's name, when TEST is one; GUEST_SUITE, when the guest has it too.
TEST_SUITE   := $(if $(TEST),$(if $(shell grep -rlE '^KTEST[A-Z_]*.$(TEST),' tests),$(TEST)))
GUEST_SUITE  := $(if $(TEST_SUITE),$(if $(shell grep -lE '^KTEST[A-Z_]*.$(TEST),' -r tests/kernel),$(TEST)))

PROGRAMS_HOST  = --program='host64=tests/host/run-host host64 build/host/test64 $(TEST_SUITE)' \
		 --program='host32=tests/host/run-host host32 build/host/test32 $(TEST_SUITE)'
# The machines are a table, tests/boot/machines; a bounded set of them belongs to `make test`.
PROGRAMS_BOOT  = $(foreach machine,$(shell $(MATRIX) --names),\
		 --program='boot $(machine)=$(MATRIX) --run=$(machine) $(TEST_WORDS)')
PROGRAMS_OTHER = --program='e820=tests/host/e820-check build/host/memmap tests/data/e820/*.map' \
		 --program='harness=tests/boot/self-test' --program='lint=tools/lint/self-test'
PROGRAMS_SUITE = $(PROGRAMS_HOST) $(if $(GUEST_SUITE),\
		 --program='boot 512M-kernel=$(MATRIX) --run=512M-kernel $(TEST_WORDS)')

test: build/ashlar.elf build/host/memmap build/host/test64 build/host/test32
	$(Q)tests/run-tests $(if $(TEST_SUITE),$(PROGRAMS_SUITE),$(if $(TEST),--match='$(TEST)') \
		$(PROGRAMS_BOOT) $(PROGRAMS_HOST) $(PROGRAMS_OTHER))

# `make matrix`: the same tests on every machine of the table; MACHINE=WORD picks. v86 comes from npm, into build/ only;
# without it its machines are absent, by name.
.PHONY: matrix
matrix: build/ashlar.elf build/v86/version-$(V86_VERSION)
	$(Q)$(MATRIX) --match='$(MACHINE)' $(TEST_WORDS)

build/v86/version-%:
	@mkdir -p build/v86
	@npm install --silent --no-audit --no-fund --prefix build/v86 v86@$* && touch $@ || \
		echo "v86 cannot be had from npm: its machines will be absent" >&2

include tools/lint/lint.mk

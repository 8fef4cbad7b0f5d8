# SPDX-License-Identifier: MIT
# `make bench`: every bench in one run of QEMU that counts instructions; the table, and build/bench.tsv.
# `make bench-compare OLD=FILE`: two such files beside each other. `make bench-plot`: build/bench.svg.
# BENCH=NAME,…: only these.

BENCH       ?= all
BENCH_TRACE := tests/data/linux-6.1-busybox.trace.gz
BENCH_QEMU  := $(QEMU) -accel tcg -nodefaults -display none -serial stdio -no-reboot \
	       -device isa-debug-exit,iobase=0xf4,iosize=0x04 -m 512M -icount shift=0,sleep=off

REPLAY_SOURCES := $(sort $(wildcard mm/*.c)) kernel/lib/format.c $(sort $(wildcard tests/host/fake_*.c)) \
		  tests/host/tool_replay.c
REPLAY_OBJECTS := $(REPLAY_SOURCES:%.c=build/host64/%.o)

.PHONY: bench bench-compare bench-plot
host: build/host/replay

build/host/replay: $(REPLAY_OBJECTS)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(HOST_SANITIZE) $^ -o $@

build/trace.bin: $(BENCH_TRACE) build/host/replay
	$(Q)build/host/replay --pack $< $@

# Status 33: the kernel left by itself.
bench: build/ashlar.elf build/trace.bin
	$(Q)timeout 1200 $(BENCH_QEMU) -kernel $< -initrd build/trace.bin \
		-append "selftest=none bench=$(BENCH) monitor=off exit=qemu panic=exit" >build/bench.log; \
		test $$? = 33 || { tail -20 build/bench.log; echo "bench: the kernel did not run to its end"; exit 1; }
	$(Q)tools/bench-report docs/bench-reference.tsv build/bench.log build/bench.tsv

bench-compare: build/bench.tsv
	$(Q)tools/bench-compare $(or $(OLD),$(error bench-compare: expected OLD=FILE, an earlier build/bench.tsv)) $<

build/bench.tsv:
	$(Q)$(MAKE) bench

bench-plot: build/bench.tsv
	$(Q)tools/setup.sh gnuplot-nox=gnuplot
	$(Q)tools/bench-plot $< build/bench.svg

-include build/host64/tests/host/tool_replay.d

# SPDX-License-Identifier: MIT
# `make bench`: every bench in one run of QEMU that counts instructions, and irqoff_* in a second one, whose kernel is
# built with IRQOFF=1; windows in one with high memory, blk_* in one with a disk, W3R_128M and its like on machines of
# that size; create, unlink and append_1M in one with ext2; the table, and build/bench.tsv.
# `make bench-compare OLD=FILE`: two such files beside each other. `make bench-plot`: build/bench.svg.
# BENCH=NAME,…: only these. APPEND="slab_debug=F": with these kernel words, too.

BENCH       ?= all
BENCH_TRACE := tests/data/linux-6.1-busybox.trace.gz
BENCH_QEMU  := $(QEMU) -accel tcg -nodefaults -display none -serial stdio -no-reboot \
	       -device isa-debug-exit,iobase=0xf4,iosize=0x04 -m 512M -icount shift=0,sleep=off

REPLAY_SOURCES := $(MM_SOURCES) $(HOST_KIT) kernel/lib/format.c $(sort $(wildcard tests/host/fake_*.c)) \
		  tests/host/tool_replay.c
REPLAY_OBJECTS := $(REPLAY_SOURCES:%.c=build/host64/%.o)

.PHONY: bench bench-compare bench-plot
host: build/host/replay

build/host/replay: $(REPLAY_OBJECTS)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(HOST_SANITIZE) $(HOST_WRAP) $^ -o $@

build/trace.bin: $(BENCH_TRACE) build/host/replay
	$(Q)build/host/replay --pack $< $@

# $(1): the kernel; $(2): its benches; $(3): how to write the log; $(4): more of QEMU's options. Status 33: it left by itself.
BENCH_RUN = timeout 1200 $(BENCH_QEMU) $(4) -kernel $(1) -initrd build/trace.bin \
	    -append 'selftest=none bench=$(2) monitor=off exit=qemu panic=exit $(APPEND)' $(3)build/bench.log; \
	    test $$? = 33 || { tail -20 build/bench.log; echo "bench: the kernel did not run to its end"; exit 1; }

# irqoff_max and irqoff_crowd need the other kernel, windows need high memory, blk_* a disk, those of files an ext2, which would disturb the others, and
# W3R_SIZE machines of that size, `high` one with high memory; of what is named the rest this machine.
HIGH_NAMES   := kmap_local kmap
DISK_NAMES   := blk_read_4k blk_write_4k
SIZE_NAMES   := W3R_128M W3R_256M W3R_high
FILE_NAMES   := create unlink append_1M
BENCH_EXT2   := -drive file=build/bench-ext2.img,format=raw,if=ide
BENCH_NULL   := -blockdev driver=null-co,node-name=bench,size=16777216,read-zeroes=on -device ide-hd,drive=bench,bus=ide.0,unit=0
BENCH_WORDS  := $(subst $(comma), ,$(BENCH))
BENCH_PLAIN  := $(or $(subst $() ,$(comma),$(strip $(filter-out irqoff_max irqoff_crowd $(HIGH_NAMES) $(DISK_NAMES) $(SIZE_NAMES) \
		  $(FILE_NAMES),$(BENCH_WORDS)))),none)
BENCH_IRQOFF := $(if $(filter all,$(BENCH_WORDS)),irqoff_max irqoff_crowd,$(filter irqoff_max irqoff_crowd,$(BENCH_WORDS)))
BENCH_IRQOFF := $(subst $() ,$(comma),$(strip $(BENCH_IRQOFF)))
BENCH_HIGH   := $(if $(filter all,$(BENCH_WORDS)),$(HIGH_NAMES),$(filter $(HIGH_NAMES),$(BENCH_WORDS)))
BENCH_HIGH   := $(subst $() ,$(comma),$(strip $(BENCH_HIGH)))
BENCH_DISK   := $(if $(filter all,$(BENCH_WORDS)),$(DISK_NAMES),$(filter $(DISK_NAMES),$(BENCH_WORDS)))
BENCH_DISK   := $(subst $() ,$(comma),$(strip $(BENCH_DISK)))
BENCH_SIZES  := $(if $(filter all,$(BENCH_WORDS)),$(SIZE_NAMES),$(filter $(SIZE_NAMES),$(BENCH_WORDS)))
BENCH_FILES  := $(if $(filter all,$(BENCH_WORDS)),$(FILE_NAMES),$(filter $(FILE_NAMES),$(BENCH_WORDS)))
BENCH_FILES  := $(subst $() ,$(comma),$(strip $(BENCH_FILES)))
IRQOFF_ELF   := $(if $(filter 1,$(IRQOFF)),$(OUT),$(OUT)-irqoff)/ashlar.elf

bench: build/ashlar.elf build/trace.bin
	$(Q)$(call BENCH_RUN,$<,$(BENCH_PLAIN),>)
	$(if $(BENCH_IRQOFF),$(Q)$(MAKE) --no-print-directory IRQOFF=1 $(IRQOFF_ELF))
	$(if $(BENCH_IRQOFF),$(Q)$(call BENCH_RUN,$(IRQOFF_ELF),$(BENCH_IRQOFF),>>))
	$(if $(BENCH_HIGH),$(Q)$(call BENCH_RUN,$<,$(BENCH_HIGH) lowmem=64M,>>))
	$(if $(BENCH_DISK),$(Q)$(call BENCH_RUN,$<,$(BENCH_DISK),>>,$(BENCH_NULL)))
	$(if $(BENCH_SIZES),$(Q):$(foreach name,$(BENCH_SIZES),; $(call BENCH_RUN,$<,$(name),>>,-m $(subst high,2G,$(name:W3R_%=%)))))
	$(if $(BENCH_FILES),$(Q)truncate -s 0 build/bench-ext2.img && PATH="$$PATH:/usr/sbin:/sbin" mke2fs -q -t ext2 -b 4096 build/bench-ext2.img 8M)
	$(if $(BENCH_FILES),$(Q)$(call BENCH_RUN,$<,$(BENCH_FILES),>>,$(BENCH_EXT2)))
	$(Q)tools/bench-report docs/bench-reference.tsv build/bench.log build/bench.tsv

bench-compare: build/bench.tsv
	$(Q)tools/bench-compare $(or $(OLD),$(error bench-compare: expected OLD=FILE, an earlier build/bench.tsv)) $<

build/bench.tsv:
	$(Q)$(MAKE) bench

bench-plot: build/bench.tsv
	$(Q)tools/setup.sh gnuplot-nox=gnuplot
	$(Q)tools/bench-plot $< build/bench.svg

-include build/host64/tests/host/tool_replay.d

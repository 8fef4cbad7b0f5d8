# SPDX-License-Identifier: MIT
# `make fuzz TIME=60`: each target of tests/fuzz under libFuzzer, 64 and 32 bits, TIME seconds each, with ASan and UBSan.
# TARGET=WORD: those with WORD in their name. New inputs stay in build/fuzz/corpus; `make fuzz-keep` merges those that
# reach something new into tests/fuzz/corpus, small ones only. A finding is left in build/fuzz/NAME-*.
TIME        ?= 60
TARGET      ?=
FUZZ_CC     ?= clang
FUZZ_CFLAGS := -std=gnu11 -g -O1 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DDEBUG_LEVEL=2 $(WARNINGS) -Wno-unused-function \
	       -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
	       -I. -Itests/host/include -idirafter mm/include -idirafter kernel/include
FUZZ_SOURCES := $(MM_SOURCES) $(HOST_KIT) kernel/lib/format.c kernel/core/cmdline.c boot/multiboot.c boot/acpi.c user/elf.c \
		$(sort $(wildcard tests/host/fake_*.c)) tests/fuzz/frame.c
FUZZ_NAMES   := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_PROGRAMS := $(foreach bits,64 32,$(FUZZ_NAMES:%=build/fuzz/%-$(bits)))
FUZZ_FLAGS64 :=
FUZZ_FLAGS32 := --target=i686-linux-gnu
FUZZ_LINK32  := $(HOST_LDFLAGS32)

define FUZZ_RULES
build/fuzz/$(1)/%.o: %.c tests/fuzz/fuzz.mk
	@mkdir -p $$(@D)
	$$(if $$(Q),@echo "  FUZZ$(1) $$<")
	$$(Q)$$(FUZZ_CC) $$(FUZZ_FLAGS$(1)) $$(FUZZ_CFLAGS) -MD -MP -c $$< -o $$@

build/fuzz/mm-$(1).a: $$(FUZZ_SOURCES:%.c=build/fuzz/$(1)/%.o)
	$$(Q)rm -f $$@ && ar rcs $$@ $$^

build/fuzz/%-$(1): build/fuzz/$(1)/tests/fuzz/fuzz_%.o build/fuzz/mm-$(1).a
	$$(Q)$$(FUZZ_CC) $$(FUZZ_FLAGS$(1)) -fsanitize=fuzzer,address,undefined $$(FUZZ_LINK$(1)) $$(HOST_WRAP) $$^ -o $$@

-include $$(FUZZ_SOURCES:%.c=build/fuzz/$(1)/%.d) $$(FUZZ_NAMES:%=build/fuzz/$(1)/tests/fuzz/fuzz_%.d)
endef
$(eval $(call FUZZ_RULES,64))
$(eval $(call FUZZ_RULES,32))

.PHONY: fuzz fuzz-keep
.SECONDARY:
fuzz: $(FUZZ_PROGRAMS)
	$(Q)tests/fuzz/run $(TIME) $(filter %$(TARGET)-64 %$(TARGET)-32,$(FUZZ_PROGRAMS))

fuzz-keep: $(FUZZ_PROGRAMS)
	$(Q)tests/fuzz/keep $(filter %-64,$(FUZZ_PROGRAMS))

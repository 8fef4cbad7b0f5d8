# SPDX-License-Identifier: MIT
# mm's sources by room, and a library of it for another kernel's Makefile (docs/porting.md):
#
#   MM_DIR     the folder that holds mm/ and kernel/lib/        MM_OUT   where objects and libmm.a go
#   MM_CC      the compiler, default $(CC)                      MM_AR, MM_OBJCOPY
#   MM_CFLAGS  the kernel's own flags for its machine, and -I of the folder with its port_inline.h
#   MM_WITH    parts beside the core: threads (that sleep for memory) kmap vmalloc cache aspace (brings cache) dma checks; default none
#   MM_NAMES   1: globals are called mm_... (mm/kit/mm_names.h)
#   include $(MM_DIR)/mm/mm.mk, and link $(MM_OUT)/libmm.a; the goal mm-sizes prints what each part takes

# The rooms of mm, the lowest first.
MM_ROOMS   := early pages reclaim objects mapped dma cache aspace report
MM_SOURCES := $(foreach room,$(MM_ROOMS),$(sort $(wildcard mm/$(room)/*.c))) $(sort $(wildcard mm/*.c))

ifneq ($(MM_OUT),)
MM_CC      ?= $(CC)
MM_AR      ?= $(AR)
MM_OBJCOPY ?= objcopy

# Parts that a port must serve: who leaves one out owes nothing for it.
MM_PART_core    := init $(patsubst $(MM_DIR)/mm/%.c,%,$(foreach room,early pages reclaim,$(sort $(wildcard $(MM_DIR)/mm/$(room)/*.c)))) \
		   objects/depot objects/kmalloc objects/quarantine objects/slab objects/slab_cache objects/slab_debug objects/slab_names \
		   objects/slab_watch report/locate kit/absent
MM_PART_more    := mapped/highmem mapped/areas objects/mempool objects/percpu objects/slab_bulk \
		   report/map report/stats report/validate report/fault report/leak
MM_PART_kmap    := mapped/kmap
MM_PART_vmalloc := mapped/vmarea mapped/vmalloc mapped/vmap mapped/vmalloc_info
MM_PART_cache   := $(patsubst $(MM_DIR)/mm/%.c,%,$(sort $(wildcard $(MM_DIR)/mm/cache/*.c)))
MM_PART_aspace  := $(patsubst $(MM_DIR)/mm/%.c,%,$(sort $(wildcard $(MM_DIR)/mm/aspace/*.c)))
MM_PART_dma     := $(patsubst $(MM_DIR)/mm/%.c,%,$(sort $(wildcard $(MM_DIR)/mm/dma/*.c)))
MM_PART_checks  := report/owner report/poison $(if $(filter vmalloc,$(MM_WITH)),report/guard)
MM_PART_threads := kit/threads
MM_PART_kit     := $(filter-out kit/absent kit/threads $(if $(filter threads,$(MM_WITH)),kit/no_threads),$(patsubst $(MM_DIR)/mm/%.c,%,$(sort $(wildcard $(MM_DIR)/mm/kit/*.c))))
MM_PARTS        := core $(sort $(MM_WITH) $(if $(filter aspace,$(MM_WITH)),cache)) more kit

# -fno-strict-aliasing: a page's memory is seen as what it holds at the time. -fno-delete-null-pointer-checks: address 0 may be
# memory. -fno-common: what absent.c has is weak, and nothing else is.
MM_FLAGS := $(MM_CFLAGS) -std=gnu11 -fno-strict-aliasing -fno-delete-null-pointer-checks -fno-common \
	    $(if $(filter 1,$(MM_NAMES)),-include $(MM_DIR)/mm/kit/mm_names.h) -I$(MM_DIR) -I$(MM_DIR)/mm/include

mm_objects = $(MM_PART_$(1):%=$(MM_OUT)/mm/%.o)
MM_OBJECTS := $(foreach part,$(MM_PARTS),$(call mm_objects,$(part)))
MM_LIB     := $(MM_OUT)/lib/format.o $(MM_OUT)/lib/string.o

# Other flags or parts make all anew.
MM_ASKED := $(MM_CC) $(MM_FLAGS) with $(MM_WITH)
ifneq ($(file <$(MM_OUT)/asked),$(MM_ASKED))
$(shell mkdir -p $(MM_OUT))
$(file >$(MM_OUT)/asked,$(MM_ASKED))
endif

$(MM_OUT)/mm/%.o: $(MM_DIR)/mm/%.c $(MM_OUT)/asked
	@mkdir -p $(@D)
	$(Q)$(MM_CC) $(MM_FLAGS) -MMD -MP -c $< -o $@

# The kernel's own memcpy is preferred, where it has one.
$(MM_OUT)/lib/%.o: $(MM_DIR)/kernel/lib/%.c $(MM_OUT)/asked
	@mkdir -p $(@D)
	$(Q)$(MM_CC) $(MM_FLAGS) -MMD -MP -c $< -o $@ && $(MM_OBJCOPY) --weaken $@

# One object, so that whoever needs any of it has what stands in for absent parts before the parts are looked for.
$(MM_OUT)/mm_core.o: $(call mm_objects,core) $(if $(filter checks,$(MM_WITH)),$(call mm_objects,checks))
	$(Q)$(MM_CC) $(MM_CFLAGS) -nostdlib -r -o $@ $^

$(MM_OUT)/libmm.a: $(MM_OUT)/mm_core.o $(filter-out $(call mm_objects,core checks),$(MM_OBJECTS)) $(MM_LIB)
	$(Q)rm -f $@ && $(MM_AR) rcs $@ $(MM_OUT)/mm_core.o $(filter-out $(call mm_objects,core) $(call mm_objects,checks) $<,$^)

.PHONY: mm-sizes
mm-sizes: $(MM_OBJECTS) $(MM_LIB)
	@$(foreach part,$(MM_PARTS),size $(call mm_objects,$(part)) | awk -v part=$(part) \
		'NR > 1 { code += $$1; data += $$2; bss += $$3 } END { printf "%-8s %6d bytes of code, %5d of data\n", part, code, data + bss }';)

-include $(MM_OBJECTS:.o=.d) $(MM_LIB:.o=.d)
endif

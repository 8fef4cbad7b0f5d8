/* SPDX-License-Identifier: MIT */
/* guard_sample= on the machine that runs: real page tables, real faults, real windows on what is unmapped. Guest only,
 * and only where the word was given; all else is tested on the host (test_guard_machine.c). */
#include <mm/report/guard.h>

#include <kernel/core/address.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <mm/dma/dma.h>
#include <mm/mapped/highmem.h>
#include <mm/objects/kmalloc.h>
#include <tests/kernel/fault.h>
#include <tests/kernel/test_util.h>

#define EVERY_OBJECT_IS_GUARDED()                                                                            \
	if (!guard_space.bytes)                                                                              \
		SKIP("without guard_sample=");                                                               \
	GUARD_SAMPLE_IS(1)

/* Whichever end of its page it lies at: the byte beyond it. */
static const char *beyond(const char *object, size_t size)
{
	return IS_ALIGNED((uintptr_t)object, PAGE_SIZE) ? object - 1 : object + size;
}

KTEST(guard, a_step_beyond_an_object_faults_in_every_context_that_allocates, "S5 DBG-08")
{
	static const gfp_t kinds[] = {GFP_KERNEL, GFP_ATOMIC, GFP_NOIO};
	char *object, what[ADDRESS_PHRASE_MAX];

	EVERY_OBJECT_IS_GUARDED();
	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(kinds); i++) {
		object = kmalloc(64, kinds[i / 2]);
		REQUIRE(is_guarded(object));
		memset(object, 1, 64);
		EXPECT(read_faults(beyond(object, 64)) &&
		       write_faults((char *)(uintptr_t)beyond(object, 64)));
		EXPECT(address_describe((uintptr_t)beyond(object, 64), what, sizeof(what)));
		EXPECT(strstr(what, " of 64 bytes of cache kmalloc-64, allocated by t_guard_") != NULL);
		kfree(object);
		EXPECT(read_faults(object) && write_faults(object));
		EXPECT(address_describe((uintptr_t)object, what, sizeof(what)));
		EXPECT(strstr(what, "at offset 0 of freed object") && strstr(what, ", freed by t_guard_"));
	}
	EXPECT_EQ(guard_find_wrong(), GUARD_SLOTS);
}

/* What a device finds at the address, seen through a window. */
static void write_as_device(dma_addr_t addr, int byte, size_t size_bytes)
{
	char *window = kmap_local_page(pfn_to_page((pfn_t)(addr >> PAGE_SHIFT)));

	memset(window + addr % PAGE_SIZE, byte, size_bytes);
	kunmap_local(window);
}

KTEST(guard, a_device_reaches_what_is_guarded_and_no_byte_beyond_it, "S8 S5 DBG-08")
{
	struct device dev = {.name = "any", .dma_mask = DMA_BIT_MASK(36)};
	char *object;
	dma_addr_t addr;

	EVERY_OBJECT_IS_GUARDED();
	object = kmalloc(40, GFP_KERNEL);
	REQUIRE(is_guarded(object));
	memset(object, 1, 40);
	addr = dma_map_single(&dev, object + 4, 36, DMA_FROM_DEVICE);
	REQUIRE(!dma_mapping_error(&dev, addr));
	write_as_device(addr, 2, 36);
	dma_unmap_single(&dev, addr, 36, DMA_FROM_DEVICE);
	EXPECT(memory_is(object, 1, 4) && memory_is(object + 4, 2, 36));
	expect_reports();
	EXPECT(dma_mapping_error(&dev, dma_map_single(&dev, object + 4, 37, DMA_FROM_DEVICE)));
	EXPECT_ONE_REPORT(
		"expected memory of the direct map that was handed out, found at offset 4 of live object");
	kfree(object);
	EXPECT(dma_mapping_error(&dev, dma_map_single(&dev, object, 40, DMA_FROM_DEVICE)));
	EXPECT_ONE_REPORT("found at offset 0 of freed object");
}

KTEST(guard, with_interrupts_off_objects_are_guarded_too, "S5 DBG-08")
{
	irqflags_t flags;
	void *object;

	EVERY_OBJECT_IS_GUARDED();
	flags = irq_save();
	object = kmalloc(40, GFP_ATOMIC);
	kfree(object);
	irq_restore(flags);
	EXPECT(is_guarded(object) && read_faults(object));
}

/* SPDX-License-Identifier: MIT */
/* Slots taken first fit, a run of bits in a group's word. What is copied in is copied whatever the direction: a device that
 * writes less than it was given leaves the rest of the buffer as it was, not as another buffer left the slot. */
#include <mm/dma/bounce.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/mapped/highmem.h>
#include <mm/objects/above.h>
#include <mm/objects/kmalloc.h>
#include <mm/pages/page_alloc.h>

struct dma_bounce dma_bounce;

static const char *direction_name(unsigned int direction)
{
	static const char *const names[] = {"both ways", "to the device", "from the device", "no way"};

	return direction < ARRAY_SIZE(names) ? names[direction] : "no way there is";
}

void dma_bounce_init(size_t size_bytes)
{
	size_t wanted = ALIGN_DOWN(MIN(size_bytes, BOUNCE_MAX_BYTES), BOUNCE_GROUP_BYTES);
	void *pool = NULL;

	dma_bounce = (struct dma_bounce){.nr_groups = 0};
	port_lock_init(&dma_bounce.lock, "bounce");
	for (; wanted && !pool; wanted -= pool ? 0 : BOUNCE_GROUP_BYTES)
		pool = alloc_pages_exact(wanted, GFP_DMA | __GFP_NOWARN);
	if (!pool)
		return;
	dma_bounce.slot = kzalloc(wanted / PAGE_SIZE * sizeof(*dma_bounce.slot), GFP_KERNEL);
	if (!dma_bounce.slot) {
		free_pages_exact(pool, wanted);
		return;
	}
	ASSERT(IS_ALIGNED((uintptr_t)virt_to_phys(pool), BOUNCE_GROUP_BYTES)); /* BP2 */
	dma_bounce.start = (uintptr_t)virt_to_phys(pool);
	dma_bounce.bytes = wanted;
	dma_bounce.nr_groups = (unsigned int)(wanted / BOUNCE_GROUP_BYTES);
}

/* --- slots --- */

static char *slot_memory(unsigned int slot)
{
	ASSERT(slot < dma_bounce.nr_groups * BOUNCE_GROUP_SLOTS);
	return port_direct_map() + dma_bounce.start + (size_t)slot * PAGE_SIZE;
}

static uint32_t run_of(unsigned int nr)
{
	ASSERT(nr && nr <= BOUNCE_GROUP_SLOTS); /* BP2 */
	return (1u << nr) - 1;
}

/* The first run of nr clear bits in a group. Result: its number in the pool, or -1. */
static int find_run_locked(unsigned int nr)
{
	ASSERT(port_lock_is_held(&dma_bounce.lock) && nr && nr <= BOUNCE_GROUP_SLOTS); /* BP2 */
	for (unsigned int group = 0; group < dma_bounce.nr_groups; group++)
		for (unsigned int i = 0; i + nr <= BOUNCE_GROUP_SLOTS; i++)
			if (!(dma_bounce.taken[group] & run_of(nr) << i))
				return (int)(group * BOUNCE_GROUP_SLOTS + i);
	return -1;
}

static void mark_locked(unsigned int slot, unsigned int nr, bool taken)
{
	uint16_t *group = &dma_bounce.taken[slot / BOUNCE_GROUP_SLOTS];
	uint16_t run = (uint16_t)(run_of(nr) << slot % BOUNCE_GROUP_SLOTS);

	ASSERT(port_lock_is_held(&dma_bounce.lock));
	ASSERT((*group & run) == (taken ? 0 : run));			    /* BP1 */
	ASSERT(nr && nr <= BOUNCE_GROUP_SLOTS - slot % BOUNCE_GROUP_SLOTS); /* BP2 */
	*group = (uint16_t)(taken ? *group | run : *group & ~run);
	dma_bounce.slot[slot].nr = (uint8_t)(taken ? nr : 0);
	dma_bounce.nr_used += taken ? nr : -nr;
	ASSERT(dma_bounce.nr_used <= dma_bounce.nr_groups * BOUNCE_GROUP_SLOTS); /* BP3 */
	dma_bounce.max_used = MAX(dma_bounce.max_used, dma_bounce.nr_used);
}

static int take_slots(unsigned int nr)
{
	irqflags_t flags = port_lock_irqsave(&dma_bounce.lock);
	int slot = find_run_locked(nr);

	if (slot >= 0) {
		mark_locked((unsigned int)slot, nr, true);
		dma_bounce.nr_mapped++;
	} else {
		dma_bounce.nr_refused++;
	}
	port_unlock_irqrestore(&dma_bounce.lock, flags);
	return slot;
}

static void give_slots(unsigned int slot, unsigned int nr)
{
	irqflags_t flags = port_lock_irqsave(&dma_bounce.lock);

	ASSERT(dma_bounce.slot[slot].nr == nr); /* BP1 */
	mark_locked(slot, nr, false);
	port_unlock_irqrestore(&dma_bounce.lock, flags);
}

/* --- bytes --- */

static void count_copied(size_t size)
{
	irqflags_t flags = port_lock_irqsave(&dma_bounce.lock);

	dma_bounce.nr_copied_bytes += size;
	port_unlock_irqrestore(&dma_bounce.lock, flags);
}

/* The buffer's pages may be high, and physically neighbours only. */
static void copy(paddr_t buffer, char *bounce, size_t size, bool to_device)
{
	count_copied(size);
	while (size) {
		size_t offset = (size_t)(buffer % PAGE_SIZE), n = MIN(size, PAGE_SIZE - offset);
		const struct page *page = pfn_to_page((pfn_t)(buffer >> PAGE_SHIFT));

		ASSERT(page_is_descriptor(page));
		if (to_device)
			memcpy_from_page(bounce, page, offset, n);
		else
			memcpy_to_page(page, offset, bounce, n);
		buffer += n;
		bounce += n;
		size -= n;
	}
}

static COLD dma_addr_t refuse(const struct device *dev, size_t size, const void *caller)
{
	static struct ratelimit limit;
	char code[64];

	if (ratelimit_ok(&limit))
		port_print(PORT_WARN,
			   "dma: %s asks for %zu bytes to be bounced by %s: expected at most %u within "
			   "its mask %#llx",
			   dev->name, size, port_code_name(caller, code, sizeof(code)),
			   dma_bounce.nr_groups ? BOUNCE_GROUP_BYTES : 0, (unsigned long long)dev->dma_mask);
	return DMA_MAPPING_ERROR;
}

dma_addr_t dma_bounce_map(const struct device *dev, paddr_t from, size_t size,
			  enum dma_data_direction direction, const void *caller)
{
	unsigned int nr = (unsigned int)(ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE);
	int slot;

	if (size > BOUNCE_GROUP_BYTES || !dma_bounce.nr_groups ||
	    dma_bounce.start + dma_bounce.bytes - 1 > dev->dma_mask)
		return refuse(dev, size, caller);
	slot = take_slots(nr);
	if (slot < 0)
		return DMA_MAPPING_ERROR;
	ASSERT(size && direction < DMA_NONE && dma_bounce.slot[slot].nr == nr); /* BP1 */
	dma_bounce.slot[slot].from = from;
	dma_bounce.slot[slot].dev = dev;
	dma_bounce.slot[slot].size = (uint32_t)size;
	dma_bounce.slot[slot].direction = (uint8_t)direction;
	copy(from, slot_memory((unsigned int)slot), size, true);
	return dma_bounce.start + (size_t)slot * PAGE_SIZE;
}

/* --- back --- */

static COLD void report(const char *what, const struct device *dev, dma_addr_t addr, size_t size,
			enum dma_data_direction direction, const void *caller,
			const struct bounce_slot *mapping)
{
	char code[64];

	if (!mapping || !mapping->nr)
		port_print(PORT_ERR, "BUG: %s of %#llx for %s by %s: expected a mapping, found none", what,
			   (unsigned long long)addr, dev->name, port_code_name(caller, code, sizeof(code)));
	else
		port_print(PORT_ERR,
			   "BUG: %s of %#llx for %s by %s: expected %u bytes %s for %s, got %zu bytes %s",
			   what, (unsigned long long)addr, dev->name,
			   port_code_name(caller, code, sizeof(code)), mapping->size,
			   direction_name(mapping->direction), mapping->dev->name, size,
			   direction_name(direction));
}

/* The slot at which the mapping starts that has this one, or a slot with no mapping. */
static unsigned int first_slot_of(unsigned int slot)
{
	unsigned int i = slot, group_start = ALIGN_DOWN(slot, BOUNCE_GROUP_SLOTS);

	ASSERT(slot < dma_bounce.nr_groups * BOUNCE_GROUP_SLOTS);
	while (i > group_start && !dma_bounce.slot[i].nr)
		i--;
	return dma_bounce.slot[i].nr > slot - i ? i : slot;
}

void dma_bounce_unmap(const struct device *dev, dma_addr_t addr, size_t size,
		      enum dma_data_direction direction, const void *caller)
{
	size_t offset = (size_t)addr - dma_bounce.start;
	unsigned int slot = (unsigned int)(offset / PAGE_SIZE);
	struct bounce_slot *mapping = &dma_bounce.slot[slot];

	ASSERT(offset < dma_bounce.bytes);
	if (offset % PAGE_SIZE || !mapping->nr || mapping->size != size || mapping->direction != direction ||
	    mapping->dev != dev) {
		report("dma_unmap", dev, addr, size, direction, caller, mapping);
		return;
	}
	if (direction != DMA_TO_DEVICE)
		copy(mapping->from, slot_memory(slot), size, false);
	give_slots(slot, mapping->nr);
}

void dma_bounce_sync(const struct device *dev, dma_addr_t addr, size_t size,
		     enum dma_data_direction direction, bool for_cpu, const void *caller)
{
	size_t offset = (size_t)addr - dma_bounce.start;
	unsigned int slot = first_slot_of((unsigned int)(offset / PAGE_SIZE));
	struct bounce_slot *mapping = &dma_bounce.slot[slot];

	offset -= (size_t)slot * PAGE_SIZE;
	if (!mapping->nr || offset > mapping->size || size > mapping->size - offset ||
	    mapping->direction != direction || mapping->dev != dev) {
		report("dma_sync", dev, addr, size, direction, caller, mapping);
		return;
	}
	if (direction != (for_cpu ? DMA_TO_DEVICE : DMA_FROM_DEVICE))
		copy(mapping->from + offset, slot_memory(slot) + offset, size, !for_cpu);
}

/* --- to be seen --- */

void dma_bounce_print(struct sink *out)
{
	irqflags_t flags = port_lock_irqsave(&dma_bounce.lock);
	struct dma_bounce now = dma_bounce;

	port_unlock_irqrestore(&dma_bounce.lock, flags);
	sink_printf(out, "bounce pool: %zu KiB at %#lx, %u KiB in use, %u KiB at most\n",
		    (size_t)now.bytes >> 10, (unsigned long)now.start, now.nr_used * 4, now.max_used * 4);
	sink_printf(out, "%u buffers bounced, %u refused, %llu bytes copied\n", now.nr_mapped, now.nr_refused,
		    (unsigned long long)now.nr_copied_bytes);
}

bool dma_bounce_describe(const void *addr, char *buf, size_t size)
{
	size_t offset = (uintptr_t)addr - (uintptr_t)port_direct_map() - dma_bounce.start;
	const struct bounce_slot *mapping;
	unsigned int slot, first;

	if (offset >= dma_bounce.bytes)
		return false;
	slot = (unsigned int)(offset / PAGE_SIZE);
	first = first_slot_of(slot);
	mapping = &dma_bounce.slot[first];
	if (!mapping->nr)
		(void)snprintf(buf, size, "slot %u of the bounce pool, free", slot);
	else
		(void)snprintf(buf, size,
			       "slot %u of the bounce pool, at offset %zu of %u bytes %s for %s, buffer at "
			       "physical %#llx",
			       slot, (size_t)(offset - first * PAGE_SIZE), mapping->size,
			       direction_name(mapping->direction), mapping->dev->name,
			       (unsigned long long)mapping->from);
	return true;
}

const char *dma_bounce_check(void)
{
	unsigned int nr_used = 0, nr = 0;

	for (unsigned int slot = 0; slot < dma_bounce.nr_groups * BOUNCE_GROUP_SLOTS; slot++) {
		bool taken = dma_bounce.taken[slot / BOUNCE_GROUP_SLOTS] >> slot % BOUNCE_GROUP_SLOTS & 1;

		if (dma_bounce.slot[slot].nr && nr)
			return "BP1 two bounced mappings overlap";
		if (dma_bounce.slot[slot].nr)
			nr = dma_bounce.slot[slot].nr;
		if (nr > BOUNCE_GROUP_SLOTS - slot % BOUNCE_GROUP_SLOTS)
			return "BP2 a bounced mapping leaves its 64 KiB";
		if (taken != (nr != 0))
			return "BP1 a slot of the bounce pool is taken without a mapping, or mapped and not "
			       "taken";
		nr_used += taken;
		nr -= nr != 0;
	}
	return nr_used == dma_bounce.nr_used ? NULL : "BP3 the bounce pool counts other slots than are taken";
}

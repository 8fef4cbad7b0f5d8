/* SPDX-License-Identifier: MIT */
/* Threads' stacks, from mm's pages. Each has a slot of the area at MMU_STACKS_START:
 *
 *   | guard page, never mapped | page | page | page, struct thread at its end |
 *
 * so a stack that grows too far meets a page that is not there, and its slot's number names the thread. A
 * slot is used again as late as possible, which lets a stale pointer fault.
 *
 * K1 is_taken[i] is false when slot i is free; then none of its pages is mapped.
 * K2 The area's page tables come one after the other, when all slots below are taken, and stay: at most 8
 *    pages.
 * K3 The names of the threads whose stacks were freed last are kept, to name stale pointers.
 *
 * Lock: stacks.lock for the table of slots, page tables and names; mapping by the slot's owner only. Who describes an address
 * looks without. */
#include <boot/stacks.h>

#include <kernel/arch/mmu.h>
#include <kernel/core/address.h>
#include <kernel/core/smp.h>
#include <kernel/core/spinlock.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/pages/page.h>
#include <mm/pages/page_alloc.h>

#define NR_PAGES	3u
#define GFP_STACK	(GFP_KERNEL | __GFP_HIGH) /* C5: when all is swallowed, a new thread is what helps */
#define SLOT_BYTES	((NR_PAGES + 1) * PAGE_SIZE)
#define NR_SLOTS	((MMU_STACKS_END - MMU_STACKS_START) / SLOT_BYTES)
#define SLOTS_PER_TABLE (MMU_TABLE_SPAN / SLOT_BYTES)
#define NR_REMEMBERED	16u
#define STRUCT_ROOM	ALIGN_UP(sizeof(struct thread), 16u)

static struct {
	struct spinlock lock;
	bool is_taken[NR_SLOTS]; /* (L) */
	unsigned int next;	 /* (L) where to look for a free slot */
	unsigned int nr_tabled;	 /* (L) slots below have a page table (K2) */
	struct {
		uint16_t slot;
		char name[THREAD_NAME_MAX];
	} ended[NR_REMEMBERED]; /* (L) K3, a ring */
	unsigned int nr_ended;	/* (L) */
} stacks = {.lock = SPINLOCK_INIT("stacks")};

static uintptr_t slot_start(unsigned int slot)
{
	return MMU_STACKS_START + slot * SLOT_BYTES;
}

static struct thread *slot_thread(unsigned int slot)
{
	return (struct thread *)(slot_start(slot) + (1 + NR_PAGES) * PAGE_SIZE - STRUCT_ROOM);
}

/* A free slot under a page table that exists, else the first without one, else NR_SLOTS. */
static unsigned int slot_find(void)
{
	for (unsigned int i = 0; i < stacks.nr_tabled; i++) {
		unsigned int slot = (stacks.next + i) % stacks.nr_tabled;

		if (!stacks.is_taken[slot])
			return slot;
	}
	for (unsigned int slot = stacks.nr_tabled; slot < NR_SLOTS; slot++)
		if (!stacks.is_taken[slot])
			return slot;
	return NR_SLOTS;
}

static unsigned int slot_take(void)
{
	irqflags_t flags = raw_spin_lock_irqsave(&stacks.lock);
	unsigned int slot = slot_find();

	if (slot != NR_SLOTS) {
		stacks.is_taken[slot] = true;
		stacks.next = slot + 1;
	}
	raw_spin_unlock_irqrestore(&stacks.lock, flags);
	return slot;
}

static void slot_release(unsigned int slot)
{
	irqflags_t flags = raw_spin_lock_irqsave(&stacks.lock);

	stacks.is_taken[slot] = false;
	raw_spin_unlock_irqrestore(&stacks.lock, flags);
}

static bool table_ensure(unsigned int slot)
{
	uintptr_t addr = slot_start(slot);
	unsigned long table = mmu_has_table(addr) ? 0 : get_zeroed_page(GFP_STACK);
	irqflags_t flags = raw_spin_lock_irqsave(&stacks.lock);
	bool is_wanted = !mmu_has_table(addr);

	if (is_wanted && table) {
		mmu_set_table(addr, table - MMU_DIRECT_MAP_BASE);
		stacks.nr_tabled = (slot / SLOTS_PER_TABLE + 1) * SLOTS_PER_TABLE;
	}
	raw_spin_unlock_irqrestore(&stacks.lock, flags);
	if (!is_wanted && table)
		free_page(table);
	return mmu_has_table(addr);
}

unsigned int stacks_kept_pages(void)
{
	return READ_ONCE(stacks.nr_tabled) / SLOTS_PER_TABLE;
}

static bool page_add(uintptr_t addr)
{
	struct page *page = alloc_page(GFP_STACK);

	if (!page)
		return false;
	if (mmu_map_page(addr, page_to_phys(page), MMU_WRITE))
		return true;
	__free_page(page);
	return false;
}

/* Result: what was there, or NULL. This CPU remembers it no more. */
static struct page *page_remove(uintptr_t addr)
{
	struct mmu_mapping mapping;

	if (!mmu_lookup(addr, &mapping))
		return NULL;
	mmu_unmap_page(addr);
	return pfn_to_page((pfn_t)(mapping.paddr >> PAGE_SHIFT));
}

static void slot_free(unsigned int slot)
{
	struct page *page[NR_PAGES];

	for (unsigned int i = 0; i < NR_PAGES; i++)
		page[i] = page_remove(slot_start(slot) + (1 + i) * PAGE_SIZE);
	smp_flush_others();
	for (unsigned int i = 0; i < NR_PAGES; i++)
		if (page[i])
			__free_page(page[i]);
	slot_release(slot);
}

static struct thread *stack_alloc(void **stack, size_t *stack_bytes)
{
	unsigned int slot = slot_take();
	uintptr_t start = slot_start(slot);
	bool ok;

	if (slot == NR_SLOTS)
		return NULL;
	ok = table_ensure(slot);
	for (unsigned int i = 1; i <= NR_PAGES && ok; i++)
		ok = page_add(start + i * PAGE_SIZE);
	if (!ok) {
		slot_free(slot);
		return NULL;
	}
	*stack = (void *)(start + PAGE_SIZE);
	*stack_bytes = NR_PAGES * PAGE_SIZE - STRUCT_ROOM;
	return slot_thread(slot);
}

static void remember_name(unsigned int slot, const char *name)
{
	irqflags_t flags = raw_spin_lock_irqsave(&stacks.lock);
	unsigned int i = stacks.nr_ended++ % NR_REMEMBERED;

	stacks.ended[i].slot = (uint16_t)slot;
	memcpy(stacks.ended[i].name, name, THREAD_NAME_MAX);
	raw_spin_unlock_irqrestore(&stacks.lock, flags);
}

static const char *remembered_name(unsigned int slot)
{
	for (unsigned int back = 1; back <= MIN(stacks.nr_ended, NR_REMEMBERED); back++) {
		unsigned int i = (stacks.nr_ended - back) % NR_REMEMBERED;

		if (stacks.ended[i].slot == slot)
			return stacks.ended[i].name;
	}
	return NULL;
}

static void stack_free(struct thread *thread)
{
	unsigned int slot = (unsigned int)(((uintptr_t)thread - MMU_STACKS_START) / SLOT_BYTES);

	remember_name(slot, thread->name);
	slot_free(slot);
}

/* Called for any fault in the area, perhaps on the double-fault stack. */
static const char *stack_guard_name(uintptr_t addr)
{
	static char name[THREAD_NAME_MAX + 16];
	unsigned int slot = (unsigned int)((addr - MMU_STACKS_START) / SLOT_BYTES);
	const struct thread *owner = slot_thread(slot);

	if (!stacks.is_taken[slot] || addr - slot_start(slot) >= PAGE_SIZE)
		return NULL;
	(void)snprintf(name, sizeof(name), "stack of thread %s",
		       mmu_is_mapped((uintptr_t)owner) ? owner->name : "?");
	return name;
}

static void describe_free_slot(unsigned int slot, char *buf, size_t size)
{
	const char *name = remembered_name(slot);

	if (name)
		(void)snprintf(buf, size, "in the freed stack of thread %s, which has ended", name);
	else
		(void)snprintf(buf, size, "in the area of stacks, where no thread has one");
}

static bool slot_has_thread(unsigned int slot)
{
	return slot < NR_SLOTS && stacks.is_taken[slot] && mmu_is_mapped((uintptr_t)slot_thread(slot));
}

/* In the guard page of a slot that is free. */
static void describe_past_stack(unsigned int slot, uintptr_t addr, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%lu bytes past the stack of thread %.*s",
		       (unsigned long)(addr - slot_start(slot + 1)), THREAD_NAME_MAX - 1,
		       slot_thread(slot)->name);
}

/* The guard page has its word in mmu.c. A thread that is only being made may have anything for a name. */
static void describe_stack(unsigned int slot, uintptr_t addr, char *buf, size_t size)
{
	const struct thread *thread = slot_thread(slot);
	uintptr_t top = slot_start(slot + 1) - STRUCT_ROOM;
	char name[THREAD_NAME_MAX];

	(void)snprintf(name, sizeof(name), "%.*s", THREAD_NAME_MAX - 1, thread->name);
	if (addr >= top)
		(void)snprintf(buf, size, "in the struct of thread %u, %s", thread->id, name);
	else
		(void)snprintf(buf, size, "stack of thread %u, %s, %lu bytes below its top", thread->id, name,
			       (unsigned long)(top - addr));
}

static bool stacks_describe(uintptr_t addr, char *buf, size_t size)
{
	unsigned int slot = (unsigned int)((addr - MMU_STACKS_START) / SLOT_BYTES);

	if (addr < MMU_STACKS_START || addr >= MMU_STACKS_END)
		return false;
	if (!stacks.is_taken[slot] && addr - slot_start(slot) < PAGE_SIZE && slot_has_thread(slot - 1))
		describe_past_stack(slot - 1, addr, buf, size);
	else if (!stacks.is_taken[slot])
		describe_free_slot(slot, buf, size);
	else if (slot_has_thread(slot))
		describe_stack(slot, addr, buf, size);
	else
		return false;
	return true;
}

void stacks_init(void)
{
	static const struct thread_source source = {.alloc = stack_alloc, .free = stack_free};

	mmu_set_guard_namer(stack_guard_name);
	address_add_describer(stacks_describe);
	thread_set_source(&source);
}

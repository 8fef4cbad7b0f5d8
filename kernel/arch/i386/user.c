/* SPDX-License-Identifier: MIT */
/* Page tables of programs: three directories below the kernel's, each of 512 tables. Entries are PAE's, 64 bits; see
 * mmu.c for how one is written. Tables come as they are needed, the directories too.
 *
 * US4 the fourth entry of each top is the kernel's directory; the kernel's own top has nothing in the first three.
 * US5 no entry of a program's tables is global, and each has the user bit; the CPU asks it of every level.
 * US7 a CPU's bit is set before it loads a top, and cleared after it has loaded another: who changes an entry and then looks
 *     misses no CPU that remembers it.
 * US6 the CPU keeps the four entries of the top it loaded: who adds one to that top loads it again.
 *
 * Lock: the caller's. loaded_top belongs to its CPU, interrupts off. */
#include <kernel/arch/user.h>

#include <arch/segments.h>
#include <kernel/arch/cpu.h>
#include <kernel/arch/irqflags.h>
#include <kernel/arch/percpu.h>
#include <kernel/arch/uaccess.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/bug.h>

#define PTE_PRESENT    0x001ull
#define PTE_WRITE      0x002ull
#define PTE_USER       0x004ull
#define PTE_ACCESSED   0x020ull
#define PTE_DIRTY      0x040ull
#define NOTE_SHIFT     32u /* what the CPU never looks at in an entry without a page */
#define PTE_NX	       (1ull << 63)
#define PTE_ADDRESS    0x000ffffffffff000ull
#define NR_TOP	       3u /* directories of a program */
#define ENTRIES	       512u
#define TOP_SHIFT      30u
#define PDE_SHIFT      21u
#define FLUSH_ALL_FROM 32u /* pages: then it is cheaper to load the top again */

extern uint64_t mmu_kernel_pdpt[];

static DEFINE_PERCPU(uintptr_t, loaded_top); /* 0: the kernel's */

static uintptr_t direct_address(uint64_t entry)
{
	return MMU_DIRECT_MAP_BASE + (uintptr_t)(entry & PTE_ADDRESS);
}

static uint64_t direct_entry(const void *table, uint64_t bits)
{
	return ((uintptr_t)table - MMU_DIRECT_MAP_BASE) | bits;
}

/* The half with the present bit is written last when it appears, first when it goes. */
static void entry_set(uint64_t *entry, uint64_t value)
{
	volatile uint32_t *half = (volatile uint32_t *)entry;

	half[0] = 0;
	half[1] = (uint32_t)(value >> 32);
	half[0] = (uint32_t)value;
}

static uint64_t *directory_entry(const struct user_space *space, uintptr_t addr)
{
	uint64_t top = space->top[addr >> TOP_SHIFT];

	ASSERT(addr < USER_END);
	if (!(top & PTE_PRESENT))
		return NULL;
	return (uint64_t *)direct_address(top) + (addr >> PDE_SHIFT) % ENTRIES;
}

static void load_top(uintptr_t top)
{
	this_cpu_write(loaded_top, top);
	__asm__ volatile(
		"movl %0, %%cr3" ::"r"((top ? top : (uintptr_t)mmu_kernel_pdpt) - MMU_DIRECT_MAP_BASE)
		: "memory");
}

/* US7 */
static void load_other(uintptr_t before, uintptr_t top)
{
	uint32_t bit = 1u << this_cpu_read(cpu_number);

	if (top)
		(void)__atomic_fetch_or(&((struct user_space *)top)->cpus, bit, __ATOMIC_SEQ_CST);
	load_top(top);
	if (before)
		(void)__atomic_fetch_and(&((struct user_space *)before)->cpus, ~bit, __ATOMIC_SEQ_CST);
}

static bool is_loaded(const struct user_space *space)
{
	return this_cpu_read(loaded_top) == (uintptr_t)space->top;
}

void user_space_load(const struct user_space *space)
{
	irqflags_t flags = irq_save();
	uintptr_t top = space ? (uintptr_t)space->top : 0;

	if (this_cpu_read(loaded_top) != top)
		load_other(this_cpu_read(loaded_top), top);
	irq_restore(flags);
}

uint32_t user_space_cpus(const struct user_space *space)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&space->cpus, __ATOMIC_RELAXED);
}

void user_space_init(struct user_space *space)
{
	*space = (struct user_space){.top[3] = mmu_kernel_pdpt[3]}; /* US4 */
}

user_entry_t *user_space_entry(const struct user_space *space, uintptr_t addr)
{
	const uint64_t *pde = directory_entry(space, addr);

	if (!pde || !(*pde & PTE_PRESENT))
		return NULL;
	return (user_entry_t *)direct_address(*pde) + addr / PAGE_SIZE % ENTRIES;
}

void user_space_add_table(struct user_space *space, uintptr_t addr, void *table)
{
	uint64_t *pde = directory_entry(space, addr);
	irqflags_t flags;

	if (pde) {
		ASSERT(!(*pde & PTE_PRESENT));
		entry_set(pde, direct_entry(table, PTE_PRESENT | PTE_WRITE | PTE_USER));
		return;
	}
	entry_set(&space->top[addr >> TOP_SHIFT], direct_entry(table, PTE_PRESENT));
	flags = irq_save();
	if (is_loaded(space))
		load_top((uintptr_t)space->top); /* US6 */
	irq_restore(flags);
}

void *user_space_take_table(struct user_space *space)
{
	ASSERT(!is_loaded(space));
	for (unsigned int t = 0; t < NR_TOP; t++) {
		uint64_t *directory = (uint64_t *)direct_address(space->top[t]);

		if (!(space->top[t] & PTE_PRESENT))
			continue;
		for (unsigned int i = 0; i < ENTRIES; i++) {
			uint64_t pde = directory[i];

			if (!(pde & PTE_PRESENT))
				continue;
			entry_set(&directory[i], 0);
			return (void *)direct_address(pde);
		}
		entry_set(&space->top[t], 0);
		return directory;
	}
	return NULL;
}

#define HALF_PAGES 20u /* page numbers end here in the lower half, after PAGE_SHIFT bits */

static pfn_t entry_pfn(const user_entry_t *entry)
{
	const uint32_t *half = (const uint32_t *)entry;

	return half[0] >> PAGE_SHIFT | (half[1] & (uint32_t)(PTE_ADDRESS >> 32)) << HALF_PAGES;
}

/* By halves: in 64 bits the compiler takes twice as long. */
bool user_entry_map(user_entry_t *entry, pfn_t pfn, unsigned int prot, pfn_t *before)
{
	volatile uint32_t *half = (volatile uint32_t *)entry;
	bool was_mapped = half[0] & PTE_PRESENT;
	uint32_t low = pfn << PAGE_SHIFT | (uint32_t)(PTE_PRESENT | PTE_USER); /* US5 */
	uint32_t high = pfn >> HALF_PAGES;

	if (was_mapped)
		*before = entry_pfn(entry);
	if (prot & USER_PROT_WRITE)
		low |= (uint32_t)PTE_WRITE;
	if (!(prot & USER_PROT_EXEC) && cpu_has_nx())
		high |= (uint32_t)(PTE_NX >> 32);
	half[0] = 0; /* as entry_set() */
	half[1] = high;
	half[0] = low;
	return was_mapped;
}

bool user_entry_find(const user_entry_t *entry, pfn_t *pfn, unsigned int *prot)
{
	if (!entry || !(*entry & PTE_PRESENT))
		return false;
	*pfn = entry_pfn(entry);
	if (prot)
		*prot = (*entry & PTE_WRITE ? USER_PROT_WRITE : 0u) |
			(*entry & PTE_NX ? 0u : (unsigned int)USER_PROT_EXEC);
	return true;
}

bool user_entry_unmap(user_entry_t *entry, pfn_t *pfn)
{
	bool was_mapped = user_entry_find(entry, pfn, NULL);

	if (was_mapped)
		entry_set(entry, 0);
	return was_mapped;
}

/* The CPU sets the bit behind our back, but not in an entry whose half we clear a bit of at once. */
bool user_entry_was_used(user_entry_t *entry)
{
	uint32_t *half = (uint32_t *)entry;

	return __atomic_fetch_and(half, ~(uint32_t)PTE_ACCESSED, __ATOMIC_SEQ_CST) & PTE_ACCESSED;
}

bool user_entry_is_dirty(const user_entry_t *entry)
{
	return (*entry & (PTE_PRESENT | PTE_DIRTY)) == (PTE_PRESENT | PTE_DIRTY);
}

void user_entry_set_note(user_entry_t *entry, uint32_t note)
{
	entry_set(entry, (uint64_t)note << NOTE_SHIFT);
}

uint32_t user_entry_note(const user_entry_t *entry)
{
	return entry && !(*entry & PTE_PRESENT) ? (uint32_t)(*entry >> NOTE_SHIFT) : 0;
}

/* On this CPU. Loading a top forgets what is not global: all of it. */
void user_space_flush(const struct user_space *space, uintptr_t addr, size_t nr_pages)
{
	irqflags_t flags = irq_save();

	if (is_loaded(space) && nr_pages >= FLUSH_ALL_FROM)
		load_top((uintptr_t)space->top);
	else if (is_loaded(space))
		for (size_t i = 0; i < nr_pages; i++)
			mmu_flush_page(addr + i * PAGE_SIZE);
	irq_restore(flags);
}

void user_set_kernel_stack(uintptr_t top)
{
	segments_tss()->esp0 = top;
}

/* --- memory of programs, see uaccess.asm --- */

struct uaccess_place {
	uintptr_t ip, goes_on;
};

extern const struct uaccess_place __start_uaccess[], __stop_uaccess[];

uintptr_t uaccess_goes_on(uintptr_t ip)
{
	for (const struct uaccess_place *place = __start_uaccess; place < __stop_uaccess; place++)
		if (place->ip == ip)
			return place->goes_on;
	return 0;
}

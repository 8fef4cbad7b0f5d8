/* SPDX-License-Identifier: MIT */
/* The kernel's page directory: PAE entries of 64 bits, one directory of 512 for the gigabyte from 0xC0000000.
 *
 * Entry code filled it with 2 MiB pages for 896 MiB. mmu_init() takes back what is not memory and splits the
 * first 4 MiB, where the image lies, into 4 KiB pages with the permissions of its parts.
 *
 * M1 No page is both writable and executable once mmu_release_init() has run (on a CPU with NX).
 * M2 Entries of the top level have only the present bit: writable and NX are reserved bits there under PAE.
 * M3 An entry that changes from present is followed by a flush. */
#include <kernel/arch/mmu.h>

#include <kernel/arch/cpu.h>
#include <kernel/arch/kmap.h>
#include <kernel/core/ksym.h>
#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>

#define PTE_PRESENT  0x001ull
#define PTE_WRITE    0x002ull
#define PTE_UNCACHED 0x018ull /* PCD, PWT */
#define PTE_LARGE    0x080ull
#define PTE_GLOBAL   0x100ull
#define PTE_NX	     (1ull << 63)
#define PTE_ADDRESS  0x000ffffffffff000ull

#define LARGE_SIZE   MIB(2u)
#define ENTRIES	     512
#define IMAGE_TABLES 2 /* linker.ld asserts that the image ends below 4 MiB */
#define CR4_PGE	     0x80u

#define LOWMEM_MAX   MIB(896u)
#define DMA_END	     MIB(16u) /* 24 address lines of ISA */

/* Filled by entry.asm, and CPU 0's part of mmu_percpu_table. */
__aligned(32) uint64_t mmu_kernel_pdpt[4];
SECTION(".bss.pages") __aligned(4096) uint64_t mmu_kernel_pd[ENTRIES];
static SECTION(".bss.pages") __aligned(4096) uint64_t image_tables[IMAGE_TABLES][ENTRIES];
static SECTION(".bss.pages") __aligned(4096) uint64_t mmu_fixmap_table[ENTRIES];
SECTION(".bss.pages") __aligned(4096) uint64_t mmu_percpu_table[ENTRIES]; /* the first two units */
uint32_t mmu_nx_high;							  /* see <arch/pte.h> */
DEFINE_PERCPU(uintptr_t, kmap_top) = KMAP_START;
DEFINE_PERCPU(uint32_t, kmap_numbers);
STATIC_ASSERT(KMAP_ALL_END - MMU_PERCPU_START < MMU_PERCPU_UNIT, "a CPU's windows lie among its data");
STATIC_ASSERT(MMU_PERCPU_START % MMU_TABLE_SPAN == 0, "so that its tables are windows' entries in one row");

static struct {
	const char *(*guard_namer)(uintptr_t addr);
} mmu;

extern char __image_start[], __image_end[], __init_start[], __init_end[], __init_text_start[],
	__init_text_end[];
extern char __text_start[], __text_end[], __rodata_start[], __rodata_end[], __data_start[], __data_end[];
extern char __percpu_start[], __percpu_end[], __percpu_home[];
extern char boot_stack_guard[], double_fault_stack_guard[];

static inline paddr_t image_paddr(const void *p)
{
	return (uintptr_t)p - MMU_DIRECT_MAP_BASE;
}

uint64_t mmu_lowmem_max_bytes(void)
{
	return LOWMEM_MAX;
}

paddr_t mmu_dma_end(void)
{
	return DMA_END;
}

void mmu_image_range(paddr_t *start, paddr_t *end)
{
	*start = image_paddr(__image_start);
	*end = image_paddr(__image_end);
}

const char *mmu_guard_name(uintptr_t addr)
{
	uintptr_t page = addr & PAGE_MASK;

	if (page == (uintptr_t)boot_stack_guard)
		return "boot stack";
	if (page == (uintptr_t)double_fault_stack_guard)
		return "double-fault stack";
	if (page - MMU_PERCPU_START < MMU_PERCPU_UNIT * MMU_PERCPU_UNITS &&
	    page % MMU_PERCPU_UNIT == MMU_PERCPU_UNIT - 2 * PAGE_SIZE)
		return "double-fault stack";
	if (addr >= MMU_STACKS_START && addr < MMU_STACKS_END && mmu.guard_namer)
		return mmu.guard_namer(addr);
	return NULL;
}

void mmu_set_guard_namer(const char *(*namer)(uintptr_t addr))
{
	mmu.guard_namer = namer;
}

static bool is_in(uintptr_t addr, const char *start, const char *end)
{
	return addr >= (uintptr_t)start && addr < (uintptr_t)end;
}

/* Of any CPU: what it has of each variable, or its stack for double faults; its windows lie in between. */
static bool is_percpu_data(uintptr_t offset)
{
	uintptr_t in_unit = offset % MMU_PERCPU_UNIT;

	return offset < MMU_PERCPU_UNIT * MMU_PERCPU_UNITS &&
	       (in_unit < (uintptr_t)__percpu_end - (uintptr_t)__percpu_start ||
		in_unit >= MMU_PERCPU_UNIT - 2 * PAGE_SIZE);
}

static bool image_describe(uintptr_t addr, char *buf, size_t size)
{
	char name[KSYM_FORMAT_MAX];

	if (is_in(addr, __text_start, __text_end))
		(void)snprintf(buf, size, "kernel text, %s", ksym_format(addr, name, sizeof(name)));
	else if (is_in(addr, __rodata_start, __rodata_end))
		(void)snprintf(buf, size, "kernel image, read-only data");
	else if (is_in(addr, __data_start, __data_end))
		(void)snprintf(buf, size, "kernel image, data");
	else if (is_percpu_data(addr - MMU_PERCPU_START))
		(void)snprintf(buf, size, "per-CPU data of CPU %u",
			       (unsigned int)((addr - MMU_PERCPU_START) / MMU_PERCPU_UNIT));
	else
		return false;
	return true;
}

bool mmu_describe(uintptr_t addr, char *buf, size_t size)
{
	const char *guard = mmu_guard_name(addr);

	if (guard)
		(void)snprintf(buf, size, "in the guard page below the %s", guard);
	else if (addr < PAGE_SIZE)
		(void)snprintf(buf, size, "in page 0: a NULL pointer and an offset of %lu",
			       (unsigned long)addr);
	else
		return image_describe(addr, buf, size);
	return true;
}

static uint64_t prot_bits(unsigned int prot)
{
	uint64_t bits = PTE_PRESENT | PTE_GLOBAL;

	if (prot & MMU_WRITE)
		bits |= PTE_WRITE;
	if (!(prot & MMU_EXEC) && cpu_has_nx())
		bits |= PTE_NX;
	if (prot & MMU_UNCACHED)
		bits |= PTE_UNCACHED;
	return bits;
}

static unsigned int entry_prot(uint64_t entry)
{
	unsigned int prot = MMU_READ;

	if (entry & PTE_WRITE)
		prot |= MMU_WRITE;
	if (!(entry & PTE_NX))
		prot |= MMU_EXEC;
	if (entry & PTE_UNCACHED)
		prot |= MMU_UNCACHED;
	return prot;
}

/* The directory's entry for addr, or NULL below the kernel's gigabyte. */
static uint64_t *directory_entry(uintptr_t addr)
{
	return addr < MMU_DIRECT_MAP_BASE ? NULL : &mmu_kernel_pd[(addr - MMU_DIRECT_MAP_BASE) / LARGE_SIZE];
}

/* The 4 KiB entry for addr, or NULL where there is no page table. Tables lie in the direct map. */
static uint64_t *page_entry(uintptr_t addr)
{
	const uint64_t *pde = directory_entry(addr);
	uint64_t *table;

	if (!pde || (*pde & (PTE_PRESENT | PTE_LARGE)) != PTE_PRESENT)
		return NULL;
	table = (uint64_t *)(MMU_DIRECT_MAP_BASE + (uintptr_t)(*pde & PTE_ADDRESS));
	return &table[addr / PAGE_SIZE % ENTRIES];
}

bool mmu_lookup(uintptr_t addr, struct mmu_mapping *mapping)
{
	const uint64_t *entry = page_entry(addr);
	uint32_t size = PAGE_SIZE;

	if (!entry) {
		entry = directory_entry(addr);
		size = LARGE_SIZE;
	}
	if (!entry || !(*entry & PTE_PRESENT))
		return false;
	mapping->paddr = ALIGN_DOWN(*entry & PTE_ADDRESS, size) + (addr & (size - 1));
	mapping->prot = entry_prot(*entry);
	mapping->page_size = size;
	return true;
}

bool mmu_is_mapped(uintptr_t addr)
{
	struct mmu_mapping mapping;

	return mmu_lookup(addr, &mapping);
}

/* An entry is two words: the half with the present bit is written last when it appears, first when it goes.
 */
static void entry_set(uint64_t *entry, uint64_t value)
{
	volatile uint32_t *half = (volatile uint32_t *)entry;

	half[0] = 0;
	half[1] = (uint32_t)(value >> 32);
	half[0] = (uint32_t)value;
}

bool mmu_has_table(uintptr_t addr)
{
	return page_entry(addr) != NULL;
}

void mmu_set_table(uintptr_t addr, paddr_t table)
{
	uint64_t *entry = directory_entry(addr);

	BUG_ON(!entry); /* only the kernel's gigabyte has tables of ours */
	entry_set(entry, table | PTE_PRESENT | PTE_WRITE);
}

paddr_t mmu_table(uintptr_t addr)
{
	return mmu_has_table(addr) ? *directory_entry(addr) & PTE_ADDRESS : 0;
}

paddr_t mmu_take_table(uintptr_t addr)
{
	paddr_t table = mmu_table(addr);

	if (table)
		entry_set(directory_entry(addr), 0);
	return table;
}

bool mmu_map_page(uintptr_t addr, paddr_t paddr, unsigned int prot)
{
	uint64_t *entry = page_entry(addr);

	if (!entry)
		return false;
	entry_set(entry, (paddr & PTE_ADDRESS) | prot_bits(prot));
	return true;
}

bool mmu_clear_page(uintptr_t addr)
{
	uint64_t *entry = page_entry(addr);

	if (entry)
		entry_set(entry, 0);
	return entry != NULL;
}

bool mmu_unmap_page(uintptr_t addr)
{
	bool is_there = mmu_clear_page(addr);

	if (is_there)
		mmu_flush_page(addr);
	return is_there;
}

void mmu_flush_page(uintptr_t addr)
{
	__asm__ volatile("invlpg (%0)" ::"r"(addr) : "memory");
}

static inline uint32_t read_cr4(void)
{
	uint32_t value;

	__asm__ volatile("movl %%cr4, %0" : "=r"(value));
	return value;
}

static inline void write_cr4(uint32_t value)
{
	__asm__ volatile("movl %0, %%cr4" ::"r"(value) : "memory");
}

/* Reloading CR3 spares global pages; changing CR4.PGE does not. */
void mmu_flush_all(void)
{
	uint32_t cr3, cr4 = read_cr4();

	if (cr4 & CR4_PGE) {
		write_cr4(cr4 & ~CR4_PGE);
		write_cr4(cr4);
		return;
	}
	__asm__ volatile("movl %%cr3, %0; movl %0, %%cr3" : "=r"(cr3)::"memory");
}

static __init unsigned int image_prot(uintptr_t addr)
{
	if (addr >= (uintptr_t)__text_start && addr < (uintptr_t)__text_end)
		return MMU_EXEC;
	if (addr >= (uintptr_t)__init_text_start && addr < (uintptr_t)__init_text_end)
		return MMU_EXEC;
	if (addr >= (uintptr_t)__rodata_start && addr < (uintptr_t)__rodata_end)
		return MMU_READ;
	return MMU_WRITE;
}

static __init void split_image(void)
{
	for (unsigned int i = 0; i < IMAGE_TABLES * ENTRIES; i++) {
		paddr_t paddr = (paddr_t)i * PAGE_SIZE;
		uintptr_t addr = MMU_DIRECT_MAP_BASE + (uintptr_t)paddr;

		if (!mmu_guard_name(addr))
			entry_set(&image_tables[i / ENTRIES][i % ENTRIES],
				  paddr | prot_bits(image_prot(addr)));
	}
	for (unsigned int t = 0; t < IMAGE_TABLES; t++)
		mmu_kernel_pd[t] = image_paddr(image_tables[t]) | PTE_PRESENT | PTE_WRITE;
}

static __init void protect_percpu(void)
{
	for (uintptr_t offset = 0; offset < (uintptr_t)__percpu_end - (uintptr_t)__percpu_start;
	     offset += PAGE_SIZE)
		entry_set(&mmu_percpu_table[offset / PAGE_SIZE],
			  image_paddr(__percpu_home + offset) | prot_bits(MMU_WRITE));
}

void __init mmu_windows_init(unsigned int cpu)
{
	uintptr_t unit = MMU_PERCPU_START + cpu * MMU_PERCPU_UNIT,
		  start = unit + KMAP_START - MMU_PERCPU_START,
		  table = MMU_FIXMAP_TABLES + (unit - MMU_PERCPU_START) / MMU_TABLE_SPAN * PAGE_SIZE;

	(void)!mmu_map_page(table, mmu_table(unit), MMU_WRITE);
	for (uintptr_t offset = 0; offset < KMAP_ALL_END - KMAP_START; offset += KMAP_STEP)
		kmap_window_restore(start + offset, prot_bits(MMU_WRITE) & PTE_NX);
}

/* The running code stays mapped the whole time: each directory entry changes by one 64-bit value whose high
 * half is 0 before and after where code lies. */
void __init mmu_init(paddr_t lowmem_end)
{
	unsigned int nr_used = (unsigned int)(ALIGN_UP(MIN(lowmem_end, LOWMEM_MAX), LARGE_SIZE) / LARGE_SIZE);

	split_image();
	protect_percpu();
	for (unsigned int i = IMAGE_TABLES; i < LOWMEM_MAX / LARGE_SIZE; i++)
		entry_set(&mmu_kernel_pd[i],
			  i < nr_used ? (paddr_t)i * LARGE_SIZE | prot_bits(MMU_WRITE) | PTE_LARGE : 0);
	mmu_nx_high = cpu_has_nx() ? (uint32_t)(PTE_NX >> 32) : 0;
	mmu_set_table(MMU_FIXMAP_START, image_paddr(mmu_fixmap_table));
	mmu_windows_init(0);
	if (cpu_has_pge())
		write_cr4(read_cr4() | CR4_PGE);
	mmu_flush_all();
}

void __init mmu_start_fill(struct mmu_start *start)
{
	uint32_t cr0;

	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	*start = (struct mmu_start){
		.top = {mmu_kernel_pdpt[3], 0, 0, mmu_kernel_pdpt[3]},
		.cr0 = cr0,
		.cr4 = read_cr4() & ~CR4_PGE, /* no entry of the identity map shall stay */
		.has_nx = cpu_has_nx(),
	};
}

void __init mmu_join(void)
{
	__asm__ volatile("movl %0, %%cr3" ::"r"((uint32_t)image_paddr(mmu_kernel_pdpt)) : "memory");
	if (cpu_has_pge())
		write_cr4(read_cr4() | CR4_PGE);
}

bool __init mmu_read_physical(paddr_t paddr, void *to, size_t size)
{
	char *at = to;

	while (size) {
		size_t offset = (size_t)(paddr % PAGE_SIZE), part = MIN(size, PAGE_SIZE - offset);

		if (!mmu_map_page(MMU_FIXMAP_FIRMWARE, paddr - offset, MMU_READ))
			return false;
		memcpy(at, (const void *)(MMU_FIXMAP_FIRMWARE + offset), part);
		(void)mmu_unmap_page(MMU_FIXMAP_FIRMWARE);
		at += part;
		paddr += part;
		size -= part;
	}
	return true;
}

void mmu_release_init(paddr_t *start, paddr_t *end)
{
	for (uintptr_t addr = (uintptr_t)__init_start; addr < (uintptr_t)__init_end; addr += PAGE_SIZE)
		(void)!mmu_map_page(addr, addr - MMU_DIRECT_MAP_BASE, MMU_WRITE);
	mmu_flush_all();
	*start = image_paddr(__init_start);
	*end = image_paddr(__init_end);
}

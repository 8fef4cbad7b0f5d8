/* SPDX-License-Identifier: MIT */
/* What the kernel forbids itself: each violation is tried, survived, and reported with the exact line that
 * names what was hit. Guest only. */
#include <tests/ktest.h>

#include <kernel/arch/cpu.h>
#include <kernel/arch/mmu.h>
#include <kernel/arch/trap.h>
#include <kernel/core/address.h>
#include <kernel/core/ksym.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <linux/highmem.h>
#include <linux/slab.h>
#include <mm/mapped/kmap_internal.h>
#include <tests/kernel/test_util.h>

#define ERROR_READ	      0x00u /* what the CPU says: nothing is there, */
#define ERROR_WRITE	      0x02u
#define ERROR_FORBIDDEN_WRITE 0x03u /* or it is there and may not be */
#define ERROR_FORBIDDEN_FETCH 0x11u
#define OPCODE_RET	      0xc3

extern char boot_stack_guard[], double_fault_stack_guard[], __init_text_start[];

static void read_byte(void *addr)
{
	(void)*(volatile char *)addr;
}

static void write_byte(void *addr)
{
	*(volatile char *)addr = (char)OPCODE_RET;
}

static void call_it(void *addr)
{
	((void (*)(void))addr)();
}

static const char *access_name(uint32_t error)
{
	return error == ERROR_READ ? "read from" : error == ERROR_FORBIDDEN_FETCH ? "fetch from" : "write to";
}

/* The violation must fault like this, and the report be this very line. */
static void expect_fault(void (*violate)(void *), const void *addr, uint32_t error, const char *phrase)
{
	char expected[256], found[256];
	struct trap_info info = {0};

	EXPECT(trap_expect(violate, (void *)(uintptr_t)addr, &info));
	EXPECT_EQ(info.vector, 14);
	EXPECT_EQ(info.error_code, error);
	EXPECT_EQ(info.fault_address, (uintptr_t)addr);
	trap_describe_page_fault(info.error_code, info.fault_address, found, sizeof(found));
	(void)snprintf(expected, sizeof(expected), "page fault: kernel %s 0x%08lx, error code 0x%x: %s%s%s",
		       access_name(error), (unsigned long)(uintptr_t)addr, error,
		       error & 1 ? "the page forbids it" : "no page there", phrase ? "; that is " : "",
		       phrase ? phrase : "");
	EXPECT(strcmp(found, expected) == 0);
	if (strcmp(found, expected) != 0)
		ktest_note("found \"%s\", expected \"%s\"", found, expected);
}

/* --- page 0 and what else was never there --- */

KTEST(protect, page_0_is_not_there, "D1 P9")
{
	char phrase[64];

	for (uintptr_t addr = 0; addr < PAGE_SIZE; addr += PAGE_SIZE / 2 - 1) {
		(void)snprintf(phrase, sizeof(phrase), "in page 0: a NULL pointer and an offset of %lu",
			       (unsigned long)addr);
		expect_fault(read_byte, (void *)addr, ERROR_READ, phrase);
		expect_fault(write_byte, (void *)addr, ERROR_WRITE, phrase);
	}
}

KTEST(protect, nothing_is_mapped_below_the_kernel, "D1")
{
	expect_fault(read_byte, (void *)PAGE_SIZE, ERROR_READ, NULL);
	expect_fault(read_byte, (void *)MIB(1u), ERROR_READ, NULL);
	expect_fault(write_byte, (void *)(MMU_DIRECT_MAP_BASE - 1), ERROR_WRITE, NULL);
}

KTEST(protect, the_direct_map_ends_where_low_memory_ends, "D1 MAP-14")
{
	uintptr_t mapped_bytes = ALIGN_UP(lowmem_bytes, MMU_TABLE_SPAN);
	char phrase[96];

	(void)snprintf(phrase, sizeof(phrase), "%lu bytes past the end of the direct map of %lu MiB",
		       (unsigned long)(mapped_bytes - lowmem_bytes + 12), (unsigned long)lowmem_bytes >> 20);
	expect_fault(write_byte, port_direct_map() + mapped_bytes + 12, ERROR_WRITE, phrase);
}

/* --- the image --- */

static const int constant = 5;

KTEST(protect, text_cannot_be_written, "D1")
{
	char name[KSYM_FORMAT_MAX], phrase[KSYM_FORMAT_MAX + 32];

	(void)snprintf(phrase, sizeof(phrase), "kernel text, %s",
		       ksym_format((uintptr_t)write_byte, name, sizeof(name)));
	EXPECT(strstr(phrase, "write_byte"));
	expect_fault(write_byte, (void *)(uintptr_t)write_byte, ERROR_FORBIDDEN_WRITE, phrase);
}

KTEST(protect, constants_cannot_be_written, "D1")
{
	expect_fault(write_byte, &constant, ERROR_FORBIDDEN_WRITE, "kernel image, read-only data");
	EXPECT_EQ(READ_ONCE(constant), 5);
}

static char data[] = {(char)OPCODE_RET};

#define SKIP_WITHOUT_NX()                                                                                    \
	do {                                                                                                 \
		if (!cpu_has_nx())                                                                           \
			SKIP("the CPU has no NX bit");                                                       \
	} while (0)

KTEST(protect, data_cannot_be_executed, "D1")
{
	SKIP_WITHOUT_NX();
	expect_fault(call_it, data, ERROR_FORBIDDEN_FETCH, "kernel image, data");
}

KTEST(protect, constants_cannot_be_executed, "D1")
{
	SKIP_WITHOUT_NX();
	expect_fault(call_it, &constant, ERROR_FORBIDDEN_FETCH, "kernel image, read-only data");
}

KTEST(protect, memory_of_kmalloc_cannot_be_executed, "D1")
{
	MACHINE_STAYS_AS_FOUND();
	char *code;

	SKIP_WITHOUT_NX();
	code = kmalloc(64, GFP_KERNEL);
	REQUIRE(code);
	code[0] = (char)OPCODE_RET;
	expect_fault(call_it, code, ERROR_FORBIDDEN_FETCH, NULL);
	kfree(code);
}

KTEST(protect, init_code_cannot_be_executed_any_more, "D1")
{
	struct trap_info info;

	SKIP_WITHOUT_NX();
	EXPECT(trap_expect(call_it, __init_text_start, &info));
	EXPECT_EQ(info.error_code, ERROR_FORBIDDEN_FETCH);
}

KTEST(protect, no_page_is_both_written_and_executed, "D1 P9")
{
	unsigned int nr_both = 0, nr_pages = 0;
	struct mmu_mapping mapping;

	SKIP_WITHOUT_NX();
	for (uintptr_t addr = MMU_DIRECT_MAP_BASE; addr >= MMU_DIRECT_MAP_BASE; addr += mapping.page_size) {
		mapping.page_size = PAGE_SIZE;
		if (!mmu_lookup(addr, &mapping))
			continue;
		nr_pages++;
		nr_both += (mapping.prot & (MMU_WRITE | MMU_EXEC)) == (MMU_WRITE | MMU_EXEC);
	}
	EXPECT_EQ(nr_both, 0);
	EXPECT(nr_pages > 0);
}

/* --- stacks --- */

KTEST(protect, the_first_stacks_have_a_guard_page, "D1")
{
	expect_fault(write_byte, boot_stack_guard + PAGE_SIZE - 1, ERROR_WRITE,
		     "in the guard page below the boot stack");
	expect_fault(read_byte, double_fault_stack_guard, ERROR_READ,
		     "in the guard page below the double-fault stack");
}

KTEST(protect, every_threads_stack_has_a_guard_page, "D1")
{
	struct thread_info rows[16];
	unsigned int nr = MIN(threads_snapshot(rows, ARRAY_SIZE(rows)), ARRAY_SIZE(rows)), nr_tried = 0;
	char phrase[96];

	for (unsigned int i = 0; i < nr; i++) {
		if (!rows[i].stack)
			continue;
		(void)snprintf(phrase, sizeof(phrase), "in the guard page below the stack of thread %s",
			       rows[i].name);
		expect_fault(write_byte, (char *)rows[i].stack - 1, ERROR_WRITE, phrase);
		nr_tried++;
	}
	EXPECT(nr_tried > 0);
}

static int end_at_once(void *stack)
{
	*(void **)stack = current->stack;
	return 0;
}

/* Ends before it is waited for, and its stack has been freed. Result: the stack it had. */
static char *stack_of_ended_thread(void)
{
	char *stack = NULL;
	struct thread *thread = kthread_create(end_at_once, &stack, "gone");

	if (IS_ERR(thread))
		return NULL;
	thread_get(thread);
	wake_up_process(thread);
	wait_for_completion(&thread->exited);
	thread_put(thread);
	msleep(20);
	return stack;
}

KTEST(protect, a_freed_stack_names_the_thread_that_had_it, "D1 C5")
{
	char *stack = stack_of_ended_thread();

	REQUIRE(stack);
	expect_fault(read_byte, stack + 100, ERROR_READ,
		     "in the freed stack of thread gone, which has ended");
}

KTEST(protect, behind_a_stack_there_is_nothing, "D1")
{
	char *end = (char *)ALIGN_UP((uintptr_t)current->stack + current->stack_bytes, PAGE_SIZE);
	const char *above = mmu_guard_name((uintptr_t)end); /* who has the next slot, if anybody has */
	char phrase[96];

	if (above)
		(void)snprintf(phrase, sizeof(phrase), "in the guard page below the %s", above);
	else
		(void)snprintf(phrase, sizeof(phrase), "4 bytes past the stack of thread %s", current->name);
	expect_fault(write_byte, end + 4, ERROR_WRITE, phrase);
}

KTEST(protect, a_stack_cannot_be_executed, "D1")
{
	char code = (char)OPCODE_RET, phrase[96];
	uintptr_t top = (uintptr_t)current->stack + current->stack_bytes;

	SKIP_WITHOUT_NX();
	(void)snprintf(phrase, sizeof(phrase), "stack of thread %u, %s, %lu bytes below its top", current->id,
		       current->name, (unsigned long)(top - (uintptr_t)&code));
	expect_fault(call_it, &code, ERROR_FORBIDDEN_FETCH, phrase);
}

static NOINLINE unsigned int recurse(volatile unsigned int *depth)
{
	volatile char frame[256];

	frame[0] = (char)*depth;
	if (++*depth == 1000000)
		return 0;
	return recurse(depth) + (unsigned int)frame[0];
}

static void overflow_stack(void *depth)
{
	recurse(depth);
}

KTEST(protect, a_stack_that_overflows_ends_in_its_guard_page, "D1 C5")
{
	char phrase[ADDRESS_PHRASE_MAX], expected[96];
	struct trap_info info = {0};
	unsigned int depth = 0;

	EXPECT(trap_expect(overflow_stack, &depth, &info));
	thread_forget_depth();
	EXPECT(info.stack_overflow && depth > 10);
	EXPECT(address_describe(info.fault_address, phrase, sizeof(phrase)));
	(void)snprintf(expected, sizeof(expected), "in the guard page below the stack of thread %s",
		       current->name);
	EXPECT(strcmp(phrase, expected) == 0);
}

/* --- windows --- */

static unsigned int window_number(const char *addr)
{
	return (unsigned int)(((uintptr_t)addr - port_windows_start()) / (2 * PAGE_SIZE));
}

KTEST(protect, a_stale_window_names_itself_and_the_page_it_showed, "P9 KMP-03 D1")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page;
	char *window, phrase[96];

	NEEDS_HIGH_PAGES(1);
	page = alloc_page(GFP_HIGHUSER);
	REQUIRE(page && page_is_highmem(page));
	window = kmap(page);
	window[0] = 1;
	kunmap(page);
	kmap_flush(); /* debug builds need none */
	(void)snprintf(phrase, sizeof(phrase), "stale kmap window %u, last mapped pfn %#x",
		       window_number(window), page_to_pfn(page));
	expect_fault(read_byte, window, ERROR_READ, phrase);
	expect_fault(write_byte, window + PAGE_SIZE - 1, ERROR_WRITE, phrase);

	window = kmap_local_page(page);
	window[0] = 1;
	kunmap_local(window);
	(void)snprintf(phrase, sizeof(phrase), "stale kmap_local window 0, last mapped pfn %#x",
		       page_to_pfn(page));
	expect_fault(read_byte, window, ERROR_READ, phrase);
	__free_page(page);
}

KTEST(protect, a_strict_pool_makes_stale_windows_fault_at_once, "P9 KMP-03")
{
	MACHINE_STAYS_AS_FOUND();
	bool was_strict = kmap_pool.is_strict;
	struct trap_info info;
	struct page *page;
	char *window;

	NEEDS_HIGH_PAGES(1);
	page = alloc_page(GFP_HIGHUSER);
	REQUIRE(page && page_is_highmem(page));
	kmap_pool.is_strict = true;
	window = kmap(page);
	window[0] = 1;
	kunmap(page);
	EXPECT(trap_expect(read_byte, window, &info));
	EXPECT_EQ(info.fault_address, (uintptr_t)window);
	kmap_pool.is_strict = was_strict;
	__free_page(page);
}

KTEST(protect, running_off_the_end_of_a_window_meets_a_hole, "P9 D1")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page;
	char *window, phrase[96];

	NEEDS_HIGH_PAGES(1);
	page = alloc_page(GFP_HIGHUSER);
	REQUIRE(page && page_is_highmem(page));
	window = kmap(page);
	(void)snprintf(phrase, sizeof(phrase), "12 bytes past kmap window %u, which shows pfn %#x",
		       window_number(window), page_to_pfn(page));
	expect_fault(write_byte, window + PAGE_SIZE + 12, ERROR_WRITE, phrase);
	kunmap(page);
	__free_page(page);
}

KTEST(protect, windows_cannot_be_executed, "P9 D1")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page;
	char *window, *local, phrase[96];

	NEEDS_HIGH_PAGES(1);
	SKIP_WITHOUT_NX();
	page = alloc_page(GFP_HIGHUSER);
	REQUIRE(page && page_is_highmem(page));
	window = kmap(page);
	window[0] = (char)OPCODE_RET;
	(void)snprintf(phrase, sizeof(phrase), "kmap window %u, which shows pfn %#x", window_number(window),
		       page_to_pfn(page));
	expect_fault(call_it, window, ERROR_FORBIDDEN_FETCH, phrase);
	local = kmap_local_page(page);
	(void)snprintf(phrase, sizeof(phrase), "kmap_local window 0, which shows pfn %#x", page_to_pfn(page));
	expect_fault(call_it, local, ERROR_FORBIDDEN_FETCH, phrase);
	kunmap_local(local);
	kunmap(page);
	__free_page(page);
}

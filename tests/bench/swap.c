/* SPDX-License-Identifier: MIT */
/* Pages of a program to a swap disk that answers at once, and back: its queue is in the figures, its driver is not. Per page. */
#include <tests/bench/idle_disk.h>
#include <tests/bench/measure.h>

#include <kernel/core/err.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <mm/aspace/aspace.h>
#include <mm/mapped/highmem.h>
#include <mm/reclaim/above.h>

#define NR_PAGES    2048u /* a power of 2 */
#define AT	    0x08048000u
#define STEP	    1237u /* odd: it comes to each page once */
#define ALL	    (~0u)
#define ALL_SECTORS 0xffu
#define MAX_PASSES  (8 * NR_PAGES / 32)

static void sign(struct page *page)
{
	static const uint32_t header[] = {1, 2 * NR_PAGES + 1,
					  0}; /* mkswap's version, last page, bad pages */
	char *bytes = kmap_local_page(page);

	memset(bytes, 0, PAGE_SIZE);
	memcpy(bytes + 1024, header, sizeof(header));
	memcpy(bytes + PAGE_SIZE - 10, "SWAPSPACE2", 10);
	kunmap_local(bytes);
}

static int read_or_sign(struct mapping *mapping, struct page *page)
{
	if (page->index)
		return port_block_submit(mapping->host, page, ALL_SECTORS, false);
	sign(page);
	page_end_read(page, 0);
	return 0;
}

static int write(struct mapping *mapping, struct page *page)
{
	return port_block_submit(mapping->host, page, ALL_SECTORS, true);
}

static uintptr_t addr_of(uint32_t n)
{
	return AT + (uintptr_t)n * PAGE_SIZE;
}

/* A program that has written to all its pages, and where they may go. NULL: no memory. */
static struct aspace *begin(void)
{
	static const struct mapping_ops ops = {.readpage = read_or_sign, .writepage = write};
	struct aspace *program = aspace_create();
	uintptr_t start = AT;

	if (!program || !idle_disk_open((2 * NR_PAGES + 2) * (PAGE_SIZE / BLK_SECTOR)))
		return NULL;
	if (swap_on("bench0", &ops, &idle_disk, idle_disk.nr_sectors * BLK_SECTOR) ||
	    aspace_map(program, &start, NR_PAGES * PAGE_SIZE, ASPACE_MAPPING, ASPACE_WRITE, NULL))
		return NULL;
	for (uint32_t i = 0; i < NR_PAGES; i++)
		if (aspace_fault(program, addr_of(i), ASPACE_WRITES) != ASPACE_DONE)
			return NULL;
	return program;
}

static void end(struct aspace *program)
{
	aspace_clear(program);
	aspace_free(program);
	if (swap_off("bench0"))
		return;
	idle_disk_close();
}

static int push_out_all(void *arg)
{
	const struct aspace *program = arg;

	for (unsigned int i = 0; i < MAX_PASSES && program->nr_swapped < NR_PAGES; i++)
		(void)cache_reclaim(GFP_KERNEL, 32, ALL);
	return 0;
}

/* By a thread: reclaim writes only with enough stack left, and that of the boot is not known. Result: is all out? */
static bool push_out(struct aspace *program)
{
	struct thread *thread = kthread_create(push_out_all, program, "bench reclaim");

	if (IS_ERR(thread))
		return false;
	thread_get(thread);
	wake_up_process(thread);
	wait_for_completion(&thread->exited);
	thread_put(thread);
	return program->nr_swapped == NR_PAGES;
}

static void print_figures(const struct bench *bench, uint32_t ticks, uint32_t nr_commands)
{
	char mean[24];

	bench_note_op(&measure.alloc, ticks / NR_PAGES);
	bench_print_op(bench->name, NR_PAGES, bench_ratio(ticks, NR_PAGES, mean), &measure.alloc,
		       &measure.alloc);
	bench_print_extra(bench->name, "pages_a_request", bench_ratio(NR_PAGES, MAX(nr_commands, 1u), mean));
}

static void swap_out(const struct bench *bench)
{
	struct aspace *program = begin();
	uint32_t start, before;

	if (!program)
		return;
	before = idle_disk.stat.nr_commands;
	bench_measure_reset();
	start = bench_tick();
	if (push_out(program))
		print_figures(bench, bench_tick() - start, idle_disk.stat.nr_commands - before);
	end(program);
}

static void measure_in(const struct bench *bench, uint32_t step)
{
	struct aspace *program = begin();
	uint32_t start, before;

	if (!program || !push_out(program))
		return;
	before = idle_disk.stat.nr_commands;
	bench_measure_reset();
	start = bench_tick();
	for (uint32_t i = 0; i < NR_PAGES; i++)
		if (aspace_fault(program, addr_of(i * step % NR_PAGES), ASPACE_READS) != ASPACE_DONE)
			return;
	print_figures(bench, bench_tick() - start, idle_disk.stat.nr_commands - before);
	end(program);
}

static void swap_in(const struct bench *bench)
{
	measure_in(bench, 1);
}

static void swap_in_random(const struct bench *bench)
{
	measure_in(bench, STEP);
}

const struct bench bench_swap[] = {
	{.name = "swap_out", .special = swap_out},
	{.name = "swap_in", .special = swap_in},
	{.name = "swap_in_random", .special = swap_in_random},
	{.name = NULL},
};

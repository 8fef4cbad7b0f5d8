/* SPDX-License-Identifier: MIT */
/* The last page: what failing costs, and how much of memory each kind of request can have. Nothing prints
 * between the first allocation of a bench and its last free. */
#include <tests/bench/measure.h>

#include <kernel/lib/align.h>
#include <linux/gfp.h>
#include <linux/slab.h>
#include <mm/pages/zone.h>
#include <tests/bench/held.h>

#define NR_FAILS 1000u

struct object {
	struct object *next;
};

static struct held *held;
static struct object *held_objects;

static void hold_everything(void)
{
	while (hold_largest(&held, GFP_ATOMIC | __GFP_NOWARN))
		continue;
}

static uint32_t hold_objects(size_t size)
{
	struct object *object;
	uint32_t nr = 0;

	for (; (object = kmalloc(size, GFP_ATOMIC | __GFP_NOWARN)); nr++) {
		object->next = held_objects;
		held_objects = object;
	}
	return nr;
}

static void release_objects(void)
{
	while (held_objects) {
		struct object *object = held_objects;

		held_objects = object->next;
		kfree(object);
	}
}

static void print_fails(const char *name)
{
	char mean[24];

	bench_print_op(name, measure.alloc.nr, bench_ratio(measure.alloc.sum, measure.alloc.nr, mean),
		       &measure.alloc, NULL);
}

static void fail_page(const struct bench *bench)
{
	hold_everything();
	bench_measure_reset();
	for (uint32_t i = 0; i < NR_FAILS; i++)
		(void)BENCH_ALLOC(PASS_TIMED, 0, alloc_pages(GFP_ATOMIC | __GFP_NOWARN, 0));
	release_held(&held);
	print_fails(bench->name);
}

static void fail_kmalloc(const struct bench *bench)
{
	hold_everything();
	hold_objects(64);
	bench_measure_reset();
	for (uint32_t i = 0; i < NR_FAILS; i++)
		(void)BENCH_ALLOC(PASS_TIMED, 0, kmalloc(64, GFP_ATOMIC | __GFP_NOWARN));
	release_objects();
	release_held(&held);
	print_fails(bench->name);
}

/* --- until failure --- */

static uint32_t pages_until_failure(gfp_t gfp)
{
	uint32_t nr = 0;

	while (hold_block(&held, gfp | __GFP_NOWARN, 0))
		nr++;
	release_held(&held);
	return nr;
}

static void until_failure(const char *name, gfp_t gfp)
{
	uint32_t before = (uint32_t)nr_free_pages_below(ZONE_NORMAL);
	uint32_t given = pages_until_failure(gfp);
	char percent[24];

	bench_print_extra(name, "percent_given", bench_ratio((uint64_t)given * 100, before, percent));
	bench_print_number(name, "pages_never_given", before - given);
}

static void atomic_pages(const struct bench *bench)
{
	until_failure(bench->name, GFP_ATOMIC);
}

static void nowait_pages(const struct bench *bench)
{
	until_failure(bench->name, GFP_NOWAIT);
}

static uint32_t present_pages(void)
{
	const struct zone *zone;
	size_t pages = 0;

	for_each_zone(zone)
		if (zone->id != ZONE_HIGHMEM)
			pages += zone->present;
	return (uint32_t)pages;
}

static void kmalloc_72(const struct bench *bench)
{
	uint32_t nr = hold_objects(72);
	char percent[24];

	release_objects();
	bench_print_extra(bench->name, "percent_of_ram",
			  bench_ratio((uint64_t)nr * 72 * 100 >> PAGE_SHIFT, present_pages(), percent));
}

const struct bench bench_memory[] = {
	{.name = "fail_page", .special = fail_page},	   {.name = "fail_kmalloc", .special = fail_kmalloc},
	{.name = "atomic_pages", .special = atomic_pages}, {.name = "nowait_pages", .special = nowait_pages},
	{.name = "kmalloc_72", .special = kmalloc_72},	   {.name = NULL},
};

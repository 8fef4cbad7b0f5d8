/* SPDX-License-Identifier: MIT */
/* See settle.h. */
#include <tests/kernel/settle.h>

#include <kernel/arch/clock.h>
#include <kernel/core/thread.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/vmscan.h>
#include <tests/kernel/test_util.h>

#define SETTLE_MS 20000u

static int do_nothing(void *unused)
{
	(void)unused;
	return 0;
}

void settle_stacks(void)
{
	struct thread *thread[2];

	for (unsigned int i = 0; i < 2; i++)
		thread[i] = kthread_create(do_nothing, NULL, "nobody");
	for (unsigned int i = 0; i < 2; i++)
		if (!IS_ERR(thread[i]))
			(void)kthread_stop(thread[i]);
	msleep(8);
	(void)vmscan_reclaim(GFP_KERNEL, SIZE_MAX);
}

bool settle_all_is_back(size_t before)
{
	uint64_t end = clock_now_ms() + SETTLE_MS;

	while (nr_free_pages() != before && clock_now_ms() < end) {
		msleep(4);
		(void)vmscan_reclaim(GFP_KERNEL, SIZE_MAX);
	}
	if (nr_free_pages() != before)
		ktest_note("%zu pages free before, %zu now", before, nr_free_pages());
	return nr_free_pages() == before;
}

static struct settled settled_now(void)
{
	struct settled now = {.nr_pages = nr_free_pages(), .nr_objects = nr_live_objects()};
	struct kmem_cache *cache;

	list_for_each_entry(cache, slab_caches(), caches)
		now.nr_pages += cache->nr_slabs << cache->order;
	return now;
}

struct settled settle_begin(void)
{
	settle_stacks();
	return settled_now();
}

void settle_end(struct settled *before)
{
	uint64_t end = clock_now_ms() + SETTLE_MS;
	struct settled now = settled_now();

	while ((now.nr_pages != before->nr_pages || now.nr_objects != before->nr_objects) &&
	       clock_now_ms() < end) {
		msleep(4);
		(void)vmscan_reclaim(GFP_KERNEL, SIZE_MAX);
		now = settled_now();
	}
	EXPECT_EQ(now.nr_pages, before->nr_pages);
	EXPECT_EQ(now.nr_objects, before->nr_objects);
	expect_valid();
}

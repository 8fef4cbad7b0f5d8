/* SPDX-License-Identifier: MIT */
/* See leftover.h. And suites that are not part of `all`, so that a test of the frame can see what is said: `leaky` leaves
 * one of each behind, `careless` does so when a request fails. State: one noted machine. */
#include <tests/kernel/leftover.h>

#include <kernel/lib/align.h>
#include <mm/mapped/kmap_internal.h>
#include <mm/mapped/vmalloc.h>
#include <mm/mapped/vmarea.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/reserve.h>
#include <mm/report/leak.h>
#include <tests/kernel/test_util.h>

#define MAX_CACHES 120u
#define MAX_WAITS  500u

struct cache_count {
	const struct kmem_cache *cache;
	uint32_t name_hash;
	size_t nr;
};

struct counts {
	struct leftover_more more;
	size_t nr_pages; /* free, in slabs or kept */
	size_t nr_areas, area_bytes;
	size_t nr_windows, nr_shrinkers, nr_caches;
};

static struct {
	struct counts counts;
	struct cache_count caches[MAX_CACHES];
	uint32_t at_ms;
} noted;

static size_t pages_in_slabs_and_reserves;

static void add_reserve(const struct reserve *reserve)
{
	pages_in_slabs_and_reserves += reserve->nr;
}

static size_t count_pages(void)
{
	pages_in_slabs_and_reserves = slab_pages();
	reserve_for_each(add_reserve);
	return nr_free_pages() + pages_in_slabs_and_reserves;
}

static void count_areas(struct counts *counts)
{
	struct vm_area area;
	uintptr_t at = vmalloc_space.start;

	for (; area_copy_next(at, &area); at = area.span.end)
		if (area.state != AREA_FREED) {
			counts->nr_areas++;
			counts->area_bytes += area.size_bytes;
		}
}

static void count(struct counts *counts)
{
	const struct kmem_cache *cache;

	*counts = (struct counts){.nr_windows = kmap_pool.nr_in_use, .nr_shrinkers = vmscan_nr_shrinkers()};
	leftover_more(&counts->more);
	if (!counts->more.machine)
		return;
	vmalloc_purge();
	shrink_all_caches();
	drain_all_pages();
	count_areas(counts);
	list_for_each_entry(cache, slab_caches(), caches)
		counts->nr_caches++;
	counts->nr_pages = count_pages() + counts->more.nr_kept_pages;
}

void leftover_note(void)
{
	const struct kmem_cache *cache;
	size_t i = 0;

	count(&noted.counts);
	if (!noted.counts.more.machine)
		return;
	noted.at_ms = (uint32_t)port_now_ms();
	list_for_each_entry(cache, slab_caches(), caches)
		if (i < MAX_CACHES)
			noted.caches[i++] =
				(struct cache_count){cache, cache->name_hash, nr_objects_in_use(cache)};
}

/* Objects it had; SIZE_MAX: there was none of that name. */
static size_t nr_before(const struct kmem_cache *cache)
{
	for (size_t i = 0; i < MIN(noted.counts.nr_caches, (size_t)MAX_CACHES); i++)
		if (noted.caches[i].cache == cache && noted.caches[i].name_hash == cache->name_hash)
			return noted.caches[i].nr;
	return noted.counts.nr_caches > MAX_CACHES ? nr_objects_in_use(cache) : SIZE_MAX;
}

static bool caches_are_as_noted(void)
{
	const struct kmem_cache *cache;
	size_t nr = 0;

	list_for_each_entry(cache, slab_caches(), caches) {
		if (nr_before(cache) != nr_objects_in_use(cache))
			return false;
		nr++;
	}
	return nr == noted.counts.nr_caches;
}

static bool is_as_noted(const struct counts *now)
{
	const struct counts *then = &noted.counts;

	return now->nr_pages == then->nr_pages && now->nr_areas == then->nr_areas &&
	       now->area_bytes == then->area_bytes && now->nr_windows == then->nr_windows &&
	       now->nr_shrinkers == then->nr_shrinkers && now->more.nr_threads == then->more.nr_threads &&
	       caches_are_as_noted();
}

/* --- telling --- */

static void tell(const char *what, size_t then, size_t now)
{
	if (now > then)
		ktest_note("left behind: %zu %s", now - then, what);
	else if (then > now)
		ktest_note("gone: %zu %s", then - now, what);
}

static void tell_cache(const struct kmem_cache *cache)
{
	size_t then = nr_before(cache), now = nr_objects_in_use(cache);

	if (then == SIZE_MAX)
		ktest_note("left behind: cache %s with %zu objects of %u bytes", cache->name, now,
			   cache->object_size);
	else if (now != then)
		ktest_note("%s: %zu objects of %u bytes in cache %s", now > then ? "left behind" : "gone",
			   now > then ? now - then : then - now, cache->object_size, cache->name);
}

/* Who has what was handed out since, if it was written down. */
static void tell_callers(void)
{
	static struct leak_caller rows[LEAK_CALLERS + 1];
	struct leak_sum sum;
	char code[64];
	unsigned int nr = leak_is_on() ? leak_collect(rows, &sum) : 0;

	for (unsigned int i = 0; i < nr; i++)
		if ((int32_t)(rows[i].last_ms - noted.at_ms) >= 0)
			ktest_note("handed out: %zu of %zu bytes by %s", rows[i].nr, rows[i].bytes,
				   rows[i].caller ? port_code_name(rows[i].caller, code, sizeof(code))
						  : "others");
}

static void tell_all(const struct counts *now)
{
	const struct counts *then = &noted.counts;
	const struct kmem_cache *cache;

	list_for_each_entry(cache, slab_caches(), caches)
		tell_cache(cache);
	if (now->nr_caches < then->nr_caches)
		ktest_note("gone: %zu caches", then->nr_caches - now->nr_caches);
	tell("pages", now->nr_pages, then->nr_pages); /* free ones: the other way round */
	tell("areas", then->nr_areas, now->nr_areas);
	tell("bytes in areas", then->area_bytes, now->area_bytes);
	tell("permanent windows", then->nr_windows, now->nr_windows);
	tell("shrinkers", then->nr_shrinkers, now->nr_shrinkers);
	tell("threads", then->more.nr_threads, now->more.nr_threads);
	tell_callers();
}

bool leftover_none(void)
{
	struct counts now;

	count(&now);
	if (now.more.machine != noted.counts.more.machine || !now.more.machine)
		return true;
	for (unsigned int n = 0; n < MAX_WAITS && !is_as_noted(&now) && leftover_wait(); n++)
		count(&now);
	if (is_as_noted(&now))
		return leftover_stacks_are_low();
	tell_all(&now);
	return false;
}

/* --- on purpose --- */

static NOINLINE void lose_objects(void)
{
	for (unsigned int i = 0; i < 3; i++) {
		void *volatile object = kmalloc(96, GFP_KERNEL);

		EXPECT(object);
	}
}

KTEST_BY_NAME(leaky, three_objects_two_pages_and_an_area_are_lost, "S6")
{
	struct page *volatile block = alloc_pages(GFP_KERNEL, 1);
	void *volatile area = vmalloc(5000);

	EXPECT(block && area);
	lose_objects();
}

KTEST_BY_NAME(leaky, and_a_cache, "S6")
{
	struct kmem_cache *volatile cache = kmem_cache_create("lost", 200, 0, 0, NULL);

	EXPECT(cache);
}

/* In parentheses the call is not noted as the test's own (held.h): as a driver's, which keeps what it has. */
KTEST_BY_NAME(careless, what_was_first_stays_where_the_second_fails, "S7")
{
	void *first = (kmalloc)(64, GFP_KERNEL), *second = first ? (kmalloc)(3000, GFP_KERNEL) : NULL;

	REQUIRE(first && second);
	kfree(first);
	kfree(second);
}

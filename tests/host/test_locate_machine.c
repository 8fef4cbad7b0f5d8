/* SPDX-License-Identifier: MIT */
/* What an address of the heap belongs to, in each state an object can be in. Host only: the guest's monitor
 * shows the same. */
#include <mm/report/locate.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/mapped/vmalloc.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/page_alloc.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>

#define SIZE 200u

static struct kmem_cache *cache;
static struct slab_place place;

static bool boot(void)
{
	fake_machine_boot_pc(64);
	cache = kmem_cache_create("found", SIZE, 0, SLAB_NO_USER_FLAGS, NULL);
	return cache != NULL;
}

static bool is_at(const void *object, uint32_t offset, enum slab_place_state state)
{
	return slab_locate((const char *)object + offset, &place) && strcmp(place.cache, "found") == 0 &&
	       place.object == object && place.offset == offset && place.object_size == SIZE &&
	       place.state == state;
}

KTEST(locate_machine, an_object_is_handed_out_parked_free_or_never_was, "P4")
{
	char *one, *two, *never;

	REQUIRE(boot());
	one = kmem_cache_alloc(cache, GFP_KERNEL);
	REQUIRE(one);
	EXPECT(is_at(one, 0, SLAB_PLACE_HANDED_OUT));
	EXPECT(is_at(one, SIZE - 1, SLAB_PLACE_HANDED_OUT));
	kmem_cache_free(cache, one);
	EXPECT(is_at(one, 7, SLAB_PLACE_PARKED)); /* on this CPU's stack */

	slab_keep_closed(cache, true);
	one = kmem_cache_alloc(cache, GFP_KERNEL);
	two = kmem_cache_alloc(cache, GFP_KERNEL);
	REQUIRE(one && two);
	never = slab_window(cache, virt_to_page(one)->slab) +
		(slab_end(cache, virt_to_page(one)->slab) - 1) * cache->stride;
	EXPECT(is_at(never, 3, SLAB_PLACE_NEVER));
	kmem_cache_free(cache, one);
	EXPECT(is_at(one, 0, SLAB_PLACE_FREE));
	EXPECT(is_at(two, 0, SLAB_PLACE_HANDED_OUT));
	kmem_cache_free(cache, two);
	slab_keep_closed(cache, false);
	kmem_cache_destroy(cache);
}

KTEST(locate_machine, every_free_object_is_found_however_long_the_list_and_however_it_was_damaged, "DBG-12")
{
	void *object[16], *saved;

	REQUIRE(boot());
	slab_keep_closed(cache, true);
	for (unsigned int i = 0; i < ARRAY_SIZE(object); i++)
		REQUIRE((object[i] = kmem_cache_alloc(cache, GFP_KERNEL)) != NULL);
	for (unsigned int i = 1; i < ARRAY_SIZE(object); i++)
		kmem_cache_free(cache, object[i]);
	for (unsigned int i = 1; i < ARRAY_SIZE(object); i++)
		EXPECT(is_at(object[i], 1, SLAB_PLACE_FREE));
	EXPECT(is_at(object[0], 1, SLAB_PLACE_HANDED_OUT));
	saved = *object_link(cache, object[3]);
	*object_link(cache, object[3]) = object[3]; /* it has no end */
	EXPECT(is_at(object[0], 1, SLAB_PLACE_HANDED_OUT));
	*object_link(cache, object[3]) = saved;
	kmem_cache_free(cache, object[0]);
	slab_keep_closed(cache, false);
	kmem_cache_destroy(cache);
}

KTEST(locate_machine, behind_the_last_object_and_outside_slabs_there_is_none, "DBG-04")
{
	const char *base;
	char *object;
	struct page *page;

	REQUIRE(boot());
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	page = alloc_page(GFP_KERNEL);
	REQUIRE(object && page);
	base = slab_base(virt_to_page(object)->slab);
	EXPECT(slab_locate(base + (PAGE_SIZE << virt_to_page(object)->slab->order) - 1, &place));
	EXPECT(place.state == SLAB_PLACE_REST && place.index == cache->per_slab);
	EXPECT(!slab_locate(low_page_address(page), &place));
	EXPECT(!slab_locate(&place, &place));
	EXPECT(!slab_locate(NULL, &place));
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
	__free_page(page);
}

static char phrase[160];

static bool describes(uintptr_t addr, const char *text)
{
	bool is_one = locate_describe(addr, phrase, sizeof(phrase));

	if (is_one ? strstr(phrase, text) != NULL : !*text)
		return true;
	ktest_note("expected %s, found %s", text, is_one ? phrase : "nothing");
	return false;
}

KTEST(locate_machine, an_address_past_the_direct_map_is_told_by_its_distance, "DBG-04")
{
	uintptr_t end;
	char map[80];

	REQUIRE(boot());
	end = (uintptr_t)port_direct_map() + lowmem_bytes;
	(void)snprintf(map, sizeof(map), "0 bytes past the end of the direct map of %zu MiB",
		       lowmem_bytes >> 20);
	EXPECT(describes(end, map));
	EXPECT(describes(end + MIB(8u) - 1, "8388607 bytes past the end of the direct map of "));
	EXPECT(describes(end + MIB(8u), ""));
	EXPECT(describes(end - 1, ""));
	EXPECT(describes(vmalloc_space.start + 5 * PAGE_SIZE, "space for vmalloc, in no area"));
}

KTEST(locate_machine, reports_name_what_lies_at_an_address, "DBG-04")
{
	char *object, text[160];
	struct page *page;

	REQUIRE(boot());
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	page = alloc_page(GFP_KERNEL);
	REQUIRE(object && page);
	EXPECT(strcmp(locate_phrase(object + 4, text, sizeof(text)),
		      "offset 4 of a live object of cache found (200 bytes)") == 0);
	kmem_cache_free(cache, object);
	EXPECT(strcmp(locate_phrase(object + 4, text, sizeof(text)),
		      "offset 4 of a free object of cache found (200 bytes)") == 0);
	EXPECT(strncmp(locate_phrase(low_page_address(page), text, sizeof(text)), "page is head of a block",
		       23) == 0);
	EXPECT(strcmp(locate_phrase(&place, text, sizeof(text)), "outside the direct map") == 0);
	__free_page(page);
	kmem_cache_destroy(cache);
}

/* SPDX-License-Identifier: MIT */
/* vmalloc and its relatives: what is mapped, what faults, what is refused, and that nothing is lost when the
 * n-th page cannot be had. Guest and host; what needs real interrupts is in test_vmalloc_irq.c. */
#include <linux/vmalloc.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <linux/highmem.h>
#include <linux/slab.h>
#include <mm/objects/slab_internal.h>
#include <mm/report/locate.h>
#include <tests/kernel/fault.h>
#include <tests/kernel/test_util.h>

#define NR_RANDOM      40u
#define MAX_PAGES      100u
#define NR_SWEPT_PAGES 20u
#define NR_HELD	       (NR_SWEPT_PAGES + 8u)
#define MANY	       10000u
#define MANY_LARGE     15000u
#define SLOT_BYTES     (2u * PAGE_SIZE) /* an area of a page and its guard */

/* Above the floors, but for a few. */
static size_t nr_usable_pages(void)
{
	const struct zone *zone;
	size_t nr = 0;

	for_each_zone(zone)
		nr += zone->nr_free - MIN(zone->nr_free, zone_floor(zone, ZONE_HIGHMEM));
	return nr - MIN(nr, (size_t)64);
}

static bool says(const void *addr, const char *what)
{
	char text[200];

	if (vmalloc_describe((uintptr_t)addr, text, sizeof(text)) && strstr(text, what))
		return true;
	ktest_note("%s; expected %s", text, what);
	return false;
}

/* --- VMA-01 --- */

KTEST(vmalloc, the_pages_before_and_behind_each_area_fault_and_say_whose_guard_they_are, "VMA-01 V1")
{
	MACHINE_STAYS_AS_FOUND();
	static const size_t sizes[] = {1, PAGE_SIZE - 3, PAGE_SIZE, PAGE_SIZE + 1, 65536};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *p = vmalloc(sizes[i]), *end = p + ALIGN_UP(sizes[i], PAGE_SIZE), text[64];

		REQUIRE(p && is_vmalloc_addr(p) && IS_ALIGNED((uintptr_t)p, PAGE_SIZE));
		memset(p, 0x5a, (size_t)(end - p));
		EXPECT(!read_faults(p) && !write_faults(end - 1));
		EXPECT(write_faults(end) && read_faults(end + PAGE_SIZE - 1));
		EXPECT(read_faults(p - 1) && write_faults(p - PAGE_SIZE));
		snprintf(text, sizeof(text), "%zu bytes past vmalloc area of %zu bytes by ",
			 12 + (size_t)(end - p) - sizes[i], sizes[i]);
		EXPECT(says(end + 12, text) && says(end + 12, "vmalloc guard"));
		snprintf(text, sizeof(text), "4 bytes before vmalloc area of %zu bytes by ", sizes[i]);
		EXPECT(says(p - 4, text) && says(p - 4, "vmalloc guard"));
		EXPECT(says(p, "offset 0 of vmalloc area of "));
		vfree(p);
	}
}

KTEST(vmalloc, areas_never_touch_each_other, "VMA-01 V1")
{
	MACHINE_STAYS_AS_FOUND();
	char *a = vmalloc(PAGE_SIZE), *b = vmalloc(PAGE_SIZE), *c = vmalloc(3 * PAGE_SIZE);

	REQUIRE(a && b && c);
	EXPECT(read_faults(a + PAGE_SIZE) && read_faults(b + PAGE_SIZE) && read_faults(c - 1));
	vfree(b);
	vfree(a);
	vfree(c);
}

/* --- VMA-02 --- */

KTEST(vmalloc, after_vfree_access_faults_and_the_address_is_not_used_again_soon, "VMA-02 V1")
{
	MACHINE_STAYS_AS_FOUND();
	char *p = vmalloc(4 * PAGE_SIZE), *next;

	REQUIRE(p);
	p[5] = 1;
	vfree(p);
	if (!PORT_FLUSH_LATE)
		EXPECT(read_faults(p + 5));
	EXPECT(says(p + 5, "offset 5 of freed vmalloc area of 16384 bytes by ") && says(p, ", freed by "));
	for (unsigned int i = 0; i < 32; i++) {
		next = vmalloc(4 * PAGE_SIZE);
		REQUIRE(next);
		EXPECT(next != p);
		memset(next, (int)i, 4 * PAGE_SIZE);
		vfree(next);
	}
	EXPECT(read_faults(p + 5)); /* by now there was a flush */
	vmalloc_purge();
	EXPECT(read_faults(p + 5) && says(p + 5, "in no area"));
}

KTEST(vmalloc, a_purge_makes_freed_areas_fault_at_once, "VMA-02 V1")
{
	MACHINE_STAYS_AS_FOUND();
	char *p = vmalloc(PAGE_SIZE), *next;

	REQUIRE(p);
	*p = 1;
	vfree(p);
	vmalloc_purge();
	EXPECT(read_faults(p) && write_faults(p));
	next = vmalloc(PAGE_SIZE);
	EXPECT(next == p);
	vfree(next);
}

/* --- VMA-03 --- */

struct random_areas {
	unsigned char *at[NR_RANDOM];
	size_t size[NR_RANDOM];
};

static void random_areas_end(struct random_areas *areas)
{
	for (unsigned int i = 0; i < NR_RANDOM; i++)
		vfree(areas->at[i]);
}

KTEST(vmalloc, random_sizes_and_alignments_hold_what_is_written, "VMA-03 V1")
{
	MACHINE_STAYS_AS_FOUND();
	struct random random = {.state = 0x7a11};
	ENDS_WITH(random_areas_end) struct random_areas areas = {.at = {NULL}};
	size_t room = nr_usable_pages();
	unsigned int nr;

	for (nr = 0; nr < NR_RANDOM; nr++) {
		size_t align = (size_t)PAGE_SIZE << random_below(&random, 6), pages;
		size_t size = areas.size[nr] = 1 + random_below(&random, MAX_PAGES * PAGE_SIZE);

		pages = DIV_ROUND_UP(size, PAGE_SIZE);
		if (pages + 2 > room)
			break;
		room -= pages + 2;
		areas.at[nr] = vmalloc_aligned(size, align, GFP_KERNEL);
		REQUIRE(areas.at[nr]);
		EXPECT(IS_ALIGNED((uintptr_t)areas.at[nr], align));
		memset(areas.at[nr], (int)nr, size);
	}
	EXPECT(nr > 0);
	for (unsigned int i = 0; i < nr; i++)
		EXPECT(memory_is(areas.at[i], (int)i, areas.size[i]));
	ktest_note("%u areas", nr);
}

KTEST(vmalloc, what_can_never_be_is_refused_with_one_line, "VMA-03 K7 V1")
{
	MACHINE_STAYS_AS_FOUND();

	expect_reports();
	EXPECT_NULL(vmalloc(0));
	EXPECT_ONE_REPORT("impossible vmalloc of 0 bytes");
	EXPECT_NULL(vmalloc(SIZE_MAX));
	EXPECT_ONE_REPORT("larger than the space for such areas");
	EXPECT_NULL(vmalloc(vmalloc_total_bytes()));
	EXPECT_ONE_REPORT("larger than the space for such areas");
	EXPECT_NULL(vmalloc_aligned(PAGE_SIZE, (size_t)1 << 31, GFP_KERNEL));
	EXPECT_ONE_REPORT("larger than the space for such areas");
	EXPECT_NULL(vmalloc_aligned(PAGE_SIZE, 3 * PAGE_SIZE, GFP_KERNEL));
	EXPECT_ONE_REPORT("alignment that is a power of two");
	EXPECT_NULL(__vmalloc(PAGE_SIZE, GFP_KERNEL | __GFP_DMA | __GFP_HIGHMEM));
	EXPECT_ONE_REPORT("impossible vmalloc of 4096 bytes");
	EXPECT_NULL(vmap(NULL, 0, VM_MAP, PAGE_KERNEL));
	EXPECT_ONE_REPORT("expected at least one byte");
}

/* --- VMA-04: 15,000; 10,000; or where low memory leaves 72 MiB of addresses, what they hold --- */

static unsigned int nr_many(void)
{
	unsigned int nr = (unsigned int)(vmalloc_total_bytes() / SLOT_BYTES);

	nr -= nr / 9; /* others have areas, too */
	return nr >= MANY_LARGE ? MANY_LARGE : MIN(nr, MANY);
}

/* nr areas of one page each, all the same page. Result: how many there are. */
static unsigned int map_many(void **area, unsigned int nr, unsigned int step, struct page *page)
{
	unsigned int nr_made = 0;

	for (unsigned int i = 0; i < nr; i += step) {
		area[i] = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
		nr_made += area[i] != NULL;
	}
	return nr_made;
}

static void unmap_many(void **area, unsigned int nr, unsigned int step)
{
	for (unsigned int i = 0; i < nr; i += step)
		vunmap(area[i]);
}

static unsigned int nr_that_show(void **area, unsigned int nr, uint32_t word)
{
	unsigned int right = 0;

	for (unsigned int i = 0; i < nr; i++)
		right += area[i] && *(volatile uint32_t *)area[i] == word;
	return right;
}

static void live_and_churn(void **area, unsigned int nr, struct page *page)
{
	unsigned int nr_made = map_many(area, nr, 1, page);

	EXPECT_EQ(nr_made, nr);
	if (nr_made == nr) {
		memcpy_to_page(page, 0, &nr, sizeof(nr));
		EXPECT_EQ(nr_that_show(area, nr, nr), nr);
		unmap_many(area, nr, 2);
		EXPECT_EQ(map_many(area, nr, 2, page), (nr + 1) / 2);
		EXPECT_EQ(nr_that_show(area, nr, nr), nr);
	}
	unmap_many(area, nr, 1);
}

KTEST(vmalloc, thousands_of_areas_live_and_every_other_one_can_be_replaced, "VMA-04 V1")
{
	MACHINE_STAYS_AS_FOUND();
	unsigned int nr = nr_many();
	struct page *page;
	void **area;

	if (nr_free_pages_below(ZONE_NORMAL) < nr / 32) /* descriptors, page tables, the array */
		SKIP("too little low memory for ten thousand areas");
	page = alloc_page(GFP_HIGHUSER);
	area = kvmalloc(nr * sizeof(*area), GFP_KERNEL);
	if (page && area)
		live_and_churn(area, nr, page);
	else
		ktest_skip("too little memory for ten thousand areas");
	ktest_note("%u areas in %zu MiB", nr, vmalloc_total_bytes() >> 20);
	kvfree(area);
	if (page)
		__free_page(page);
}

/* --- VMA-05, FLT-03 --- */

static struct {
	struct page *page[NR_HELD];
	struct list_head hog;
} last;

/* Exactly nr pages are left, of any zone. */
static bool leave_pages(unsigned int nr)
{
	list_init(&last.hog);
	for (unsigned int i = 0; i < NR_HELD; i++) {
		last.page[i] = alloc_page(GFP_KERNEL);
		if (!last.page[i])
			return false;
	}
	hog_all(&last.hog);
	for (unsigned int i = 0; i < nr; i++)
		__free_page(last.page[i]);
	return nr_free_pages() == nr;
}

static void release_pages(unsigned int nr)
{
	for (unsigned int i = nr; i < NR_HELD; i++)
		__free_page(last.page[i]);
	hog_release(&last.hog);
}

/* Nothing waits, and the last page may be had, so that exactly the n-th allocation fails. */
#define GFP_LAST (GFP_ATOMIC | __GFP_NOWARN)

/* What an area of so many pages takes beside them, of a slab for its descriptor and a page table: both, but where somebody's
 * area, a driver's registers say, has brought them. */
static unsigned int nr_pages_beside(unsigned int nr)
{
	size_t before;
	void *p;

	vmalloc_purge();
	slab_reclaim();
	before = nr_free_pages();
	p = __vmalloc(nr * PAGE_SIZE, GFP_LAST);
	before -= nr_free_pages();
	vfree(p);
	vmalloc_purge();
	slab_reclaim();
	return p ? (unsigned int)before - nr : ~0u;
}

KTEST(vmalloc, the_failure_of_any_page_gives_back_all_others_and_the_addresses, "VMA-05 FLT-01 FLT-03 V1")
{
	MACHINE_STAYS_AS_FOUND();
	size_t used = vmalloc_used_bytes();
	unsigned int nr, nr_beside = nr_pages_beside(NR_SWEPT_PAGES);
	void *p = NULL;

	EXPECT(used ? nr_beside <= 2 : nr_beside == 2);
	for (nr = 0; nr <= NR_HELD && !p; nr++) {
		REQUIRE(leave_pages(nr));
		p = __vmalloc(NR_SWEPT_PAGES * PAGE_SIZE - 5, GFP_LAST);
		if (!p)
			slab_reclaim(); /* a slab for its descriptor is the cache's to keep */
		EXPECT(p || nr_free_pages() == nr);
		EXPECT(p || vmalloc_used_bytes() == used);
		vfree(p);
		release_pages(nr);
		vmalloc_purge();
		slab_reclaim();
	}
	EXPECT(p != NULL);
	EXPECT_EQ(nr - 1, NR_SWEPT_PAGES + nr_beside);
}

KTEST(vmalloc, without_memory_for_a_mapping_nothing_is_mapped, "VMA-05 FLT-03 V1")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned int nr, nr_beside = nr_pages_beside(1);
	void *p = NULL;

	REQUIRE(page);
	EXPECT(vmalloc_used_bytes() ? nr_beside <= 2 : nr_beside == 2);
	expect_reports();
	for (nr = 0; nr < 4 && !p; nr++) {
		vmalloc_purge();
		slab_reclaim();
		REQUIRE(leave_pages(nr));
		p = __vmalloc(PAGE_SIZE, GFP_ATOMIC);
		slab_reclaim();
		EXPECT(p || nr_free_pages() == nr);
		if (!p && nr < nr_beside)
			EXPECT_ONE_REPORT("no memory for its bookkeeping");
		else if (!p)
			EXPECT_ONE_REPORT("no memory for all of its pages");
		vfree(p);
		release_pages(nr);
	}
	EXPECT_EQ(nr, nr_beside + 2);
	__free_page(page);
}

/* --- VMA-06 --- */

KTEST(vmalloc, an_area_and_its_pages_are_the_same_memory, "VMA-06 V1 G8")
{
	MACHINE_STAYS_AS_FOUND();
	uint32_t *p = vmalloc(3 * PAGE_SIZE);

	REQUIRE(p);
	for (unsigned int i = 0; i < 3; i++) {
		uint32_t *word = p + i * PAGE_SIZE / 4, *window, seen;
		struct page *page = vmalloc_to_page((char *)word + 17);

		REQUIRE(page && page_to_pfn(page) == vmalloc_to_pfn(word));
		EXPECT(page_is_highmem(page) || nr_free_pages() == nr_free_pages_below(ZONE_NORMAL));
		*word = 0x1000 + i;
		memcpy_from_page(&seen, page, 0, sizeof(seen));
		EXPECT_EQ(seen, 0x1000 + i);
		window = kmap_local_page(page);
		window[1] = 0x2000 + i;
		kunmap_local(window);
		EXPECT_EQ(word[1], 0x2000 + i);
	}
	EXPECT_NULL(vmalloc_to_page(p + 3 * PAGE_SIZE / 4));
	EXPECT_NULL(vmalloc_to_page(&last));
	vfree(p);
}

KTEST(vmalloc, mapped_pages_stay_their_owners, "VMA-06 V1")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *pages[3] = {alloc_page(GFP_HIGHUSER), alloc_page(GFP_KERNEL), NULL};
	char *p, *read_only;

	REQUIRE(pages[0] && pages[1]);
	pages[2] = pages[0];
	p = vmap(pages, 3, VM_MAP, PAGE_KERNEL);
	read_only = vmap(pages, 2, VM_MAP, PAGE_KERNEL_RO);
	REQUIRE(p && read_only);
	p[7] = 'a';
	p[PAGE_SIZE] = 'b';
	EXPECT(p[2 * PAGE_SIZE + 7] == 'a' && read_only[7] == 'a' && read_only[PAGE_SIZE] == 'b');
	EXPECT(write_faults(read_only) && !read_faults(read_only));
	EXPECT(says(p + 3 * PAGE_SIZE, "0 bytes past vmap area of 12288 bytes by "));
	vunmap(p);
	vunmap(read_only);
	EXPECT(page_count(pages[0]) == 1 && page_count(pages[1]) == 1);
	__free_page(pages[0]);
	__free_page(pages[1]);
}

KTEST(vmalloc, zeroed_areas_are_zero_to_their_last_page, "G17 V1")
{
	MACHINE_STAYS_AS_FOUND();
	char *p = vmalloc(2 * PAGE_SIZE);

	REQUIRE(p);
	memset(p, 0x5a, 2 * PAGE_SIZE);
	vfree(p);
	p = vzalloc(PAGE_SIZE + 1);
	REQUIRE(p);
	EXPECT(memory_is(p, 0, 2 * PAGE_SIZE));
	vfree(p);
}

/* --- VMA-07 --- */

KTEST(vmalloc, where_nobody_may_sleep_vmalloc_is_refused_and_vfree_put_off, "VMA-07 C1 V1")
{
	MACHINE_STAYS_AS_FOUND();
	char *p = vmalloc(2 * PAGE_SIZE), *q;
	struct page *page = alloc_page(GFP_KERNEL);

	REQUIRE(p && page);
	expect_reports();
	port_preempt_disable();
	q = vmalloc(PAGE_SIZE);
	EXPECT_NULL(q);
	EXPECT_NULL(vmap(&page, 1, VM_MAP, PAGE_KERNEL));
	vfree(p);
	p[3] = 1; /* not yet */
	port_preempt_enable();
	EXPECT(reports_contain("BUG: sleeping function called from invalid context at mm/mapped/vmalloc.c"));
	EXPECT(says(p, "offset 0 of freed vmalloc area"));
	vmalloc_purge();
	EXPECT(read_faults(p));
	__free_page(page);
}

KTEST(vmalloc, what_is_no_area_cannot_be_freed, "VMA-07 DBG-04 V1")
{
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_page(GFP_KERNEL);
	char *p = vmalloc(2 * PAGE_SIZE), *object = kmalloc(100, GFP_KERNEL), *map;

	REQUIRE(p && object && page);
	map = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	REQUIRE(map);
	vfree(NULL);
	vunmap(NULL);
	iounmap(NULL);
	kvfree(NULL);
	expect_reports();
	vfree(object);
	EXPECT_ONE_REPORT("expected the start of an area of vmalloc, found offset 0 of a live object of "
			  "cache kmalloc-104");
	vfree(p + PAGE_SIZE);
	EXPECT_ONE_REPORT("offset 4096 of vmalloc area of 8192 bytes by ");
	vfree(p + 8);
	EXPECT_ONE_REPORT("offset 8 of vmalloc area of 8192 bytes by ");
	vfree(p + 2 * PAGE_SIZE);
	EXPECT_ONE_REPORT("0 bytes past vmalloc area of 8192 bytes by ");
	vfree(map);
	EXPECT_ONE_REPORT("offset 0 of vmap area of 4096 bytes by ");
	vunmap(p);
	EXPECT_ONE_REPORT("expected what vmap gave, found offset 0 of vmalloc area of 8192 bytes");
	iounmap(map);
	EXPECT_ONE_REPORT("expected what ioremap gave, found offset 0 of vmap area of 4096 bytes");
	kfree(p);
	EXPECT_ONE_REPORT("no object starts there (offset 0 of vmalloc area of 8192 bytes by ");
	free_pages((unsigned long)p, 0);
	EXPECT_ONE_REPORT("is not the address of a page of low memory");
	EXPECT(virt_to_phys(p + 12) == PADDR_NONE);
	EXPECT_ONE_REPORT("offset 12 of vmalloc area of 8192 bytes by ");
	EXPECT(virt_to_phys(object) == page_to_phys(virt_to_page(object)) + ((uintptr_t)object & ~PAGE_MASK));
	p[PAGE_SIZE] = 1;
	vunmap(map);
	vfree(p);
	vfree(p);
	EXPECT_ONE_REPORT("offset 0 of freed vmalloc area of 8192 bytes by ");
	vunmap(map);
	EXPECT_ONE_REPORT("offset 0 of freed vmap area of 4096 bytes by ");
	kfree(object);
	__free_page(page);
}

/* --- VMA-08 --- */

#define MAX_ALIGNED 64u

KTEST(vmalloc, when_the_space_is_used_up_it_fails_and_recovers, "VMA-08 V1")
{
	MACHINE_STAYS_AS_FOUND();
	size_t align = MIB(2u);
	void *area[MAX_ALIGNED], *more;
	unsigned int nr = 0;

	while (align < vmalloc_total_bytes() / (MAX_ALIGNED / 4))
		align *= 2;
	expect_reports();
	while (nr < MAX_ALIGNED && (area[nr] = vmalloc_aligned(PAGE_SIZE, align, GFP_KERNEL)) != NULL)
		nr++;
	EXPECT(nr > 1 && nr < MAX_ALIGNED && nr_free_pages() > 0);
	EXPECT_ONE_REPORT("no free range of addresses is that large");
	EXPECT_NULL(vmalloc_aligned(PAGE_SIZE, align, GFP_KERNEL | __GFP_NOWARN));
	vfree(area[1]);
	more = vmalloc_aligned(PAGE_SIZE, align, GFP_KERNEL);
	EXPECT(more == area[1]);
	vfree(more);
	for (unsigned int i = 0; i < nr; i++)
		if (i != 1)
			vfree(area[i]);
}

KTEST(vmalloc, when_memory_is_used_up_it_fails_and_recovers, "VMA-08 V1")
{
	MACHINE_STAYS_AS_FOUND();
	size_t all = (nr_free_pages() + 1) * PAGE_SIZE;
	void *p;

	expect_reports();
	if (all < vmalloc_total_bytes() / 2) {
		EXPECT_NULL(vmalloc(vmalloc_total_bytes() - PAGE_SIZE));
		EXPECT_ONE_REPORT("more than the machine has");
	}
	REQUIRE(leave_pages(8));
	EXPECT_NULL(__vmalloc(16 * PAGE_SIZE, GFP_ATOMIC));
	EXPECT_ONE_REPORT("vmalloc of 65536 bytes by ");
	release_pages(8);
	p = vmalloc(16 * PAGE_SIZE);
	EXPECT(p != NULL);
	vfree(p);
}

/* --- kvmalloc, ioremap, seen from outside --- */

KTEST(vmalloc, kvmalloc_takes_what_it_can_get, "V1")
{
	MACHINE_STAYS_AS_FOUND();
	char *small = kvmalloc(100, GFP_KERNEL), *zeroed = kvzalloc(3 * PAGE_SIZE, GFP_KERNEL), *large;

	EXPECT(small && !is_vmalloc_addr(small));
	EXPECT(zeroed && memory_is(zeroed, 0, 3 * PAGE_SIZE));
	EXPECT(kvmalloc(0, GFP_KERNEL) == ZERO_SIZE_PTR);
	kvfree(small);
	kvfree(zeroed);
	if (nr_usable_pages() < KMALLOC_MAX_SIZE / PAGE_SIZE + 64)
		SKIP("no 4 MiB and more to spare");
	large = kvmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL);
	EXPECT(large && is_vmalloc_addr(large));
	kvfree(large);
	expect_reports();
	EXPECT_NULL(kvmalloc(KMALLOC_MAX_SIZE + 1, GFP_ATOMIC));
	EXPECT_ONE_REPORT("impossible kmalloc of 4194305 bytes");
}

KTEST(vmalloc, physical_addresses_that_the_cpu_lacks_are_not_mapped, "V1 P9")
{
	MACHINE_STAYS_AS_FOUND();
	paddr_t end = (paddr_t)1 << port_physical_bits();
	volatile char *page;

	expect_reports();
	EXPECT_NULL(ioremap(end, PAGE_SIZE));
	EXPECT_ONE_REPORT("ioremap of 4096 bytes by ");
	EXPECT_NULL(ioremap(end, 1));
	EXPECT_ONE_REPORT("expected physical addresses that this CPU has");
	EXPECT_NULL(ioremap(end - PAGE_SIZE, PAGE_SIZE + 1));
	EXPECT_ONE_REPORT("expected physical addresses that this CPU has");
	EXPECT_NULL(ioremap(end << 1 | PAGE_SIZE, PAGE_SIZE));
	EXPECT_ONE_REPORT("expected physical addresses that this CPU has");
	if (mem_map_pages >= end >> PAGE_SHIFT)
		SKIP("there is RAM up to the last address");
	page = ioremap(end - PAGE_SIZE, PAGE_SIZE);
	REQUIRE(page);
	EXPECT_EQ(vmalloc_to_pfn((const char *)page), 0); /* mapped, and no page of memory */
	EXPECT(port_pte_pfn(port_pte_of((uintptr_t)page)) == (pfn_t)((end - PAGE_SIZE) >> PAGE_SHIFT));
	iounmap(page);
}

KTEST(vmalloc, registers_of_devices_are_mapped_and_ram_is_not, "V1")
{
	MACHINE_STAYS_AS_FOUND();
	volatile char *screen = ioremap(0xb8000 + 6, 4096);

	REQUIRE(screen);
	EXPECT_EQ((uintptr_t)screen & ~PAGE_MASK, 6);
	EXPECT(says((const char *)screen, "offset 6 of ioremap area of 4102 bytes by "));
	EXPECT_EQ(vmalloc_to_pfn((const char *)screen + PAGE_SIZE), 0xb9);
	EXPECT(read_faults((const char *)screen + 2 * PAGE_SIZE));
	iounmap(screen);
	expect_reports();
	EXPECT_NULL(ioremap(0x100000, 4096));
	EXPECT_ONE_REPORT("expected the registers of a device, found RAM");
	EXPECT_NULL(ioremap(0xb8000, 0));
	EXPECT_ONE_REPORT("expected at least one byte");
	EXPECT_NULL(ioremap(~0ull, 4096));
	EXPECT_ONE_REPORT("expected physical addresses that this CPU has");
	EXPECT_NULL(ioremap(0xb8000, SIZE_MAX));
	EXPECT_ONE_REPORT("larger than the space");
}

#define TEXT_SIZE 2048u

static bool text_has(const char *text, const char *fmt, const void *start, size_t bytes, const char *end)
{
	char line[160], range[64];
	const char *at;

	snprintf(range, sizeof(range), "0x%08lx-0x%08lx %7zu ", (unsigned long)(uintptr_t)start,
		 (unsigned long)((uintptr_t)start + bytes), bytes);
	at = strstr(text, range);
	snprintf(line, sizeof(line), fmt, end);
	if (at && strstr(at, line))
		return true;
	ktest_note("no %s...%s in", range, line);
	ktest_note("%s", text);
	return false;
}

KTEST(vmalloc, vmallocinfo_has_a_line_for_each_area, "P5 V1")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_page(GFP_KERNEL);
	struct sink_buffer out;
	char *text = kmalloc(TEXT_SIZE, GFP_KERNEL);
	size_t used = vmalloc_used_bytes(); /* a driver's registers */
	volatile void *device;
	void *p, *freed, *map;

	REQUIRE(page && text);
	p = vmalloc(65530);
	freed = vmalloc(1);
	device = ioremap(0xb8000, 8192);
	map = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	REQUIRE(p && freed && device && map);
	EXPECT_EQ(vmalloc_used_bytes() - used, (17 + 2 + 3 + 2) * PAGE_SIZE);
	vfree(freed);
	sink_buffer_init(&out, text, TEXT_SIZE);
	vmallocinfo_print(&out.sink);
	EXPECT(text_has(text, " pages=16 %s\n", p, 17 * PAGE_SIZE, "vmalloc"));
	EXPECT(text_has(text, "%s vm_area\n", freed, 2 * PAGE_SIZE, "unpurged"));
	EXPECT(text_has(text, " phys=0x000b8000 %s\n", (void *)device, 3 * PAGE_SIZE, "ioremap"));
	EXPECT(text_has(text, " pages=1 %s\n", map, 2 * PAGE_SIZE, "vmap"));
	EXPECT_EQ(vmalloc_used_bytes() - used, (17 + 3 + 2) * PAGE_SIZE);
	vunmap(map);
	iounmap(device);
	vfree(p);
	__free_page(page);
	kfree(text);
}

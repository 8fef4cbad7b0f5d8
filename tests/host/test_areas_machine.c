/* SPDX-License-Identifier: MIT */
/* Areas of vmalloc with several threads, in every order: who waits for addresses, and what a validator sees
 * beside threads that allocate and free. The machine is tiny, its space for areas a single page table's; it is
 * booted anew for each run. Host only. */
#include <tests/host/fake_threads.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/mapped/vmalloc.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/user_page.h>
#include <mm/report/validate.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>

#define MACHINE_PAGES 256u
#define SPACE_PAGES   (PORT_TABLE_SPAN / PAGE_SIZE)
#define AREA_PAGES    4u
#define SLOT_PAGES    (AREA_PAGES + 1) /* an area with its guard */
#define PATIENT	      (GFP_KERNEL | __GFP_NOWARN)

static const char *const points[] = {"preempt", "park", NULL};

static struct {
	size_t nr_free_before;
	void *held[2], *rest; /* all addresses there are */
	void *got[2];
	struct kmem_cache *cache;
} scene;

static void boot_tiny(void)
{
	struct mm_params params = {
		.dma_end = MIB(16u), .lowmem_end = MACHINE_PAGES * PAGE_SIZE, .min_free_kbytes = 64};

	fake_machine_reboot(params);
	memset(&scene, 0, sizeof(scene));
	vmalloc_purge();
	(void)slab_reclaim();
	scene.nr_free_before = nr_free_pages();
}

/* Two areas, and one that takes the rest. */
static void setup_full(void)
{
	static struct page *pages[SPACE_PAGES];

	boot_tiny();
	for (unsigned int i = 0; i < SPACE_PAGES; i++)
		pages[i] = pfn_to_page(0);
	for (unsigned int i = 0; i < ARRAY_SIZE(scene.held); i++)
		scene.held[i] = vmalloc(AREA_PAGES * PAGE_SIZE);
	scene.rest = vmap(pages, SPACE_PAGES - 2 * SLOT_PAGES - 1, VM_MAP, PAGE_KERNEL);
	FAIL_UNLESS(scene.held[0] && scene.held[1] && scene.rest);
	FAIL_UNLESS(vmalloc_used_bytes() == vmalloc_total_bytes());
}

/* The machine that host_try_all() boots again and again. */
static bool try_all(const struct host_scene *played)
{
	struct memmap_entry ram = {0, MACHINE_PAGES * PAGE_SIZE, MEMMAP_USABLE};
	bool ok;

	host_set_vmalloc_bytes(PORT_TABLE_SPAN);
	fake_machine_create(&ram, 1, MACHINE_PAGES * PAGE_SIZE);
	ok = host_try_all(played);
	host_set_vmalloc_bytes(0);
	return ok;
}

static void rest(void)
{
}

static void finish(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		vfree(scene.held[i]);
		vfree(scene.got[i]);
	}
	vunmap(scene.rest);
	kmem_cache_destroy(scene.cache);
	vmalloc_purge();
	(void)slab_reclaim();
	FAIL_UNLESS(nr_free_pages() == scene.nr_free_before);
	FAIL_UNLESS(vmalloc_used_bytes() == 0);
	FAIL_UNLESS(mm_validate(NULL) == 0);
	FAIL_UNLESS(!irqs_disabled() && kit_cpu[0].nr_held == 0 && !port_is_atomic());
}

/* --- waiting for addresses --- */

static void ask_0(void)
{
	scene.got[0] = __vmalloc(AREA_PAGES * PAGE_SIZE, PATIENT | __GFP_NOFAIL);
	FAIL_UNLESS(scene.got[0] != NULL);
}

static void ask_1(void)
{
	scene.got[1] = __vmalloc(AREA_PAGES * PAGE_SIZE, PATIENT | __GFP_NOFAIL);
	FAIL_UNLESS(scene.got[1] != NULL);
}

/* As much as both held areas leave, in two steps. */
static void borrow_much(void)
{
	vfree(__vmalloc((2 * SLOT_PAGES - 1) * PAGE_SIZE, PATIENT | __GFP_NOFAIL));
}

static void borrow_little(void)
{
	vfree(__vmalloc(AREA_PAGES * PAGE_SIZE, PATIENT | __GFP_NOFAIL));
}

static void free_held(unsigned int i)
{
	void *area = scene.held[i];

	scene.held[i] = NULL;
	vfree(area);
}

static void free_one(void)
{
	free_held(0);
}

static void free_both(void)
{
	free_held(1);
	free_held(0);
}

KTEST(areas_machine, addresses_that_another_frees_serve_who_waits_for_them, "G15 V1 VM7")
{
	static const struct host_scene s = {
		.name = "1 thread waits for addresses, 1 frees an area",
		.setup = setup_full,
		.thread = {ask_0, free_one},
		.at_rest = rest,
		.finish = finish,
		.points = points,
		.max_diversions = 2,
	};

	EXPECT(try_all(&s));
}

KTEST(areas_machine, each_of_two_who_wait_for_addresses_gets_an_area, "G15 V1 VM7")
{
	static const struct host_scene s = {
		.name = "2 threads wait for as many addresses",
		.setup = setup_full,
		.thread = {ask_0, ask_1, free_both},
		.at_rest = rest,
		.finish = finish,
		.points = points,
		.max_diversions = 1,
	};

	EXPECT(try_all(&s));
}

KTEST(areas_machine, who_needs_much_is_asked_again_when_less_was_of_no_use, "G15 V1 VM7")
{
	static const struct host_scene s = {
		.name = "1 thread waits for much, 1 for little, 1 frees",
		.setup = setup_full,
		.thread = {borrow_much, borrow_little, free_both},
		.at_rest = rest,
		.finish = finish,
		.points = points,
		.max_diversions = 1,
	};

	EXPECT(try_all(&s));
}

static void borrow_little_and_free(void)
{
	borrow_little();
	free_held(0);
}

static void free_other(void)
{
	free_held(1);
}

KTEST(areas_machine, who_waits_behind_one_who_needs_more_is_asked_by_the_same_free, "G15 V1 VM7")
{
	static const struct host_scene s = {
		.name = "1 thread waits for much, 1 for what a third frees, and frees the rest",
		.setup = setup_full,
		.thread = {borrow_much, borrow_little_and_free, free_other},
		.at_rest = rest,
		.finish = finish,
		.points = points,
		.max_diversions = 1,
	};

	EXPECT(try_all(&s));
}

/* --- a validator beside others --- */

static const char *const all_points[] = {"preempt",    "irq",  "park", "DMA",  "vmap_area", "kmalloc-512",
					 "kmem_cache", "busy", "slab", "wait", NULL};

static void note(struct sink *sink, const char *text, size_t len)
{
	(void)sink;
	host_scene_fail("%.*s", (int)len, text);
}

static void validate(void)
{
	struct sink notes = {note};

	(void)mm_validate(&notes);
}

static void map_and_unmap(void)
{
	struct page *page = alloc_page(PATIENT);
	void *area = vmalloc(3 * PAGE_SIZE), *again;

	vfree(area);
	again = vmalloc(3 * PAGE_SIZE);
	vfree(again);
	vmalloc_purge();
	area = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	vunmap(area);
	__free_page(page);
}

static void use_pages(void)
{
	struct page *user = alloc_user_page(), *block = alloc_pages(PATIENT, 3);
	char *exact = alloc_pages_exact(3 * PAGE_SIZE, PATIENT), *large = kmalloc(21000, GFP_KERNEL);

	get_page(user);
	free_user_page(user);
	put_page(user);
	__free_pages(block, 3);
	get_page(virt_to_page(exact));
	free_pages_exact(exact, 3 * PAGE_SIZE);
	put_page(virt_to_page(exact));
	kfree(large);
}

static void use_slabs(void)
{
	struct kmem_cache *cache = kmem_cache_create("busy", 2000, 0, 0, NULL);
	void *objects[9], *small = kmalloc(500, GFP_KERNEL);

	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		kmem_cache_free(cache, objects[i]);
	kfree(small);
	(void)slab_reclaim();
	kmem_cache_destroy(cache);
}

static bool is_valid_beside(const char *name, void (*what)(void))
{
	struct host_scene s = {
		.name = name,
		.setup = boot_tiny,
		.thread = {what, validate},
		.at_rest = rest,
		.finish = finish,
		.points = all_points,
		.max_diversions = 1,
	};

	return try_all(&s);
}

KTEST(areas_machine, a_validator_finds_nothing_beside_threads_that_allocate_and_free, "VM4 A1 U1 V1")
{
	EXPECT(is_valid_beside("1 thread maps and unmaps, 1 validates", map_and_unmap));
	EXPECT(is_valid_beside("1 thread uses pages, 1 validates", use_pages));
	EXPECT(is_valid_beside("1 thread uses slabs, 1 validates", use_slabs));
}

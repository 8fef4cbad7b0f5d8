/* SPDX-License-Identifier: MIT */
/* A cache that is shrunk while others use it, in every order: no slab leaves with an object in it, and none is
 * lost. Host only. */
#include <tests/host/fake_threads.h>

#include <mm/objects/slab_internal.h>
#include <mm/report/validate.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>

#define PER_SLAB 2u /* objects of 2 KiB */

static struct {
	struct kmem_cache *cache;
	void *held[2 * PER_SLAB];
	size_t nr_free_before;
} scene;

static void setup(void)
{
	struct mm_params params = {.dma_end = MIB(16u), .lowmem_end = MIB(2u), .min_free_kbytes = 1};

	fake_machine_reboot(params);
	host_set_now_ms(0);
	(void)slab_reclaim();
	drain_all_pages();
	scene.nr_free_before = nr_free_pages();
	scene.cache = kmem_cache_create("shrunk", 2048, 0, 0, NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(scene.held); i++)
		scene.held[i] = kmem_cache_alloc(scene.cache, GFP_KERNEL);
}

static void use_some(void)
{
	char *object = kmem_cache_alloc(scene.cache, GFP_KERNEL);

	*object = 1;
	kmem_cache_free(scene.cache, scene.held[0]);
	kmem_cache_free(scene.cache, scene.held[1]);
	scene.held[0] = scene.held[1] = NULL;
	FAIL_UNLESS(*object == 1);
	kmem_cache_free(scene.cache, object);
}

static void shrink(void)
{
	(void)kmem_cache_shrink(scene.cache);
}

static void borrow_two(void)
{
	void *object[2];

	if (kmem_cache_alloc_bulk(scene.cache, GFP_ATOMIC, 2, object))
		kmem_cache_free_bulk(scene.cache, 2, object);
}

static void valid(void)
{
	FAIL_UNLESS(mm_validate(NULL) == 0);
}

static void finish(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(scene.held); i++)
		kmem_cache_free(scene.cache, scene.held[i]);
	shrink();
	FAIL_UNLESS(scene.cache->nr_slabs == 0 && scene.cache->nr_in_use == 0);
	kmem_cache_destroy(scene.cache);
	(void)slab_reclaim();
	drain_all_pages();
	FAIL_UNLESS(nr_free_pages() == scene.nr_free_before);
}

KTEST(slab_machine, a_cache_is_shrunk_while_others_use_it, "S1 SLB-08")
{
	static const char *const points[] = {"shrunk", "DMA", "irq", NULL};
	static const struct host_scene played = {
		.name = "a user, two who shrink, an interrupt that borrows",
		.setup = setup,
		.thread = {use_some, shrink, shrink},
		.interrupt = borrow_two,
		.at_rest = valid,
		.finish = finish,
		.points = points,
		.max_diversions = 2,
	};
	struct memmap_entry ram = {0, MIB(2u), MEMMAP_USABLE};

	fake_machine_create(&ram, 1, MIB(2u));
	EXPECT(host_try_all(&played));
}

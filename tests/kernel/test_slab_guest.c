/* SPDX-License-Identifier: MIT */
/* What of caches needs threads, or a machine that panics. Guest only. */
#include <mm/objects/slab_internal.h>

#include <kernel/arch/trap.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <tests/kernel/crowd.h>
#include <tests/kernel/test_util.h>

#define NR_THREADS 4u
#define NR_ROUNDS  60u

static struct kmem_cache *crowded;

/* Result: objects that somebody else wrote to. */
static int use_and_shrink(void *number)
{
	uintptr_t *object[40];
	int nr_wrong = 0;

	for (unsigned int round = 0; round < NR_ROUNDS; round++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(object); i++) {
			object[i] = kmem_cache_alloc(crowded, GFP_KERNEL);
			if (object[i])
				*object[i] = (uintptr_t)object[i] ^ (uintptr_t)number;
		}
		(void)kmem_cache_shrink(crowded);
		yield();
		for (unsigned int i = 0; i < ARRAY_SIZE(object); i++) {
			nr_wrong += object[i] && *object[i] != ((uintptr_t)object[i] ^ (uintptr_t)number);
			kmem_cache_free(crowded, object[i]);
		}
		if (round % 3 == 0)
			yield();
	}
	return nr_wrong;
}

KTEST(slab, a_cache_may_be_shrunk_while_others_use_it, "S1 SLB-08")
{
	MACHINE_STAYS_AS_FOUND();
	crowded = kmem_cache_create("crowded", 200, 0, 0, NULL);

	REQUIRE(crowded);
	EXPECT_EQ(crowd_works(NR_THREADS, use_and_shrink), 0);
	(void)kmem_cache_shrink(crowded);
	EXPECT_EQ(crowded->nr_in_use, 0);
	EXPECT_EQ(crowded->nr_slabs, 0);
	kmem_cache_destroy(crowded);
}

static void create_what_cannot_be(void *unused)
{
	(void)unused;
	crowded = kmem_cache_create("test", 0, 0, SLAB_PANIC, NULL);
}

KTEST(slab, a_cache_that_must_be_had_and_cannot_panics_by_its_name, "S1")
{
	MACHINE_STAYS_AS_FOUND();
	struct trap_info info;

	EXPECT(trap_expect(create_what_cannot_be, NULL, &info));
	EXPECT_EQ(info.vector, TRAP_PANIC);
	EXPECT(info.panic_text && strstr(info.panic_text, "cannot create cache test of 0 bytes: "));
}

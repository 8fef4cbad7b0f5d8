/* SPDX-License-Identifier: MIT */
/* Objects between unmapped pages: each misuse faults at the instruction, or is reported exactly, and everything that
 * takes an object's address goes on working. Host only: a machine of its own with guard_sample=1. */
#include <mm/report/guard.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/aspace/aspace.h>
#include <mm/mapped/vmalloc.h>
#include <mm/objects/kmalloc.h>
#include <mm/objects/slab_debug.h>
#include <mm/report/locate.h>
#include <tests/host/host.h>
#include <tests/kernel/fault.h>
#include <tests/kernel/test_util.h>

static void boot_guarded(void)
{
	struct memmap_entry entry = {0, MIB(24u), MEMMAP_USABLE};
	struct mm_params params = {.dma_end = MIB(4u), .lowmem_end = MIB(16u), .guard_sample = 1};

	fake_machine_boot(&entry, 1, params);
	host_set_now_ms(0);
}

/* The first goes to the end of its page, the next to the start. */
static char *new_at_end(size_t size)
{
	char *object = kmalloc_any(size, GFP_KERNEL);

	if (!IS_ALIGNED((uintptr_t)object, PAGE_SIZE))
		return object;
	kfree(object);
	return kmalloc_any(size, GFP_KERNEL);
}

static char *new_at_start(size_t size)
{
	char *object = kmalloc_any(size, GFP_KERNEL);

	if (IS_ALIGNED((uintptr_t)object, PAGE_SIZE))
		return object;
	kfree(object);
	return kmalloc_any(size, GFP_KERNEL);
}

static bool phrase_begins(const void *addr, const char *expected)
{
	char what[224];

	if (locate_describe((uintptr_t)addr, what, sizeof(what)) &&
	    strncmp(what, expected, strlen(expected)) == 0)
		return true;
	ktest_note("it is %s", what);
	return false;
}

#define EXPECT_PHRASE(addr, ...)                                                                             \
	do {                                                                                                 \
		char expected_[160];                                                                         \
		snprintf(expected_, sizeof(expected_), __VA_ARGS__);                                         \
		EXPECT(phrase_begins(addr, expected_));                                                      \
	} while (0)

KTEST(guard_machine, an_overrun_faults_at_once_and_names_the_object, "S5 DBG-08")
{
	char *object;

	boot_guarded();
	object = new_at_end(64);
	REQUIRE(is_guarded(object));
	memset(object, 1, 64);
	EXPECT(write_faults(object + 64) && read_faults(object + 64));
	EXPECT_PHRASE(
		object + 64,
		"0 bytes past the end of live object %#lx of 64 bytes of cache kmalloc-64, allocated by",
		(unsigned long)object);
	EXPECT_PHRASE(object + 67, "3 bytes past the end of live object %#lx", (unsigned long)object);
	kfree(object);
}

KTEST(guard_machine, an_underrun_faults_at_once_and_names_the_object, "S5 DBG-08")
{
	char *object;

	boot_guarded();
	object = new_at_start(40);
	EXPECT(write_faults(object - 1) && read_faults(object - PAGE_SIZE));
	EXPECT_PHRASE(object - 5, "5 bytes before the start of live object %#lx of 40 bytes",
		      (unsigned long)object);
	kfree(object);
}

KTEST(guard_machine, a_use_after_free_faults_and_says_who_freed_it, "S5 DBG-08")
{
	char *object, what[224];

	boot_guarded();
	object = new_at_end(100);
	host_set_now_ms(1500);
	kfree(object);
	EXPECT(write_faults(object + 7) && read_faults(object));
	EXPECT_PHRASE(object + 7,
		      "at offset 7 of freed object %#lx of 100 bytes of cache kmalloc-104, allocated by",
		      (unsigned long)object);
	EXPECT(locate_describe((uintptr_t)object, what, sizeof(what)) && strstr(what, ", freed by") &&
	       strstr(what, "at 1.500 s"));
}

KTEST(guard_machine, what_lies_in_the_gap_of_alignment_is_found_when_it_is_freed, "S5 DBG-08 DBG-06")
{
	char *object, expected[128];

	boot_guarded();
	object = new_at_end(61);
	EXPECT_EQ((uintptr_t)object % 64, 0); /* as its class promises */
	object[61] = 0;			      /* the page goes on for 3 bytes: no fault */
	EXPECT(write_faults(object + 64));
	expect_reports();
	kfree(object);
	EXPECT_ONE_REPORT("(61 bytes) was written to behind its end, seen when freed by");
	EXPECT(strcmp(report_at(1), "  at offset 61: expected b5, found 00 (1 byte)") == 0);
	object = new_at_start(61);
	object[PAGE_SIZE - 1] = 2;
	reports_forget();
	kfree(object);
	snprintf(expected, sizeof(expected), "  at offset %u: expected b5, found 02 (1 byte)",
		 (unsigned int)PAGE_SIZE - 1);
	EXPECT(strcmp(report_at(1), expected) == 0);
	EXPECT(strstr(report_at(2), "  allocated by ") != NULL);
	EXPECT_EQ(reports_count(), 3);
}

KTEST(guard_machine, a_wrong_free_is_told_with_who_had_it_and_changes_nothing, "S5 DBG-03 DBG-04 DBG-05")
{
	struct kmem_cache *cache, *other;
	char *object;

	boot_guarded();
	cache = kmem_cache_create("guarded", 48, 0, 0, NULL);
	other = kmem_cache_create("other", 48, 0, 0, NULL);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	REQUIRE(is_guarded(object));
	expect_reports();
	kmem_cache_free(cache, object + 1);
	EXPECT_ONE_REPORT("is inside an object; nothing changed");
	kmem_cache_free(other, object);
	EXPECT_ONE_REPORT("is an object of another cache; nothing changed");
	kfree(object + 48);
	EXPECT_ONE_REPORT("; nothing changed");
	object[0] = 1; /* still mapped */
	kmem_cache_free(cache, object);
	kmem_cache_free(cache, object);
	EXPECT_ONE_REPORT("BUG: bad free by");
	EXPECT(reports_contain("is already free; nothing changed"));
	EXPECT(strstr(report_at(reports_count() - 1), "  freed by ") != NULL);
	EXPECT_EQ(guard_find_wrong(), GUARD_SLOTS);
	kmem_cache_destroy(cache);
	kmem_cache_destroy(other);
}

KTEST(guard_machine, a_cache_with_a_guarded_object_is_not_destroyed, "S2 S5")
{
	struct kmem_cache *cache;
	void *object;

	boot_guarded();
	cache = kmem_cache_create("guarded", 48, 0, 0, NULL);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	expect_reports();
	EXPECT_EQ(kmem_cache_destroy(cache), 1);
	EXPECT_ONE_REPORT("with 1 live objects; the cache stays");
	EXPECT(strstr(report_at(1), "  live object 0x") && strstr(report_at(1), ", allocated by "));
	kmem_cache_free(cache, object);
	EXPECT_EQ(kmem_cache_destroy(cache), 0);
}

KTEST(guard_machine, the_slot_free_longest_comes_next_and_a_full_pool_is_passed_by, "S5 DBG-08 DBG-09")
{
	void *object[GUARD_SLOTS], *first, *more;

	boot_guarded();
	first = kmalloc_any(32, GFP_KERNEL);
	kfree(first);
	for (unsigned int i = 0; i < GUARD_SLOTS; i++) {
		object[i] = kmalloc_any(32, GFP_ATOMIC);
		REQUIRE(is_guarded(object[i]));
		EXPECT(((uintptr_t)object[i] ^ (uintptr_t)first) >= PAGE_SIZE || i == GUARD_SLOTS - 1);
	}
	more = kmalloc_any(32, GFP_ATOMIC);
	EXPECT(more && !is_guarded(more));
	kfree(more);
	EXPECT_EQ(guard_find_wrong(), GUARD_SLOTS);
	for (unsigned int i = 0; i < GUARD_SLOTS; i++)
		kfree(object[i]);
	EXPECT_EQ(guard_find_wrong(), GUARD_SLOTS);
}

KTEST(guard_machine, one_in_so_many_objects_is_guarded, "S5 DBG-08")
{
	unsigned int nr = 0;

	boot_guarded();
	guard_set_sample(8);
	for (unsigned int i = 0; i < 80; i++) {
		void *object = kmalloc_any(200, GFP_KERNEL);

		nr += is_guarded(object);
		kfree(object);
	}
	EXPECT_EQ(nr, 10);
	guard_set_sample(0);
	for (unsigned int i = 0; i < 80; i++) {
		void *object = kmalloc_any(200, GFP_KERNEL);

		EXPECT(!is_guarded(object));
		kfree(object);
	}
}

KTEST(guard_machine, what_must_lie_in_the_direct_map_is_left_alone, "S5 G7")
{
	struct kmem_cache *plain;
	struct aspace *aspace;
	void *object;

	boot_guarded();
	plain = kmem_cache_create("plain", 48, 0, SLAB_NO_USER_FLAGS, NULL);
	object = kmalloc_any(64, GFP_KERNEL | GFP_DMA);
	EXPECT(virt_is_direct(object));
	kfree(object);
	object = kmalloc_any(PAGE_SIZE + 1, GFP_KERNEL);
	EXPECT(virt_is_direct(object));
	kfree(object);
	object = kmem_cache_alloc(plain, GFP_KERNEL);
	EXPECT(virt_is_direct(plain) && virt_is_direct(object));
	kmem_cache_free(plain, object);
	kmem_cache_destroy(plain);
	aspace = aspace_create();
	EXPECT(virt_is_direct(aspace)); /* the CPU walks its tables */
	aspace_free(aspace);
	object = kmalloc_any(64, GFP_KERNEL);
	expect_reports();
	EXPECT(virt_to_phys(object) == PADDR_NONE);
	EXPECT_ONE_REPORT("expected an address in the direct map, found at offset 0 of live object");
	EXPECT(!is_vmalloc_addr(object) && !vmalloc_to_page(object));
	kvfree(object);
	EXPECT_EQ(reports_count(), 1);
}

KTEST(guard_machine, sizes_copies_and_clearing_are_as_elsewhere, "S5 K2 K4")
{
	char *object, *moved;

	boot_guarded();
	object = kzalloc(200, GFP_KERNEL);
	EXPECT(is_guarded(object) && memory_is(object, 0, 200));
	EXPECT_EQ(ksize(object), 224);
	memset(object, 0x41, 200);
	moved = krealloc(object, 190, GFP_KERNEL); /* of the same class and smaller: it stays */
	EXPECT(moved == object || memory_is(moved, 0x41, 190));
	object = krealloc(moved, 222, GFP_KERNEL | __GFP_ZERO);
	EXPECT(memory_is(object, 0x41, 190) && memory_is(object + 190, 0, 32));
	moved = krealloc(object, 3000, GFP_KERNEL);
	EXPECT(memory_is(moved, 0x41, 190));
	kfree_s(moved, 3000);
	object = kmalloc_any(33, GFP_KERNEL);
	kfree_sensitive(object);
	EXPECT_EQ(guard_find_wrong(), GUARD_SLOTS);
}

static void construct(void *object)
{
	memset(object, 0x5a, 48);
}

KTEST(guard_machine, a_constructor_runs_for_each_guarded_object, "S5 SLB-03")
{
	struct kmem_cache *cache;
	void *object;

	boot_guarded();
	cache = kmem_cache_create("built", 48, 0, 0, construct);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	EXPECT(is_guarded(object) && memory_is(object, 0x5a, 48));
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
}

KTEST(guard_machine, a_long_run_without_misuse_is_silent_and_valid, "S5 DBG-14")
{
	boot_guarded();
	random_operations(20260112, TEST_RANDOM_OPS / 4, 500);
	EXPECT_EQ(guard_find_wrong(), GUARD_SLOTS);
}

/* SPDX-License-Identifier: MIT */
/* The drivers of tests/kernel/books, run; and the names that change what happens, one by one. */
#include <asm/bitops.h>
#include <asm/hardirq.h>
#include <asm/io.h>
#include <linux/cache.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/mmzone.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <mm/reclaim/vmscan.h>
#include <tests/kernel/books/books.h>
#include <tests/kernel/test_util.h>

KTEST(books, what_module_init_names_was_called_once_at_boot, "D6")
{
	EXPECT_EQ(hello_greetings, 1);
}

/* Writes and reads back across the border of the second quantum; a hole reads as zeros. */
static void scull_try(const struct quantum_source *source)
{
	struct scull_book *dev = scull_book_open(source);
	loff_t at = (loff_t)source->quantum - 3, from;
	char text[8] = "";

	REQUIRE(dev);
	from = at;
	EXPECT_EQ(scull_book_write(dev, "abcdef", 7, &at), 3);
	EXPECT_EQ(scull_book_write(dev, "def", 4, &at), 4);
	EXPECT_EQ(scull_book_read(dev, text, 7, &from), 3);
	EXPECT_EQ(scull_book_read(dev, text + 3, 4, &from), 4);
	EXPECT_EQ(strcmp(text, "abcdef"), 0);
	from = (loff_t)source->quantum * 20;
	text[0] = 'x';
	EXPECT_EQ(scull_book_read(dev, text, 1, &from), 1);
	EXPECT_EQ(text[0], '\0');
	scull_book_close(dev);
}

KTEST(books, scull_and_its_kin_run_in_the_spelling_of_their_book, "D6 K1 S1 P2 V1")
{
	MACHINE_STAYS_AS_FOUND();
	scull_try(&scullc_source);
	scull_try(&scullp_source);
	scull_try(&scullv_source);
	vmalloc_purge();
}

KTEST(books, scull_and_its_kin_run_in_todays_spelling, "D6 K1 S1 P2 V1")
{
	MACHINE_STAYS_AS_FOUND();
	scull_try(&kmalloc_today);
	scull_try(&cache_today);
	scull_try(&pages_today);
	scull_try(&vmalloc_today);
	vmalloc_purge();
}

KTEST(books, ports_and_registers_are_reached_as_the_books_reach_them, "D6")
{
	EXPECT_EQ(registers_try(), 0);
}

KTEST(books, the_page_behind_an_address_is_found_as_for_a_mapping, "D6")
{
	MACHINE_STAYS_AS_FOUND();
	EXPECT_EQ(mapping_try(), 0);
	vmalloc_purge();
}

KTEST(books, the_ways_to_memory_of_a_book_on_the_kernel_work, "D6")
{
	MACHINE_STAYS_AS_FOUND();
	EXPECT_EQ(lkd_try(), 0);
	vmalloc_purge();
}

KTEST(books, the_common_routines_of_the_hacking_guide_work, "D6")
{
	MACHINE_STAYS_AS_FOUND();
	EXPECT_EQ(hacking_try(), 0);
}

KTEST(books, a_driver_may_have_min_max_assert_and_the_like_of_its_own, "D6")
{
	EXPECT_EQ(own_words_try(), 0);
}

static void fill(void *object, kmem_cache_t *cache, unsigned long flags)
{
	*(unsigned long *)object = flags;
	((kmem_cache_t **)object)[1] = cache;
}

KTEST(books, a_constructor_of_three_arguments_is_told_its_cache_and_why, "D6 S1")
{
	kmem_cache_t *five, *six;
	unsigned long *a, *b;

	MACHINE_STAYS_AS_FOUND();
	five = kmem_cache_create("books_told_5", 16, 0, SLAB_PANIC, fill);
	six = kmem_cache_create("books_told_6", 16, 0, SLAB_PANIC, fill, NULL);
	a = kmem_cache_alloc(five, GFP_KERNEL);
	b = kmem_cache_alloc(six, SLAB_KERNEL);
	EXPECT(a && a[0] == (SLAB_CTOR_CONSTRUCTOR | SLAB_CTOR_ATOMIC) && a[1] == (unsigned long)five);
	EXPECT(b && b[0] == (SLAB_CTOR_CONSTRUCTOR | SLAB_CTOR_ATOMIC) && b[1] == (unsigned long)six);
	kmem_cache_free(five, a);
	kmem_cache_free(six, b);
	EXPECT_EQ(kmem_cache_destroy(five), 0);
	EXPECT_EQ(kmem_cache_destroy(six), 0);
}

KTEST(books, destroying_a_cache_says_whether_it_is_gone, "D6 S2")
{
	struct kmem_cache *cache;
	void *object;

	MACHINE_STAYS_AS_FOUND();
	cache = kmem_cache_create("books_gone", 40, 0, SLAB_PANIC, NULL);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	expect_reports();
	EXPECT_EQ(kmem_cache_destroy(cache), 1);
	EXPECT(reports_contain("kmem_cache_destroy(books_gone)"));
	kmem_cache_free(cache, object);
	EXPECT_EQ(kmem_cache_destroy(cache), 0);
	EXPECT_EQ(kmem_cache_destroy(NULL), 0);
}

KTEST(books, order_below_max_order_reaches_the_largest_block, "D6 P3")
{
	EXPECT_EQ(MAX_ORDER, 11);
	EXPECT_EQ(MAX_ORDER - 1, MAX_PAGE_ORDER);
	EXPECT_EQ(PAGE_SIZE << (MAX_ORDER - 1), KMALLOC_MAX_SIZE);
}

KTEST(books, the_names_of_flags_that_change_nothing_are_nothing, "D6 G21")
{
	EXPECT_EQ(__GFP_DIRECT_RECLAIM, __GFP_WAIT);
	EXPECT_EQ(__GFP_DMA32, 0);
	EXPECT_EQ(GFP_HIGHUSER_MOVABLE, GFP_HIGHUSER);
	EXPECT(gfpflags_allow_blocking(GFP_KERNEL) && gfpflags_allow_blocking(GFP_NOIO));
	EXPECT(!gfpflags_allow_blocking(GFP_ATOMIC) && !gfpflags_allow_blocking(GFP_NOWAIT));
	EXPECT_EQ(L1_CACHE_BYTES, 1 << L1_CACHE_SHIFT);
}

KTEST(books, vmalloc_takes_a_third_argument, "D6 V1")
{
	char *a, *b;

	MACHINE_STAYS_AS_FOUND();
	a = __vmalloc(2 * PAGE_SIZE, GFP_KERNEL | __GFP_HIGHMEM, PAGE_KERNEL);
	b = __vmalloc(2 * PAGE_SIZE, GFP_KERNEL);
	EXPECT(a && b && is_vmalloc_addr(a) && (unsigned long)b >= VMALLOC_START &&
	       (unsigned long)b < VMALLOC_END);
	vfree(a);
	vfree(b);
	vmalloc_purge();
}

KTEST(books, calls_that_name_a_node_look_at_each_argument_once, "D6 G22 K1 S1 P2")
{
	int nr = 0;
	struct kmem_cache *cache;
	struct page *page;
	void *object, *bytes;

	MACHINE_STAYS_AS_FOUND();
	cache = kmem_cache_create("books_node", 24, 0, SLAB_PANIC, NULL);
	object = kmem_cache_alloc_node(cache, GFP_KERNEL, nr++);
	bytes = kmalloc_node(100, GFP_KERNEL, nr++);
	page = alloc_pages_node(nr++, GFP_KERNEL, 0);
	EXPECT(object && bytes && page);
	EXPECT_EQ(nr, 3);
	__free_page(page);
	kfree(bytes);
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
}

KTEST(books, arrays_grow_and_overflow_as_their_names_say, "D6 K2")
{
	int *numbers, *more;

	MACHINE_STAYS_AS_FOUND();
	numbers = kmalloc_track_caller(10 * sizeof(int), GFP_KERNEL);
	REQUIRE(numbers);
	numbers[9] = 9;
	EXPECT_NULL(krealloc_array(numbers, SIZE_MAX / 2, sizeof(int), GFP_KERNEL));
	more = krealloc_array(numbers, 1000, sizeof(int), GFP_KERNEL);
	EXPECT(more && more[9] == 9);
	kfree(more ? more : numbers);
	EXPECT_NULL(kvmalloc_array(SIZE_MAX / 2, 8, GFP_KERNEL));
	EXPECT_NULL(kvcalloc(SIZE_MAX / 2, 8, GFP_KERNEL));
	kvfree(kvmalloc_array(100, 100, GFP_KERNEL));
	vmalloc_purge();
}

KTEST(books, texts_are_cut_copied_and_printed_into_memory_of_their_own, "D6 K1")
{
	char *cut, *part, *printed, *empty;

	MACHINE_STAYS_AS_FOUND();
	cut = kstrndup("scribble", 5, GFP_KERNEL);
	part = kmemdup_nul(&"scribble"[3], 3, GFP_KERNEL);
	printed = kasprintf(GFP_KERNEL, "%s-%d", "scull", 3);
	empty = kasprintf(GFP_KERNEL, "%s", "");
	EXPECT(cut && strcmp(cut, "scrib") == 0);
	EXPECT(part && strcmp(part, "ibb") == 0);
	EXPECT(printed && strcmp(printed, "scull-3") == 0);
	EXPECT(empty && !*empty);
	EXPECT_NULL(kstrndup(NULL, 5, GFP_KERNEL));
	kfree(cut);
	kfree(part);
	kfree(printed);
	kfree(empty);
}

#define NR_TRIES 100u /* an interrupt in between may give the CPU away, or ask for it */

/* Result: did one of them answer so? */
static bool cond_resched_says(int answer, bool is_due)
{
	for (unsigned int i = 0; i < NR_TRIES; i++) {
		if (is_due)
			this_cpu_write(need_resched, 1);
		if (cond_resched() == answer)
			return true;
	}
	return false;
}

KTEST(books, cond_resched_gives_the_cpu_away_when_it_is_due, "D6")
{
	EXPECT(cond_resched_says(1, true));
	EXPECT(cond_resched_says(0, false));
}

KTEST(books, the_running_task_has_a_number_and_a_name, "D6")
{
	EXPECT_EQ(current->pid, current->id);
	EXPECT_EQ(strcmp(current->comm, thread_or_context_name()), 0);
	EXPECT(sizeof(current->comm) == TASK_COMM_LEN);
}

KTEST(books, a_scope_is_saved_and_restored_under_todays_header, "D6 G4")
{
	unsigned int flags = memalloc_noio_save();

	EXPECT(!gfp_has(scope_limit(GFP_KERNEL), __GFP_IO));
	memalloc_noio_restore(flags);
	EXPECT(gfp_has(scope_limit(GFP_KERNEL), __GFP_IO));
}

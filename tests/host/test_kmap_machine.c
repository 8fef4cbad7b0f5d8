/* SPDX-License-Identifier: MIT */
/* Permanent windows against a model: random kmap, kunmap and flush of more pages than there are windows. The
 * fake machine remembers what was not flushed and aborts when a window shows another page meanwhile (H3).
 * Host only: the machine has high memory. */
#include <tests/host/fake_threads.h>

#include <mm/mapped/kmap_internal.h>

#include <kernel/lib/align.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <mm/mapped/highmem.h>
#include <mm/pages/page_alloc.h>
#include <mm/report/validate.h>
#include <tests/host/host.h>
#include <tests/kernel/fault.h>
#include <tests/kernel/test_util.h>

#define NR_PAGES 300u /* windows: 256 */
#define NR_OPS	 40000u

static struct {
	struct page *page[NR_PAGES];
	uint32_t *window[NR_PAGES];
	unsigned int count[NR_PAGES], nr_mapped, nr_wrong, nr_full;
} model;

static void boot_with_high_memory(void)
{
	struct memmap_entry entry = {0, MIB(24u), MEMMAP_USABLE};
	struct mm_params params = {.dma_end = MIB(4u), .lowmem_end = MIB(8u)};

	fake_machine_boot(&entry, 1, params);
}

static void map(unsigned int i)
{
	uint32_t *window;

	if (!model.count[i] && model.nr_mapped == kmap_pool.nr)
		return; /* it would wait */
	window = kmap(model.page[i]);
	model.nr_wrong += model.count[i] && window != model.window[i];
	model.nr_mapped += !model.count[i]++;
	model.window[i] = window;
	model.nr_wrong += window[7] != i || kmap_to_page(window) != model.page[i];
}

static void unmap(unsigned int i)
{
	if (!model.count[i])
		return;
	model.nr_wrong += model.window[i][7] != i;
	kunmap(model.page[i]);
	model.nr_mapped -= !--model.count[i];
}

/* The pool fills and empties in turn. */
static void operate(struct random *random, unsigned int op)
{
	unsigned int i = random_below(random, NR_PAGES), percent = random_below(random, 100);

	if (percent == 0)
		kmap_flush();
	else if (percent == 1)
		kmap_pool.is_strict = !kmap_pool.is_strict;
	else if (percent < (op / 4000 % 2 ? 30u : 70u))
		map(i);
	else
		unmap(i);
	model.nr_full += model.nr_mapped == kmap_pool.nr;
}

KTEST(kmap_machine, random_use_of_windows_agrees_with_a_model, "P9 KMP-02 H2 H3 H5")
{
	struct random random = {20251};

	boot_with_high_memory();
	EXPECT_EQ(kmap_pool.nr, KMAP_WINDOWS_MAX / 2);
	for (unsigned int i = 0; i < NR_PAGES; i++) {
		model.page[i] = alloc_page(GFP_HIGHUSER);
		REQUIRE(model.page[i] && page_is_highmem(model.page[i]));
		((uint32_t *)kmap(model.page[i]))[7] = i;
		kunmap(model.page[i]);
	}
	kmap_pool.is_strict = false;
	for (unsigned int op = 0; op < NR_OPS; op++) {
		operate(&random, op);
		EXPECT_EQ(kmap_pool.nr_in_use, model.nr_mapped);
		if (op % 500 == 0)
			expect_valid();
	}
	EXPECT_EQ(model.nr_wrong, 0);
	EXPECT(model.nr_full > 0);
	for (unsigned int i = 0; i < NR_PAGES; i++)
		while (model.count[i])
			unmap(i);
	expect_valid();
}

static struct page *to_unmap;
static unsigned int nr_early;

/* Parking ends early a few times before the window comes. */
static void unmap_at_last(void)
{
	if (nr_early++ == 3)
		kunmap(to_unmap);
}

KTEST(kmap_machine, who_waits_sleeps_until_a_window_is_handed_over, "P9 KMP-02 H4")
{
	struct page *page;
	void *window;

	boot_with_high_memory();
	for (unsigned int i = 0; i < kmap_pool.nr; i++) {
		to_unmap = alloc_page(GFP_HIGHUSER);
		REQUIRE(to_unmap && kmap(to_unmap));
	}
	page = alloc_page(GFP_HIGHUSER);
	nr_early = 0;
	host_set_on_park(unmap_at_last);
	window = kmap(page);
	host_set_on_park(NULL);
	EXPECT_EQ(nr_early, 4);
	EXPECT(window && kmap_to_page(window) == page);
	EXPECT_EQ(mm_validate_windows(NULL), 0);
}

KTEST(kmap_machine, misuse_is_reported_and_a_strict_pool_leaves_nothing_stale, "P9 KMP-02 KMP-03 C1")
{
	struct page *page;

	boot_with_high_memory();
	page = alloc_page(GFP_HIGHUSER);
	REQUIRE(page && page_is_highmem(page));
	kmap_pool.is_strict = true;
	expect_reports();
	port_preempt_disable();
	EXPECT_NOT_NULL(kmap(page));
	port_preempt_enable();
	EXPECT_ONE_REPORT("BUG: sleeping function called from invalid context at mm/mapped/kmap.c");
	kunmap(page);
	EXPECT_EQ(kmap_pool.nr_stale, 0);
	kunmap(page);
	EXPECT_ONE_REPORT("which is not mapped; nothing changed");
	EXPECT_EQ(mm_validate_windows(NULL), 0);
}

KTEST(kmap_machine, with_debugging_no_page_is_freed_that_a_window_may_still_show, "P9 KMP-03 H3")
{
	boot_with_high_memory();
	kmap_pool.is_strict = true;
	for (unsigned int i = 0; i < 8; i++) {
		struct page *page[2] = {alloc_page(GFP_HIGHUSER), alloc_page(GFP_HIGHUSER)};

		REQUIRE(page[0] && page[1]);
		(void)kmap(page[0]);
		(void)kmap(page[1]);
		for (unsigned int j = 0; j < 2; j++) {
			kunmap(page[j]);
			__free_page(page[j]);
		}
	}
	EXPECT_EQ(mm_validate_windows(NULL), 0);
}

KTEST(kmap_machine, after_a_flush_no_stale_window_is_remembered, "P9 H3")
{
	struct page *page[3];
	char *window[3];

	boot_with_high_memory();
	kmap_pool.is_strict = false;
	for (unsigned int i = 0; i < 3; i++) {
		page[i] = alloc_page(GFP_HIGHUSER);
		REQUIRE(page[i]);
		window[i] = kmap(page[i]);
	}
	for (unsigned int i = 0; i < 3; i++)
		kunmap(page[i]);
	EXPECT_EQ(kmap_flush(), 3);
	for (unsigned int i = 0; i < 3; i++) {
		EXPECT(read_faults(window[i]));
		__free_page(page[i]);
	}
	EXPECT_EQ(kmap_flush(), 0);
}

KTEST(kmap_machine, windows_with_a_number_are_given_back_in_any_order, "P9 KMP-03")
{
	struct page *page[2];
	char *a, *b, *other;

	boot_with_high_memory();
	for (unsigned int i = 0; i < 2; i++) {
		page[i] = alloc_page(GFP_HIGHUSER);
		REQUIRE(page[i]);
	}
	b = kmap_atomic_numbered(page[1], 1);
	for (unsigned int i = 0; i < 2 * PORT_KMAP_SLOTS; i++) {
		a = kmap_atomic_numbered(page[0], 0);
		a[i] = b[i] = (char)i;
		EXPECT(kmap_to_page(a) == page[0] && kmap_to_page(b) == page[1]);
		kunmap_atomic(b);
		EXPECT(read_faults(b) && !read_faults(a));
		b = kmap_atomic_numbered(page[1], 1);
		kunmap_atomic(a);
	}
	other = kmap_atomic_numbered(page[0], 1);
	EXPECT(other != b && other[9] == 9 && b[9] == 9);
	kunmap_atomic(other);
	kunmap_atomic(b);
	EXPECT(kmap_local_page(page[0]) == other);
	kunmap_local(other);
}

/* --- addresses of windows --- */

KTEST(kmap_machine, an_address_of_a_window_names_its_page_while_it_is_mapped, "P9 KMP-02")
{
	char *window, *local, text[96];
	struct page *page;

	boot_with_high_memory();
	kmap_pool.is_strict = false;
	page = alloc_page(GFP_HIGHUSER);
	REQUIRE(page);
	window = kmap(page);
	local = kmap_local_page(page);
	EXPECT(kmap_to_page(window + PAGE_SIZE - 1) == page && kmap_to_page(local + PAGE_SIZE - 1) == page);
	EXPECT_NULL(kmap_to_page(window + PAGE_SIZE)); /* the hole behind it */
	EXPECT_NULL(kmap_to_page(local + PAGE_SIZE));
	EXPECT(kmap_describe((uintptr_t)window + PAGE_SIZE + 3, text, sizeof(text)));
	EXPECT(strncmp(text, "3 bytes past kmap window ", 25) == 0 && strstr(text, ", which shows pfn "));
	EXPECT(kmap_describe((uintptr_t)local + PAGE_SIZE + 3, text, sizeof(text)));
	EXPECT(strncmp(text, "3 bytes past kmap_local window ", 31) == 0);
	EXPECT(page_address(page) == window);
	kunmap_local(local);
	kunmap(page);
	EXPECT(kmap_to_page(window) == NULL && kmap_to_page(local) == NULL && page_address(page) == NULL);
	EXPECT(kmap_describe((uintptr_t)window, text, sizeof(text)) &&
	       strncmp(text, "stale kmap window ", 18) == 0);
	EXPECT(kmap_describe((uintptr_t)window + 4 * PAGE_SIZE, text, sizeof(text)) &&
	       strstr(text, ", never mapped"));
	EXPECT(!kmap_describe(0, text, sizeof(text)) && kmap_to_page(NULL) == NULL);
	__free_page(page);
}

KTEST(kmap_machine, without_high_memory_no_page_has_a_window, "P9")
{
	fake_machine_boot_pc(8);
	EXPECT_EQ(kmap_pool.nr, 0);
	EXPECT_NULL(high_page_address(pfn_to_page(0)));
	EXPECT_EQ(kmap_flush(), 0);
}

/* --- a thread that is killed while it waits --- */

static struct {
	struct page *full, *wanted, *other;
	void *killed_got, *other_got;
} scene;

/* As if there were no more of them. */
static void leave_windows(unsigned int nr)
{
	kmap_pool.nr = nr;
	list_init(&kmap_pool.clean);
	for (unsigned int i = 0; i < nr; i++)
		list_add_tail(&kmap_pool.window[i].links, &kmap_pool.clean);
}

static void setup_full(void)
{
	struct memmap_entry entry = {0, MIB(2u), MEMMAP_USABLE};
	struct mm_params params = {.dma_end = MIB(1u), .lowmem_end = KIB(1536u)};

	fake_machine_boot(&entry, 1, params);
	memset(&scene, 0, sizeof(scene));
	leave_windows(2);
	for (unsigned int i = 0; i < kmap_pool.nr; i++) {
		scene.full = alloc_page(GFP_HIGHUSER);
		(void)kmap(scene.full);
	}
	scene.wanted = alloc_page(GFP_HIGHUSER);
	scene.other = alloc_page(GFP_HIGHUSER);
}

static void wait_and_be_killed(void)
{
	scene.killed_got = kmap(scene.wanted);
	if (scene.killed_got)
		kunmap(scene.wanted);
}

static void wait_too(void)
{
	scene.other_got = kmap(scene.other);
	if (!scene.other_got)
		host_scene_fail("who was not killed got no window");
	else
		kunmap(scene.other);
}

static void kill_and_unmap(void)
{
	host_thread_kill(0);
	kunmap(scene.full);
}

static void rest(void)
{
}

static void nobody_is_left(void)
{
	if (!list_is_empty(&kmap_pool.waiters) || kmap_pool.nr_in_use != kmap_pool.nr - 1 ||
	    mm_validate_windows(NULL))
		host_scene_fail("%u of %u windows in use", kmap_pool.nr_in_use, kmap_pool.nr);
}

KTEST(kmap_machine, a_thread_that_is_killed_leaves_the_queue_or_uses_its_window, "P9 H4 R4")
{
	static const char *const points[] = {"kmap", "park", "unpark", NULL};
	static const struct host_scene played = {
		.name = "2 threads wait for a window, 1 is killed, 1 is given back",
		.setup = setup_full,
		.thread = {wait_and_be_killed, wait_too, kill_and_unmap},
		.at_rest = rest,
		.finish = nobody_is_left,
		.points = points,
		.max_diversions = 2,
	};

	EXPECT(host_try_all(&played));
}

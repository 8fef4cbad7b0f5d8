/* SPDX-License-Identifier: MIT */
/* Permanent windows against a model: random kmap, kunmap and flush of more pages than there are windows. The
 * fake machine remembers what was not flushed and aborts when a window shows another page meanwhile (H3).
 * Host only: the machine has high memory. */
#include <mm/kmap_internal.h>

#include <kernel/lib/align.h>
#include <mm/page_alloc.h>
#include <mm/validate.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>
#include <tests/random.h>

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

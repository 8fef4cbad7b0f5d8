/* SPDX-License-Identifier: MIT */
/* See handler.h. No state. An interrupt in between finds windows and count as they are just then, and leaves
 * them so. */
#include <kernel/core/handler.h>

#include <kernel/core/ksym.h>
#include <kernel/core/printk.h>

static int nr_more_windows(const struct handler_mark *mark)
{
	int nr = (int)(this_cpu_read(kmap_top) - mark->kmap_top) / (int)KMAP_STEP;

	for (uint32_t more = this_cpu_read(kmap_numbers) & ~mark->kmap_numbers; more; more &= more - 1)
		nr++;
	return nr;
}

/* Those it left mapped go; those it gave back, which were not its own, come back. */
static void windows_set_right(uintptr_t top)
{
	uintptr_t window;

	while ((window = this_cpu_read(kmap_top)) > top) {
		kmap_window_drop(window - KMAP_STEP);
		this_cpu_write(kmap_top, window - KMAP_STEP);
	}
	for (; window < top; window += KMAP_STEP)
		kmap_window_restore(window, kmap_window_entry(window) | KMAP_PRESENT);
	this_cpu_write(kmap_top, top);
}

static void numbers_set_right(uint32_t numbers)
{
	uint32_t more = this_cpu_read(kmap_numbers) & ~numbers;

	for (unsigned int number = 0; number < KMAP_NUMBERS; number++)
		if (more >> number & 1)
			kmap_window_drop(kmap_numbered(number));
	this_cpu_and(kmap_numbers, ~more);
}

COLD void handler_set_right(const struct handler_mark *mark, const char *kind, uintptr_t function)
{
	int nr_windows = nr_more_windows(mark);
	uint32_t count = preempt_count();
	const char *name = "?";
	uint32_t offset;

	windows_set_right(mark->kmap_top);
	numbers_set_right(mark->kmap_numbers);
	this_cpu_add(preempt_count, mark->preempt_count - count);
	(void)ksym_lookup(function, &name, &offset);
	pr_err("BUG: %s %s returned with %d more kmap_local windows mapped and preempt_count %#x, expected 0 "
	       "and "
	       "%#x; set right",
	       kind, name, nr_windows, count, mark->preempt_count);
}

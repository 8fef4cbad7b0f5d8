/* SPDX-License-Identifier: MIT */
/* What runs in between - an interrupt's handler, a softirq, a tasklet, a timer - leaves this CPU as it found
 * it: the windows on high memory that are taken (H1) and the word of preempt.h (P2). One that does not is
 * reported by its name and set right as it returns, so that what it interrupted goes on unharmed.
 *
 *   struct handler_mark mark = handler_begin();
 *   function(data);
 *   handler_end(&mark, "timer", (uintptr_t)function);
 */
#pragma once

#include <kernel/arch/kmap.h>
#include <kernel/core/preempt.h>

struct handler_mark {
	uintptr_t kmap_top;
	uint32_t kmap_numbers; /* who takes one switches preemption off */
	uint32_t preempt_count;
};

static inline struct handler_mark handler_begin(void)
{
	return (struct handler_mark){this_cpu_read(kmap_top), this_cpu_read(kmap_numbers), preempt_count()};
}

/* The slow half. `kind` is what the report calls it. */
void handler_set_right(const struct handler_mark *mark, const char *kind, uintptr_t function);

static inline void handler_end(const struct handler_mark *mark, const char *kind, uintptr_t function)
{
	if (unlikely(this_cpu_read(kmap_top) != mark->kmap_top || preempt_count() != mark->preempt_count))
		handler_set_right(mark, kind, function);
}

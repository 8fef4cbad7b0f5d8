/* SPDX-License-Identifier: MIT */
/* The victim is chosen by those who know threads, through mm/port.h; here it is decided when, and said whom.
 * It needs no memory: one line is printed and a flag is set. No lock. */
#include <mm/reclaim/oom.h>

#include <kernel/lib/assert.h>
#include <mm/port.h>
#include <mm/reclaim/events.h>
#include <mm/reclaim/retry.h>

static uint32_t oom_last_kill_ms;

/* Has the last victim had the time of one set of rounds? It may wait for a lock of who asks: then the next. */
static bool is_overdue(void)
{
	uint32_t last = __atomic_load_n(&oom_last_kill_ms, __ATOMIC_RELAXED);

	return (uint32_t)port_now_ms() - last >= RETRY_ROUNDS * RETRY_WAIT_MS;
}

bool oom_kill(gfp_t gfp, unsigned int order)
{
	char name[PORT_NAME_MAX], flags[96];
	enum port_victim victim;
	size_t nr_pages;

	ASSERT(port_may_sleep() && order <= MAX_PAGE_ORDER && gfp_has(gfp, __GFP_WAIT)); /* R4 */
	if (!oom_may_kill(gfp, order))
		return false;
	victim = port_kill_victim(is_overdue(), name, &nr_pages);
	if (victim == PORT_VICTIM_KILLED) {
		__atomic_store_n(&oom_last_kill_ms, (uint32_t)port_now_ms(), __ATOMIC_RELAXED);
		mm_event_add(EVENT_OOM_KILL, 1);
		port_print(PORT_WARN,
			   "Out of memory: %s asks for order:%u, mode:%#x(%s); killed %s, which holds %zu kB",
			   port_task_name(), order, (__force unsigned int)gfp,
			   gfp_names(gfp, flags, sizeof(flags)), name, nr_pages * 4);
	}
	return victim != PORT_NO_VICTIM;
}

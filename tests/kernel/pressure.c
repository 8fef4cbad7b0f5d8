/* SPDX-License-Identifier: MIT */
#include <tests/kernel/pressure.h>

#include <kernel/arch/clock.h>
#include <kernel/core/thread.h>
#include <kernel/lib/format.h>
#include <kernel/lib/list.h>
#include <kernel/lib/string.h>
#include <mm/pages/page_alloc.h>
#include <monitor/monitor.h>

#define SWALLOW_MS 20u

size_t swallow_memory(void)
{
	struct list_head taken = LIST_HEAD_INIT(taken);
	struct page *page, *next;
	size_t nr = 0;

	while ((page = alloc_page(GFP_HIGHUSER | __GFP_NORETRY | __GFP_NOWARN)) != NULL) {
		list_add(&page->links, &taken);
		nr++;
	}
	msleep(SWALLOW_MS);
	list_for_each_entry_safe(page, next, &taken, links)
		__free_page(page);
	msleep(SWALLOW_MS);
	return nr;
}

bool monitor_answers(const char *command, const char *expected, unsigned int within_ms)
{
	static char text[4096];
	char line[48];
	struct sink_buffer answer;
	uint64_t since = clock_now_ms();

	sink_buffer_init(&answer, text, sizeof(text));
	(void)snprintf(line, sizeof(line), "%s", command);
	monitor_command(line, &answer.sink);
	return strstr(text, expected) && clock_now_ms() - since < within_ms;
}

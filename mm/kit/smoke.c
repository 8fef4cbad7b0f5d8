/* SPDX-License-Identifier: MIT */
#include <mm/kit/smoke.h>

#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/objects/kmalloc.h>
#include <mm/pages/page_alloc.h>
#include <mm/report/validate.h>

static void tell(struct sink *sink, const char *text, size_t len)
{
	(void)sink;
	port_print(PORT_ERR, "%.*s", (int)(len - 1), text); /* without its newline */
}

const char *mm_smoke_test(void)
{
	char *object[32];
	struct page *block[NR_ORDERS];
	struct sink told = {tell};

	for (unsigned int i = 0; i < 32; i++) {
		object[i] = kmalloc(1000 * i + 1, GFP_ATOMIC);
		if (!object[i])
			return "no memory for an object";
		memset(object[i], (int)i, 1000 * i + 1);
	}
	for (unsigned int order = 0; order < NR_ORDERS; order++)
		block[order] = alloc_pages(GFP_ATOMIC, order); /* a small machine has none of the largest */
	if (!block[0])
		return "no memory for a page";
	for (unsigned int i = 0; i < 32; i++)
		if (object[i][0] != (char)i || object[i][1000 * i] != (char)i || ksize(object[i]) < 1000 * i)
			return "an object does not hold what was written";
	if (mm_validate(&told))
		return "mm_validate() found something while memory was in use";
	for (unsigned int order = 0; order < NR_ORDERS; order++)
		if (block[order])
			__free_pages(block[order], order);
	for (unsigned int i = 0; i < 32; i++)
		kfree(object[i]);
	return mm_validate(&told) ? "mm_validate() found something when all was given back" : NULL;
}

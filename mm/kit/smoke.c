/* SPDX-License-Identifier: MIT */
#include <mm/kit/smoke.h>

#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/objects/kmalloc.h>
#include <mm/pages/page_alloc.h>
#include <mm/report/validate.h>

#define NR_OBJECTS 32u

struct taken {
	char *object[NR_OBJECTS];
	struct page *block[NR_ORDERS];
};

static void tell(struct sink *sink, const char *text, size_t len)
{
	(void)sink;
	port_print(PORT_ERR, "%.*s", (int)(len - 1), text); /* without its newline */
}

static size_t size_of(unsigned int i)
{
	return 1000 * i + 1;
}

static const char *take(struct taken *taken)
{
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		taken->object[i] = kmalloc(size_of(i), GFP_ATOMIC);
		if (!taken->object[i])
			return "no memory for an object";
		memset(taken->object[i], (int)i, size_of(i));
	}
	for (unsigned int order = 0; order < NR_ORDERS; order++)
		taken->block[order] =
			alloc_pages(GFP_ATOMIC, order); /* a small machine has none of the largest */
	return taken->block[0] ? NULL : "no memory for a page";
}

static const char *look_at(const struct taken *taken)
{
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		const char *object = taken->object[i];

		if (object[0] != (char)i || object[size_of(i) - 1] != (char)i || ksize(object) < size_of(i))
			return "an object does not hold what was written";
	}
	return NULL;
}

static void give_back(struct taken *taken)
{
	for (unsigned int order = 0; order < NR_ORDERS; order++)
		if (taken->block[order])
			__free_pages(taken->block[order], order);
	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		kfree(taken->object[i]);
}

const char *mm_smoke_test(void)
{
	struct sink told = {tell};
	struct taken taken = {0};
	const char *wrong = take(&taken);

	if (!wrong)
		wrong = look_at(&taken);
	if (!wrong && mm_validate(&told))
		wrong = "mm_validate() found something while memory was in use";
	give_back(&taken);
	if (!wrong && mm_validate(&told))
		wrong = "mm_validate() found something when all was given back";
	return wrong;
}

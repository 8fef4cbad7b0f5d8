/* SPDX-License-Identifier: MIT */
/* See rival.h. It is told by two words, `use` and `may_give`; an unpark that means something else, for it
 * may have queued for memory, only makes it look again. */
#include <tests/kernel/rival.h>

#include <kernel/core/thread.h>
#include <kernel/lib/string.h>
#include <linux/gfp.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <mm/mapped/highmem.h>
#include <mm/mapped/kmap.h>
#include <tests/kernel/test_util.h>

#define MAX_YIELDS 100u
#define MARK	   0xbbbbbbbbu
#define MARK_WORD  2u /* in its pages; behind those that others write in theirs */
#define AREA_BYTES (3 * PAGE_SIZE - 5)
#define WORDS	   (PAGE_SIZE / sizeof(uint32_t))

static struct {
	struct thread *thread;
	const struct rival_use *volatile use;
	volatile bool has_taken, may_give;
	uint32_t nr_begun, nr_wrong;
	struct page *page[2]; /* of high memory, where there is any; one word of each is MARK */
	uint32_t *window[2];
	void *area, *object;
	struct kmem_cache *cache;
} rival;

static int run(void *unused)
{
	(void)unused;
	while (!kthread_should_stop()) {
		if (!rival.use) {
			thread_park();
			continue;
		}
		rival.nr_begun++;
		rival.use->take();
		rival.has_taken = true;
		while (!rival.may_give)
			thread_park();
		rival.use->give();
		rival.has_taken = rival.may_give = false;
		rival.use = NULL;
	}
	return 0;
}

static void free_pages_of_rival(void)
{
	for (unsigned int i = 0; i < 2; i++)
		if (rival.page[i])
			__free_page(rival.page[i]);
}

bool rival_start(void)
{
	memset(&rival, 0, sizeof(rival));
	for (unsigned int i = 0; i < 2; i++) {
		rival.page[i] = alloc_page(GFP_HIGHUSER | __GFP_ZERO);
		if (rival.page[i])
			memcpy_to_page(rival.page[i], MARK_WORD * sizeof(uint32_t), &(uint32_t){MARK},
				       sizeof(uint32_t));
	}
	rival.thread = kthread_run(run, NULL, "sweep-rival");
	if (rival.page[0] && rival.page[1] && !IS_ERR(rival.thread))
		return true;
	if (!IS_ERR(rival.thread))
		kthread_stop(rival.thread);
	free_pages_of_rival();
	return false;
}

void rival_stop(void)
{
	thread_unpark(rival.thread);
	kthread_stop(rival.thread);
	free_pages_of_rival();
	msleep(20); /* its stack goes back */
}

/* Woken, it is the last of those that are ready, so that its successor is the list's head: it becomes the
 * first. */
void rival_call(const struct rival_use *use)
{
	bool was_ready = rival.thread->is_ready;

	rival.use = use;
	thread_unpark(rival.thread);
	if (!was_ready && rival.thread->is_ready)
		list_move(&rival.thread->run_link, rival.thread->run_link.next);
	this_cpu_write(need_resched, 1u);
}

uint32_t rival_nr_begun(void)
{
	return rival.nr_begun;
}

uint32_t rival_nr_wrong(void)
{
	return rival.nr_wrong;
}

bool rival_settle(void)
{
	if (!rival.use)
		return true;
	for (unsigned int i = 0; i < MAX_YIELDS && !rival.has_taken; i++)
		yield();
	rival.may_give = true;
	thread_unpark(rival.thread);
	for (unsigned int i = 0; i < MAX_YIELDS && rival.use; i++)
		yield();
	return !rival.use;
}

static void expect(bool ok)
{
	rival.nr_wrong += !ok;
}

static void nothing(void)
{
}

const struct rival_use rival_runs = {nothing, nothing};

/* --- windows --- */

/* Writes into the window, so that a wrong one is seen in the other's page as well. */
static void look_through(uint32_t *window)
{
	expect(window && window[MARK_WORD] == MARK);
	if (window)
		window[MARK_WORD] = MARK;
}

static void map_local(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		rival.window[i] = kmap_local_page(rival.page[i]);
		look_through(rival.window[i]);
	}
}

static void unmap_local(void)
{
	for (unsigned int i = 2; i-- > 0;) {
		look_through(rival.window[i]);
		kunmap_local(rival.window[i]);
	}
}

const struct rival_use rival_maps_local = {map_local, unmap_local};

static void map(void)
{
	rival.window[0] = kmap(rival.page[0]);
	look_through(rival.window[0]);
}

static void unmap(void)
{
	look_through(rival.window[0]);
	kunmap(rival.page[0]);
}

const struct rival_use rival_maps = {map, unmap};

static void map_briefly(void)
{
	map();
	yield();
	unmap();
}

const struct rival_use rival_maps_briefly = {map_briefly, nothing};

bool rival_kept_off(struct page *page, unsigned int words)
{
	const uint32_t *window = kmap_local_page(page);
	bool is = memory_is(window + words, 0, (WORDS - words) * sizeof(uint32_t));

	kunmap_local(window);
	return is;
}

/* --- areas and caches --- */

/* Areas that the other thread has on its way to their end go, if they may. */
static void make_area(void)
{
	rival.area = vmalloc(AREA_BYTES);
	if (rival.area)
		memset(rival.area, 0xbb, AREA_BYTES);
	vmalloc_purge();
}

static void free_area(void)
{
	expect(rival.area && memory_is(rival.area, 0xbb, AREA_BYTES));
	vfree(rival.area);
}

const struct rival_use rival_has_area = {make_area, free_area};

static void make_cache(void)
{
	rival.cache = kmem_cache_create("sweep-rival", 100, 0, 0, NULL);
	rival.object = rival.cache ? kmem_cache_alloc(rival.cache, GFP_KERNEL) : NULL;
	if (rival.object)
		memset(rival.object, 0xbb, 100);
}

static void destroy_cache(void)
{
	expect(rival.object && memory_is(rival.object, 0xbb, 100));
	if (rival.object)
		kmem_cache_free(rival.cache, rival.object);
	if (rival.cache)
		kmem_cache_destroy(rival.cache);
}

const struct rival_use rival_has_cache = {make_cache, destroy_cache};

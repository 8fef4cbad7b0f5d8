/* SPDX-License-Identifier: MIT */
/* Reserves of elements, and the queues of those who wait for one.
 *
 * MP1 nr_missing is min_nr less the elements in reserve: 0 exactly when a freed one is nobody's.
 * MP2 somebody is in the queue only while the reserve is empty, and so while an element is out that will come
 *     back: no free can pass by the pool, and none is lost.
 * MP3 an element handed over is the waiter's, even if it was about to leave.
 *
 * Lock: pool->lock, alone: the allocator is called, and nobody parked, under it. */
#include <mm/objects/mempool.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/list.h>
#include <mm/objects/kmalloc.h>
#include <mm/pages/page_alloc.h>

#define RETRY_MS 1000u /* a waiter asks the allocator again: others may have freed what is not of the pool */

struct pool_waiter {
	struct port_thread *thread;
	void *element;	       /* (L) NULL: not served yet, and queued */
	struct list_head link; /* (L) */
};

/* --- refusals and reports --- */

static COLD void *refuse(gfp_t gfp, const void *caller, const char *why)
{
	static struct ratelimit limit;
	char flags[96], code[64];

	if (ratelimit_ok(&limit))
		port_print(PORT_WARN, "%s: impossible request to a mempool by %s: %s (mode:%#x(%s))",
			   port_task_name(), port_code_name(caller, code, sizeof(code)), why,
			   (__force unsigned int)gfp, gfp_names(gfp, flags, sizeof(flags)));
	return NULL;
}

static COLD void refuse_size(int min_nr, const void *caller)
{
	char code[64];

	port_print(PORT_WARN, "mempool of %d elements by %s: expected at least 1", min_nr,
		   port_code_name(caller, code, sizeof(code)));
}

/* --- the reserve --- */

static void *pop_locked(struct mempool *pool)
{
	ASSERT(port_lock_is_held(&pool->lock) && pool->nr_missing <= pool->min_nr); /* MP1 */
	if (pool->nr_missing == pool->min_nr)
		return NULL;
	return pool->element[pool->min_nr - ++pool->nr_missing];
}

static void *take_reserved(struct mempool *pool)
{
	irqflags_t flags = port_lock_irqsave(&pool->lock);
	void *element = pop_locked(pool);

	port_unlock_irqrestore(&pool->lock, flags);
	return element;
}

/* To the first waiter, else to the reserve. Result: was it wanted? */
static bool keep_locked(struct mempool *pool, void *element)
{
	struct pool_waiter *waiter;

	ASSERT(port_lock_is_held(&pool->lock) && pool->nr_missing <= pool->min_nr); /* MP1 */
	if (!list_is_empty(&pool->waiters)) {
		waiter = list_first_entry(&pool->waiters, struct pool_waiter, link);
		ASSERT(!waiter->element); /* MP3 */
		list_del(&waiter->link);
		waiter->element = element;
		port_unpark(waiter->thread);
		return true;
	}
	if (!pool->nr_missing)
		return false;
	pool->element[pool->min_nr - pool->nr_missing--] = element;
	return true;
}

/* --- requests --- */

/* What the allocator may do once before its caller waits: a pass of reclaim, with the caller's permissions. */
static gfp_t thorough(gfp_t gfp)
{
	return (gfp & ~(__GFP_NOFAIL | __GFP_REPEAT)) | __GFP_NORETRY | __GFP_NOWARN;
}

/* Queue up, unless there is an element by now. */
static void enter(struct mempool *pool, struct pool_waiter *waiter)
{
	irqflags_t flags = port_lock_irqsave(&pool->lock);

	waiter->element = pop_locked(pool);
	if (!waiter->element)
		list_add_tail(&waiter->link, &pool->waiters);
	ASSERT(list_is_empty(&pool->waiters) || pool->nr_missing == pool->min_nr); /* MP2 */
	port_unlock_irqrestore(&pool->lock, flags);
}

/* Off the queue, if it is there still. Result: the element it was handed, or NULL. */
static void *leave(struct mempool *pool, struct pool_waiter *waiter)
{
	irqflags_t flags = port_lock_irqsave(&pool->lock);

	if (!waiter->element)
		list_del(&waiter->link);
	port_unlock_irqrestore(&pool->lock, flags);
	return waiter->element;
}

static void *wait_for_element(struct mempool *pool, gfp_t gfp)
{
	struct pool_waiter waiter = {.thread = port_current()};
	void *own = NULL, *handed;

	ASSERT(port_may_sleep() && gfp_has(gfp, __GFP_WAIT));
	list_init(&waiter.link); /* who has an element at once is in no list */
	enter(pool, &waiter);
	while (!READ_ONCE(waiter.element) && !own) {
		port_park_for(RETRY_MS);
		if (!READ_ONCE(waiter.element))
			own = pool->alloc(mempool_gentle(gfp), pool->pool_data);
	}
	handed = leave(pool, &waiter);
	if (handed && own)
		mempool_free(own, pool); /* MP3 */
	return handed ? handed : own;
}

/* The allocator has nothing that can be had at once. */
NOINLINE void *mempool_take_or_wait(mempool_t *pool, gfp_t gfp)
{
	void *element = take_reserved(pool);

	gfp = gfp_check_context(gfp);
	if (element || !gfp_has(gfp, __GFP_WAIT))
		return element;
	element = pool->alloc(thorough(gfp), pool->pool_data);
	return element ? element : wait_for_element(pool, gfp);
}

static void *alloc_usual(struct mempool *pool, gfp_t gfp)
{
	void *element = pool->alloc(mempool_gentle(gfp), pool->pool_data);

	return likely(element) ? element : mempool_take_or_wait(pool, gfp);
}

/* Any request: those that nobody can honour, and those that may sleep where nobody may, among them. */
void *mempool_alloc_any(mempool_t *pool, gfp_t gfp)
{
	const void *caller = RETURN_ADDRESS();

	if (unlikely(gfp_has(gfp, __GFP_ZERO)))
		return refuse(gfp, caller, "__GFP_ZERO, but elements of a reserve are not cleared");
	if (unlikely(gfp_is_impossible(gfp)))
		return refuse(gfp, caller, gfp_why_impossible(gfp));
	if (gfp_has(gfp, __GFP_WAIT) && unlikely(port_is_atomic()) &&
	    !port_check_may_sleep(__FILE__, __LINE__))
		gfp &= ~GFP_PATIENCE;
	return alloc_usual(pool, gfp);
}

/* NULL is ignored. */
NOINLINE void mempool_keep_or_free(void *element, mempool_t *pool)
{
	irqflags_t flags;
	bool is_kept;

	if (!element)
		return;
	flags = port_lock_irqsave(&pool->lock);
	ASSERT(pool->min_nr && pool->element);
	is_kept = keep_locked(pool, element);
	port_unlock_irqrestore(&pool->lock, flags);
	if (!is_kept)
		pool->free(element, pool->pool_data);
}

/* --- creation, resizing, destruction --- */

/* Result: nr elements, or NULL: then none is kept. */
static void **alloc_elements(const struct mempool *pool, unsigned int room, unsigned int nr, gfp_t gfp)
{
	void **element = kmalloc_array(room, sizeof(*element), gfp);

	ASSERT(nr <= room);
	for (unsigned int i = 0; element && i < nr; i++) {
		element[i] = pool->alloc(gfp, pool->pool_data);
		if (element[i])
			continue;
		while (i)
			pool->free(element[--i], pool->pool_data);
		kfree(element);
		element = NULL;
	}
	return element;
}

/* kmalloc of a size that has a class, which is looked up once. */
static void *alloc_of_class(gfp_t gfp, void *cache)
{
	return unlikely(gfp_has(gfp, ~GFP_OBJECT_BITS)) ? kmalloc_any(kmem_cache_size(cache), gfp)
							: slab_pop_object(cache, gfp);
}

static void choose_class(struct mempool *pool)
{
	size_t size = (uintptr_t)pool->pool_data;

	if (pool->alloc != mempool_kmalloc || pool->free != mempool_kfree ||
	    size - 1 >= KMALLOC_MAX_CACHE_SIZE)
		return;
	pool->alloc = alloc_of_class;
	pool->pool_data = kmalloc_caches[0][kmalloc_class(size)];
}

mempool_t *mempool_create(int min_nr, mempool_alloc_t *alloc, mempool_free_t *free, void *pool_data)
{
	struct mempool *pool;

	ASSERT(!port_in_interrupt());
	if (min_nr < 1) {
		refuse_size(min_nr, RETURN_ADDRESS());
		return NULL;
	}
	pool = kmalloc(sizeof(*pool), GFP_KERNEL);
	if (!pool)
		return NULL;
	*pool = (struct mempool){
		.alloc = alloc, .free = free, .pool_data = pool_data, .min_nr = (unsigned int)min_nr};
	choose_class(pool);
	list_init(&pool->waiters);
	port_lock_init(&pool->lock, "mempool");
	pool->element = alloc_elements(pool, pool->min_nr, pool->min_nr, GFP_KERNEL);
	if (pool->element)
		return pool;
	kfree(pool);
	return NULL;
}

/* `fresh` becomes the pool's array, with room for min_nr elements; nr of them are there already, and join what
 * the pool has. Result: the old array, with *nr_spare elements too many in it. */
static void **exchange_elements(struct mempool *pool, void **fresh, unsigned int min_nr, unsigned int nr,
				unsigned int *nr_spare)
{
	irqflags_t flags = port_lock_irqsave(&pool->lock);
	unsigned int held = pool->min_nr - pool->nr_missing;
	void **old = pool->element;

	ASSERT(min_nr && nr <= min_nr && pool->nr_missing <= pool->min_nr); /* MP1 */
	while (held && nr < min_nr)
		fresh[nr++] = old[--held];
	*nr_spare = held;
	pool->element = fresh;
	pool->min_nr = min_nr;
	pool->nr_missing = min_nr - nr;
	while (!list_is_empty(&pool->waiters) && pool->nr_missing < min_nr)
		(void)keep_locked(pool, pop_locked(pool));
	ASSERT(list_is_empty(&pool->waiters) || pool->nr_missing == min_nr); /* MP2 */
	port_unlock_irqrestore(&pool->lock, flags);
	return old;
}

int mempool_resize_gfp(mempool_t *pool, int min_nr, gfp_t gfp)
{
	unsigned int wanted = (unsigned int)min_nr, had = READ_ONCE(pool->min_nr), nr_spare;
	unsigned int nr = wanted > had ? wanted - had : 0;
	void **element;

	ASSERT(!port_in_interrupt());
	if (min_nr < 1) {
		refuse_size(min_nr, RETURN_ADDRESS());
		return -EINVAL;
	}
	element = alloc_elements(pool, wanted, nr, gfp);
	if (!element)
		return -ENOMEM;
	element = exchange_elements(pool, element, wanted, nr, &nr_spare);
	while (nr_spare)
		pool->free(element[--nr_spare], pool->pool_data);
	kfree(element);
	return 0;
}

int mempool_resize(mempool_t *pool, int min_nr)
{
	return mempool_resize_gfp(pool, min_nr, GFP_KERNEL);
}

void mempool_destroy(mempool_t *pool)
{
	char code[64];

	ASSERT(!port_in_interrupt());
	if (!pool)
		return;
	if (pool->nr_missing) {
		port_print(PORT_ERR,
			   "BUG: mempool_destroy by %s: %u of %u elements are not back; the pool stays",
			   port_code_name(RETURN_ADDRESS(), code, sizeof(code)), pool->nr_missing,
			   pool->min_nr);
		return;
	}
	ASSERT(list_is_empty(&pool->waiters)); /* MP2 */
	for (unsigned int i = 0; i < pool->min_nr; i++)
		pool->free(pool->element[i], pool->pool_data);
	kfree(pool->element);
	kfree(pool);
}

/* --- the usual pairs --- */

void *mempool_alloc_slab(gfp_t gfp, void *cache)
{
	return kmem_cache_alloc(cache, gfp);
}

void mempool_free_slab(void *element, void *cache)
{
	kmem_cache_free(cache, element);
}

void *mempool_kmalloc(gfp_t gfp, void *size)
{
	return kmalloc((uintptr_t)size, gfp);
}

void mempool_kfree(void *element, void *size)
{
	(void)size;
	kfree(element);
}

void *mempool_alloc_pages(gfp_t gfp, void *order)
{
	return alloc_pages(gfp, (unsigned int)(uintptr_t)order);
}

void mempool_free_pages(void *element, void *order)
{
	__free_pages(element, (unsigned int)(uintptr_t)order);
}

/* SPDX-License-Identifier: MIT */
/* See vmarea.h for the idea and the invariants VM4 to VM7.
 *
 * Locks: vm.lock, for threads only, for tree, lists, page tables and state; vm.deferred_lock for vm.deferred.
 * Nothing is allocated, freed or printed under either. */
#include <mm/mapped/vmarea.h>

#include <kernel/lib/assert.h>
#include <kernel/lib/string.h>
#include <mm/mapped/vmalloc.h>
#include <mm/objects/slab_internal.h>

struct vmalloc_space vmalloc_space;

static struct {
	struct port_lock lock;
	struct areas areas;
	struct created_cache cache; /* of struct vm_area */
	struct list_head freed[2];  /* [young]: dirty, the other: resting; oldest first */
	struct list_head clean[AREA_CLEAN_PAGES], doomed;
	unsigned int young, nr_dirty, nr_clean[AREA_CLEAN_PAGES];
	size_t used_bytes;	  /* in areas that are not FREED */
	struct list_head waiters; /* for addresses, first come first asked */
	unsigned int nr_waiters;  /* in the list */
	struct port_lock deferred_lock;
	struct list_head deferred;
	struct port_work work;
} vm;

static inline struct vm_area *area_of(struct area *span)
{
	return container_of(span, struct vm_area, span);
}

/* What its descriptor and page tables may be had with. */
static inline gfp_t gfp_of_overhead(gfp_t gfp)
{
	return (gfp & (GFP_OBJECT_BITS | __GFP_NOFAIL)) | __GFP_NOWARN;
}

/* Why no such area can ever be, or NULL. */
const char *area_why_impossible(size_t size_bytes, size_t align)
{
	size_t space = vmalloc_total_bytes();

	if (size_bytes == 0)
		return "expected at least one byte";
	if (!IS_POWER_OF_2(align))
		return "expected an alignment that is a power of two";
	if (size_bytes > space - AREA_GUARD_BYTES || align > space)
		return "larger than the space for such areas";
	return NULL;
}

static size_t nr_mapped(uintptr_t addr, uintptr_t end)
{
	size_t nr = 0;

	for (; addr < end; addr += PAGE_SIZE) {
		const port_pte_t *pte = port_pte_of(addr);

		nr += pte && port_pte_is_mapped(pte);
	}
	return nr;
}

/* --- after vfree --- */

static struct vm_area *take_clean_locked(size_t pages)
{
	struct vm_area *area;

	ASSERT(port_lock_is_held(&vm.lock) && pages);
	if (pages > AREA_CLEAN_PAGES || list_is_empty(&vm.clean[pages - 1]))
		return NULL;
	area = list_first_entry(&vm.clean[pages - 1], struct vm_area, link);
	ASSERT(area_nr_pages(area) == pages && vm.nr_clean[pages - 1]); /* VM5 */
	ASSERT_SLOW(!nr_mapped(area->span.start, area->span.end));	/* VM4 */
	list_del(&area->link);
	vm.nr_clean[pages - 1]--;
	return area;
}

static void keep_clean_locked(struct vm_area *area)
{
	size_t pages = area_nr_pages(area);

	ASSERT(port_lock_is_held(&vm.lock));
	ASSERT(area->state == AREA_FREED && pages); /* VM5 */
	if (pages > AREA_CLEAN_PAGES || vm.nr_clean[pages - 1] == AREA_CLEAN_MAX) {
		list_move(&area->link, &vm.doomed);
		return;
	}
	vm.nr_clean[pages - 1]++;
	list_del(&area->link);
	list_add_tail(&area->link, &vm.clean[pages - 1]);
}

/* One flush for all that were freed since the last. */
static void flush_locked(void)
{
	struct list_head *resting = &vm.freed[!vm.young];

	ASSERT(port_lock_is_held(&vm.lock));
	ASSERT(vm.young <= 1 && vm.nr_dirty <= AREA_DIRTY_MAX);
	port_flush_all();
	while (!list_is_empty(resting))
		keep_clean_locked(list_first_entry(resting, struct vm_area, link));
	vm.young = !vm.young;
	vm.nr_dirty = 0;
}

/* Page tables under which nothing is left but the gap below `above`. */
static void take_tables_locked(const struct area *gone, const struct area *above, struct list_head *tables)
{
	uintptr_t gap = above->start - above->gap;

	ASSERT(port_lock_is_held(&vm.lock));
	ASSERT(gap <= gone->start && gone->end <= above->start); /* VM1 */
	for (uintptr_t addr = ALIGN_DOWN(gone->start, PORT_TABLE_SPAN); addr < gone->end;
	     addr += PORT_TABLE_SPAN) {
		void *table =
			addr >= gap && above->start - addr >= PORT_TABLE_SPAN ? port_table_take(addr) : NULL;

		if (table)
			list_add(&virt_to_page(table)->links, tables);
	}
}

static void free_tables(struct list_head *tables)
{
	while (!list_is_empty(tables)) {
		struct page *page = list_first_entry(tables, struct page, links);

		list_del(&page->links);
		__free_page(page);
	}
}

/* Takes a FREED area, which no CPU knows any more, off its list and out of the tree. Result: was there one?
 */
static bool drop_one(void)
{
	struct list_head tables = LIST_HEAD_INIT(tables);
	struct vm_area *area = NULL;

	port_lock_thread(&vm.lock);
	if (!list_is_empty(&vm.doomed)) {
		area = list_first_entry(&vm.doomed, struct vm_area, link);
		ASSERT(area->state == AREA_FREED); /* VM5 */
		list_del(&area->link);
		take_tables_locked(&area->span, areas_remove(&vm.areas, &area->span), &tables);
		if (!list_is_empty(&tables))
			port_flush_all();
	}
	port_unlock_thread(&vm.lock);
	free_tables(&tables);
	kmem_cache_free(&vm.cache.cache, area);
	return area != NULL;
}

static void drop_doomed(void)
{
	while (drop_one())
		;
}

/* --- waiting for addresses (VM7) --- */

struct area_waiter {
	struct list_head link; /* (L) */
	struct port_thread *thread;
	bool is_asked; /* (L) no longer in the list */
};

/* Each that waits now is taken off the list and looks for itself, one after the other so that no lock is held
 * for many. Those that find nothing queue again behind them. */
static NOINLINE void ask_waiters(void)
{
	for (unsigned int nr = READ_ONCE(vm.nr_waiters); nr; nr--) {
		port_lock_thread(&vm.lock);
		if (!list_is_empty(&vm.waiters)) {
			struct area_waiter *waiter = list_first_entry(&vm.waiters, struct area_waiter, link);

			ASSERT(!waiter->is_asked && vm.nr_waiters); /* VM7 */
			list_del(&waiter->link);
			vm.nr_waiters--;
			WRITE_ONCE(waiter->is_asked, true);
			port_unpark(waiter->thread);
		}
		port_unlock_thread(&vm.lock);
	}
}

static void queue_up(struct area_waiter *waiter)
{
	port_lock_thread(&vm.lock);
	waiter->is_asked = false;
	list_add_tail(&waiter->link, &vm.waiters);
	vm.nr_waiters++;
	port_unlock_thread(&vm.lock);
}

static void stop_waiting(struct area_waiter *waiter)
{
	port_lock_thread(&vm.lock);
	if (!waiter->is_asked) {
		list_del(&waiter->link);
		vm.nr_waiters--;
	}
	ASSERT((vm.nr_waiters == 0) == list_is_empty(&vm.waiters)); /* VM7 */
	port_unlock_thread(&vm.lock);
}

/* --- after vfree, the rest of it --- */

void area_let_go(struct vm_area *area, const void *caller)
{
	ASSERT(!port_in_interrupt());
	if (unlikely(mm_watch & WATCH_LEAK))
		leak_forget((const void *)area->span.start);
	area->freed_by = caller;
	ASSERT(area->state == AREA_LIVE || area->state == AREA_DEFERRED);
	WRITE_ONCE(area->state, AREA_GOING);
}

static NOINLINE void after_free(void)
{
	if (drop_one())
		drop_one();
	ask_waiters();
}

/* Its pages are unmapped; its addresses begin to rest. For each that comes two of the doomed go, so that no
 * vfree pays for many and yet they do not gather. */
void area_retire(struct vm_area *area)
{
	bool is_more_to_do;

	ASSERT(!port_in_interrupt());
	ASSERT_SLOW(!nr_mapped(area->span.start, area->span.end)); /* VM4 */
	port_lock_thread(&vm.lock);
	area_set_state(area, AREA_GOING, AREA_FREED);
	ASSERT(vm.used_bytes >= area->span.end - area->span.start);
	vm.used_bytes -= area->span.end - area->span.start;
	list_add_tail(&area->link, &vm.freed[vm.young]);
	if (++vm.nr_dirty >= AREA_DIRTY_MAX)
		flush_locked();
	is_more_to_do = !list_is_empty(&vm.doomed) || vm.nr_waiters;
	port_unlock_thread(&vm.lock);
	if (unlikely(is_more_to_do))
		after_free();
	slow_path_done();
}

static bool place(struct vm_area *area, size_t pages, size_t align)
{
	size_t bytes = (pages << PAGE_SHIFT) + AREA_GUARD_BYTES;
	bool ok;

	port_lock_thread(&vm.lock);
	ok = areas_place(&vm.areas, &area->span, bytes, align);
	if (ok)
		vm.used_bytes += bytes;
	ASSERT(vm.used_bytes <= vmalloc_total_bytes());
	port_unlock_thread(&vm.lock);
	return ok;
}

static bool add_table(uintptr_t addr, gfp_t gfp)
{
	unsigned long table = get_zeroed_page(gfp);

	if (!table)
		return false;
	port_lock_thread(&vm.lock);
	if (!port_has_table(addr)) {
		port_table_set(addr, (void *)table);
		table = 0;
	}
	port_unlock_thread(&vm.lock);
	free_page(table);
	return true;
}

static bool add_tables(const struct vm_area *area, gfp_t gfp)
{
	for (uintptr_t addr = area->span.start; addr < area_mapped_end(area);
	     addr = area_run_end(addr, UINTPTR_MAX))
		if (!port_has_table(addr) && !add_table(addr, gfp))
			return false;
	return true;
}

/* Of an area that could not be made nothing is left, page tables included. */
COLD void area_abandon(struct vm_area *area)
{
	ASSERT(!port_in_interrupt());
	port_lock_thread(&vm.lock);
	area_set_state(area, AREA_GROWING, AREA_FREED);
	ASSERT(vm.used_bytes >= area->span.end - area->span.start);
	vm.used_bytes -= area->span.end - area->span.start;
	port_flush_all();
	list_init(&area->link);
	list_add(&area->link, &vm.doomed);
	port_unlock_thread(&vm.lock);
	drop_doomed();
	ask_waiters();
}

/* --- unmapping --- */

static ALWAYS_INLINE void unmap_pages(const struct vm_area *area, uintptr_t end, bool free_them)
{
	uintptr_t addr = area->span.start;

	ASSERT(area->state == AREA_GOING || area->state == AREA_GROWING);
	ASSERT(end <= area_mapped_end(area));
	ASSERT_SLOW(nr_mapped(addr, end) == (end - addr) >> PAGE_SHIFT); /* VM4 */
	while (addr < end) {
		port_pte_t *pte = port_pte_of(addr);

		for (uintptr_t stop = area_run_end(addr, end); addr < stop; addr += PAGE_SIZE, pte++) {
			pfn_t pfn = port_pte_clear(pte, addr);

			if (!PORT_FLUSH_LATE)
				port_flush_page(addr);
			if (free_them)
				__free_page(pfn_to_page(pfn));
		}
	}
}

void area_unmap(const struct vm_area *area, uintptr_t end)
{
	unmap_pages(area, end, false);
}

void area_unmap_and_free(const struct vm_area *area, uintptr_t end)
{
	unmap_pages(area, end, true);
}

/* --- freed where nobody may sleep --- */

void area_defer(struct vm_area *area, const void *caller)
{
	irqflags_t flags = port_lock_irqsave(&vm.deferred_lock);

	area_set_state(area, AREA_LIVE, AREA_DEFERRED);
	area->freed_by = caller;
	list_add_tail(&area->link, &vm.deferred);
	port_unlock_irqrestore(&vm.deferred_lock, flags);
	port_work_queue(&vm.work);
}

static struct vm_area *take_deferred(void)
{
	irqflags_t flags = port_lock_irqsave(&vm.deferred_lock);
	struct vm_area *area = NULL;

	if (!list_is_empty(&vm.deferred)) {
		area = list_first_entry(&vm.deferred, struct vm_area, link);
		list_del(&area->link);
	}
	port_unlock_irqrestore(&vm.deferred_lock, flags);
	return area;
}

static void free_deferred(void)
{
	struct vm_area *area;

	while ((area = take_deferred()) != NULL) {
		area_let_go(area, area->freed_by);
		area_unmap_and_free(area, area_mapped_end(area));
		area_retire(area);
	}
}

/* --- making --- */

/* Before it looks it queues up, so that no area is freed unseen. */
static NOINLINE void place_or_wait(struct vm_area *area, size_t pages, size_t align)
{
	struct area_waiter waiter = {.thread = port_current()};

	for (queue_up(&waiter);; queue_up(&waiter)) {
		vmalloc_purge();
		if (place(area, pages, align))
			break;
		while (!READ_ONCE(waiter.is_asked))
			port_park();
	}
	stop_waiting(&waiter);
}

static bool place_after_all(struct vm_area *area, size_t pages, size_t align, gfp_t gfp)
{
	if (!gfp_has(gfp, __GFP_NOFAIL)) {
		vmalloc_purge();
		return place(area, pages, align);
	}
	place_or_wait(area, pages, align);
	return true;
}

/* A new area with addresses and page tables. *why: why there is none. */
static NOINLINE struct vm_area *create(size_t pages, size_t align, gfp_t gfp, const char **why)
{
	struct vm_area *area = kmem_cache_alloc_any(&vm.cache.cache, gfp);

	*why = "no memory for its bookkeeping";
	if (!area)
		return NULL;
	area->state = AREA_GROWING;
	if (!place(area, pages, align) && !place_after_all(area, pages, align, gfp)) {
		kmem_cache_free(&vm.cache.cache, area);
		*why = "no free range of addresses is that large";
		return NULL;
	}
	if (add_tables(area, gfp))
		return area;
	area_abandon(area);
	return NULL;
}

static inline struct vm_area *recycle(size_t pages)
{
	struct vm_area *area;

	port_lock_thread(&vm.lock);
	area = take_clean_locked(pages);
	if (area) {
		area_set_state(area, AREA_FREED, AREA_GROWING);
		vm.used_bytes += area->span.end - area->span.start;
	}
	port_unlock_thread(&vm.lock);
	return area;
}

/* An area whose pages can be mapped; size_bytes is possible. */
struct vm_area *area_get(size_t size_bytes, size_t align, enum area_kind kind, gfp_t gfp, const void *caller,
			 const char **why)
{
	size_t pages = DIV_ROUND_UP(size_bytes, PAGE_SIZE);
	struct vm_area *area = align <= PAGE_SIZE ? recycle(pages) : NULL;

	ASSERT(!port_in_interrupt());
	if (unlikely(!area)) {
		bool is_begun = area_parts_begin();

		area = create(pages, MAX(align, (size_t)PAGE_SIZE), gfp_of_overhead(gfp), why);
		area_parts_end(is_begun);
	}
	if (likely(area)) {
		area->size_bytes = size_bytes;
		area->caller = caller;
		area->kind = (uint8_t)kind;
	}
	return area;
}

/* --- finding --- */

static inline bool is_descriptor(const struct vm_area *area)
{
	return virt_is_direct(area) && virt_to_page(area)->slab_cache == &vm.cache.cache;
}

/* The LIVE vmalloc area that starts at addr, or NULL (VM6). */
struct vm_area *area_find_live(const void *addr)
{
	const struct page *page = vmalloc_to_page(addr);
	struct vm_area *area = page ? (struct vm_area *)page->private : NULL;

	if (unlikely(!area || !is_descriptor(area) || area->span.start != (uintptr_t)addr ||
		     area->state != AREA_LIVE || area->kind != AREA_VMALLOC))
		return NULL;
	return area;
}

/* The LIVE area of that kind that starts at addr, or NULL. */
struct vm_area *area_find(uintptr_t addr, enum area_kind kind)
{
	struct vm_area *area;
	struct area *span;

	ASSERT(!port_in_interrupt());
	port_lock_thread(&vm.lock);
	span = areas_below(&vm.areas, addr);
	port_unlock_thread(&vm.lock);
	area = span && span != &vm.areas.end ? area_of(span) : NULL;
	return area && span->start == addr && area->kind == kind && area->state == AREA_LIVE ? area : NULL;
}

/* A copy of the lowest area from addr on. Result: is there one? */
bool area_copy_next(uintptr_t addr, struct vm_area *copy)
{
	struct area *span;

	ASSERT(!port_in_interrupt());
	port_lock_thread(&vm.lock);
	span = areas_above(&vm.areas, addr);
	if (span != &vm.areas.end)
		*copy = *area_of(span);
	port_unlock_thread(&vm.lock);
	return span != &vm.areas.end;
}

void area_neighbours(uintptr_t addr, const struct vm_area **below, const struct vm_area **above)
{
	struct area *low = areas_below(&vm.areas, addr), *high = areas_above(&vm.areas, addr + 1);

	*below = low && low != &vm.areas.end ? area_of(low) : NULL;
	*above = high && high != &vm.areas.end ? area_of(high) : NULL;
}

size_t vmalloc_total_bytes(void)
{
	return vmalloc_space.end - vmalloc_space.start;
}

size_t vmalloc_used_bytes(void)
{
	return vm.used_bytes;
}

/* --- all of it --- */

static const char *check_area(const struct vm_area *area)
{
	size_t mapped = nr_mapped(area->span.start, area_mapped_end(area));

	if (nr_mapped(area_mapped_end(area), area->span.end))
		return "VM4: a guard page is mapped";
	if (area->state == AREA_FREED)
		return mapped ? "VM4: a page of a freed area is mapped" : NULL;
	if ((area->state == AREA_LIVE || area->state == AREA_DEFERRED) && mapped != area_nr_pages(area))
		return "VM4: a page of an area is not mapped";
	if (area->state == AREA_LIVE && area->kind == AREA_VMALLOC &&
	    area_find_live((const void *)area->span.start) != area)
		return "VM6: an area's first page does not know it";
	return NULL;
}

static const char *check_areas(void)
{
	const char *wrong = areas_check(&vm.areas);
	struct area *span = areas_above(&vm.areas, vmalloc_space.start);
	size_t used = 0;

	for (; !wrong && span != &vm.areas.end; span = areas_above(&vm.areas, span->end)) {
		wrong = check_area(area_of(span));
		used += area_of(span)->state == AREA_FREED ? 0 : span->end - span->start;
	}
	return wrong || used == vm.used_bytes ? wrong : "VM5: bytes in areas are not what was counted";
}

/* An interrupt that asks in the middle of a change learns nothing. */
const char *vmalloc_check(void)
{
	return port_lock_is_held(&vm.lock) ? NULL : check_areas();
}

static void doom_locked(struct list_head *list)
{
	ASSERT(port_lock_is_held(&vm.lock));
	while (!list_is_empty(list))
		list_move(list->next, &vm.doomed);
}

void vmalloc_purge(void)
{
	ASSERT(!port_in_interrupt());
	free_deferred();
	port_lock_thread(&vm.lock);
	port_flush_all();
	doom_locked(&vm.freed[0]);
	doom_locked(&vm.freed[1]);
	vm.nr_dirty = 0;
	for (unsigned int i = 0; i < AREA_CLEAN_PAGES; i++) {
		doom_locked(&vm.clean[i]);
		vm.nr_clean[i] = 0;
	}
	port_unlock_thread(&vm.lock);
	drop_doomed();
}

uintptr_t vmalloc_give_up(size_t size_bytes)
{
	uintptr_t start = vmalloc_space.start;

	vmalloc_space.start += size_bytes;
	areas_init(&vm.areas, vmalloc_space.start, vmalloc_space.end);
	return start;
}

void vmalloc_init(void)
{
	port_vmalloc_space(&vmalloc_space.start, &vmalloc_space.end);
	memset(&vm, 0, sizeof(vm));
	port_lock_init(&vm.lock, "vmalloc");
	areas_init(&vm.areas, vmalloc_space.start, vmalloc_space.end);
	list_init(&vm.freed[0]);
	list_init(&vm.freed[1]);
	list_init(&vm.doomed);
	port_lock_init(&vm.deferred_lock, "deferred vfree");
	list_init(&vm.deferred);
	list_init(&vm.waiters);
	for (unsigned int i = 0; i < AREA_CLEAN_PAGES; i++)
		list_init(&vm.clean[i]);
	vm.work.run = free_deferred;
	(void)slab_cache_init(&vm.cache.cache,
			      MIN(slab_stack_capacity(sizeof(struct vm_area)), CREATED_CACHE_SLOTS),
			      "vmap_area", sizeof(struct vm_area), 0, 0, NULL);
	vm.cache.cache.built_in = true;
}

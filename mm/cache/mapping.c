/* SPDX-License-Identifier: MIT */
/* Pages of files: how they come, change and go. Lock: mapping->lock, interrupts off for a walk down the tree; the
 * list of all mappings has one of its own, alone. Counts over all are added to in one step. */
#include <mm/cache/mapping.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/errno.h>
#include <mm/cache/lru.h>
#include <mm/cache/writeback.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/scope.h>
#include <mm/reclaim/wait.h>

static struct {
	struct port_lock lock;
	struct list_head mappings; /* (L) */
	struct cache_counts counts;
} cache;

static void count(size_t *counter, size_t n)
{
	__atomic_add_fetch(counter, n, __ATOMIC_RELAXED);
}

void mapping_init_all(void)
{
	port_lock_init(&cache.lock, "mappings");
	list_init(&cache.mappings);
	cache.counts = (struct cache_counts){0};
}

void mapping_init(struct mapping *mapping, const struct mapping_ops *ops, void *host, gfp_t gfp,
		  uint64_t size_bytes)
{
	irqflags_t flags;

	*mapping = (struct mapping){.ops = ops, .host = host, .gfp = gfp, .size_bytes = size_bytes};
	port_lock_init(&mapping->lock, "mapping");
	port_lock_init(&mapping->users_lock, "mapping users");
	list_init(&mapping->users);
	flags = port_lock_irqsave(&cache.lock);
	list_add_tail(&mapping->all, &cache.mappings);
	port_unlock_irqrestore(&cache.lock, flags);
}

void mapping_add_user(struct mapping *mapping, struct mapping_user *user)
{
	port_lock_thread(&mapping->users_lock);
	list_add_tail(&user->link, &mapping->users);
	port_unlock_thread(&mapping->users_lock);
}

void mapping_remove_user(struct mapping *mapping, struct mapping_user *user)
{
	port_lock_thread(&mapping->users_lock);
	list_del(&user->link);
	port_unlock_thread(&mapping->users_lock);
}

/* Whoever shows a page took it from the mapping with its lock held, so none is shown anew that has left. */
static void tell_users(struct mapping *mapping, uint32_t first)
{
	struct mapping_user *user;

	port_lock_thread(&mapping->users_lock);
	list_for_each_entry(user, &mapping->users, link)
		user->forget(user, first);
	port_unlock_thread(&mapping->users_lock);
}

bool mapping_page_was_used(struct page *page)
{
	struct mapping *mapping = page->mapping;
	struct mapping_user *user;
	bool was_used = false;

	port_lock_thread(&mapping->users_lock);
	list_for_each_entry(user, &mapping->users, link)
		was_used |= user->was_used(user, page);
	port_unlock_thread(&mapping->users_lock);
	return was_used;
}

/* Nobody shows it anew meanwhile: it is locked. */
void mapping_page_hide(struct page *page)
{
	struct mapping *mapping = page->mapping;
	struct mapping_user *user;

	port_lock_thread(&mapping->users_lock);
	list_for_each_entry(user, &mapping->users, link)
		user->hide(user, page);
	port_unlock_thread(&mapping->users_lock);
}

uint64_t mapping_size(struct mapping *mapping)
{
	irqflags_t flags = port_lock_irqsave(&mapping->lock);
	uint64_t size = mapping->size_bytes;

	port_unlock_irqrestore(&mapping->lock, flags);
	return size;
}

void mapping_set_size(struct mapping *mapping, uint64_t size_bytes)
{
	irqflags_t flags = port_lock_irqsave(&mapping->lock);

	mapping->size_bytes = size_bytes;
	port_unlock_irqrestore(&mapping->lock, flags);
}

/* --- looking --- */

struct page *mapping_next(struct mapping *mapping, uint32_t *index, enum radix_tag tag)
{
	irqflags_t flags = port_lock_irqsave(&mapping->lock);
	struct page *page = radix_next(&mapping->tree, index, tag);

	if (page)
		page_hold(page);
	port_unlock_irqrestore(&mapping->lock, flags);
	return page;
}

struct page *mapping_find(struct mapping *mapping, uint32_t index)
{
	irqflags_t flags = port_lock_irqsave(&mapping->lock);
	struct page *page = radix_find(&mapping->tree, index);

	if (page)
		page_hold(page);
	port_unlock_irqrestore(&mapping->lock, flags);
	return page;
}

/* --- coming --- */

/* A page of nobody becomes one of the mapping, locked: its reference is the tree's. */
static void enter_locked(struct mapping *mapping, uint32_t index, struct page *page)
{
	ASSERT(port_lock_is_held(&mapping->lock));
	ASSERT(page->state == PAGE_ALLOCATED && page->order == 0 && READ_ONCE(page->refcount) == 1); /* A1 */
	page->mapping = mapping;
	page->index = index;
	page->private = 0;
	page->flags = PG_LOCKED;
	page->state = PAGE_FILE;
}

/* Those that did. */
static void have_entered_locked(struct mapping *mapping, struct page **page, unsigned int nr)
{
	ASSERT(port_lock_is_held(&mapping->lock));
	mapping->nr_pages += nr;
	lru_add_run(page, nr);
	count(&cache.counts.nr_pages, nr);
}

static int insert_locked(struct mapping *mapping, uint32_t index, bool may_grow, struct page *page,
			 struct radix_spare *spare)
{
	int error = -ENXIO;

	ASSERT(port_lock_is_held(&mapping->lock));
	if (may_grow || index < pages_of_size(mapping->size_bytes)) /* MA3 */
		error = radix_insert(&mapping->tree, index, page, spare);
	if (!error)
		enter_locked(mapping, index, page);
	return error;
}

/* The caller has a reference of its own. */
static int insert(struct mapping *mapping, uint32_t index, bool may_grow, struct page *page,
		  struct radix_spare *spare)
{
	irqflags_t flags = port_lock_irqsave(&mapping->lock);
	int error = insert_locked(mapping, index, may_grow, page, spare);

	if (!error) {
		page_hold(page);
		have_entered_locked(mapping, &page, 1);
	}
	port_unlock_irqrestore(&mapping->lock, flags);
	return error;
}

int mapping_add(struct mapping *mapping, uint32_t index, struct page *page, struct radix_spare *spare)
{
	return insert(mapping, index, false, page, spare);
}

int mapping_take_in(struct mapping *mapping, uint32_t index, struct page *page, struct radix_spare *spare)
{
	irqflags_t flags = port_lock_irqsave(&mapping->lock);
	int error = radix_insert(&mapping->tree, index, page, spare);

	if (!error) {
		lru_turn_to_file(page, mapping, index);
		mapping->nr_pages++;
		count(&cache.counts.nr_pages, 1);
	}
	port_unlock_irqrestore(&mapping->lock, flags);
	return error;
}

/* Nodes lie in low memory, whatever their pages are. */
static gfp_t node_gfp(gfp_t gfp)
{
	return gfp & ~(__GFP_HIGHMEM | __GFP_MOVABLE | __GFP_COLD);
}

static int add(struct mapping *mapping, uint32_t index, bool may_grow, gfp_t gfp, struct page **added)
{
	struct radix_spare spare = {0};
	struct page *page = alloc_page(gfp);
	int error;

	if (!page)
		return -ENOMEM;
	error = insert(mapping, index, may_grow, page, &spare);
	while (error == -EAGAIN)
		error = radix_spare_fill(&spare, node_gfp(gfp))
				? insert(mapping, index, may_grow, page, &spare)
				: -ENOMEM;
	radix_spare_free(&spare);
	if (error)
		__free_page(page);
	else
		*added = page;
	return error;
}

/* Result: how many, or the error of the first. */
static int insert_run(struct mapping *mapping, uint32_t index, struct page **page, unsigned int nr,
		      struct radix_spare *spare)
{
	irqflags_t flags = port_lock_irqsave(&mapping->lock);
	unsigned int done = 0;
	int error = 0;

	while (done < nr && !error) {
		error = insert_locked(mapping, index + done, false, page[done], spare);
		done += !error;
	}
	if (done)
		have_entered_locked(mapping, page, done);
	port_unlock_irqrestore(&mapping->lock, flags);
	return done ? (int)done : error;
}

int mapping_add_run(struct mapping *mapping, uint32_t index, struct page **page, unsigned int nr, gfp_t more)
{
	struct radix_spare spare = {0};
	int result = insert_run(mapping, index, page, nr, &spare);

	ASSERT(nr && nr <= MAPPING_RUN);
	while (result == -EAGAIN)
		result = radix_spare_fill(&spare, node_gfp(mapping->gfp | more))
				 ? insert_run(mapping, index, page, nr, &spare)
				 : -ENOMEM;
	radix_spare_free(&spare);
	return result;
}

/* Another may be faster to add it, and may take it out again. */
int mapping_find_or_add(struct mapping *mapping, uint32_t index, bool may_grow, gfp_t more,
			struct page **page)
{
	for (;;) {
		int error;

		*page = mapping_find(mapping, index);
		if (*page)
			return 0;
		error = add(mapping, index, may_grow, mapping->gfp | more, page);
		if (error != -EEXIST)
			return error ? error : 1;
	}
}

/* --- changing --- */

/* CP2, MA2, MA5: flags, tags and counts. */
static void set_dirty_locked(struct mapping *mapping, struct page *page)
{
	ASSERT(port_lock_is_held(&mapping->lock) && page->mapping == mapping);
	ASSERT(page_has(page, PG_UPTODATE)); /* CP4 */
	if (page_set(page, PG_DIRTY))
		return;
	radix_tag_set(&mapping->tree, page->index, RADIX_DIRTY);
	mapping->nr_dirty++;
	count(&cache.counts.nr_dirty, 1);
	flusher_add_locked(mapping);
}

/* Of a run, all of which is dirty. What has failed has not any more. */
static void clear_dirty_locked(struct mapping *mapping, struct page **page, unsigned int nr)
{
	ASSERT(port_lock_is_held(&mapping->lock) && mapping->nr_dirty >= nr); /* MA5 */
	for (unsigned int i = 0; i < nr; i++) {
		ASSERT(page[i]->mapping == mapping &&
		       radix_is_tagged(&mapping->tree, page[i]->index, RADIX_DIRTY)); /* MA2 */
		if (page_has(page[i], PG_ERROR)) {
			page_clear(page[i], PG_ERROR);
			mapping->nr_failed--;
			count(&cache.counts.nr_failed, (size_t)-1);
		}
		page_clear(page[i], PG_DIRTY);
	}
	radix_run_tag_clear(&mapping->tree, page[0]->index, nr, RADIX_DIRTY);
	mapping->nr_dirty -= nr;
	count(&cache.counts.nr_dirty, 0 - (size_t)nr);
}

static void set_failed_locked(struct mapping *mapping, struct page *page, int error)
{
	ASSERT(port_lock_is_held(&mapping->lock) && error < 0);
	mapping->nr_errors++;
	mapping->last_error = error;
	set_dirty_locked(mapping, page);
	if (page_set(page, PG_ERROR))
		return;
	if (mapping->nr_failed++ == 0)
		mapping->retry_ms = port_now_ms() + WRITEBACK_RETRY_MS;
	count(&cache.counts.nr_failed, 1);
}

/* --- going --- */

/* A run of the tree. */
static ALWAYS_INLINE void leave_tree_locked(struct mapping *mapping, struct page **page, unsigned int nr,
					    struct radix_spare *spare)
{
	ASSERT(port_lock_is_held(&mapping->lock) && mapping->nr_pages >= nr);
	for (unsigned int i = 0; i < nr; i++) {
		ASSERT(page_has(page[i], PG_LOCKED) && !page_has(page[i], PG_WRITEBACK));
		ASSERT(page[i]->mapping == mapping && page[i]->state == PAGE_FILE); /* MA1 */
		ASSERT(radix_find(&mapping->tree, page[i]->index) == page[i] &&
		       page[i]->index == page[0]->index + i);
		if (page_has(page[i], PG_DIRTY))
			clear_dirty_locked(mapping, &page[i], 1);
	}
	radix_run_remove(&mapping->tree, page[0]->index, nr, spare);
	mapping->nr_pages -= nr;
	count(&cache.counts.nr_pages, 0 - (size_t)nr);
}

/* CP5. Whoever finds the pages from now on holds them already. */
static ALWAYS_INLINE void leave_locked(struct mapping *mapping, struct page **page, unsigned int nr,
				       struct radix_spare *spare)
{
	ASSERT(port_lock_is_held(&mapping->lock));
	leave_tree_locked(mapping, page, nr, spare);
	for (unsigned int i = 0; i < nr; i++) {
		page_clear_both(page[i], PG_UPTODATE, PG_ERROR);
		WRITE_ONCE(page[i]->mapping, NULL); /* LR3: before it is looked for in a list */
	}
	lru_remove_run(page, nr);
	for (unsigned int i = 0; i < nr; i++)
		WRITE_ONCE(page[i]->state, PAGE_ALLOCATED);
}

bool mapping_remove(struct page *page, bool only_unused)
{
	struct mapping *mapping = page->mapping;
	const struct mapping_ops *ops = mapping->ops;
	struct radix_spare spare = {0};
	irqflags_t flags = port_lock_irqsave(&mapping->lock);
	bool goes = !only_unused || READ_ONCE(page->refcount) == 2; /* CP1: the tree's and ours */

	ASSERT(READ_ONCE(page->refcount) >= 2); /* CP1 */
	if (goes)
		leave_locked(mapping, &page, 1, &spare);
	port_unlock_irqrestore(&mapping->lock, flags);
	radix_spare_free(&spare);
	if (goes && ops->leave)
		ops->leave(page);
	if (goes)
		put_page(page);
	return goes;
}

void mapping_take_out(struct page *page, void *aspace, uint32_t index, struct radix_spare *spare)
{
	struct mapping *mapping = page->mapping;
	irqflags_t flags = port_lock_irqsave(&mapping->lock);

	leave_tree_locked(mapping, &page, 1, spare);
	page_clear(page, PG_ERROR);
	lru_turn_to_anon(page, aspace, index);
	port_unlock_irqrestore(&mapping->lock, flags);
}

/* Of those from index on that are one behind the other. With the tag, or any; *index becomes the first's. */
static unsigned int find_run_locked(struct mapping *mapping, uint32_t *index, enum radix_tag tag,
				    struct page **page, unsigned int max)
{
	unsigned int nr = radix_run(&mapping->tree, *index, tag, (void **)page, max);

	ASSERT(port_lock_is_held(&mapping->lock) && max <= MAPPING_RUN);
	if (!nr && radix_next(&mapping->tree, index, tag))
		nr = radix_run(&mapping->tree, *index, tag, (void **)page, max);
	return nr;
}

/* Locks pages of the tree up to the first that would have to be waited for. Result: how many. */
static unsigned int lock_run(struct page **page, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr && !page_has(page[i], PG_WRITEBACK) && page_trylock(page[i]); i++)
		;
	return i;
}

/* Result: are some of the first pages from here on out? They go with no reference of ours: the tree's was theirs. */
static bool remove_run(struct mapping *mapping, uint32_t index)
{
	const struct mapping_ops *ops = mapping->ops;
	struct radix_spare spare = {0};
	struct page *page[MAPPING_RUN];
	irqflags_t flags = port_lock_irqsave(&mapping->lock);
	unsigned int nr = find_run_locked(mapping, &index, RADIX_ANY, page, MAPPING_RUN);

	nr = lock_run(page, nr);
	if (nr)
		leave_locked(mapping, page, nr, &spare);
	port_unlock_irqrestore(&mapping->lock, flags);
	radix_spare_free(&spare);
	for (unsigned int i = 0; i < nr; i++) {
		if (ops->leave)
			ops->leave(page[i]);
		if (READ_ONCE(page[i]->refcount) > 1)
			page_unlock(page[i]);
		else
			page_clear(page[i], PG_LOCKED); /* who waits holds it */
		put_page(page[i]);
	}
	return nr != 0;
}

/* Result: is there one? */
static bool remove_next(struct mapping *mapping, uint32_t index)
{
	struct page *page = mapping_next(mapping, &index, RADIX_ANY);

	if (!page)
		return false;
	page_lock(page);
	page_wait_written(page);
	if (mapping_has(mapping, page))
		(void)mapping_remove(page, false);
	page_unlock(page);
	put_page(page);
	return true;
}

/* What went leaves its index to who follows; nobody comes before it: MA3. */
void mapping_remove_from(struct mapping *mapping, uint32_t first)
{
	while (remove_run(mapping, first) || remove_next(mapping, first))
		;
	tell_users(mapping, first);
}

void mapping_destroy(struct mapping *mapping)
{
	irqflags_t flags;

	mapping_remove_from(mapping, 0);
	ASSERT(mapping->nr_pages == 0);
	flusher_forget(mapping);
	flags = port_lock_irqsave(&cache.lock);
	list_del(&mapping->all);
	port_unlock_irqrestore(&cache.lock, flags);
}

/* --- writing --- */

void page_set_dirty(struct page *page)
{
	struct mapping *mapping = page->mapping;
	irqflags_t flags;

	ASSERT(page_has(page, PG_LOCKED) && page_has(page, PG_UPTODATE));
	if (page_has(page, PG_DIRTY))
		return; /* only who has it locked cleans it */
	flags = port_lock_irqsave(&mapping->lock);
	set_dirty_locked(mapping, page);
	port_unlock_irqrestore(&mapping->lock, flags);
}

void page_end_read(struct page *page, int error)
{
	ASSERT(page_has(page, PG_LOCKED) && !page_has(page, PG_UPTODATE)); /* PC1 */
	page_set(page, error ? PG_ERROR : PG_UPTODATE);
	page_unlock(page);
}

/* They are clean from here on: what is written to them now makes them dirty again, and is written again. */
static void begin_write_locked(struct mapping *mapping, struct page **page, unsigned int nr)
{
	ASSERT(port_lock_is_held(&mapping->lock));
	for (unsigned int i = 0; i < nr; i++)
		page_set(page[i], PG_WRITEBACK);
	radix_run_tag_set(&mapping->tree, page[0]->index, nr, RADIX_WRITEBACK);
	count(&cache.counts.nr_writeback, nr);
	clear_dirty_locked(mapping, page, nr);
}

static bool begin_write(struct mapping *mapping, struct page *page)
{
	irqflags_t flags = port_lock_irqsave(&mapping->lock);
	bool begins = !page_has(page, PG_WRITEBACK) && page_has(page, PG_DIRTY);

	if (begins)
		begin_write_locked(mapping, &page, 1);
	port_unlock_irqrestore(&mapping->lock, flags);
	return begins;
}

/* Result: how many of the first are under way, or the error of the first. */
static int begin_some(struct mapping *mapping, struct page **page, unsigned int nr)
{
	int error;

	if (nr > 1 && mapping->ops->writepages)
		return mapping->ops->writepages(mapping, page, nr);
	error = mapping->ops->writepage(mapping, page[0]);
	return error ? error : 1;
}

/* The tree has them until their writing ends. */
static void write_out(struct mapping *mapping, struct page **page, unsigned int nr)
{
	unsigned int before = scope_save(SCOPE_FS);

	for (unsigned int i = 0; i < nr;) {
		int done = begin_some(mapping, page + i, nr - i);

		ASSERT(done && done <= (int)(nr - i));
		if (done < 0)
			page_end_write(page[i], done);
		i += done < 0 ? 1u : (unsigned int)done;
	}
	scope_restore(SCOPE_FS, before);
}

bool page_write(struct page *page)
{
	struct mapping *mapping = page->mapping;
	bool begins = mapping && begin_write(mapping, page);

	ASSERT(page_has(page, PG_LOCKED));
	page_unlock(page);
	if (begins)
		write_out(mapping, &page, 1);
	return begins;
}

/* Those of the run that nobody has failed to write. */
static unsigned int without_failed(struct page *const *page, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr && !page_has(page[i], PG_ERROR); i++)
		;
	return i;
}

/* CP3: each is locked for the step that marks it. */
unsigned int mapping_write_run(struct mapping *mapping, uint32_t *index, unsigned int max)
{
	struct page *page[MAPPING_RUN];
	irqflags_t flags = port_lock_irqsave(&mapping->lock);
	unsigned int nr = find_run_locked(mapping, index, RADIX_DIRTY, page, MIN(max, MAPPING_RUN));

	nr = lock_run(page, without_failed(page, nr));
	if (nr)
		begin_write_locked(mapping, page, nr);
	port_unlock_irqrestore(&mapping->lock, flags);
	for (unsigned int i = 0; i < nr; i++)
		page_unlock(page[i]);
	write_out(mapping, page, nr);
	return nr;
}

/* The mapping may go as soon as its lock is given back; the pages are somebody's who waits, or the tree's, until then. */
void page_end_write_run(struct page **page, unsigned int nr, int error)
{
	struct mapping *mapping = page[0]->mapping;
	irqflags_t flags = port_lock_irqsave(&mapping->lock);

	for (unsigned int i = 0; i < nr; i++) {
		ASSERT(page_has(page[i], PG_WRITEBACK) &&
		       radix_is_tagged(&mapping->tree, page[i]->index, RADIX_WRITEBACK));
		if (error)
			set_failed_locked(mapping, page[i], error);
	}
	radix_run_tag_clear(&mapping->tree, page[0]->index, nr, RADIX_WRITEBACK);
	count(&cache.counts.nr_writeback, 0 - (size_t)nr);
	for (unsigned int i = 0; i < nr; i++)
		page_clear(page[i], PG_WRITEBACK);
	for (unsigned int i = 0; mapping->is_swap && !error && i < nr; i++)
		lru_rotate(page[i]);
	port_unlock_irqrestore(&mapping->lock, flags);
	for (unsigned int i = 0; i < nr; i++)
		page_wake_written(page[i]);
	wait_look();
}

void page_end_write(struct page *page, int error)
{
	page_end_write_run(&page, 1, error);
}

int mapping_error_since(struct mapping *mapping, unsigned int *seen)
{
	irqflags_t flags = port_lock_irqsave(&mapping->lock);
	int error = mapping->nr_errors != *seen ? mapping->last_error : 0;

	*seen = mapping->nr_errors;
	port_unlock_irqrestore(&mapping->lock, flags);
	return error;
}

/* --- what is seen from outside --- */

/* A page whose writing begins is counted twice for a moment, and in this order never not at all. */
struct cache_counts cache_counts(void)
{
	const struct cache_counts *counts = &cache.counts;
	struct cache_counts seen = {.nr_failed = __atomic_load_n(&counts->nr_failed, __ATOMIC_ACQUIRE)};

	seen.nr_dirty = __atomic_load_n(&counts->nr_dirty, __ATOMIC_ACQUIRE);
	seen.nr_writeback = __atomic_load_n(&counts->nr_writeback, __ATOMIC_ACQUIRE);
	seen.nr_pages = __atomic_load_n(&counts->nr_pages, __ATOMIC_ACQUIRE);
	return seen;
}

static const char *check_page(const struct mapping *mapping, const struct page *page, uint32_t index)
{
	if (!page_is_descriptor(page) || !page_is_head(page, PAGE_FILE, 0) || page->mapping != mapping ||
	    page->index != index || page->refcount < 1)
		return "MA1 an item of a mapping is no page of it";
	if (radix_is_tagged(&mapping->tree, index, RADIX_DIRTY) != page_has(page, PG_DIRTY) ||
	    radix_is_tagged(&mapping->tree, index, RADIX_WRITEBACK) != page_has(page, PG_WRITEBACK))
		return "MA2 a tag of a mapping is not its page's flag";
	if ((page->flags & (PG_DIRTY | PG_WRITEBACK)) && !page_has(page, PG_UPTODATE))
		return "CP4 a page that is written is not up to date";
	return NULL;
}

static const char *mapping_check(const struct mapping *mapping)
{
	size_t nr_dirty = 0, nr_failed = 0;
	struct radix_sum sum;
	const char *wrong = radix_check(&mapping->tree, &sum);
	const struct page *page;

	if (!wrong && sum.items != mapping->nr_pages)
		wrong = "MA1 a mapping counts its pages wrongly";
	for (uint32_t index = 0; !wrong && (page = radix_next(&mapping->tree, &index, RADIX_ANY)) != NULL;
	     index++) {
		wrong = check_page(mapping, page, index);
		nr_dirty += page_has(page, PG_DIRTY);
		nr_failed += page_has(page, PG_DIRTY) && page_has(page, PG_ERROR);
		if (index == (uint32_t)-1)
			break;
	}
	if (!wrong && (nr_dirty != mapping->nr_dirty || nr_failed != mapping->nr_failed))
		wrong = "MA5 a mapping counts its dirty pages wrongly";
	if (!wrong && mapping->flusher && nr_dirty && !mapping->is_listed)
		wrong = "WB1 a mapping with dirty pages is not in its flusher's list";
	return wrong;
}

const char *mapping_check_all(size_t *nr_pages)
{
	const struct mapping *mapping;
	const char *wrong = NULL;

	*nr_pages = 0;
	list_for_each_entry(mapping, &cache.mappings, all) {
		if (!wrong)
			wrong = mapping_check(mapping);
		*nr_pages += mapping->nr_pages;
	}
	return !wrong && *nr_pages != cache.counts.nr_pages ? "MA1 pages of mappings are counted wrongly"
							    : wrong;
}

/* SPDX-License-Identifier: MIT */
/* Files through their pages, one page after the other. No lock of its own: pages', and those of mapping.c. */
#include <mm/cache/pagecache.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <mm/cache/lru.h>
#include <mm/mapped/highmem.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/scope.h>

/* Of 32 bits of an index, the last of which is never used: a walk ends behind it. */
#define MAX_FILE_BYTES ((uint64_t)0xffffffffu << PAGE_SHIFT)

static unsigned int offset_in_page(uint64_t pos)
{
	return (unsigned int)pos & (PAGE_SIZE - 1);
}

static uint32_t page_of(uint64_t pos)
{
	return (uint32_t)(pos >> PAGE_SHIFT);
}

static void zero_part(const struct page *page, unsigned int from, unsigned int to)
{
	char *bytes = kmap_local_page(page);

	ASSERT(from <= to && to <= PAGE_SIZE);
	memset(bytes + from, 0, to - from);
	kunmap_local(bytes);
}

/* --- getting pages in --- */

/* The page is locked, and is not when its reading has ended. */
void pagecache_begin_read(struct mapping *mapping, struct page *page)
{
	unsigned int before = scope_save(SCOPE_FS);
	int error;

	ASSERT(page_has(page, PG_LOCKED) && !page_has(page, PG_UPTODATE)); /* PC1 */
	page_clear(page, PG_ERROR);
	error = mapping->ops->readpage(mapping, page);
	scope_restore(SCOPE_FS, before);
	if (error)
		page_end_read(page, error);
}

/* Nobody is at it: its reading failed before, or a writing that would have filled it. */
static void read_again(struct mapping *mapping, struct page *page)
{
	if (!page_trylock(page))
		return;
	if (mapping_has(mapping, page) && !page_has(page, PG_UPTODATE))
		pagecache_begin_read(mapping, page);
	else
		page_unlock(page);
}

/* PC1. Result: 0; -EIO; -EAGAIN: it has left, or was let go as it was. */
static int make_uptodate(struct mapping *mapping, struct page *page, bool is_new)
{
	if (page_has(page, PG_UPTODATE))
		return 0;
	if (is_new)
		pagecache_begin_read(mapping, page);
	else
		read_again(mapping, page);
	page_wait_unlocked(page);
	if (page_has(page, PG_UPTODATE))
		return 0;
	return mapping_has(mapping, page) && page_has(page, PG_ERROR) ? -EIO : -EAGAIN;
}

int pagecache_get(struct mapping *mapping, uint32_t index, struct page **page)
{
	for (;;) {
		int error, found = mapping_find_or_add(mapping, index, false, GFP_NOWAIT, page);

		if (found < 0)
			return found;
		error = make_uptodate(mapping, *page, found == 1);
		if (!error)
			return 0;
		put_page(*page);
		if (error != -EAGAIN)
			return error;
	}
}

/* --- reading ahead --- */

#define AHEAD_GFP (__GFP_COLD | __GFP_NORETRY | __GFP_NOWARN)

/* Pages that have just come in. */
static void begin_read_run(struct mapping *mapping, struct page **page, unsigned int nr)
{
	while (nr) {
		int done = 0;

		if (nr > 1 && mapping->ops->readpages) {
			unsigned int before = scope_save(SCOPE_FS);

			done = mapping->ops->readpages(mapping, page, nr);
			scope_restore(SCOPE_FS, before);
			ASSERT(done && done <= (int)nr);
		}
		if (done <= 0) {
			pagecache_begin_read(mapping, page[0]);
			done = 1;
		}
		page += done;
		nr -= (unsigned int)done;
	}
}

/* The memory first: nobody waits for it with a page locked. Result: how many there are now. */
static unsigned int get_fresh(const struct mapping *mapping, struct page **fresh, unsigned int nr,
			      unsigned int wanted)
{
	while (nr < wanted && (fresh[nr] = alloc_page(mapping->gfp | AHEAD_GFP)) != NULL)
		nr++;
	return nr;
}

static void read_pages(struct mapping *mapping, uint32_t index, uint32_t end)
{
	struct page *fresh[MAPPING_RUN];
	unsigned int nr = 0;

	while (index < end && (nr = get_fresh(mapping, fresh, nr, MIN(end - index, MAPPING_RUN))) != 0) {
		int added = mapping_add_run(mapping, index, fresh, MIN(nr, (unsigned int)(end - index)),
					    AHEAD_GFP);

		if (added < 0 && added != -EEXIST)
			break;
		if (added > 0) {
			begin_read_run(mapping, fresh, (unsigned int)added);
			nr -= (unsigned int)added;
			memmove(fresh, fresh + added, nr * sizeof(*fresh));
		}
		index += added > 0 ? (uint32_t)added : 1;
	}
	while (nr)
		__free_page(fresh[--nr]);
}

/* It is read ahead of while half of what was is left. */
bool readahead_next(struct readahead *ahead, uint32_t index, uint32_t nr_pages, uint32_t *start,
		    uint32_t *end)
{
	*start = MAX(ahead->end, index);
	if (index + 1 == ahead->next)
		return false;
	if (index != ahead->next) {
		*ahead = (struct readahead){.next = index + 1};
		return false;
	}
	ahead->next = index + 1;
	if (*start - index > ahead->window / 2 || *start >= nr_pages)
		return false;
	ahead->window = ahead->window ? MIN(2 * ahead->window, READAHEAD_MAX) : READAHEAD_MIN;
	*end = ahead->end = MIN(nr_pages - *start, ahead->window) + *start;
	ASSERT(ahead->window <= READAHEAD_MAX && *start < *end && *end <= nr_pages);
	return true;
}

static void read_ahead(struct mapping *mapping, struct readahead *ahead, uint32_t index, uint32_t nr_pages)
{
	uint32_t start, end;

	if (readahead_next(ahead, index, nr_pages, &start, &end))
		read_pages(mapping, start, end);
}

/* --- reading --- */

/* Bytes of the page of pos that are left of the file, at most `left`. */
static size_t bytes_left(uint64_t size, uint64_t pos, size_t left)
{
	return pos >= size ? 0
			   : (size_t)MIN((uint64_t)MIN(left, PAGE_SIZE - offset_in_page(pos)), size - pos);
}

/* Up to the end of a page and of the file. Result: bytes, 0 at the end, or an error. */
static long read_part(struct mapping *mapping, struct readahead *ahead, uint64_t pos, char *to, size_t left)
{
	uint64_t size = mapping_size(mapping);
	size_t nr = bytes_left(size, pos, left);
	bool is_same = ahead && ahead->next == page_of(pos) + 1; /* read in pieces, it is used once */
	struct page *page;
	int error;

	if (!nr)
		return 0;
	if (ahead)
		read_ahead(mapping, ahead, page_of(pos), pages_of_size(size));
	error = pagecache_get(mapping, page_of(pos), &page);
	if (error)
		return error == -ENXIO ? 0 : error; /* it was truncated meanwhile; so here: */
	nr = bytes_left(mapping_size(mapping), pos, left);
	ASSERT(offset_in_page(pos) + nr <= PAGE_SIZE && READ_ONCE(page->refcount) >= 1);
	memcpy_from_page(to, page, offset_in_page(pos), nr);
	if (!is_same)
		lru_touch(page);
	put_page(page);
	return (long)nr;
}

long pagecache_read(struct mapping *mapping, struct readahead *ahead, uint64_t pos, void *to,
		    size_t size_bytes)
{
	size_t done = 0;

	ASSERT(port_may_sleep());
	while (done < size_bytes) {
		long nr = read_part(mapping, ahead, pos + done, (char *)to + done, size_bytes - done);

		if (nr <= 0)
			return done ? (long)done : nr;
		done += (size_t)nr;
	}
	return (long)done;
}

/* --- writing --- */

/* Must what is on the disk be read before these bytes are written? */
static bool needs_content(struct mapping *mapping, uint64_t pos, unsigned int nr)
{
	uint64_t size = mapping_size(mapping), start = pos - offset_in_page(pos);

	return start < size && (pos > start || pos + nr < MIN(start + PAGE_SIZE, size));
}

/* Locked, with a reference, up to date where needs_content(). Result: 0 or an error. */
static int get_locked(struct mapping *mapping, uint64_t pos, unsigned int nr, struct page **page)
{
	for (;;) {
		int found = needs_content(mapping, pos, nr)
				    ? pagecache_get(mapping, page_of(pos), page)
				    : mapping_find_or_add(mapping, page_of(pos), true, GFP_NOWAIT, page);

		if (found < 0)
			return found;
		if (found == 0)
			page_lock(*page);
		ASSERT(page_has(*page, PG_LOCKED));
		if (mapping_has(mapping, *page))
			return 0;
		page_unlock(*page);
		put_page(*page);
	}
}

/* The page is locked. PC2: what a page that is new to the file gets beside the bytes is 0. */
static void fill(struct mapping *mapping, struct page *page, uint64_t pos, const char *from, unsigned int nr)
{
	unsigned int start = offset_in_page(pos);
	bool is_new = !page_has(page, PG_UPTODATE);

	ASSERT(page_has(page, PG_LOCKED) && mapping_has(mapping, page));
	ASSERT(nr && start + nr <= PAGE_SIZE);
	if (is_new) {
		zero_part(page, 0, start);
		zero_part(page, start + nr, PAGE_SIZE);
		page_clear(page, PG_ERROR); /* of a reading that is wanted no more */
	}
	memcpy_to_page(page, start, from, nr);
	if (is_new)
		page_set(page, PG_UPTODATE);
	if (pos + nr > mapping_size(mapping))
		mapping_set_size(mapping, pos + nr);
	page_set_dirty(page);
}

static int make_blocks(struct mapping *mapping, struct page *page, unsigned int from, unsigned int to)
{
	unsigned int before;
	int error;

	ASSERT(from < to && to <= PAGE_SIZE && page_has(page, PG_LOCKED));
	if (!mapping->ops->make_blocks)
		return 0;
	before = scope_save(SCOPE_FS);
	error = mapping->ops->make_blocks(mapping, page, from, to);
	scope_restore(SCOPE_FS, before);
	return error;
}

/* Within one page. Result: 0 or an error. */
static int write_part(struct mapping *mapping, uint64_t pos, const char *from, unsigned int nr)
{
	unsigned int start = offset_in_page(pos);
	struct page *page;
	int error = get_locked(mapping, pos, nr, &page);

	if (error)
		return error;
	error = make_blocks(mapping, page, start, start + nr);
	if (!error)
		fill(mapping, page, pos, from, nr);
	else if (!page_has(page, PG_UPTODATE))
		(void)mapping_remove(page, false); /* PC3 */
	page_unlock(page);
	put_page(page);
	return error;
}

/* The file ends, or ended, within a page: the rest of it is 0, on the disk too. */
static int zero_tail(struct mapping *mapping, uint64_t end)
{
	unsigned int from = offset_in_page(end);
	struct page *page;
	int error;

	if (!from)
		return 0;
	error = pagecache_get(mapping, page_of(end), &page);
	if (error)
		return error;
	page_lock(page); /* in its place for good: the mutex keeps truncation away, our reference reclaim */
	ASSERT(mapping_has(mapping, page) && page_has(page, PG_UPTODATE));
	error = make_blocks(mapping, page, from - 1, from);
	if (!error) {
		zero_part(page, from, PAGE_SIZE);
		page_set_dirty(page);
	}
	page_unlock(page);
	put_page(page);
	return error;
}

long pagecache_write(struct mapping *mapping, uint64_t pos, const void *from, size_t size_bytes)
{
	uint64_t end = mapping_size(mapping);
	size_t done = 0;
	int error = 0;

	ASSERT(port_may_sleep());
	if (pos > MAX_FILE_BYTES || size_bytes > MAX_FILE_BYTES - pos)
		return -EFBIG;
	if (size_bytes && pos > end)
		error = zero_tail(mapping, end);
	while (!error && done < size_bytes) {
		unsigned int nr =
			(unsigned int)MIN(size_bytes - done, (size_t)PAGE_SIZE - offset_in_page(pos + done));

		error = write_part(mapping, pos + done, (const char *)from + done, nr);
		if (!error)
			done += nr;
	}
	return done ? (long)done : error;
}

/* --- taking away --- */

int pagecache_truncate(struct mapping *mapping, uint64_t size_bytes)
{
	uint64_t end = mapping_size(mapping);
	int error;

	ASSERT(port_may_sleep());
	if (size_bytes > MAX_FILE_BYTES)
		return -EFBIG;
	error = zero_tail(mapping, MIN(end, size_bytes));
	if (error)
		return error;
	mapping_set_size(mapping, size_bytes);
	if (size_bytes < end)
		mapping_remove_from(mapping, pages_of_size(size_bytes));
	return 0;
}

/* --- writing out --- */

/* One that is locked, being written, or failed before. Result: 1; 0: there is none. */
static unsigned int write_next(struct mapping *mapping, uint32_t *index)
{
	struct page *page = mapping_next(mapping, index, RADIX_DIRTY);

	if (!page)
		return 0;
	page_lock(page);
	page_wait_written(page);
	(void)page_write(page);
	put_page(page);
	return 1;
}

void pagecache_write_out(struct mapping *mapping)
{
	uint32_t index = 0;
	unsigned int nr;

	ASSERT(port_may_sleep());
	do {
		nr = mapping_write_run(mapping, &index, MAPPING_RUN);
		if (!nr)
			nr = write_next(mapping, &index);
		index += nr;
	} while (nr);
}

void pagecache_wait_written(struct mapping *mapping)
{
	struct page *page;

	for (uint32_t index = 0; (page = mapping_next(mapping, &index, RADIX_WRITEBACK)) != NULL; index++) {
		page_wait_written(page);
		put_page(page);
	}
}

int pagecache_sync(struct mapping *mapping, unsigned int *seen)
{
	pagecache_write_out(mapping);
	pagecache_wait_written(mapping);
	return mapping_error_since(mapping, seen);
}

/* SPDX-License-Identifier: MIT */
/* A page of a file: what its descriptor says, its lock, and how one waits for it. Serves CONTRACT R2.
 *
 *   state PAGE_FILE   from mapping_add() to mapping_remove()
 *   flags             below
 *   refcount          1 of the tree it is in, 1 of each mapping in a program, 1 of each holder
 *   links             in a list of lru, or nobody's
 *   mapping, index    whose page, and which: constant while it is PAGE_FILE; then mapping is NULL
 *   private           the operations' own
 *
 * CP1 a reference is taken by a holder, or under a lock that keeps the page where it was found: the tree's, or that of
 *     its list. So a page that nobody else can find has the tree's reference and the finder's, and no more.
 * CP2 flags change by locked operations on their byte; DIRTY and WRITEBACK under the tree's lock, which has the same
 *     as tags; ONLIST and ACTIVE under the list's.
 * CP3 who holds the page's lock alone removes it from its tree, reads it in, changes its bytes, begins to write it.
 * CP4 a dirty page is up to date, and so is one that is being written.
 * CP5 one that has left is PAGE_ALLOCATED, of no mapping and in no list; holders may still lock it, and find that out.
 *
 * Nobody waits for memory with a page locked. Who wants several locks takes them in the order of their index. Reclaim
 * only tries. */
#pragma once

#include <mm/pages/page.h>

enum page_flag {
	PG_LOCKED = 1u << 0,
	PG_UPTODATE = 1u << 1,	 /* its bytes are the file's */
	PG_DIRTY = 1u << 2,	 /* and those of the disk are older */
	PG_WRITEBACK = 1u << 3,	 /* on its way to the disk */
	PG_REFERENCED = 1u << 4, /* used since it was looked at */
	PG_ACTIVE = 1u << 5,	 /* used more than once */
	PG_ERROR = 1u << 6,	 /* the last reading or writing of it failed */
	PG_ONLIST = 1u << 7,	 /* in a list of lru */
};

static inline bool page_has(const struct page *page, enum page_flag flag)
{
	return __atomic_load_n(&page->flags, __ATOMIC_ACQUIRE) & flag;
}

/* Result: was it set before? Both are full barriers. */
static inline bool page_set(struct page *page, enum page_flag flag)
{
	return __atomic_fetch_or(&page->flags, (uint8_t)flag, __ATOMIC_SEQ_CST) & flag;
}

static inline bool page_clear(struct page *page, enum page_flag flag)
{
	return __atomic_fetch_and(&page->flags, (uint8_t)(0xffu ^ flag), __ATOMIC_SEQ_CST) & flag;
}

static inline void page_clear_both(struct page *page, enum page_flag one, enum page_flag other)
{
	(void)__atomic_and_fetch(&page->flags, (uint8_t)(0xffu ^ (one | other)), __ATOMIC_SEQ_CST);
}

static inline void page_hold(struct page *page)
{
	__atomic_add_fetch(&page->refcount, 1, __ATOMIC_RELAXED);
}

/* Result: is it locked now, by the caller? Context: any. */
static inline bool page_trylock(struct page *page)
{
	return !page_has(page, PG_LOCKED) && !page_set(page, PG_LOCKED);
}

/* Waits while another has it; the first who waits is woken first. The caller holds a reference. Context: process, may
 * sleep. */
void page_lock(struct page *page);

/* Context: any: whoever ends a read unlocks the page for who began it. */
void page_unlock(struct page *page);

/* Until nobody has it locked, until it is not being written: a look, no promise. The caller holds a reference.
 * Context: process, may sleep. */
void page_wait_unlocked(struct page *page);
void page_wait_written(struct page *page);

/* The same, for timeout_ms at most. */
void page_wait_written_for(struct page *page, unsigned int timeout_ms);

/* It is being written no longer: whoever waits for that goes on. Context: any. */
void page_wake_written(struct page *page);

/* Context: boot. */
void cache_page_init(void);

/* SPDX-License-Identifier: MIT */
/* Which page of a file is where: its pages in memory, by index, and the operations that move them from and to the
 * place where the file lies. Who that is, a disk, a file system, the mapping does not know. Serves CONTRACT R2, R7.
 *
 * MA1 an item of the tree at index i is a page of state PAGE_FILE, of this mapping and index i, with the tree's
 *     reference; nr_pages counts them.
 * MA2 a page has a tag exactly when it has the flag of the same name.
 * MA3 a page that lies wholly behind the end of the file is locked by who makes the file as large, or about to be taken
 *     out by who made it smaller: nobody else adds one there.
 * MA4 a page becomes dirty only after its blocks exist: writing it out asks for no more than its blocks are (R3).
 * MA5 nr_dirty and nr_failed count pages that have DIRTY, and ERROR too: those that could not be written.
 *
 * An error of writing is counted, and told once to each who looks (mapping_error_since); the page stays dirty.
 *
 * Locks, in this order: the file's mutex, which is its owner's (who writes and who truncates holds it); pages', by
 * index; users_lock; mapping->lock, interrupts off; a list's; alone the queue's of waiters for a page. Pages and nodes come and go with none of the
 * last two held. */
#pragma once

#include <mm/cache/cache_page.h>
#include <mm/cache/radix.h>
#include <mm/pages/gfp.h>

struct mapping;
struct flusher;

/* Pages that come, are written or go in one step, at most: for as long interrupts are off. */
#define MAPPING_RUN 16u

/* Whoever calls one of them is inside a file system meanwhile (SCOPE_FS): what it asks memory for there it asks with
 * GFP_NOFS. */
struct mapping_ops {
	/* Begin to read the page: locked, of undefined content. What lies behind the end of the file, and where it has
	 * no blocks, becomes 0. Its end is page_end_read(), from any context, at once or later. Result: 0; an error:
	 * it has not begun. Context: process, may sleep, no lock but the page's. */
	int (*readpage)(struct mapping *mapping, struct page *page);

	/* Begin to write it: its flag WRITEBACK is set, its lock is not held. Behind the end of the file it is 0. Its
	 * end is page_end_write(). May not wait for memory, but for its own reserves; nor for the end of another page's writing: those
	 * behind it may be marked, too, and come next. Context: as readpage, no lock; reclaim too. */
	int (*writepage)(struct mapping *mapping, struct page *page);

	/* Its bytes [from, to) are about to be written: when the result is 0 there are blocks for them (MA4). NULL: there
	 * always are. Context: as readpage. */
	int (*make_blocks)(struct mapping *mapping, struct page *page, unsigned int from, unsigned int to);

	/* It has left; what page->private names is given back. NULL: nothing. The mapping may be gone. Context: process, may
	 * not sleep. */
	void (*leave)(struct page *page);

	/* The same of up to MAPPING_RUN pages one behind the other, as one request. Result: how many of the first have begun, at least
	 * one; an error: none. NULL: each by itself. */
	int (*readpages)(struct mapping *mapping, struct page **page, unsigned int nr);
	int (*writepages)(struct mapping *mapping, struct page **page, unsigned int nr);
};

/* Who shows the mapping's pages elsewhere, in programs, and is told when they go. */
struct mapping_user {
	struct list_head link; /* mapping->users */

	/* Shows no page from this one on any more. Context: process, users_lock held: may not sleep. */
	void (*forget)(struct mapping_user *user, uint32_t first);

	/* Has a program used the page there since this was asked before? Context: as that, the page locked. */
	bool (*was_used)(struct mapping_user *user, struct page *page);

	/* Shows this one no more. Context: as that. */
	void (*hide)(struct mapping_user *user, struct page *page);
};

/* (C) constant after mapping_init()  (L) mapping->lock  (M) the file's mutex, and (L)  (U) users_lock
 * (W), (F) see writeback.h */
struct mapping {
	const struct mapping_ops *ops; /* (C) */
	void *host;		       /* (C) whose it is, for the operations */
	gfp_t gfp;		       /* (C) of its pages */
	bool is_swap;		       /* (C) see swap.h */
	struct port_lock lock;
	struct radix_tree tree;	     /* (L) MA1, MA2 */
	size_t nr_pages;	     /* (L) MA1 */
	size_t nr_dirty;	     /* (L) MA5 */
	size_t nr_failed;	     /* (L) MA5 */
	uint64_t size_bytes;	     /* (M) of the file */
	unsigned int nr_errors;	     /* (L) of writing, ever */
	int last_error;		     /* (L) the last of them */
	struct list_head all;	     /* every mapping: cache.lock */
	struct port_lock users_lock; /* no interrupt takes it */
	struct list_head users;	     /* (U) */
	struct flusher
		*flusher; /* (C) set right after mapping_init(); NULL: who syncs and who reclaims write it */
	struct list_head to_write; /* (W) in the flusher's list */
	bool is_listed;		   /* (W) and (L) */
	unsigned int nr_tries;	   /* (F) of pages that failed */
	uint64_t dirty_since_ms;   /* (F), at first (W) */
	uint64_t retry_ms;	   /* (F), at first (L): not before that */
};

/* gfp: for its pages; their permissions are those of whoever reads and writes with no more than the mutex held.
 * Context: process. */
void mapping_init(struct mapping *mapping, const struct mapping_ops *ops, void *host, gfp_t gfp,
		  uint64_t size_bytes);

/* All its pages go, written or not; nobody uses it any more. Context: process, may sleep. */
void mapping_destroy(struct mapping *mapping);

/* From now on, and from now on not. Context: process. */
void mapping_add_user(struct mapping *mapping, struct mapping_user *user);
void mapping_remove_user(struct mapping *mapping, struct mapping_user *user);

/* For reclaim: is the page, which is locked, used where it is shown (second chance); and take it away from there. */
bool mapping_page_was_used(struct page *page);
void mapping_page_hide(struct page *page);

uint64_t mapping_size(struct mapping *mapping);

/* Context: the file's mutex held. */
void mapping_set_size(struct mapping *mapping, uint64_t size_bytes);

/* Pages that the size needs. */
static inline uint32_t pages_of_size(uint64_t size_bytes)
{
	return (uint32_t)((size_bytes + PAGE_SIZE - 1) >> PAGE_SHIFT);
}

/* Has the page its place in this mapping still? True for good while the caller holds its lock. */
static inline bool mapping_has(const struct mapping *mapping, const struct page *page)
{
	return READ_ONCE(page->mapping) == mapping;
}

/* A page with a reference, or NULL. Context: any. */
struct page *mapping_find(struct mapping *mapping, uint32_t index);

/* The first page at *index or behind it with a tag, or any; with a reference. NULL: there is none. Context: any. */
struct page *mapping_next(struct mapping *mapping, uint32_t *index, enum radix_tag tag);

/* The page that is there, or a new one: locked, not up to date. With a reference. may_grow: the caller has the file's
 * mutex, and makes the file as large. `more`: flags beside the mapping's. Result: 0; 1: it is new; -ENXIO: it would lie
 * behind the end (MA3); -ENOMEM. Context: process, as alloc_pages; no page locked. */
int mapping_find_or_add(struct mapping *mapping, uint32_t index, bool may_grow, gfp_t more,
			struct page **page) MUST_CHECK;

/* Pages that were just allocated come in from index on, locked: the tree's, whose reference theirs becomes, until somebody unlocks
 * them. Result: how many of the first; -EEXIST, -ENXIO, -ENOMEM: none, as mapping_find_or_add(). Context: as that. */
int mapping_add_run(struct mapping *mapping, uint32_t index, struct page **page, unsigned int nr,
		    gfp_t more) MUST_CHECK;

/* Out of the tree, and dirty no more: a page that is locked and not being written. The caller's reference stays.
 * only_unused: if nobody else holds one. Result: is it out? Context: process. */
bool mapping_remove(struct page *page, bool only_unused);

/* For swap.c: a page that was just allocated comes in, locked, with a second reference for the caller; one of a program, locked,
 * becomes the mapping's, its reference the tree's; and the other way round. Nodes come from spare and go there. Result: 0,
 * -EEXIST, -EAGAIN (radix_insert). Context: any. */
int mapping_add(struct mapping *mapping, uint32_t index, struct page *page,
		struct radix_spare *spare) MUST_CHECK;
int mapping_take_in(struct mapping *mapping, uint32_t index, struct page *page,
		    struct radix_spare *spare) MUST_CHECK;
void mapping_take_out(struct page *page, void *aspace, uint32_t index, struct radix_spare *spare);

/* All pages from this one on, each when what is read into it or written from it has ended; then no user shows one any
 * more. Context: may sleep. */
void mapping_remove_from(struct mapping *mapping, uint32_t first);

/* Of a page that is locked and up to date. Context: process. */
void page_set_dirty(struct page *page);

/* The end of a reading: up to date, or, with an error, marked so; unlocked. Context: any. */
void page_end_read(struct page *page, int error);

/* Writes a page that the caller has locked, unless it is clean, being written, or has left; it is unlocked then.
 * Result: was it begun? A failure to begin ends as one of the disk does. Context: as ops->writepage. */
bool page_write(struct page *page);

/* Begins to write pages one behind the other: dirty ones, none of which failed, is locked or being written; from the first
 * dirty one at *index or behind it on, which *index becomes. Result: how many; 0: that one is not such a page, or there is none.
 * Context: as ops->writepage. */
unsigned int mapping_write_run(struct mapping *mapping, uint32_t *index, unsigned int max);

/* The end of a writing; error: it is dirty again. Of a run: pages as they came to writepages. Context: any. */
void page_end_write(struct page *page, int error);
void page_end_write_run(struct page **page, unsigned int nr, int error);

/* The last error of writing since *seen errors were counted, as a negative number; *seen becomes what was counted. 0:
 * there was none. Context: any. */
int mapping_error_since(struct mapping *mapping, unsigned int *seen);

/* Pages in all mappings: there, dirty, being written. A snapshot. Context: any. */
struct cache_counts {
	size_t nr_pages, nr_dirty, nr_writeback;
	size_t nr_failed; /* of those that are dirty: the last writing failed */
};
struct cache_counts cache_counts(void);

/* What is wrong with all mappings, or NULL; *nr_pages: their pages. Context: as the validator's. */
const char *mapping_check_all(size_t *nr_pages);

/* Context: boot. */
void mapping_init_all(void);

/* SPDX-License-Identifier: MIT */
/* Swap: disks to which pages of programs go when memory is short. Serves CONTRACT R3, R5, R7, G5.
 *
 * An area is a disk with the signature that mkswap writes. Slot n is its page n, from 1 on; page 0 is the signature. On its way out and
 * in a page is one of the area's mapping, the swap cache, at the index of its slot: it is read once, waited for, written and dropped
 * as pages of files are. A program's page that came back keeps its slot while the disk has more than half of its slots left: as long
 * as nothing is written to it, it leaves again without being written.
 *
 *   a page of a program ─ swap_take_in ─► of the mapping ─ page_write … ─► dropped: in the slot alone
 *          ▲                                   │                                │
 *          └────────── swap_take_out ──────────┴──────── swap_get: read ◄───────┘
 *
 * SW1 a slot is free; kept by a page of a program that is in memory; used by one that is not; ended (of no program any more, its page not
 *     yet dropped); or bad: for good, because the signature says so or a page could not be written to it. An area counts those that
 *     are free and bad.
 * SW2 a used slot has one name, the entry of one address of one program, and so has a kept one, page->private of a page there; or it
 *     was just got by somebody who is about to write.
 * SW3 a page of an area's mapping has the index of a slot that is used or ended.
 * SW4 nothing is read from a disk but its signature, once, checked against the size of the disk; and slots that were written since
 *     swap_on(). So what an earlier boot left is never seen.
 * SW5 a page goes out without a free page: its nodes come from a stock that is kept for that, its request from the port's reserve (R3).
 * SW6 what could not be written stays in memory, dirty, until its program touches or ends it; then its slot is bad.
 *
 * Locks: an aspace's (see aspace.h), then swap's own, for slots, areas and the stock; then a mapping's; interrupts off. */
#pragma once

#include <mm/cache/pagecache.h>

struct port_disk;
struct swap_area;
struct sink;

/* The number of the area in the upper two bits of 30, the number of the slot there below; never 0. */
typedef uint32_t swap_slot_t;
#define SWAP_SLOT_BITS	 30u
#define SWAP_OFFSET_BITS 28u
#define SWAP_MAX_AREAS	 4u
#define SWAP_NAME_MAX	 8u

/* --- areas --- */

/* What the first page of a disk says, checked. Result: NULL; or what is wrong, in words that follow the disk's name and "is". */
struct swap_signature {
	uint32_t last_page, nr_bad;
	const uint32_t *bad; /* in the page */
};
const char *swap_signature_read(const void *page, uint64_t disk_pages, struct swap_signature *signature);

/* From now on pages go there. Result: 0; -EINVAL: its signature is wrong, -EIO: it cannot be read, -EBUSY: it is in use or there are
 * SWAP_MAX_AREAS, -ENOMEM: each but the last with one line. Context: process, may sleep. */
int swap_on(const char *name, const struct mapping_ops *ops, void *host, uint64_t size_bytes) MUST_CHECK;
int swap_on_disk(const char *name, struct port_disk *disk) MUST_CHECK;

/* Does memory go to that disk, or is it about to? Context: any. */
bool swap_uses_disk(const struct port_disk *disk);

/* For swap_off() (aspace/swapoff.c): no more slots are given; NULL: there is no such area. Given again. And its end, when none is used:
 * -EBUSY, one is. Context: process; the last may sleep. */
struct swap_area *swap_close(const char *name);
void swap_reopen(struct swap_area *area);
int swap_end(struct swap_area *area) MUST_CHECK;

/* Would what it has find room in so many pages, in those of files, and on other disks? */
bool swap_fits_elsewhere(const struct swap_area *area, size_t nr_free);

/* Whose swap cache it is: the disk's name; NULL: it is no swap cache. Context: any. */
const char *swap_disk_of(const struct mapping *mapping);

/* --- slots --- */

/* "page 17 of swap disk ide1"; result: buf. The slot is used or kept. Context: any. */
const char *swap_describe(swap_slot_t slot, char *buf, size_t size);

/* One for a page that is about to be written, its caller's; 0: none is free. Context: process. */
swap_slot_t swap_slot_get(void) MUST_CHECK;

/* The name is gone, so the slot is free, and what the swap cache has of it. The first waits while it is read or written, and may
 * sleep; the second leaves that to who drops the page. */
void swap_slot_put(swap_slot_t slot);
void swap_slot_drop(swap_slot_t slot);

/* The page that kept it is given up: the slot has it. Context: the aspace's lock held. */
void swap_slot_leave(swap_slot_t slot);

bool swap_slot_is_of(swap_slot_t slot, const struct swap_area *area);

/* Fills the stock of nodes with what is free, if it lacks any. Result: is it full? Context: process, no lock. */
bool swap_stock(void);

/* A page of a program, locked, becomes the slot's. Result: false: no nodes. Context: the aspace's lock held. */
bool swap_take_in(swap_slot_t slot, struct page *page) MUST_CHECK;

/* The slot's page, up to date, locked, not being written, with a reference. Result: 0; 1: it had to be read; -EIO; -ENOMEM; -EAGAIN: the slot is not used any more. Context: process, may sleep, no lock. */
int swap_get(swap_slot_t slot, gfp_t gfp, struct page **page) MUST_CHECK;

/* Those of these slots that are used and not in the cache begin to be read, as far as memory is easily had: their program comes to them
 * next. At most READAHEAD_MAX; one may be another's by now. Context: as swap_get(). */
void swap_read_ahead(const swap_slot_t *slot, unsigned int nr);

/* It becomes one of a program at this index; page->private is the slot, while it keeps that, else 0. Nodes go to spare, for
 * swap_spare_put(). Context: the aspace's lock held, page as from swap_get(). */
void swap_take_out(swap_slot_t slot, struct page *page, void *aspace, uint32_t index,
		   struct radix_spare *spare);
void swap_spare_put(struct radix_spare *spare);

/* --- policy, and what is seen --- */

/* Of pages that reclaim looks at, weighed by how many there are of each kind: 0: those of programs only when files give nothing; 100: as many of
 * each; 200: those of programs first. Default 60. */
void swap_set_swappiness(unsigned int swappiness);
unsigned int swap_swappiness(void);

/* Is there anywhere to go? Context: any. */
bool swap_is_on(void);

struct swap_counts {
	size_t nr_slots, nr_free, nr_bad; /* of all areas; nr_slots without the bad ones */
	size_t nr_cached;		  /* pages in the swap cache */
};
struct swap_counts swap_counts(void);

/* All areas as in /proc/swaps. Context: process. */
void swaps_print(struct sink *out);

/* Between the two a slot may be nobody's. Context: any. */
void swap_move_begin(void);
void swap_move_end(void);

/* For the validator: nothing is on the move; one more name (false: it is none of a used slot, or was seen before); is any used
 * slot without one? Context: as the validator's. */
bool swap_check_begin(void);
bool swap_check_name(swap_slot_t slot);
const char *swap_check_end(void);

/* Context: boot. */
void swap_init(void);

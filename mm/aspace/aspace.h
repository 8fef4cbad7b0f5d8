/* SPDX-License-Identifier: MIT */
/* What a program sees of memory: areas of addresses, and the pages that came to be there. Serves CONTRACT R8, K4, G3.
 *
 *   aspace ── areas ──> text (a file) | data (a file, private) | heap | … | mappings | … | stack
 *      └───── tables of pages: only of what was touched
 *
 * An area says what an address means: its permissions, and a file or nothing. Nothing is allocated for its pages until one
 * is touched: the fault brings a page of zeros, or the file's own from its mapping. A page of a file is shown as it is, to
 * all who have it, and never writable: who may write and does gets a copy of his own, which the file never sees.
 *
 * AS1 an entry of the tables leads to a page that the aspace has a reference to: one of programs (PAGE_USER), its alone;
 *     or one of a file, without the right to write. nr_resident counts them. Or it holds the number of a slot of swap, and
 *     the rights of the page that is there: nr_swapped.
 * AS2 each lies in an area, with no more rights than the area has.
 * AS3 a page is cleared, or written whole, before it has an entry (K4).
 * AS4 a page that has lost its entry is given back only after the flush.
 * AS5 tables stay until the end: nr_tables of them.
 * AS6 a page of a program names it: mapping is the aspace, index the number of its address's page, private the slot that is the same,
 *     or 0. The aspace does not end while somebody who found it so has pinned it.
 *
 * A program is one thread, which alone changes areas and takes faults; whoever makes or ends the program does it while
 * that one does not run. What comes from elsewhere is a file that becomes shorter, and reclaim: they take entries away, or replace a
 * page by the number of its slot; and swap_off(), which brings back.
 *
 * Locks, in this order: a page's; mapping->users_lock, for what an area says of its file; aspace->lock, for
 * the entries, interrupts off; swap's own. Nothing is allocated with any but the first held. The list of aspaces, and who has pinned
 * them, has one alone. */
#pragma once

#include <mm/cache/mapping.h>
#include <mm/cache/swap.h>
#include <mm/mapped/areas.h>

#define ASPACE_STACK_BYTES MIB(1u)		       /* how far a stack may grow */
#define ASPACE_STACK_END   (PORT_USER_END - PAGE_SIZE) /* no address overflows that is a little too large */
#define ASPACE_IMAGE_END   0x40000000u		       /* program and heap below, mappings above */
#define ASPACE_MAX_AREAS   1024u

enum aspace_prot { ASPACE_READ = 0, ASPACE_WRITE = PORT_USER_WRITE, ASPACE_EXEC = PORT_USER_EXEC };
enum aspace_access { ASPACE_READS, ASPACE_WRITES, ASPACE_EXECUTES };
enum aspace_kind { ASPACE_TEXT, ASPACE_DATA, ASPACE_HEAP, ASPACE_STACK, ASPACE_MAPPING, NR_ASPACE_KINDS };

/* A part of a file to be seen in an area, and who keeps the file while it is. */
struct aspace_file {
	struct mapping *mapping;
	uint32_t first_page; /* at the start of the area */
	size_t size_bytes;   /* from there on; what lies behind them in the area is 0 */
	void *owner;
	void (*hold)(void *owner);    /* one more reference to the file */
	void (*release)(void *owner); /* one fewer: it may sleep */
};

/* (P) the program's  (U) changed with the users_lock of its file */
struct aspace_area {
	struct area span;	  /* (P, U); first */
	struct aspace_file file;  /* (P, U); mapping NULL: there is none */
	struct mapping_user user; /* of the file */
	struct aspace *aspace;
	uint8_t prot, kind;
};

/* (P) the program's own thread  (L) aspace->lock  (A) changed in one step, read by anybody  (G) the list's lock */
struct aspace {
	struct port_space space; /* (L); first: the CPU wants it aligned */
	struct port_lock lock;
	struct areas areas;	  /* (P) */
	struct aspace_area *heap; /* (P) or NULL */
	struct area *recent;	  /* (P) where the last fault was, while it is in `areas`; or NULL */
	uintptr_t heap_start, heap_end;
	size_t nr_resident, nr_swapped, nr_tables; /* (A) AS1, AS5 */
	unsigned long nr_faults, nr_major;	   /* (P) of the latter a device was read for */
	struct readahead ahead;			   /* (P) of what was swapped out */
	struct list_head all;			   /* (G) */
	unsigned int nr_pins;			   /* (G) AS6 */
	struct port_thread *leaver;		   /* (G) who waits for that */
};

/* Without an area. NULL: no memory. Context: process. */
struct aspace *aspace_create(void) MUST_CHECK;

/* Everything it has goes back; it is in use on no CPU. aspace_free() the rest: who counts pages may look until then. */
void aspace_clear(struct aspace *aspace);
void aspace_free(struct aspace *aspace);

/* A new area of whole pages. *start: where, or 0: where there is room for a mapping, told there. file: NULL, or what is
 * seen there; its reference becomes the area's when the result is 0. Result: 0; -ENOMEM; -EINVAL: not whole pages, or not
 * a program's addresses; -EEXIST: something is there. Context: the program's. */
int aspace_map(struct aspace *aspace, uintptr_t *start, size_t size_bytes, enum aspace_kind kind,
	       unsigned int prot, const struct aspace_file *file) MUST_CHECK;

/* What there is in [start, start + size_bytes) goes. Result: 0; -EINVAL; -ENOMEM: a part in the middle of an area was to
 * go, and nothing did. Context: the program's. */
int aspace_unmap(struct aspace *aspace, uintptr_t start, size_t size_bytes) MUST_CHECK;

/* The heap begins here, once. It ends at `end`, any byte. Result: 0; -ENOMEM: no room, or memory; -EINVAL: before its
 * start. */
void aspace_set_heap(struct aspace *aspace, uintptr_t start);
int aspace_set_heap_end(struct aspace *aspace, uintptr_t end) MUST_CHECK;

/* What comes of an access that the CPU has refused. */
enum aspace_result {
	ASPACE_DONE,	   /* it succeeds now */
	ASPACE_NOTHING,	   /* there is no area */
	ASPACE_FORBIDDEN,  /* the area does not allow it */
	ASPACE_BEYOND,	   /* the file ends before */
	ASPACE_UNREADABLE, /* the file's page cannot be read */
	ASPACE_LOST,	   /* its own page, that was swapped out, cannot be read */
	ASPACE_NO_MEMORY,  /* also for who was killed */
};
enum aspace_result aspace_fault(struct aspace *aspace, uintptr_t addr, enum aspace_access access) MUST_CHECK;

/* What lies there, in words that follow "that is"; result: buf. Context: any; of a program that runs it may be wrong. */
const char *aspace_describe(const struct aspace *aspace, uintptr_t addr, char *buf, size_t size);

/* Where the page is that an address leads to, in words: "page 0x12f", "page 17 of swap disk ide1" or "no page"; result: buf.
 * Context: any; the aspace does not end meanwhile. */
const char *aspace_describe_page(struct aspace *aspace, uintptr_t addr, char *buf, size_t size);

/* What is wrong, or NULL: AS1, AS2, and the tree. Context: the program's, or it does not run. */
const char *aspace_check(struct aspace *aspace);

/* All pages that were swapped out to that disk come back, and it is not used any more. Result: 0; -EINVAL: it is not used; -ENOMEM: memory
 * and other disks cannot hold them; -EIO: one cannot be read; -EBUSY: it did not come to an end. Then it is used as before.
 * Context: process, may sleep. */
int swap_off(const char *name) MUST_CHECK;

/* SW1 to SW3, with what all programs name: what is wrong, or NULL. Context: as the validator's. */
const char *aspace_check_swap(void);

/* Context: boot. */
void aspace_init(void);

/* --- parts of aspace/ --- */

struct aspace_area *aspace_area_at(const struct aspace *aspace, uintptr_t addr);

/* AS6. The first after this one, or of all (NULL), pinned, and this one not any more; NULL: there are no more. */
struct aspace *aspace_next_pinned(struct aspace *aspace);
struct aspace *aspace_pin_owner(struct page *page); /* NULL: it has none; the page is locked */
void aspace_unpin(struct aspace *aspace);

void aspace_count(size_t *counter, size_t n);

/* anon.c. A page of programs, no one's yet, is about to be entered there. */
void anon_begin(struct page *page, struct aspace *aspace, uintptr_t addr);

/* Pages, at least one, that lost their entries: they are of no program, and their slots are free. Context: any that may take
 * the lock. */
void anon_forget_run(struct page **page, unsigned int nr);

/* The page of the entry that held `note` comes back to it. Result: 0; 1: it had to be read; -EAGAIN: something else is there by now;
 * -EIO, -ENOMEM. */
int anon_bring_in(struct aspace *aspace, uintptr_t addr, uint32_t note, struct readahead *ahead,
		  gfp_t gfp) MUST_CHECK;

/* What an entry without a page holds. */
static inline uint32_t anon_note(swap_slot_t slot, unsigned int prot)
{
	return slot << PORT_USER_PROT_BITS | prot;
}

static inline swap_slot_t anon_slot(uint32_t note)
{
	return note >> PORT_USER_PROT_BITS;
}

static inline port_entry_t *aspace_entry(const struct aspace *aspace, uintptr_t addr)
{
	return port_space_entry(&aspace->space, addr);
}

/* Does the entry for addr lead to the page? Context: the lock held. */
static inline bool aspace_leads_to(const struct aspace *aspace, uintptr_t addr, const struct page *page,
				   unsigned int *prot)
{
	pfn_t pfn;

	return port_entry_find(aspace_entry(aspace, addr), &pfn, prot) && pfn == page_to_pfn(page);
}

/* SPDX-License-Identifier: MIT */
/* Demonstrations: short plays on the running kernel in which a rule can be seen at work. What they print was
 * measured just then. Each leaves memory as it found it. Serves CONTRACT D1. */
#pragma once

#include <mm/early/nodemap.h>
#include <mm/pages/gfp.h>
#include <mm/port.h>

struct list_head;

/* Plays those of `list` ("all", "none" or names with commas; a name that is none is said). Context: a thread
 * that may sleep. */
void demo_run(const char *list);

/* The n-th name; NULL behind the last. */
const char *demo_name(unsigned int n);

/* Is `name` in the list, by itself or by "all"? */
bool demo_is_wanted(const char *list, const char *name);

/* Free pages of low memory, and how many of them an ordinary request leaves. */
size_t demo_low_free(void);
size_t demo_low_kept(void);

/* Takes low pages with these flags until there is none, largest blocks first; chained through their links.
 * Result: pages. */
size_t demo_take_all(struct list_head *taken, gfp_t gfp);
void demo_give_all(struct list_head *taken);

/* --- contexts --- */

/* Who allocates in the play, besides threads. */
enum demo_place { DEMO_TICK, DEMO_SERIAL, DEMO_TASKLET, DEMO_TIMER, DEMO_DISK, NR_DEMO_PLACES };

#define NR_DEMO_SLEEPERS 2

struct demo_contexts {
	unsigned int nr_got[NR_DEMO_PLACES], nr_dropped[NR_DEMO_PLACES];
	unsigned int nr_recovered[NR_DEMO_PLACES]; /* got something after a drop */
	size_t nr_free_at_drop;			   /* pages that were free when a handler was refused */
	unsigned int nr_elsewhere;		   /* handlers that did not run in the context they should */
	bool was_served[NR_DEMO_SLEEPERS];	   /* by waiting: it slept, and somebody's free woke it */
	unsigned int nr_refused[NR_DEMO_SLEEPERS]; /* the wait was too long, and it asked again */
	unsigned int slept_ms[NR_DEMO_SLEEPERS];   /* the last time */
	char woken_by[NR_DEMO_SLEEPERS][PORT_NAME_MAX];
};

/* Plays it. print: the time line follows. Result: false when there was no memory to begin with. Serves C2. */
bool demo_contexts_play(struct demo_contexts *seen, bool print) MUST_CHECK;
void demo_contexts(void);

/* --- success --- */

enum demo_kind { DEMO_KERNEL, DEMO_ATOMIC, DEMO_DMA_ATOMIC, NR_DEMO_KINDS };

struct demo_success {
	unsigned int nr_asked[NR_DEMO_KINDS], nr_got[NR_DEMO_KINDS];
	unsigned int nr_slept; /* of KERNEL's */
};

/* Requests for a page, each kind about once a tick, while a load takes all and gives it back at random.
 * Result: false when there was no memory to begin with. Serves C7. */
bool demo_success_measure(struct demo_success *success, unsigned int nr_ticks) MUST_CHECK;
void demo_success(void);

/* --- dma --- */

/* What there was, and what was seen of it. */
struct demo_dma {
	bool has_floppy, has_disk, has_edu;
	bool floppy_near;	      /* right */
	bool raw_missed, raw_damaged; /* the buffer untouched; the page that 24 bits name overwritten */
	bool floppy_far;	      /* bounced, and right */
	bool disk_both;		      /* right, and not bounced */
	bool edu_masked;	      /* bounced there and back, and right */
};

/* Result: false when there is no memory to play with: above 16 MiB, with a namesake below. Serves P11. */
bool demo_dma_play(struct demo_dma *seen, bool print) MUST_CHECK;
void demo_dma(void);

/* --- flags --- */

#define NR_DEMO_FLAGS 3u /* GFP_NOIO, GFP_NOFS, GFP_KERNEL */

/* What came of a request while all memory was dirty pages. */
struct demo_flag {
	bool got;
	unsigned int nr_asked;	      /* its patience ends, and it asks again */
	uint32_t nr_begun[4];	      /* writings by enum blk_behalf */
	uint32_t nr_swapped[4];	      /* ... to swap */
	uint32_t nr_calls[4];	      /* of the file system, the same way */
	uint32_t took_us;	      /* asleep and awake */
	char woken_by[PORT_NAME_MAX]; /* "": it did not sleep */
};

struct demo_flags {
	char disk[8];
	bool has_fs; /* the pages are a file's, on that disk */
	bool has_swap;
	struct demo_flag flag[NR_DEMO_FLAGS];
};

enum demo_outcome { DEMO_PLAYED, DEMO_NO_DEVICE, DEMO_NO_MEMORY };

/* Serves G4, G5, G1. */
enum demo_outcome demo_flags_play(struct demo_flags *seen) MUST_CHECK;
void demo_flags(void);

/* --- nodes --- */

#define DEMO_NODE_REQUESTS 1000u

enum demo_node_way {
	DEMO_NODE_PAGE,
	DEMO_NODE_OBJECT,
	DEMO_NODE_FAR_PAGE,
	DEMO_NODE_FAR_OBJECT,
	DEMO_NODE_PAGE_FULL,
	DEMO_NODE_OBJECT_FULL,
	DEMO_NODE_ALONE_FULL,
	NR_DEMO_NODE_WAYS
};

struct demo_nodes {
	unsigned int near, far;
	unsigned int nr[NR_DEMO_NODE_WAYS][MAX_NODES]; /* requests that each node served */
};

/* DEMO_NO_DEVICE: there are no two nodes with room in ordinary memory. Serves P8, G22. */
enum demo_outcome demo_nodes_play(struct demo_nodes *seen) MUST_CHECK;
void demo_nodes(void);

/* --- swap --- */

#define NR_DEMO_PROGRAMS 3u

/* Three programs of `mib` MiB each in mib MiB, and a kernel that asks. */
struct demo_swap {
	unsigned int mib, ms;
	bool has_begun;
	int code[NR_DEMO_PROGRAMS];			    /* of exit: 0: every byte was right */
	unsigned int nr_asked, nr_got;			    /* by the kernel */
	size_t faults, majors, out, in;			    /* out, in: pages */
	size_t most_swapped, nr_used_before, nr_used_after; /* slots */
};

/* NO_DISK: no swap disk has room. Serves R5. */
enum demo_outcome demo_swap_play(struct demo_swap *seen, bool print) MUST_CHECK;
void demo_swap(void);

/* --- fragmentation --- */

#define DEMO_FRAGMENT_STEP 16u /* one page of so many stays */

/* All low memory page by page, and all given back but every 16th: those are in `kept`. Result: how many. */
size_t demo_fragment(struct list_head *kept);
void demo_fragmentation(void);

/* Boot, before the hand-over: a block of DEMO_BOOTMEM_BYTES from alloc_bootmem, when the list wants the
 * demonstration and low memory has room. */
#define DEMO_BOOTMEM_BYTES (8u << 20)
void demo_bootmem_take(const char *list);

/* Its bytes; 0: there is none, or it was given back. Give back: to the page allocator. */
size_t demo_bootmem_bytes(void);
bool demo_bootmem_is_whole(void);
void demo_bootmem_fill(void);
void demo_bootmem_give_back(void);

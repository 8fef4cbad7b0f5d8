/* SPDX-License-Identifier: MIT */
/* What the suites of mm share: a machine that is left as it was found, ways to fill it, and reports that are
 * counted exactly. How long tests may take is decided here and nowhere else. Guest and host. */
#pragma once

#include <mm/objects/kmalloc.h>
#include <mm/pages/zone.h>
#include <mm/reclaim/vmscan.h>
#include <mm/reclaim/wait.h>
#include <tests/ktest.h>

/* The guest runs under an emulator and has seconds; the host has sanitizers and validates all the time. */
#ifdef __KERNEL__
#define TEST_RANDOM_OPS		 6000u
#define TEST_VALIDATIONS	 4u
#define TEST_MAX_VALIDATED_PAGES (64u << 8) /* of 4 KiB: larger machines are validated now and then */
#else
#define TEST_RANDOM_OPS		 20000u
#define TEST_VALIDATIONS	 2000u
#define TEST_MAX_VALIDATED_PAGES (512u << 8)
#endif

/* First line of a test that allocates: when the test ends, by whatever return, every zone's free blocks must
 * be those it found (buddyinfo, to the byte), no cache may hold more objects, and mm_validate() must find
 * nothing. Empty slabs are given back on both ends. */
#define MACHINE_STAYS_AS_FOUND()                                                                             \
	int machine_is_watched_ __attribute__((cleanup(machine_expect_as_found), unused)) = machine_note()

/* Before that line: until the test ends, by whatever return, `pointer`, a variable of the file, points to
 * that many zeroed elements. The image of the kernel has no room for them. */
#define BORROW_MANY(pointer, nr)                                                                             \
	void *borrowed_##pointer __attribute__((cleanup(borrowed_give_back), unused)) = (pointer) =          \
		kzalloc(sizeof(*(pointer)) * (nr), GFP_KERNEL);                                              \
	REQUIRE(pointer)
#define BORROW(pointer) BORROW_MANY(pointer, 1)

void borrowed_give_back(void **memory);

int machine_note(void);
void machine_expect_as_found(int *unused);

/* Are the free blocks and live objects those that machine_note() saw? For the middle of a test. */
bool machine_is_as_found(void);

/* Empties the stacks of all caches and gives their empty slabs back. Objects in use, of all caches. */
void shrink_all_caches(void);
size_t nr_live_objects(void);
size_t nr_objects_in_use(const struct kmem_cache *cache); /* of its slabs, and guarded ones */

/* First line of a negative test: from here on reports are kept and rate limits start anew. */
void expect_reports(void);

/* That exactly one report came since expect_reports() or the last call, and says `text`. */
#define EXPECT_ONE_REPORT(text)                                                                              \
	((void)ktest_check(one_report_says(text), __FILE__, __LINE__, "one report: " text))
bool one_report_says(const char *text);

/* mm_validate() finds nothing; what it finds is noted. */
void expect_valid(void);

/* Pages of all zones that the kernel reaches at any time, used or not. */
size_t nr_low_pages(void);

/* The same of all nodes' zones of a kind. */
size_t nr_managed_pages(enum zone_id id);

/* Free blocks of one order in a zone, all mobilities. */
size_t zone_nr_blocks(struct zone *zone, unsigned int order);

/* Blocks of that order that could still be cut from what is free: what a complete allocator must deliver. */
size_t zone_nr_blocks_within(struct zone *zone, unsigned int order);

/* Flags of a request whose first choice is that zone. */
gfp_t zone_gfp(const struct zone *zone);

/* A block of this very zone, down to its last page; NULL when it has none. */
struct page *zone_take(struct zone *zone, unsigned int order);

/* Blocks taken away from everybody, chained through their descriptors. */
void hog_zone(struct list_head *hog, struct zone *zone, size_t leave_pages);
void hog_all(struct list_head *hog);

/* All of the zones up to `highest`, whosever node's, but one. */
void hog_others(struct list_head *hog, enum zone_id highest, const struct zone *but);

/* The same down to what requests for zones up to `highest` must leave: one page more, and they get it. */
void hog_to_floor(struct list_head *hog, enum zone_id highest);
void hog_release(struct list_head *hog);

/* A local variable whose test leaves nothing behind: fn(&variable) also where a REQUIRE that fails returns. */
#define ENDS_WITH(fn)	 __attribute__((cleanup(fn), unused))
#define HOG(name)	 ENDS_WITH(hog_release) struct list_head name = LIST_HEAD_INIT(name)
#define GIVER(name, ...) ENDS_WITH(giver_unregister) struct giver name = {.answer = 0, ##__VA_ARGS__}

/* A shrinker with pages to give, one an object. It gives to the thread that made it, unless it gives to all,
 * and counts what is asked of it by those it gives to. */
struct giver {
	struct shrinker shrinker;
	struct port_thread *owner;
	bool gives_to_all;
	unsigned int gives_from; /* on the n-th scan it begins to give, 0 and 1: at once */
	size_t answer;		 /* of a scan that gives nothing: 0, SHRINK_STOP, or a lie */
	unsigned int nr_scans, nr_counts;
	unsigned int depth, max_depth;	      /* calls of scan inside one another */
	void (*in_scan)(struct giver *giver); /* done first in each scan; NULL: nothing */
	struct list_head pages;
	size_t nr_pages;
	bool is_registered;
};

/* Takes nr_pages for it that satisfy gfp, and registers it. Result: were there as many? */
bool giver_register(struct giver *giver, size_t nr_pages, gfp_t gfp);

/* Unregisters it, if it is, and frees what it did not give. */
void giver_unregister(struct giver *giver);

/* A waiter for an object of a cache that nobody has: nothing serves it. */
void wait_init_for_nothing(struct mem_waiter *waiter);

/* First line of a test of what is parked per CPU. */
#define NEEDS_OPEN_LISTS()                                                                                   \
	if (lists_stay_closed())                                                                             \
	SKIP("what sees every call keeps the lists closed")

/* First line of a test that takes that many pages of high memory. */
#define NEEDS_HIGH_PAGES(nr)                                                                                 \
	if (nr_managed_pages(ZONE_HIGHMEM) < (nr))                                                           \
	SKIP("not enough high memory")

/* Does somebody see every page and object, so that nothing is ever parked? */
bool lists_stay_closed(void);

/* First line of a test of what slabs do: no object lies between unmapped pages until it ends. */
#define OBJECTS_COME_FROM_SLABS() GUARD_SAMPLE_IS(0)

/* Until the test ends, by whatever return; nothing where there is no guard_sample=. */
#define GUARD_SAMPLE_IS(sample)                                                                              \
	unsigned int guard_sample_ ENDS_WITH(guard_sample_back) = guard_sample_change(sample)

unsigned int guard_sample_change(unsigned int sample);
void guard_sample_back(const unsigned int *sample);

/* Is every byte of memory this one? And is it 0, or the poison of freed objects or pages? */
bool memory_is(const void *memory, int byte, size_t size_bytes);
bool memory_is_cleared(const void *memory, size_t size_bytes);

/* Of an object that was freed, while its slab stays: that, behind the link to the next; or it is unmapped. */
bool freed_is_cleared(const void *object, size_t size_bytes);

/* Bytes of an object that its owner may use, `asked` of them for certain: the slack, too, unless it is guarded. */
size_t bytes_of(const void *object, size_t asked);

/* A run of random operations against a dumb model; see test_random.c. validate_every: operations. */
void random_operations(uint32_t seed, unsigned int nr_ops, unsigned int validate_every);

/* The same in memory that `enter` has changed, until `leave`. */
void random_operations_between(uint32_t seed, unsigned int nr_ops, unsigned int validate_every,
			       void (*enter)(void), void (*leave)(void));

#include <tests/kernel/held.h> /* last: it hides calls */

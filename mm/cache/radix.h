/* SPDX-License-Identifier: MIT */
/* A tree of pages by their index, with tags that find those that want something: what a mapping keeps its pages
 * in. Serves CONTRACT R2, R3.
 *
 * A node has 64 slots; its slots are items where its shift is 0, else nodes for 2^shift indices each. A tree is as
 * high as its largest index wants, so one look goes through 1 to RADIX_MAX_HEIGHT nodes, and a node serves 64 pages.
 * Each slot has a bit for each tag: it says that the item has the tag, or some item below does.
 *
 * An insertion takes the nodes it lacks from the caller's spare ones, which he gets before he takes the lock: so
 * it is done or it is not, and never half.
 *
 * RT1 no node is empty, and the root has more than its slot 0, unless it is a leaf.
 * RT2 a node counts its slots that are in use, and none of them is out of its reach.
 * RT3 a bit of a tag is set exactly when what its slot leads to has the tag.
 * RT4 a node knows its parent and its slot there; levels are RADIX_BITS apart.
 *
 * Lock: the caller's, around everything but radix_spare_fill() and radix_spare_free(). */
#pragma once

#include <mm/pages/gfp.h>

#define RADIX_BITS	  6u
#define RADIX_SLOTS	  (1u << RADIX_BITS)
#define RADIX_RUN	  32u /* a run lies in so many indices, the first of which divides by that */
#define RADIX_MAX_HEIGHT  6u  /* of 32 bits of an index */
#define RADIX_MAX_MISSING (2 * RADIX_MAX_HEIGHT - 2u) /* new roots, then a path beside the old one */

enum radix_tag { RADIX_DIRTY, RADIX_WRITEBACK, NR_RADIX_TAGS, RADIX_ANY = NR_RADIX_TAGS };

struct radix_node {
	struct radix_node *parent;			  /* RT4; NULL: the root. Of a spare one: the next */
	uint8_t shift, place;				  /* RT4 */
	uint8_t nr;					  /* RT2 */
	uint32_t tagged[NR_RADIX_TAGS][RADIX_SLOTS / 32]; /* RT3 */
	void *slot[RADIX_SLOTS];
};

struct radix_tree {
	struct radix_node *root; /* NULL: empty */
};

/* Nodes on their way into a tree or out of one, their owner's alone. */
struct radix_spare {
	struct radix_node *first;
	unsigned int nr, wanted;
};

/* Its nodes come from a cache that this makes. Context: boot. */
void radix_init(void);

/* As many nodes as the insertion that failed wants. Result: are they there? Context: as kmem_cache_alloc; no lock. */
bool radix_spare_fill(struct radix_spare *spare, gfp_t gfp) MUST_CHECK;

/* All of them to the allocator. Context: any, no lock. */
void radix_spare_free(struct radix_spare *spare);

/* One node from one to the other. */
void radix_spare_move(struct radix_spare *to, struct radix_spare *from);

/* The item, or NULL. */
void *radix_find(const struct radix_tree *tree, uint32_t index);

/* Result: 0; -EEXIST: there is one; -EAGAIN: spare has too few nodes, fill it and try again. In both nothing changed. */
int radix_insert(struct radix_tree *tree, uint32_t index, void *item, struct radix_spare *spare) MUST_CHECK;

/* Takes the item out, tags and all; NULL: there is none. Nodes that are no longer wanted go to spare. */
void *radix_remove(struct radix_tree *tree, uint32_t index, struct radix_spare *spare);

/* Of an item that is there. */
void radix_tag_set(struct radix_tree *tree, uint32_t index, enum radix_tag tag);
void radix_tag_clear(struct radix_tree *tree, uint32_t index, enum radix_tag tag);

/* A run: items one after the other, in one walk. radix_run(): those from index on that have the tag, or any, up to max.
 * Result: how many. The others: of items that are all there, within a RADIX_RUN. */
unsigned int radix_run(const struct radix_tree *tree, uint32_t index, enum radix_tag tag, void **item,
		       unsigned int max);
void radix_run_tag_set(struct radix_tree *tree, uint32_t index, unsigned int nr, enum radix_tag tag);
void radix_run_tag_clear(struct radix_tree *tree, uint32_t index, unsigned int nr, enum radix_tag tag);
void radix_run_remove(struct radix_tree *tree, uint32_t index, unsigned int nr, struct radix_spare *spare);

bool radix_is_tagged(const struct radix_tree *tree, uint32_t index, enum radix_tag tag);

/* Has any item the tag? RADIX_ANY: is there one? */
bool radix_has(const struct radix_tree *tree, enum radix_tag tag);

/* The first item at *index or behind it, with that tag or RADIX_ANY; *index becomes its. NULL: there is none. */
void *radix_next(const struct radix_tree *tree, uint32_t *index, enum radix_tag tag);

/* What is wrong, or NULL; and how many there are. Context: as the validator's. */
struct radix_sum {
	size_t items, nodes;
};

const char *radix_check(const struct radix_tree *tree, struct radix_sum *sum);

/* SPDX-License-Identifier: MIT */
/* Trees of pages. Walks go down by the index and up by parent and place; nothing is recursive but the check. */
#include <mm/cache/radix.h>

#include <kernel/lib/assert.h>
#include <kernel/lib/bitops.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <mm/objects/slab.h>

static struct kmem_cache *node_cache;

void radix_init(void)
{
	node_cache = kmem_cache_create("radix_node", sizeof(struct radix_node), 0,
				       SLAB_RECLAIM_ACCOUNT | SLAB_PANIC, NULL);
}

/* --- spare nodes --- */

static void spare_push(struct radix_spare *spare, struct radix_node *node)
{
	node->parent = spare->first;
	spare->first = node;
	spare->nr++;
}

static struct radix_node *spare_pop(struct radix_spare *spare)
{
	struct radix_node *node = spare->first;

	ASSERT(node && spare->nr);
	spare->first = node->parent;
	spare->nr--;
	return node;
}

bool radix_spare_fill(struct radix_spare *spare, gfp_t gfp)
{
	while (spare->nr < spare->wanted) {
		struct radix_node *node = kmem_cache_alloc(node_cache, gfp);

		if (!node)
			return false;
		spare_push(spare, node);
	}
	return true;
}

void radix_spare_move(struct radix_spare *to, struct radix_spare *from)
{
	spare_push(to, spare_pop(from));
}

void radix_spare_free(struct radix_spare *spare)
{
	while (spare->nr)
		kmem_cache_free(node_cache, spare_pop(spare));
}

/* --- places --- */

static unsigned int slot_of(const struct radix_node *node, uint32_t index)
{
	return index >> node->shift & (RADIX_SLOTS - 1);
}

/* Does the root reach as far? In two steps: the largest shift and RADIX_BITS are more than a word has. */
static bool root_reaches(const struct radix_node *root, uint32_t index)
{
	return index >> root->shift >> RADIX_BITS == 0;
}

/* The first index of a slot, in the node that `index` leads through. */
static uint32_t index_of_slot(const struct radix_node *node, uint32_t index, unsigned int slot)
{
	return (index >> node->shift >> RADIX_BITS << RADIX_BITS | slot) << node->shift;
}

static unsigned int levels_of(const struct radix_node *node)
{
	return node->shift / RADIX_BITS + 1;
}

static unsigned int levels_for(uint32_t index)
{
	unsigned int levels = 1;

	while (index >>= RADIX_BITS)
		levels++;
	return levels;
}

/* NULL: the tree has none that reaches the index. */
static struct radix_node *leaf_of(const struct radix_tree *tree, uint32_t index)
{
	struct radix_node *node = tree->root;

	if (!node || !root_reaches(node, index))
		return NULL;
	while (node && node->shift)
		node = node->slot[slot_of(node, index)];
	return node;
}

void *radix_find(const struct radix_tree *tree, uint32_t index)
{
	const struct radix_node *leaf = leaf_of(tree, index);

	return leaf ? leaf->slot[slot_of(leaf, index)] : NULL;
}

/* --- tags --- */

static bool node_has(const struct radix_node *node, enum radix_tag tag)
{
	return node->tagged[tag][0] | node->tagged[tag][1];
}

/* Of a run, in its word of a leaf's tags. */
static uint32_t bits_of_run(uint32_t index, unsigned int nr)
{
	ASSERT(nr && index % RADIX_RUN + nr <= RADIX_RUN);
	return ~0u >> (RADIX_RUN - nr) << index % RADIX_RUN;
}

static unsigned int word_of(uint32_t index)
{
	return index % RADIX_SLOTS / RADIX_RUN;
}

void radix_run_tag_set(struct radix_tree *tree, uint32_t index, unsigned int nr, enum radix_tag tag)
{
	struct radix_node *node = leaf_of(tree, index);

	ASSERT(node && node->slot[slot_of(node, index)]);
	node->tagged[tag][word_of(index)] |= bits_of_run(index, nr);
	while ((node = node->parent) != NULL && !bitmap_test(node->tagged[tag], slot_of(node, index)))
		bitmap_set(node->tagged[tag], slot_of(node, index));
}

void radix_run_tag_clear(struct radix_tree *tree, uint32_t index, unsigned int nr, enum radix_tag tag)
{
	struct radix_node *node = leaf_of(tree, index);

	ASSERT(node && node->slot[slot_of(node, index)]);
	node->tagged[tag][word_of(index)] &= ~bits_of_run(index, nr);
	while (!node_has(node, tag) && (node = node->parent) != NULL)
		bitmap_clear(node->tagged[tag], slot_of(node, index));
}

void radix_tag_set(struct radix_tree *tree, uint32_t index, enum radix_tag tag)
{
	radix_run_tag_set(tree, index, 1, tag);
}

void radix_tag_clear(struct radix_tree *tree, uint32_t index, enum radix_tag tag)
{
	radix_run_tag_clear(tree, index, 1, tag);
}

bool radix_is_tagged(const struct radix_tree *tree, uint32_t index, enum radix_tag tag)
{
	const struct radix_node *leaf = leaf_of(tree, index);

	return leaf && bitmap_test(leaf->tagged[tag], slot_of(leaf, index));
}

bool radix_has(const struct radix_tree *tree, enum radix_tag tag)
{
	return tree->root && (tag == RADIX_ANY || node_has(tree->root, tag));
}

/* --- in and out --- */

static unsigned int nr_missing(const struct radix_tree *tree, uint32_t index)
{
	const struct radix_node *node = tree->root, *child;
	unsigned int levels = levels_for(index);

	if (!node)
		return levels;
	if (!root_reaches(node, index))
		return levels - levels_of(node) + levels - 1;
	for (; node->shift; node = child) {
		child = node->slot[slot_of(node, index)];
		if (!child)
			return levels_of(node) - 1;
	}
	return 0;
}

static struct radix_node *new_node(struct radix_spare *spare, unsigned int shift)
{
	struct radix_node *node = spare_pop(spare);

	memset(node, 0, sizeof(*node));
	node->shift = (uint8_t)shift;
	return node;
}

static void hang_in(struct radix_node *parent, unsigned int place, struct radix_node *child)
{
	ASSERT(place < RADIX_SLOTS && !parent->slot[place] && parent->nr < RADIX_SLOTS); /* RT2 */
	ASSERT(child->shift + RADIX_BITS == parent->shift);				 /* RT4 */
	child->parent = parent;
	child->place = (uint8_t)place;
	parent->slot[place] = child;
	parent->nr++;
}

static void raise_root(struct radix_tree *tree, struct radix_spare *spare)
{
	struct radix_node *old = tree->root, *root = new_node(spare, old->shift + RADIX_BITS);

	ASSERT(!old->parent && levels_of(root) <= RADIX_MAX_HEIGHT); /* RT4 */
	hang_in(root, 0, old);
	for (unsigned int tag = 0; tag < NR_RADIX_TAGS; tag++)
		if (node_has(old, (enum radix_tag)tag))
			bitmap_set(root->tagged[tag], 0);
	tree->root = root;
}

/* The leaf of an index, made where it is not there. */
static struct radix_node *make_leaf(struct radix_tree *tree, uint32_t index, struct radix_spare *spare)
{
	struct radix_node *node;

	if (!tree->root)
		tree->root = new_node(spare, (levels_for(index) - 1) * RADIX_BITS);
	while (!root_reaches(tree->root, index))
		raise_root(tree, spare);
	for (node = tree->root; node->shift; node = node->slot[slot_of(node, index)])
		if (!node->slot[slot_of(node, index)])
			hang_in(node, slot_of(node, index), new_node(spare, node->shift - RADIX_BITS));
	return node;
}

int radix_insert(struct radix_tree *tree, uint32_t index, void *item, struct radix_spare *spare)
{
	struct radix_node *leaf = leaf_of(tree, index);

	ASSERT(item);
	if (leaf && leaf->slot[slot_of(leaf, index)])
		return -EEXIST;
	if (!leaf) {
		spare->wanted = nr_missing(tree, index);
		if (spare->nr < spare->wanted)
			return -EAGAIN;
		leaf = make_leaf(tree, index, spare);
	}
	ASSERT(leaf->shift == 0 && leaf->nr < RADIX_SLOTS); /* RT2 */
	leaf->slot[slot_of(leaf, index)] = item;
	leaf->nr++;
	return 0;
}

/* RT1, from a leaf upwards. */
static void drop_empty(struct radix_tree *tree, struct radix_node *node, struct radix_spare *spare)
{
	while (node && node->nr == 0) {
		struct radix_node *parent = node->parent;

		if (parent) {
			ASSERT(parent->slot[node->place] == node && parent->nr); /* RT4, RT2 */
			parent->slot[node->place] = NULL;
			parent->nr--;
		} else {
			tree->root = NULL;
		}
		spare_push(spare, node);
		node = parent;
	}
}

/* RT1, from the root downwards. */
static void lower_root(struct radix_tree *tree, struct radix_spare *spare)
{
	struct radix_node *root = tree->root;

	while (root && root->shift && root->nr == 1 && root->slot[0]) {
		tree->root = root->slot[0];
		tree->root->parent = NULL;
		spare_push(spare, root);
		root = tree->root;
	}
}

void radix_run_remove(struct radix_tree *tree, uint32_t index, unsigned int nr, struct radix_spare *spare)
{
	struct radix_node *leaf = leaf_of(tree, index);
	uint32_t bits = bits_of_run(index, nr);

	ASSERT(leaf && leaf->nr >= nr); /* RT2 */
	for (unsigned int tag = 0; tag < NR_RADIX_TAGS; tag++)
		if (leaf->tagged[tag][word_of(index)] & bits)
			radix_run_tag_clear(tree, index, nr, (enum radix_tag)tag);
	for (unsigned int i = 0; i < nr; i++) {
		ASSERT(leaf->slot[slot_of(leaf, index + i)]);
		leaf->slot[slot_of(leaf, index + i)] = NULL;
	}
	leaf->nr = (uint8_t)(leaf->nr - nr);
	drop_empty(tree, leaf, spare);
	lower_root(tree, spare);
	ASSERT(!tree->root || (tree->root->nr && !tree->root->parent)); /* RT1, RT4 */
}

void *radix_remove(struct radix_tree *tree, uint32_t index, struct radix_spare *spare)
{
	void *item = radix_find(tree, index);

	if (item)
		radix_run_remove(tree, index, 1, spare);
	return item;
}

/* --- one after the other --- */

static unsigned int next_tagged(const uint32_t *map, unsigned int from)
{
	uint32_t left = from < 32 ? map[0] & ~0u << from : 0;

	if (left)
		return bit_lowest(left);
	left = from < 32 ? map[1] : from < RADIX_SLOTS ? map[1] & ~0u << (from - 32) : 0;
	return left ? 32 + bit_lowest(left) : RADIX_SLOTS;
}

/* RADIX_SLOTS: there is none. */
static unsigned int next_slot(const struct radix_node *node, unsigned int from, enum radix_tag tag)
{
	if (tag != RADIX_ANY)
		return next_tagged(node->tagged[tag], from);
	while (from < RADIX_SLOTS && !node->slot[from])
		from++;
	return from;
}

/* The nearest node above that has a slot behind the one we come from; *index becomes the first of that slot. The
 * highest root has more slots than there are indices for. */
static const struct radix_node *climb(const struct radix_node *node, uint32_t *index)
{
	uint32_t from = *index;
	unsigned int place;

	do {
		place = node->place;
		node = node->parent;
	} while (node && place == RADIX_SLOTS - 1);
	if (node)
		*index = index_of_slot(node, from, place + 1);
	return *index > from ? node : NULL;
}

void *radix_next(const struct radix_tree *tree, uint32_t *index, enum radix_tag tag)
{
	const struct radix_node *node = tree->root;

	if (!node || !root_reaches(node, *index))
		return NULL;
	while (node) {
		unsigned int from = slot_of(node, *index), slot = next_slot(node, from, tag);

		if (slot == RADIX_SLOTS) {
			node = climb(node, index);
			continue;
		}
		if (slot != from)
			*index = index_of_slot(node, *index, slot);
		if (!node->shift)
			return node->slot[slot];
		node = node->slot[slot];
	}
	return NULL;
}

unsigned int radix_run(const struct radix_tree *tree, uint32_t index, enum radix_tag tag, void **item,
		       unsigned int max)
{
	const struct radix_node *leaf = leaf_of(tree, index);
	unsigned int left = RADIX_RUN - index % RADIX_RUN, nr = 0;
	uint32_t bits = ~0u;

	if (!leaf)
		return 0;
	if (tag != RADIX_ANY)
		bits = leaf->tagged[tag][word_of(index)] >> index % RADIX_RUN;
	while (nr < max && nr < left && bits >> nr & 1 &&
	       (item[nr] = leaf->slot[slot_of(leaf, index + nr)]) != NULL)
		nr++;
	return nr;
}

/* --- the check --- */

static const char *check_node(const struct radix_node *node, struct radix_sum *sum);

static const char *check_child(const struct radix_node *node, unsigned int slot, struct radix_sum *sum)
{
	const struct radix_node *child = node->slot[slot];

	if (child->parent != node || child->place != slot || child->shift + RADIX_BITS != node->shift)
		return "RT4 a node of a tree does not know its place";
	for (unsigned int tag = 0; tag < NR_RADIX_TAGS; tag++)
		if (bitmap_test(node->tagged[tag], slot) != node_has(child, (enum radix_tag)tag))
			return "RT3 a tag of a tree is not what it says below";
	return check_node(child, sum);
}

static const char *check_node(const struct radix_node *node, struct radix_sum *sum)
{
	const char *wrong = NULL;
	unsigned int nr = 0;

	sum->nodes++;
	for (unsigned int slot = 0; slot < RADIX_SLOTS && !wrong; slot++) {
		if (!node->slot[slot]) {
			for (unsigned int tag = 0; tag < NR_RADIX_TAGS; tag++)
				if (bitmap_test(node->tagged[tag], slot))
					return "RT3 an empty slot of a tree has a tag";
			continue;
		}
		nr++;
		if (node->shift)
			wrong = check_child(node, slot, sum);
		else
			sum->items++;
	}
	if (!wrong && nr != node->nr)
		wrong = "RT2 a node of a tree counts its slots wrongly";
	return wrong ? wrong : nr == 0 ? "RT1 a node of a tree is empty" : NULL;
}

const char *radix_check(const struct radix_tree *tree, struct radix_sum *sum)
{
	const struct radix_node *root = tree->root;

	*sum = (struct radix_sum){0};
	if (!root)
		return NULL;
	if (root->parent)
		return "RT4 the root of a tree has a parent";
	if (root->shift % RADIX_BITS || root->shift >= RADIX_MAX_HEIGHT * RADIX_BITS)
		return "RT4 the root of a tree is on no level";
	if (root->shift && root->nr == 1 && root->slot[0])
		return "RT1 a tree is higher than it must be";
	return check_node(root, sum);
}

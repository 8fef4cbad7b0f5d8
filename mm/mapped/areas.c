/* SPDX-License-Identifier: MIT */
/* An AVL tree, augmented with the largest gap. Insertion and removal recurse along one path, at most as deep
 * as the tree is high (22 for 20,000 areas), and bring every node of the path up to date on the way back. The
 * area above the one that comes or goes, whose gap changes, always lies on that path:
 *
 *   it is the last node at which the path turned left, or, when the one that goes has a right subtree, that
 *   subtree's first, which takes its place.
 *
 * Lock: the owner's. */
#include <mm/mapped/areas.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>

static unsigned int height(const struct area *node)
{
	return node ? node->height : 0;
}

static size_t largest(const struct area *node)
{
	return node ? node->largest : 0;
}

static void update(struct area *node)
{
	node->height = 1 + MAX(height(node->left), height(node->right));
	node->largest = MAX(node->gap, MAX(largest(node->left), largest(node->right)));
}

static struct area *rotate_left(struct area *node)
{
	struct area *top = node->right;

	ASSERT(top && node->start < top->start);
	node->right = top->left;
	top->left = node;
	update(node);
	update(top);
	return top;
}

static struct area *rotate_right(struct area *node)
{
	struct area *top = node->left;

	ASSERT(top && top->start < node->start);
	node->left = top->right;
	top->right = node;
	update(node);
	update(top);
	return top;
}

/* Its subtrees are in order, and their heights differ by at most two. Result: the top of the subtree. */
static struct area *balance(struct area *node)
{
	unsigned int left = height(node->left), right = height(node->right);

	if (left > right + 1) {
		if (height(node->left->left) < height(node->left->right))
			node->left = rotate_left(node->left);
		return rotate_right(node);
	}
	if (right > left + 1) {
		if (height(node->right->right) < height(node->right->left))
			node->right = rotate_right(node->right);
		return rotate_left(node);
	}
	update(node);
	return node;
}

void areas_init(struct areas *areas, uintptr_t start, uintptr_t end)
{
	ASSERT(start <= end && IS_ALIGNED(start | end, PAGE_SIZE));
	*areas = (struct areas){.start = start, .end = {.start = end, .end = end, .gap = end - start}};
	areas->root = &areas->end;
	update(areas->root);
}

/* The area above the lowest gap of that size, or NULL. */
static struct area *find_gap(struct area *node, size_t size_bytes)
{
	if (largest(node) < size_bytes)
		return NULL;
	for (;;) {
		ASSERT(node); /* VM2: the gap that the top knows is below it */
		if (largest(node->left) >= size_bytes)
			node = node->left;
		else if (node->gap >= size_bytes)
			return node;
		else
			node = node->right;
	}
}

/* The same of what lies at `from` or above; the gap that contains it counts from there. */
static struct area *find_gap_from(struct area *node, size_t size_bytes, uintptr_t from)
{
	struct area *found = NULL;

	if (largest(node) < size_bytes)
		return NULL;
	if (node->start > from)
		found = find_gap_from(node->left, size_bytes, from);
	if (!found && node->start > from && node->start - MAX(from, node->start - node->gap) >= size_bytes)
		found = node;
	return found ? found : find_gap_from(node->right, size_bytes, from);
}

static struct area *insert(struct area *root, struct area *area)
{
	if (!root) {
		area->left = area->right = NULL;
		update(area);
		return area;
	}
	ASSERT(area->start != root->start && root->start <= root->end); /* VM1 */
	if (area->start < root->start)
		root->left = insert(root->left, area);
	else
		root->right = insert(root->right, area);
	return balance(root);
}

/* --- what assertions ask --- */

/* VM1 of an area and the one below. */
static bool neighbours_are_sound(const struct areas *areas, const struct area *area)
{
	const struct area *below = area->start > areas->start ? areas_below(areas, area->start - 1) : NULL;

	return area->start - area->gap == (below ? below->end : areas->start);
}

/* VM2, VM3 of the node that leads to it, and that it is there. */
static bool path_is_sound(const struct areas *areas, const struct area *area)
{
	const struct area *node = areas->root;

	for (; node; node = area->start < node->start ? node->left : node->right) {
		unsigned int left = height(node->left), right = height(node->right);

		if (node->height != 1 + MAX(left, right) || left > right + 1 || right > left + 1 ||
		    node->largest != MAX(node->gap, MAX(largest(node->left), largest(node->right))))
			return false;
		if (node == area)
			return true;
	}
	return false;
}

/* [start, start + size_bytes) lies in the gap below `above`. */
static void insert_below(struct areas *areas, struct area *above, struct area *area, uintptr_t start,
			 size_t size_bytes)
{
	uintptr_t gap_start = above->start - above->gap;

	ASSERT(size_bytes && IS_ALIGNED(size_bytes, PAGE_SIZE) && IS_ALIGNED(start, PAGE_SIZE));
	ASSERT(start >= gap_start && start + size_bytes <= above->start); /* VM1 */
	area->start = start;
	area->end = start + size_bytes;
	area->gap = start - gap_start;
	above->gap = above->start - area->end;
	areas->root = insert(areas->root, area);
	areas->nr++;
	ASSERT(above->gap <= above->start && area->end <= above->start); /* VM1 */
	ASSERT_SLOW(neighbours_are_sound(areas, area) && path_is_sound(areas, area));
}

bool areas_place(struct areas *areas, struct area *area, size_t size_bytes, size_t align)
{
	size_t needed = size_bytes + (align - PAGE_SIZE);
	struct area *above = needed < size_bytes ? NULL : find_gap(areas->root, needed);

	ASSERT(IS_POWER_OF_2(align) && align >= PAGE_SIZE);
	if (!above)
		return false;
	insert_below(areas, above, area, ALIGN_UP(above->start - above->gap, align), size_bytes);
	return true;
}

bool areas_place_from(struct areas *areas, struct area *area, size_t size_bytes, uintptr_t from)
{
	struct area *above = find_gap_from(areas->root, size_bytes, from);

	if (!above)
		return false;
	insert_below(areas, above, area, MAX(from, above->start - above->gap), size_bytes);
	return true;
}

bool areas_place_at(struct areas *areas, struct area *area, uintptr_t start, size_t size_bytes)
{
	struct area *above = areas_above(areas, start);

	if (!above || start < above->start - above->gap || size_bytes > above->start - start)
		return false;
	insert_below(areas, above, area, start, size_bytes);
	return true;
}

static struct area *take_first(struct area *node, struct area **first)
{
	if (!node->left) {
		*first = node;
		return node->right;
	}
	node->left = take_first(node->left, first);
	return balance(node);
}

/* What is left of a subtree without its top. */
static struct area *without_top(struct area *top)
{
	struct area *right = top->right, *first;

	if (!right)
		return top->left;
	right = take_first(right, &first);
	first->right = right;
	first->left = top->left;
	return balance(first);
}

static struct area *remove_from(struct area *root, struct area *area)
{
	ASSERT(root); /* it is in the tree */
	if (root == area)
		return without_top(root);
	if (area->start < root->start)
		root->left = remove_from(root->left, area);
	else
		root->right = remove_from(root->right, area);
	return balance(root);
}

struct area *areas_remove(struct areas *areas, struct area *area)
{
	struct area *above = areas_above(areas, area->end);

	ASSERT(above && areas->nr && above->gap == above->start - area->end); /* VM1 */
	ASSERT_SLOW(path_is_sound(areas, area));
	above->gap += area->end - area->start + area->gap;
	areas->root = remove_from(areas->root, area);
	areas->nr--;
	ASSERT_SLOW(neighbours_are_sound(areas, above) && path_is_sound(areas, above));
	return above;
}

struct area *areas_below(const struct areas *areas, uintptr_t addr)
{
	struct area *node = areas->root, *best = NULL;

	for (unsigned int steps = AREAS_MAX_HEIGHT; node && steps; steps--) {
		if (node->start > addr) {
			node = node->left;
		} else {
			best = node;
			node = node->right;
		}
	}
	return best;
}

struct area *areas_above(const struct areas *areas, uintptr_t addr)
{
	struct area *node = areas->root, *best = NULL;

	for (unsigned int steps = 0; node && steps < AREAS_MAX_HEIGHT; steps++) {
		if (node->start >= addr)
			best = node;
		node = node->start >= addr ? node->left : node->right;
	}
	return best;
}

/* --- VM1 to VM3 --- */

struct walk {
	uintptr_t below; /* end of the area before */
	size_t nr;
	const char *wrong;
};

static void check_node(const struct area *node, struct walk *walk)
{
	unsigned int left = height(node->left), right = height(node->right);

	if (node->start < walk->below || node->end < node->start || node->gap != node->start - walk->below)
		walk->wrong = "VM1: an area overlaps the one below, or its gap is not the distance to it";
	else if (node->largest != MAX(node->gap, MAX(largest(node->left), largest(node->right))))
		walk->wrong = "VM2: an area does not know the largest gap of its subtree";
	else if (node->height != 1 + MAX(left, right) || left > right + 1 || right > left + 1)
		walk->wrong = "VM3: the tree is not balanced";
	walk->below = node->end;
	walk->nr++;
}

static void check_subtree(const struct area *node, struct walk *walk, unsigned int depth)
{
	if (!node || walk->wrong)
		return;
	if (depth == AREAS_MAX_HEIGHT) {
		walk->wrong = "VM3: the tree is too high";
		return;
	}
	check_subtree(node->left, walk, depth + 1);
	if (!walk->wrong)
		check_node(node, walk);
	check_subtree(node->right, walk, depth + 1);
}

const char *areas_check(const struct areas *areas)
{
	struct walk walk = {.below = areas->start};

	check_subtree(areas->root, &walk, 0);
	if (!walk.wrong && (walk.nr != areas->nr + 1 || walk.below != areas->end.start))
		walk.wrong = "VM1: areas are missing";
	return walk.wrong;
}

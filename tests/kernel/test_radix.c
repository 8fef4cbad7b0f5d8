/* SPDX-License-Identifier: MIT */
/* Trees of pages: named cases, random operations against a table, and what happens when there is no memory for a
 * node. Guest and host. */
#include <mm/cache/radix.h>

#include <kernel/lib/bitops.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/random.h>
#include <mm/report/fault.h>
#include <tests/kernel/test_util.h>

#define LAST	 0xffffffffu
#define NR_MODEL 300u

/* Ends empty, whatever happened. */
static void tree_empty(struct radix_tree *tree)
{
	struct radix_spare spare = {0};

	for (uint32_t index = 0; radix_next(tree, &index, RADIX_ANY); index = 0)
		(void)radix_remove(tree, index, &spare);
	radix_spare_free(&spare);
}

#define TREE(name) ENDS_WITH(tree_empty) struct radix_tree name = {NULL}

static int put(struct radix_tree *tree, uint32_t index, void *item, gfp_t gfp)
{
	struct radix_spare spare = {0};
	int error = radix_insert(tree, index, item, &spare);

	if (error == -EAGAIN && !radix_spare_fill(&spare, gfp))
		error = -ENOMEM;
	if (error == -EAGAIN)
		error = radix_insert(tree, index, item, &spare);
	radix_spare_free(&spare);
	return error;
}

static void *take(struct radix_tree *tree, uint32_t index)
{
	struct radix_spare spare = {0};
	void *item = radix_remove(tree, index, &spare);

	radix_spare_free(&spare);
	return item;
}

/* Sound, and so many items and nodes. */
static bool tree_is(const struct radix_tree *tree, size_t nr_items, size_t nr_parts)
{
	struct radix_sum sum;
	const char *wrong = radix_check(tree, &sum);
	bool is_so = !wrong && sum.items == nr_items && sum.nodes == nr_parts;

	if (!is_so)
		ktest_note("%zu items in %zu nodes, expected %zu in %zu; %s", sum.items, sum.nodes, nr_items,
			   nr_parts, wrong ? wrong : "sound");
	return is_so;
}

KTEST(radix, a_tree_is_as_high_as_its_largest_index_and_sinks_again, "R2 PGC-06")
{
	MACHINE_STAYS_AS_FOUND();
	static const uint32_t edge[] = {0, 63, 64, 4095, 4096, 1u << 18, 1u << 24, 1u << 30, LAST};
	static const size_t nr_parts[] = {1, 1, 3, 4, 7, 11, 16, 22, 27};
	int item[ARRAY_SIZE(edge)];
	TREE(tree);

	for (unsigned int i = 0; i < ARRAY_SIZE(edge); i++) {
		EXPECT_EQ(put(&tree, edge[i], &item[i], GFP_KERNEL), 0);
		EXPECT(tree_is(&tree, i + 1, nr_parts[i]));
		EXPECT_NULL(radix_find(&tree, edge[i] ^ 2));
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(edge); i++)
		EXPECT(radix_find(&tree, edge[i]) == &item[i]);
	for (unsigned int i = ARRAY_SIZE(edge); i-- > 0;) {
		EXPECT(tree_is(&tree, i + 1, nr_parts[i]));
		EXPECT(take(&tree, edge[i]) == &item[i]);
		EXPECT_NULL(take(&tree, edge[i]));
	}
	EXPECT_NULL(tree.root);
}

KTEST(radix, an_index_holds_one_item, "R2")
{
	MACHINE_STAYS_AS_FOUND();
	int first, second;
	TREE(tree);

	EXPECT_EQ(put(&tree, 70, &first, GFP_KERNEL), 0);
	EXPECT_EQ(put(&tree, 70, &second, GFP_KERNEL), -EEXIST);
	EXPECT(radix_find(&tree, 70) == &first);
	EXPECT(tree_is(&tree, 1, 2));
}

KTEST(radix, a_tag_is_found_from_above_and_goes_with_its_item, "R2")
{
	MACHINE_STAYS_AS_FOUND();
	int item[3];
	uint32_t index = 0;
	TREE(tree);

	REQUIRE(put(&tree, 5, &item[0], GFP_KERNEL) == 0);
	radix_tag_set(&tree, 5, RADIX_DIRTY);
	REQUIRE(put(&tree, 100000, &item[1], GFP_KERNEL) == 0); /* above the one that has it */
	REQUIRE(put(&tree, 100001, &item[2], GFP_KERNEL) == 0);
	radix_tag_set(&tree, 100001, RADIX_DIRTY);
	EXPECT(radix_next(&tree, &index, RADIX_DIRTY) == &item[0] && index == 5);
	index = 6;
	EXPECT(radix_next(&tree, &index, RADIX_DIRTY) == &item[2] && index == 100001);
	EXPECT(!radix_has(&tree, RADIX_WRITEBACK));
	radix_tag_clear(&tree, 5, RADIX_DIRTY);
	EXPECT(!radix_is_tagged(&tree, 5, RADIX_DIRTY) && radix_has(&tree, RADIX_DIRTY));
	EXPECT(take(&tree, 100001) == &item[2]);
	EXPECT(!radix_has(&tree, RADIX_DIRTY));
	EXPECT(tree_is(&tree, 2, 5));
}

KTEST(radix, the_end_of_all_indices_is_the_end_of_a_walk, "R2")
{
	MACHINE_STAYS_AS_FOUND();
	int item[2];
	uint32_t index = 1;
	TREE(tree);

	EXPECT_EQ(put(&tree, 0, &item[0], GFP_KERNEL), 0);
	EXPECT_NULL(radix_next(&tree, &index, RADIX_ANY));
	EXPECT_EQ(put(&tree, LAST, &item[1], GFP_KERNEL), 0);
	index = 1;
	EXPECT(radix_next(&tree, &index, RADIX_ANY) == &item[1] && index == LAST);
	(void)take(&tree, LAST);
	EXPECT_EQ(put(&tree, LAST - 1, &item[1], GFP_KERNEL), 0);
	index = LAST;
	EXPECT_NULL(radix_next(&tree, &index, RADIX_ANY));
}

/* An insertion that wants the most nodes there can be, without memory for the n-th of them. */
KTEST(radix, an_insertion_is_whole_or_not_at_all_whichever_node_is_missing, "R3 PGC-06 S7")
{
	MACHINE_STAYS_AS_FOUND();
	int item[2];
	bool was_hit = true;
	unsigned int n;
	TREE(tree);

	REQUIRE(put(&tree, 3, &item[0], GFP_KERNEL) == 0);
	radix_tag_set(&tree, 3, RADIX_DIRTY);
	for (n = 1; was_hit; n++) {
		int error;

		REQUIRE(n < 100);
		(void)fault_set_nth(n);
		error = put(&tree, LAST, &item[1], GFP_NOFS | __GFP_NOWARN);
		was_hit = fault_set_nth(0);
		EXPECT_EQ(error, was_hit ? -ENOMEM : 0);
		EXPECT(tree_is(&tree, was_hit ? 1 : 2, was_hit ? 1 : 1 + RADIX_MAX_MISSING));
		EXPECT(radix_is_tagged(&tree, 3, RADIX_DIRTY));
	}
	EXPECT(n > RADIX_MAX_MISSING + 1);
	EXPECT(take(&tree, LAST) == &item[1]);
	EXPECT(tree_is(&tree, 1, 1));
}

/* --- against a table --- */

struct entry {
	uint32_t index;
	bool is_in, has[NR_RADIX_TAGS];
};

static struct entry *model; /* sorted by index */

/* Near one another, far from one another, and at both ends. */
static void model_init(struct random *random)
{
	for (unsigned int i = 0; i < NR_MODEL; i++)
		model[i] = (struct entry){.index = i < 100   ? i * 3
						   : i < 200 ? 5000 + (i - 100) * 61
						   : i < 296 ? model[i - 1].index + 1 +
								       random_below(random, 1u << 25)
							     : LAST - (NR_MODEL - 1 - i)};
}

/* The first with the tag, at or behind an index. NR_MODEL: there is none. */
static unsigned int model_next(uint32_t index, enum radix_tag tag)
{
	unsigned int i = 0;

	while (i < NR_MODEL &&
	       !(model[i].is_in && model[i].index >= index && (tag == RADIX_ANY || model[i].has[tag])))
		i++;
	return i;
}

static void expect_walk(const struct radix_tree *tree, uint32_t from, enum radix_tag tag)
{
	for (;;) {
		uint32_t index = from;
		const struct entry *found = radix_next(tree, &index, tag);
		unsigned int i = model_next(from, tag);

		EXPECT(found == (i < NR_MODEL ? &model[i] : NULL));
		if (!found || found->index == LAST)
			return;
		EXPECT_EQ(index, found->index);
		from = index + 1;
	}
}

static void put_entry(struct radix_tree *tree, struct entry *entry)
{
	int error = put(tree, entry->index, entry, GFP_KERNEL);

	EXPECT_EQ(error, entry->is_in ? -EEXIST : 0);
	entry->is_in |= !error;
}

static void change_one(struct radix_tree *tree, struct random *random)
{
	struct entry *entry = &model[random_below(random, NR_MODEL)];
	unsigned int tag = random_below(random, NR_RADIX_TAGS);

	switch (random_below(random, 4)) {
	case 0:
		put_entry(tree, entry);
		break;
	case 1:
		EXPECT(take(tree, entry->index) == (entry->is_in ? entry : NULL));
		*entry = (struct entry){.index = entry->index};
		break;
	default:
		if (!entry->is_in)
			break;
		entry->has[tag] = !entry->has[tag];
		(entry->has[tag] ? radix_tag_set : radix_tag_clear)(tree, entry->index, (enum radix_tag)tag);
		EXPECT_EQ(radix_is_tagged(tree, entry->index, (enum radix_tag)tag), entry->has[tag]);
	}
}

static size_t model_items(void)
{
	size_t nr = 0;

	for (unsigned int i = 0; i < NR_MODEL; i++)
		nr += model[i].is_in;
	return nr;
}

KTEST(radix, random_operations_agree_with_a_table, "R2")
{
	BORROW_MANY(model, NR_MODEL);
	MACHINE_STAYS_AS_FOUND();
	struct random random = {20261128};
	TREE(tree);

	model_init(&random);
	for (unsigned int n = 0; n < TEST_RANDOM_OPS; n++) {
		change_one(&tree, &random);
		if (n % 256 == 0) {
			struct radix_sum sum;

			EXPECT_NULL(radix_check(&tree, &sum));
			EXPECT_EQ(sum.items, model_items());
			for (unsigned int tag = 0; tag <= RADIX_ANY; tag++)
				expect_walk(&tree, random_next(&random) >> random_below(&random, 32),
					    (enum radix_tag)tag);
		}
	}
}

/* --- runs --- */

#define RUNS_FROM 4000u /* its last 96 indices are in another leaf, and the tree has two levels */
#define NR_RUNS	  (2 * RADIX_SLOTS + 96u)

static struct entry *near; /* one index after the other */

static unsigned int run_expected(uint32_t index, enum radix_tag tag, unsigned int max)
{
	unsigned int i = index - RUNS_FROM, nr = 0;

	while (nr < max && i < NR_RUNS && (nr == 0 || near[i].index % RADIX_RUN) && near[i].is_in &&
	       (tag == RADIX_ANY || near[i].has[tag])) {
		nr++;
		i++;
	}
	return nr;
}

static void change_run(struct radix_tree *tree, struct random *random)
{
	struct radix_spare spare = {0};
	uint32_t index = RUNS_FROM + random_below(random, NR_RUNS);
	unsigned int tag = random_below(random, NR_RADIX_TAGS + 1u), max = 1 + random_below(random, 20);
	struct entry *entry = &near[index - RUNS_FROM];
	void *item[20];
	unsigned int nr = radix_run(tree, index, (enum radix_tag)tag, item, max),
		     what = random_below(random, 8);

	EXPECT_EQ(nr, run_expected(index, (enum radix_tag)tag, max));
	for (unsigned int i = 0; i < nr; i++)
		EXPECT(item[i] == &entry[i]);
	if (!nr) {
		put_entry(tree, entry);
		return;
	}
	tag %= NR_RADIX_TAGS;
	if (what == 0)
		radix_run_remove(tree, index, nr, &spare);
	else
		(what % 2 ? radix_run_tag_set : radix_run_tag_clear)(tree, index, nr, (enum radix_tag)tag);
	radix_spare_free(&spare);
	for (unsigned int i = 0; i < nr; i++) {
		if (what == 0)
			entry[i] = (struct entry){.index = entry[i].index};
		else
			entry[i].has[tag] = what % 2;
	}
}

KTEST(radix, runs_agree_with_a_table, "R2")
{
	BORROW_MANY(near, NR_RUNS);
	MACHINE_STAYS_AS_FOUND();
	struct random random = {20261129};
	TREE(tree);

	for (unsigned int i = 0; i < NR_RUNS; i++)
		near[i] = (struct entry){.index = RUNS_FROM + i};
	for (unsigned int n = 0; n < TEST_RANDOM_OPS; n++) {
		struct radix_sum sum;

		change_run(&tree, &random);
		if (n % 64)
			continue;
		EXPECT_NULL(radix_check(&tree, &sum));
		for (unsigned int i = 0; i < NR_RUNS; i++)
			for (unsigned int tag = 0; tag < NR_RADIX_TAGS; tag++)
				EXPECT_EQ(radix_is_tagged(&tree, RUNS_FROM + i, (enum radix_tag)tag),
					  near[i].is_in && near[i].has[tag]);
	}
}

/* SPDX-License-Identifier: MIT */
/* Four threads, each below a directory of its own, do all that can be done to files at random beside a model (ext2_model.h), while a
 * fifth swallows memory and lets go of it. At the end the host has e2fsck look at the image, and compares the files. A part of it is in
 * the suite ext2; suite soak_ext2 (`make soak-ext2`) does 10^6 operations and is not part of `all`. Guest only. */
#include <kernel/core/vfs.h>

#include <kernel/core/thread.h>
#include <kernel/lib/list.h>
#include <linux/gfp.h>
#include <linux/slab.h>
#include <mm/reclaim/above.h>
#include <mm/reclaim/events.h>
#include <tests/kernel/crowd.h>
#include <tests/kernel/ext2.h>
#include <tests/kernel/ext2_model.h>
#include <tests/kernel/pressure.h>
#include <tests/kernel/settle.h>
#include <tests/kernel/test_util.h>

#define SEED	   20261128u
#define NR_MODELS  4u
#define NR_BOUNDED 300u /* operations of each thread */
#define NR_WHOLE   250000u

static struct model *models;

static struct {
	unsigned int nr_ops, nr_running;
	size_t nr_swallowed;
} soak;

static int work(void *number)
{
	unsigned int n = (unsigned int)(uintptr_t)number;

	if (n == NR_MODELS) {
		while (READ_ONCE(soak.nr_running))
			soak.nr_swallowed += swallow_memory();
		return 0;
	}
	while (models[n].nr_done < soak.nr_ops && !models[n].wrong)
		model_step(&models[n]);
	__atomic_sub_fetch(&soak.nr_running, 1, __ATOMIC_SEQ_CST);
	return 0;
}

/* The host reads the same sums out of the image. */
static void print_sums(const struct model *model)
{
	char path[MODEL_PATH_BYTES];

	for (unsigned int n = 0; n < MODEL_NAMES; n++)
		if (model_path(model, n, path))
			ext2_print_sum(path);
}

static void end_model(struct model *model)
{
	model_compare(model);
	if (model->wrong)
		ktest_note("%s, %s", model->root, model->wrong);
	EXPECT(!model->wrong);
	ktest_note("%s: %u operations, %u refused", model->root, model->nr_done, model->nr_refused);
	print_sums(model);
	model_end(model);
}

static void soak_ext2(unsigned int nr_ops)
{
	static const char *const roots[NR_MODELS] = {"/a", "/b", "/c", "/e"};
	size_t kills = mm_event_count[EVENT_OOM_KILL];

	soak.nr_ops = nr_ops;
	soak.nr_running = NR_MODELS;
	soak.nr_swallowed = 0;
	for (unsigned int i = 0; i < NR_MODELS; i++)
		REQUIRE(model_begin(&models[i], roots[i], SEED + i));
	EXPECT_EQ(crowd_works(NR_MODELS + 1, work), 0);
	EXPECT_EQ(vfs_sync(), 0);
	for (unsigned int i = 0; i < NR_MODELS; i++)
		end_model(&models[i]);
	EXPECT_EQ(mm_event_count[EVENT_OOM_KILL], kills);
	ktest_note("%zu pages swallowed", soak.nr_swallowed);
	expect_valid();
}

KTEST(ext2, four_threads_agree_with_their_models_while_memory_is_short, "R2 R3 EXT-01")
{
	BORROW_MANY(models, NR_MODELS);
	EXT2(fs);

	NEEDS_EXT2(fs);
	soak_ext2(NR_BOUNDED);
}

KTEST_BY_NAME(soak_ext2, a_million_operations_of_all_kinds_agree_with_a_model, "R2 R3 EXT-01")
{
	BORROW_MANY(models, NR_MODELS);
	EXT2(fs);

	NEEDS_EXT2(fs);
	soak_ext2(NR_WHOLE);
}

/* SPDX-License-Identifier: MIT */
/* Four threads, each with a file of its own on one disk, read, write, truncate and sync at random and compare every byte with a
 * model, while a fifth swallows memory and lets go of it. At the end the host compares the image. A part of it is in the suite
 * writeback; suite soak_files (`make soak-files`) does 10^6 operations and is not part of `all`. Guest only.
 *
 * A file is a part of the disk: what is cut off shows again what the disk has, so a file grows at its end alone. */
#include <mm/cache/diskfile.h>

#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <linux/gfp.h>
#include <linux/slab.h>
#include <mm/reclaim/above.h>
#include <mm/reclaim/events.h>
#include <tests/kernel/crowd.h>
#include <tests/kernel/disk.h>
#include <tests/kernel/pressure.h>
#include <tests/kernel/settle.h>
#include <tests/kernel/test_util.h>

#define NR_FILES     4u
#define FILE_PAGES   48u
#define FILE_BYTES   (FILE_PAGES * PAGE_SIZE)
#define MOST_AT_ONCE 12000u
#define NR_BOUNDED   4000u /* operations of each thread */
#define NR_WHOLE     250000u

struct soaked {
	struct diskfile file;
	uint64_t start; /* of the file, on the disk */
	struct readahead ahead;
	struct random random;
	char *model, *buffer; /* FILE_BYTES of the file; MOST_AT_ONCE */
	uint32_t size;
	unsigned int seen;
	unsigned int nr_done, nr_refused, nr_wrong;
};

static struct {
	struct test_disk disk;
	struct soaked file[NR_FILES];
	unsigned int nr_ops, nr_running;
	size_t nr_swallowed;
} soak;

/* A request that found no memory has done nothing, or a part of what was asked. */
static void note_result(struct soaked *f, bool is_right, long error)
{
	f->nr_refused += error == -ENOMEM;
	f->nr_wrong += !is_right && error != -ENOMEM;
}

static void do_read(struct soaked *f, uint32_t pos, uint32_t nr)
{
	uint32_t there = pos < f->size ? MIN(nr, f->size - pos) : 0;
	long got = pagecache_read(&f->file.mapping, &f->ahead, f->start + pos, f->buffer, nr);

	note_result(f,
		    got >= 0 && (uint32_t)got <= there && memcmp(f->buffer, f->model + pos, (size_t)got) == 0,
		    got);
}

static void do_write(struct soaked *f, uint32_t pos, uint32_t nr)
{
	long done = writeback_throttle(&f->file.mapping);

	for (uint32_t i = 0; i < nr; i++)
		f->buffer[i] = (char)(random_next(&f->random) >> 8);
	if (!done)
		done = pagecache_write(&f->file.mapping, f->start + pos, f->buffer, nr);
	note_result(f, done >= 0, done);
	if (done <= 0)
		return;
	memcpy(f->model + pos, f->buffer, (size_t)done);
	f->size = MAX(f->size, pos + (uint32_t)done);
}

static void do_truncate(struct soaked *f, uint32_t size)
{
	int error = pagecache_truncate(&f->file.mapping, f->start + size);

	note_result(f, !error, error);
	if (!error)
		f->size = size;
}

static void do_one(struct soaked *f)
{
	uint32_t pos = random_below(&f->random, FILE_BYTES),
		 nr = 1 + random_below(&f->random, random_below(&f->random, 8) ? 600 : MOST_AT_ONCE);

	nr = MIN(nr, FILE_BYTES - pos); /* no less is left behind an earlier place */
	switch (random_below(&f->random, 64)) {
	case 0:
		f->nr_wrong += pagecache_sync(&f->file.mapping, &f->seen) != 0;
		break;
	case 1:
		do_truncate(f, MIN(pos, f->size));
		break;
	case 2:
		(void)cache_reclaim(GFP_KERNEL, 8, ~0u);
		break;
	default:
		if (random_below(&f->random, 2))
			do_read(f, pos, nr);
		else
			do_write(f, MIN(pos, f->size), nr);
	}
	f->nr_done++;
}

static int work(void *number)
{
	unsigned int n = (unsigned int)(uintptr_t)number;

	if (n == NR_FILES) {
		while (READ_ONCE(soak.nr_running))
			soak.nr_swallowed += swallow_memory();
		return 0;
	}
	while (soak.file[n].nr_done < soak.nr_ops)
		do_one(&soak.file[n]);
	__atomic_sub_fetch(&soak.nr_running, 1, __ATOMIC_SEQ_CST);
	return 0;
}

/* --- beginning and end --- */

static bool begin(struct soaked *f, unsigned int n)
{
	uint64_t first = ALIGN_UP((uint64_t)soak.disk.host_end * BLK_SECTOR, PAGE_SIZE);

	f->start = first + (uint64_t)n * FILE_BYTES;
	f->random = (struct random){20261128 + n};
	f->model = kmalloc(FILE_BYTES, GFP_KERNEL);
	f->buffer = kmalloc(MOST_AT_ONCE, GFP_KERNEL);
	if (!f->model || !f->buffer ||
	    diskfile_open(&f->file, (struct port_disk *)soak.disk.dev, GFP_HIGHUSER))
		return false;
	return pagecache_truncate(&f->file.mapping, f->start) == 0;
}

static void end(struct soaked *f)
{
	if (f->file.disk)
		diskfile_close(&f->file);
	kfree(f->model);
	kfree(f->buffer);
	*f = (struct soaked){0};
}

/* From inside; the host looks from outside. */
static void compare(struct soaked *f, unsigned int n)
{
	EXPECT_EQ(f->nr_wrong, 0);
	EXPECT_EQ(f->nr_done, soak.nr_ops);
	EXPECT_EQ(mapping_size(&f->file.mapping), f->start + f->size);
	(void)cache_reclaim(GFP_KERNEL, (size_t)-1, ~0u);
	for (uint32_t pos = 0; pos < f->size; pos += MOST_AT_ONCE)
		do_read(f, pos, MOST_AT_ONCE);
	EXPECT_EQ(f->nr_wrong, 0);
	ktest_note("image %s bytes %llu+%u sum %x", soak.disk.dev->name, (unsigned long long)f->start,
		   f->size, test_disk_sum(TEST_DISK_SUM, f->model, f->size));
	ktest_note("file %u: %u operations, %u refused for want of memory", n, f->nr_done, f->nr_refused);
}

static void soak_files(unsigned int nr_ops)
{
	size_t kills = mm_event_count[EVENT_OOM_KILL];

	soak.nr_ops = nr_ops;
	soak.nr_running = NR_FILES;
	soak.nr_swallowed = 0;
	for (unsigned int n = 0; n < NR_FILES; n++)
		REQUIRE(begin(&soak.file[n], n));
	EXPECT_EQ(crowd_works(NR_FILES + 1, work), 0);
	writeback_sync();
	EXPECT_EQ(cache_counts().nr_dirty, 0);
	for (unsigned int n = 0; n < NR_FILES; n++)
		compare(&soak.file[n], n);
	EXPECT_EQ(mm_event_count[EVENT_OOM_KILL], kills);
	ktest_note("%zu pages swallowed", soak.nr_swallowed);
	expect_valid();
}

static void end_all(int *unused)
{
	(void)unused;
	for (unsigned int n = 0; n < NR_FILES; n++)
		end(&soak.file[n]);
	(void)vmscan_reclaim(GFP_KERNEL, 1);
}

static bool has_disk(void)
{
	return test_disk_open(&soak.disk, "ide0") &&
	       (soak.disk.guest_start - soak.disk.host_end) * (uint64_t)BLK_SECTOR >=
		       (NR_FILES + 1) * (uint64_t)FILE_BYTES;
}

#define SOAK(nr_ops)                                                                                         \
	if (!has_disk())                                                                                     \
		SKIP("no disk for tests is ide0");                                                           \
	soak_files(64); /* page tables of stacks stay once they are there */                                 \
	end_all(NULL);                                                                                       \
	PAGES_COME_BACK();                                                                                   \
	ENDS_WITH(end_all) int unused_ = 0;                                                                  \
	soak_files(nr_ops)

KTEST(writeback, four_threads_read_write_truncate_and_sync_as_a_model_does, "R2 R3 R6 PGC-04 PGC-12 REC-01")
{
	SOAK(NR_BOUNDED);
}

KTEST_BY_NAME(soak_files, a_million_operations_agree_with_a_model, "R2 R3 R6 PGC-04 PGC-12 REC-01")
{
	SOAK(NR_WHOLE);
}

/* SPDX-License-Identifier: MIT */
/* Files on ext2: what making one, taking it away and appending a page to one cost when what they touch of the disk is in memory, and
 * nothing is written out meanwhile. Wants a disk ide0 with such a file system, as bench.mk makes it. Per call; the first round, which
 * reads in what the others find, does not count. */
#include <tests/bench/measure.h>

#include <kernel/core/console.h>
#include <kernel/core/vfs.h>
#include <kernel/lib/format.h>
#include <mm/pages/page.h>

#define NR_FILES 128u
#define NR_PAGES 256u /* 1 MiB */

#define WAIT	 100000u /* who takes longer has waited for the disk: that is not counted, but how often */

static struct file file;
static uint32_t nr_waited;

static int create_one(unsigned int n)
{
	char path[24];
	int error;

	(void)snprintf(path, sizeof(path), "/bench-%u", n);
	error = vfs_open(&file, path, O_RDWR | O_CREAT | O_EXCL, 0644);
	if (!error)
		vfs_close(&file);
	return error;
}

static int unlink_one(unsigned int n)
{
	char path[24];

	(void)snprintf(path, sizeof(path), "/bench-%u", n);
	return vfs_unlink(path);
}

static int append_page(unsigned int n)
{
	(void)n;
	return vfs_write(&file, bench_scratch(), PAGE_SIZE) == (long)PAGE_SIZE ? 0 : -1;
}

static void each(unsigned int nr, int (*call)(unsigned int n), bool counts)
{
	for (unsigned int n = 0; n < nr; n++) {
		uint32_t start = bench_tick(), took;

		if (call(n))
			measure.nr_failed++;
		took = bench_tick() - start;
		if (!counts)
			continue;
		if (took > WAIT)
			nr_waited++;
		else
			bench_note_op(&measure.alloc, took);
	}
}

static bool begin(void)
{
	bench_measure_reset();
	measure.nr_failed = nr_waited = 0;
	return vfs_mount("ide0", "/", false) == 0;
}

static void end(const struct bench *bench)
{
	char mean[24];

	measure.nr_failed += vfs_unmount("/") != 0;
	if (measure.nr_failed) {
		sink_printf(console_sink(), "# %s: skipped: %u calls failed\n", bench->name,
			    measure.nr_failed);
		return;
	}
	bench_print_number(bench->name, "waited", nr_waited);
	bench_print_op(bench->name, measure.alloc.nr, bench_ratio(measure.alloc.sum, measure.alloc.nr, mean),
		       &measure.alloc, NULL);
}

static void create_or_unlink(const struct bench *bench, bool creates)
{
	if (!begin())
		return;
	for (unsigned int round = 0; round < 2; round++) {
		each(NR_FILES, create_one, round && creates);
		each(NR_FILES, unlink_one, round && !creates);
	}
	end(bench);
}

static void create(const struct bench *bench)
{
	create_or_unlink(bench, true);
}

static void unlink(const struct bench *bench)
{
	create_or_unlink(bench, false);
}

static void append_1m(const struct bench *bench)
{
	if (!begin())
		return;
	for (unsigned int round = 0; round < 2; round++) {
		measure.nr_failed += vfs_open(&file, "/append", O_RDWR | O_CREAT | O_EXCL, 0644) != 0;
		each(NR_PAGES, append_page, round);
		vfs_close(&file);
		measure.nr_failed += vfs_unlink("/append") != 0;
	}
	end(bench);
}

const struct bench bench_files[] = {
	{.name = "create", .special = create},
	{.name = "unlink", .special = unlink},
	{.name = "append_1M", .special = append_1m},
	{.name = NULL},
};

/* SPDX-License-Identifier: MIT */
/* Threads that want the same page, in every order, and a disk that ends what it began at any moment: one reading for
 * all, its error too; what is written to a page on its way to the disk is written again; truncation lets no page
 * behind the end come back. Host only. */
#include <tests/host/fake_threads.h>

#include <stdlib.h>
#include <string.h>

#include <kernel/lib/errno.h>
#include <mm/cache/pagecache.h>
#include <mm/report/validate.h>
#include <tests/host/host.h>
#include <tests/kernel/test_file.h>
#include <tests/kernel/test_util.h>

static struct {
	struct fake_file file;
	long result[HOST_THREADS_MAX];
	char byte[HOST_THREADS_MAX];
	int error; /* the disk's */
} scene;

static void setup(void)
{
	memset(&scene, 0, sizeof(scene));
	if (!fake_file_make(&scene.file, 2 * PAGE_SIZE))
		abort();
	scene.file.is_late = true;
}

/* The disk's interrupt, at any moment, and the disk: it ends what was begun while others sleep. */
static void disk_ends(void)
{
	(void)fake_file_end_reads(&scene.file, scene.error);
	(void)fake_file_end_writes(&scene.file, scene.error);
}

static void disk(void)
{
	while (!host_thread_has_ended(0) || !host_thread_has_ended(1)) {
		port_park_for(10);
		disk_ends();
	}
}

static void nothing(void)
{
}

static void leave_nothing(void)
{
	FAIL_UNLESS(mm_validate(NULL) == 0);
	scene.file.is_late = false;
	scene.error = 0;
	disk_ends();
	fake_file_end(&scene.file);
	FAIL_UNLESS(cache_counts().nr_pages == 0 && cache_counts().nr_dirty == 0 &&
		    cache_counts().nr_writeback == 0);
}

static void read_as(unsigned int n)
{
	scene.result[n] = pagecache_read(&scene.file.mapping, NULL, 5, &scene.byte[n], 1);
}

static void reader_0(void)
{
	read_as(0);
}

static void reader_1(void)
{
	read_as(1);
}

static const char *const points[] = {"mapping", "page queue", "park", "unpark", NULL};

static void expect_read(void)
{
	for (unsigned int n = 0; n < 2; n++)
		FAIL_UNLESS(scene.result[n] == 1 && scene.byte[n] == fake_byte(5));
	FAIL_UNLESS(scene.file.nr_reads == 1);
	leave_nothing();
}

KTEST(pagecache_machine, readers_of_one_page_share_one_reading, "PGC-01 R2")
{
	static const struct host_scene readers = {.name = "readers",
						  .setup = setup,
						  .thread = {reader_0, reader_1, disk},
						  .interrupt = disk_ends,
						  .at_rest = nothing,
						  .finish = expect_read,
						  .points = points,
						  .max_diversions = 2};

	fake_machine_boot_pc(16);
	EXPECT(host_try_all(&readers));
}

static void setup_failing(void)
{
	setup();
	scene.error = -EIO;
}

/* Who came when the reading had failed tries again, and fails too. */
static void expect_errors(void)
{
	for (unsigned int n = 0; n < 2; n++)
		FAIL_UNLESS(scene.result[n] == -EIO);
	FAIL_UNLESS(scene.file.nr_reads <= 2);
	leave_nothing();
}

KTEST(pagecache_machine, an_error_of_reading_reaches_all_who_wait, "PGC-01 R7")
{
	static const struct host_scene readers = {.name = "failing readers",
						  .setup = setup_failing,
						  .thread = {reader_0, reader_1, disk},
						  .interrupt = disk_ends,
						  .at_rest = nothing,
						  .finish = expect_errors,
						  .points = points,
						  .max_diversions = 2};

	fake_machine_boot_pc(16);
	EXPECT(host_try_all(&readers));
}

/* --- writing --- */

static void setup_dirty(void)
{
	setup();
	scene.file.is_late = false;
	if (pagecache_write(&scene.file.mapping, 5, "a", 1) != 1)
		abort();
	scene.file.is_late = true;
}

static void write_b(void)
{
	scene.result[0] = pagecache_write(&scene.file.mapping, 5, "b", 1);
}

static void sync_file(void)
{
	unsigned int seen = 0;

	scene.result[1] = pagecache_sync(&scene.file.mapping, &seen);
}

static void sync_again(void)
{
	unsigned int seen = 0;

	FAIL_UNLESS(scene.result[0] == 1 && scene.result[1] == 0);
	FAIL_UNLESS(scene.file.disk[5] == 'b' || (scene.file.disk[5] == 'a' && cache_counts().nr_dirty == 1));
	scene.file.is_late = false;
	FAIL_UNLESS(pagecache_sync(&scene.file.mapping, &seen) == 0);
	FAIL_UNLESS(scene.file.disk[5] == 'b');
	leave_nothing();
}

KTEST(pagecache_machine, what_is_written_to_a_page_on_its_way_to_the_disk_reaches_it, "PGC-03 R2")
{
	static const struct host_scene writing = {.name = "written again",
						  .setup = setup_dirty,
						  .thread = {write_b, sync_file, disk},
						  .interrupt = disk_ends,
						  .at_rest = nothing,
						  .finish = sync_again,
						  .points = points,
						  .max_diversions = 2};

	fake_machine_boot_pc(16);
	EXPECT(host_try_all(&writing));
}

/* --- truncation --- */

static void truncate_file(void)
{
	scene.result[0] = pagecache_truncate(&scene.file.mapping, 0);
}

static void expect_truncated(void)
{
	FAIL_UNLESS(scene.result[0] == 0 && mapping_size(&scene.file.mapping) == 0);
	FAIL_UNLESS(!mapping_find(&scene.file.mapping, 0) && cache_counts().nr_dirty == 0);
	leave_nothing();
}

KTEST(pagecache_machine, a_truncation_waits_for_what_is_being_written_and_lets_nothing_come_back, "PGC-04")
{
	static const struct host_scene cut = {.name = "truncation and writing",
					      .setup = setup_dirty,
					      .thread = {truncate_file, sync_file, disk},
					      .interrupt = disk_ends,
					      .at_rest = nothing,
					      .finish = expect_truncated,
					      .points = points,
					      .max_diversions = 2};

	fake_machine_boot_pc(16);
	EXPECT(host_try_all(&cut));
}

static void expect_read_or_nothing(void)
{
	FAIL_UNLESS(scene.result[1] == 0 || (scene.result[1] == 1 && scene.byte[1] == fake_byte(5)));
	expect_truncated();
}

KTEST(pagecache_machine, a_reader_beside_a_truncation_sees_what_was_there_or_the_end, "PGC-04")
{
	static const struct host_scene cut = {.name = "truncation and reading",
					      .setup = setup,
					      .thread = {truncate_file, reader_1, disk},
					      .interrupt = disk_ends,
					      .at_rest = nothing,
					      .finish = expect_read_or_nothing,
					      .points = points,
					      .max_diversions = 2};

	fake_machine_boot_pc(16);
	EXPECT(host_try_all(&cut));
}

/* SPDX-License-Identifier: MIT */
/* A flusher's thread beside who writes, syncs, destroys and stops, in every order, with a disk that ends what it began at any
 * moment: nobody waits for ever, nothing is lost, nobody is looked at who has gone. Host only. */
#include <tests/host/fake_threads.h>

#include <stdlib.h>
#include <string.h>

#include <kernel/lib/errno.h>
#include <mm/cache/writeback.h>
#include <mm/report/fault.h>
#include <mm/report/validate.h>
#include <tests/host/host.h>
#include <tests/kernel/test_file.h>
#include <tests/kernel/test_util.h>

static struct {
	struct fake_file file;
	struct flusher flusher;
	bool is_gone; /* the file */
} scene;

static void setup(void)
{
	memset(&scene, 0, sizeof(scene));
	flusher_enter(&scene.flusher, "flusher");
	if (!fake_file_make(&scene.file, PAGE_SIZE))
		abort();
	scene.file.mapping.flusher = &scene.flusher;
	if (pagecache_write(&scene.file.mapping, 5, "a", 1) != 1)
		abort();
	scene.file.is_late = true;
}

static void disk_ends(void)
{
	if (!scene.is_gone)
		(void)fake_file_end_writes(&scene.file, 0);
}

static void flusher(void)
{
	(void)flusher_life(&scene.flusher);
}

/* The last to go: the disk ends what it began before its owner waits for it. */
static void destroy_and_stop(void)
{
	scene.file.is_late = false;
	disk_ends();
	mapping_destroy(&scene.file.mapping);
	scene.is_gone = true;
	flusher_stop(&scene.flusher);
}

static void nothing(void)
{
}

static void expect_gone(void)
{
	FAIL_UNLESS(mm_validate(NULL) == 0);
	FAIL_UNLESS(scene.flusher.has_ended && !scene.flusher.busy);
	FAIL_UNLESS(cache_counts().nr_dirty == 0 && cache_counts().nr_writeback == 0);
	kfree(scene.file.disk);
}

static const char *const points[] = {"mapping", "writeback", "page queue", "park", "unpark", NULL};

/* --- sync --- */

static void sync_then_end(void)
{
	writeback_sync();
	FAIL_UNLESS(scene.file.disk[5] == 'a');
	FAIL_UNLESS(cache_counts().nr_dirty == 0 && cache_counts().nr_writeback == 0);
	destroy_and_stop();
}

static void disk(void)
{
	while (!host_thread_has_ended(0)) {
		port_park_for(10);
		disk_ends();
	}
}

KTEST(writeback_machine, who_syncs_waits_until_all_is_written_and_not_for_ever, "R2 PGC-03")
{
	static const struct host_scene scenes = {.name = "sync",
						 .setup = setup,
						 .thread = {sync_then_end, flusher, disk},
						 .interrupt = disk_ends,
						 .at_rest = nothing,
						 .finish = expect_gone,
						 .points = points,
						 .max_diversions = 2};

	fake_machine_boot_pc(16);
	EXPECT(host_try_all(&scenes));
}

/* --- going --- */

static void setup_needed(void)
{
	setup();
	scene.file.is_late = false;
	writeback_need(1);
}

KTEST(writeback_machine, a_file_and_its_flusher_go_while_it_is_written, "R2 R7 PGC-05 XPT-03")
{
	static const struct host_scene scenes = {.name = "going",
						 .setup = setup_needed,
						 .thread = {destroy_and_stop, flusher},
						 .at_rest = nothing,
						 .finish = expect_gone,
						 .points = points,
						 .max_diversions = 3};

	fake_machine_boot_pc(16);
	EXPECT(host_try_all(&scenes));
}

static void sync_beside(void)
{
	writeback_sync();
}

KTEST(writeback_machine, who_syncs_does_not_wait_for_a_flusher_that_has_ended, "R2 R7 XPT-03")
{
	static const struct host_scene scenes = {.name = "going beside a sync",
						 .setup = setup_needed,
						 .thread = {destroy_and_stop, flusher, sync_beside},
						 .at_rest = nothing,
						 .finish = expect_gone,
						 .points = points,
						 .max_diversions = 2};

	fake_machine_boot_pc(16);
	EXPECT(host_try_all(&scenes));
}

/* --- writing while it is slowed down --- */

static struct list_head hog;

static void setup_full(void)
{
	setup();
	scene.file.is_late = false;
	list_init(&hog);
	for (unsigned int i = 0; i < NR_ZONES; i++)
		hog_zone(&hog, &zones[i], 0);
	writeback_set_ratios(0, 1); /* of one page: none may be dirty */
}

static void write_slowly(void)
{
	for (unsigned int n = 0; n < 2; n++) {
		FAIL_UNLESS(writeback_throttle(&scene.file.mapping) == 0);
		FAIL_UNLESS(cache_counts().nr_dirty + cache_counts().nr_writeback == 0);
		FAIL_UNLESS(pagecache_write(&scene.file.mapping, 5, "b", 1) == 1);
	}
	FAIL_UNLESS(writeback_throttle(&scene.file.mapping) == 0 && scene.file.disk[5] == 'b');
	destroy_and_stop();
	hog_release(&hog);
	writeback_set_ratios(10, 20);
}

KTEST(writeback_machine, who_writes_too_much_is_slowed_down_to_what_the_flusher_does, "R6 PGC-08")
{
	static const struct host_scene scenes = {.name = "slow writer",
						 .setup = setup_full,
						 .thread = {write_slowly, flusher},
						 .at_rest = nothing,
						 .finish = expect_gone,
						 .points = points,
						 .max_diversions = 2};

	fake_machine_boot_pc(16);
	EXPECT(host_try_all(&scenes));
}

/* --- with no memory but a file's --- */

static void end(struct fake_file *file)
{
	fake_file_end(file);
	flusher_leave(&scene.flusher);
	writeback_set_ratios(10, 20);
}

#define FLUSHED_FILE(name, nr)                                                                               \
	ENDS_WITH(end) struct fake_file name = {.disk = NULL};                                               \
	flusher_enter(&scene.flusher, "test");                                                               \
	REQUIRE(fake_file_make_flushed(&name, nr, &scene.flusher))

/* Memory is somebody's but for the file, of which a quarter may be dirty before the flusher begins. */
KTEST(writeback_machine, more_than_the_share_is_written_by_index_until_it_is_no_more, "R6 R2 PGC-08")
{
	fake_machine_boot_pc(16);
	MACHINE_STAYS_AS_FOUND();
	HOG(hogged);
	FLUSHED_FILE(file, 20);

	hog_all(&hogged);
	writeback_set_ratios(25, 50);
	EXPECT_EQ(writeback_limits().background, 5);
	EXPECT_EQ(writeback_limits().dirty, 10);
	fake_file_make_dirty(&file, 0, 5);
	EXPECT(flusher_turn(&scene.flusher));
	EXPECT_EQ(file.nr_writes, 0);
	fake_file_make_dirty(&file, 5, 4);
	EXPECT(flusher_turn(&scene.flusher));
	EXPECT_EQ(file.nr_writes, 4);
	for (uint32_t index = 0; index < 9; index++)
		EXPECT_EQ(fake_file_is_dirty(&file, index), index >= 4);
}

KTEST(writeback_machine, ratios_are_kept_in_their_range, "R6")
{
	fake_machine_boot_pc(16);
	MACHINE_STAYS_AS_FOUND();
	HOG(hogged);
	FLUSHED_FILE(file, 20);

	hog_all(&hogged);
	writeback_set_ratios(1000, 1000);
	EXPECT_EQ(writeback_limits().dirty, 20);
	EXPECT_EQ(writeback_limits().background, 19);
	writeback_set_ratios(50, 0);
	EXPECT_EQ(writeback_limits().background, 0);
}

KTEST(writeback_machine, a_turn_asks_for_no_memory, "R3 PGC-14 REC-05")
{
	fake_machine_boot_pc(16);
	MACHINE_STAYS_AS_FOUND();
	HOG(hogged);
	FLUSHED_FILE(file, 20);

	fake_file_make_dirty(&file, 0, 20);
	fake_file_make_old(&file);
	hog_all(&hogged);
	(void)fault_set_nth(1);
	EXPECT(!flusher_turn(&scene.flusher));
	EXPECT(!fault_set_nth(0)); /* nobody asked */
	EXPECT_EQ(file.nr_writes, 20);
}

KTEST(writeback_machine, who_writes_to_a_disk_that_failed_is_told_when_it_is_too_much_and_others_go_on,
      "R6 R7 PGC-08")
{
	fake_machine_boot_pc(16);
	MACHINE_STAYS_AS_FOUND();
	HOG(hogged);
	FLUSHED_FILE(file, 16);
	FAKE_FILE(other);

	REQUIRE(fake_file_make_flushed(&other, 4, &scene.flusher));
	hog_all(&hogged);
	writeback_set_ratios(25, 50);
	fake_file_make_dirty(&file, 0, 8);
	file.fails_write = 1;
	file.fails_for_ever = true;
	fake_file_make_old(&file);
	EXPECT(flusher_turn(&scene.flusher));
	EXPECT_EQ(writeback_throttle(&file.mapping), 0); /* 10 may be */
	fake_file_make_dirty(&file, 8, 4);
	fake_file_make_old(&file);
	EXPECT(flusher_turn(&scene.flusher));
	EXPECT_EQ(writeback_throttle(&file.mapping), -EIO);
	EXPECT_EQ(writeback_throttle(&other.mapping), 0);
}

KTEST(writeback_machine, a_file_that_nobody_flushes_slows_nobody_down, "R6")
{
	fake_machine_boot_pc(16);
	MACHINE_STAYS_AS_FOUND();
	HOG(hogged);
	FAKE_FILE(file);
	char byte;

	REQUIRE(fake_file_make(&file, 2 * PAGE_SIZE));
	EXPECT_EQ(pagecache_read(&file.mapping, NULL, 0, &byte, 1), 1);
	hog_all(&hogged);
	fake_file_make_dirty(&file, 0, 1);
	EXPECT_EQ(writeback_throttle(&file.mapping), 0);
}

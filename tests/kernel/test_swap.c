/* SPDX-License-Identifier: MIT */
/* Pages of programs go out and come back, over a swap disk that lies in memory: slots, the swap cache, what is dropped, retired, lost;
 * what a page that is shared with a file does. Guest and host. */
#include <mm/cache/swap.h>

#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/aspace/aspace.h>
#include <mm/cache/evict.h>
#include <mm/cache/lru.h>
#include <mm/pages/page_alloc.h>
#include <mm/pages/user_page.h>
#include <mm/reclaim/above.h>
#include <mm/reclaim/events.h>
#include <mm/report/fault.h>
#include <mm/report/map.h>
#include <tests/kernel/test_file.h>
#include <tests/kernel/test_space.h>
#include <tests/kernel/test_util.h>

#define PAGES(n)  ((size_t)(n)*PAGE_SIZE)
#define AT	  0x08048000u
#define ALL_ZONES (~0u)
#define NR_SLOTS  (FAKE_FILE_PAGES - 1)

/* --- the disk --- */

static void put_word(struct fake_file *disk, uint32_t offset, uint32_t word)
{
	memcpy(disk->disk + offset, &word, sizeof(word));
}

static void sign(struct fake_file *disk, uint32_t version, uint32_t last_page, uint32_t nr_bad)
{
	memset(disk->disk, 0, PAGE_SIZE);
	put_word(disk, 1024, version);
	put_word(disk, 1028, last_page);
	put_word(disk, 1032, nr_bad);
	memcpy(disk->disk + PAGE_SIZE - 10, "SWAPSPACE2", 10);
}

static bool disk_make(struct fake_file *disk)
{
	bool ok = fake_file_make(disk, FAKE_FILE_BYTES);

	if (ok)
		sign(disk, 1, NR_SLOTS, 0);
	return ok;
}

static int disk_on(struct fake_file *disk)
{
	return swap_on("fake", disk->mapping.ops, disk, FAKE_FILE_BYTES);
}

static void aspace_end(struct aspace **aspace)
{
	if (!*aspace)
		return;
	aspace_clear(*aspace);
	aspace_free(*aspace);
}

static void disk_off(struct fake_file **disk)
{
	(void)disk;
	if (swap_is_on())
		EXPECT_EQ(swap_off("fake"), 0);
}

/* In this order each ends before what it stands on. */
#define SWAPPED_OFF(name)                                                                                    \
	struct fake_file *off_##name ENDS_WITH(disk_off) = &name;                                            \
	(void)off_##name
#define SWAP_DISK(name)                                                                                      \
	FAKE_FILE(name);                                                                                     \
	SWAPPED_OFF(name);                                                                                   \
	REQUIRE(disk_make(&name) && disk_on(&name) == 0)
#define PROGRAM(name)                                                                                        \
	ENDS_WITH(aspace_end) struct aspace *name = aspace_create();                                         \
	REQUIRE(name)

static uint8_t byte_of(unsigned int n)
{
	return (uint8_t)(n * 31 + 5);
}

static int map_pages(struct aspace *aspace, unsigned int nr)
{
	uintptr_t start = AT;

	return aspace_map(aspace, &start, PAGES(nr), ASPACE_MAPPING, ASPACE_WRITE, NULL);
}

/* So many pages, each with bytes of its own at both ends. */
static bool fill_pages(struct aspace *aspace, unsigned int nr)
{
	bool ok = map_pages(aspace, nr) == 0;

	for (unsigned int n = 0; n < nr && ok; n++)
		ok = space_write(aspace, AT + PAGES(n), byte_of(n)) &&
		     space_write(aspace, AT + PAGES(n + 1) - 1, byte_of(n + 100));
	return ok;
}

static void expect_pages(struct aspace *aspace, unsigned int nr)
{
	for (unsigned int n = 0; n < nr; n++) {
		EXPECT_EQ(space_read(aspace, AT + PAGES(n)), byte_of(n));
		EXPECT_EQ(space_read(aspace, AT + PAGES(n + 1) - 1), byte_of(n + 100));
	}
}

static bool is_sound(struct aspace *aspace)
{
	const char *wrong = aspace_check(aspace);

	if (wrong)
		ktest_note("%s", wrong);
	return !wrong;
}

/* Reclaims until nothing moves: the first look only finds out that pages were used. */
static void push_out(gfp_t gfp)
{
	for (unsigned int pass = 0; pass < 6; pass++)
		(void)cache_reclaim(gfp, 1000, ALL_ZONES);
}

static size_t nr_used(void)
{
	struct swap_counts counts = swap_counts();

	return counts.nr_slots - counts.nr_free;
}

/* --- signatures --- */

static void expect_refused(struct fake_file *disk, const char *says)
{
	expect_reports();
	EXPECT_EQ(disk_on(disk), -EINVAL);
	EXPECT(one_report_says(says));
	EXPECT(!swap_is_on());
}

KTEST(swap, signatures_that_are_wrong_are_refused_each_with_its_line, "R5 SWP-06")
{
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(disk);

	REQUIRE(disk_make(&disk));
	sign(&disk, 2, NR_SLOTS, 0);
	expect_refused(&disk, "swap: fake is of an unknown version, expected 1");
	sign(&disk, 0x01000000, NR_SLOTS, 0);
	expect_refused(&disk, "swap: fake is of the other byte order");
	sign(&disk, 1, NR_SLOTS + 1, 0);
	expect_refused(&disk, "swap: fake is smaller than its signature says");
	sign(&disk, 1, 0xffffffff, 0);
	expect_refused(&disk, "swap: fake is smaller than its signature says");
	sign(&disk, 1, 0, 0);
	expect_refused(&disk, "swap: fake is of no size that can be");
	sign(&disk, 1, NR_SLOTS, NR_SLOTS);
	expect_refused(&disk, "swap: fake is nothing but bad pages");
	sign(&disk, 1, NR_SLOTS, 0xffffffff);
	expect_refused(&disk, "swap: fake is nothing but bad pages");
	sign(&disk, 1, NR_SLOTS, 1);
	expect_refused(&disk, "swap: fake is said to have bad pages that it has not");
	put_word(&disk, 1536, NR_SLOTS + 1);
	expect_refused(&disk, "swap: fake is said to have bad pages that it has not");
	memcpy(disk.disk + PAGE_SIZE - 10, "SWAP-SPACE", 10);
	expect_refused(&disk, "swap: fake is of mkswap's version 0");
	memset(disk.disk, 0, PAGE_SIZE);
	expect_refused(&disk, "swap: fake is no swap disk");
	expect_reports();
	EXPECT_EQ(swap_on("fake", disk.mapping.ops, &disk, 512), -EINVAL);
	EXPECT(one_report_says("swap: fake is empty"));
}

KTEST(swap, a_disk_that_cannot_be_read_or_is_in_use_is_refused, "R5 R7 SWP-06")
{
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(disk);

	REQUIRE(disk_make(&disk));
	disk.fails_read = 1;
	expect_reports();
	EXPECT_EQ(disk_on(&disk), -EIO);
	EXPECT(one_report_says("swap: fake is not to be read"));
	EXPECT_EQ(disk_on(&disk), 0);
	expect_reports();
	EXPECT_EQ(disk_on(&disk), -EBUSY);
	EXPECT(one_report_says("swap: fake is in use already"));
	EXPECT_EQ(swap_counts().nr_slots, NR_SLOTS);
	EXPECT_EQ(swap_off("fake"), 0);
	EXPECT_EQ(swap_off("fake"), -EINVAL);
	EXPECT_EQ(swap_counts().nr_slots, 0);
}

KTEST(swap, each_request_of_swapon_that_fails_leaves_nothing, "R5 S7")
{
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(disk);
	unsigned int nr_failed = 0;
	size_t nr_objects;

	REQUIRE(disk_make(&disk));
	expect_reports();
	shrink_all_caches();
	nr_objects = nr_live_objects();
	for (unsigned int n = 1; n < 40; n++) {
		int error;

		(void)fault_set_nth(n);
		error = disk_on(&disk);
		(void)fault_set_nth(0);
		EXPECT(error == 0 || error == -ENOMEM);
		EXPECT_EQ(swap_is_on(), error == 0);
		if (error == 0)
			EXPECT_EQ(swap_off("fake"), 0);
		shrink_all_caches();
		EXPECT_EQ(nr_live_objects(), nr_objects);
		nr_failed += error != 0;
	}
	EXPECT(nr_failed >= 7 && nr_failed < 39);
}

KTEST(swap, bad_pages_are_never_written_to, "R5 R7 SWP-06")
{
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(disk);

	REQUIRE(disk_make(&disk));
	sign(&disk, 1, NR_SLOTS, 3);
	put_word(&disk, 1536, 1);
	put_word(&disk, 1540, 4);
	put_word(&disk, 1544, 4);
	REQUIRE(disk_on(&disk) == 0);
	SWAPPED_OFF(disk);
	EXPECT_EQ(swap_counts().nr_slots, NR_SLOTS - 2);
	EXPECT_EQ(swap_counts().nr_bad, 2);
	PROGRAM(aspace);
	REQUIRE(fill_pages(aspace, NR_SLOTS));
	push_out(GFP_KERNEL);
	EXPECT_EQ(aspace->nr_swapped, NR_SLOTS - 2);
	EXPECT_EQ(disk.disk[PAGES(1)], fake_byte(PAGES(1)));
	EXPECT_EQ(disk.disk[PAGES(4) + 9], fake_byte(PAGES(4) + 9));
	expect_pages(aspace, NR_SLOTS);
}

/* --- out and in --- */

KTEST(swap, pages_go_out_and_come_back_as_they_were, "R5 SWP-01 SWP-02 REC-02")
{
	MACHINE_STAYS_AS_FOUND();
	SWAP_DISK(disk);
	PROGRAM(aspace);

	REQUIRE(fill_pages(aspace, 8));
	push_out(GFP_KERNEL);
	EXPECT_EQ(aspace->nr_resident, 0);
	EXPECT_EQ(aspace->nr_swapped, 8);
	EXPECT_EQ(nr_user_pages(), 0);
	EXPECT_EQ(swap_counts().nr_cached, 0);
	EXPECT_EQ(nr_used(), 8);
	EXPECT_EQ(disk.nr_writes, 8);
	EXPECT(is_sound(aspace));
	expect_valid();
	expect_pages(aspace, 8);
	EXPECT_EQ(aspace->nr_swapped, 0);
	EXPECT(is_sound(aspace));
	expect_valid();
	aspace_clear(aspace);
	EXPECT_EQ(nr_used(), 0);
	expect_valid();
}

KTEST(swap, what_an_earlier_boot_left_is_never_read, "R5 K4 SWP-08 USR-06")
{
	MACHINE_STAYS_AS_FOUND();
	SWAP_DISK(disk);
	PROGRAM(aspace);
	unsigned int nr_reads = disk.nr_reads;

	REQUIRE(map_pages(aspace, 4) == 0);
	for (unsigned int n = 0; n < 4; n++)
		EXPECT_EQ(space_read(aspace, AT + PAGES(n)), 0);
	push_out(GFP_KERNEL);
	for (unsigned int n = 0; n < 4; n++)
		EXPECT_EQ(space_read(aspace, AT + PAGES(n) + 77), 0);
	EXPECT_EQ(disk.nr_reads - nr_reads, 4);
}

KTEST(swap, a_page_that_was_not_written_to_leaves_again_without_being_written, "R5")
{
	MACHINE_STAYS_AS_FOUND();
	SWAP_DISK(disk);
	PROGRAM(aspace);

	REQUIRE(fill_pages(aspace, 4));
	push_out(GFP_KERNEL);
	expect_pages(aspace, 4);
	EXPECT_EQ(nr_used(), 4);
	EXPECT(space_write(aspace, AT + PAGES(2), byte_of(2)));
	push_out(GFP_KERNEL);
	EXPECT_EQ(aspace->nr_swapped, 4);
	EXPECT_EQ(disk.nr_writes, 5);
	EXPECT_EQ(nr_used(), 4);
	expect_pages(aspace, 4);
	EXPECT(is_sound(aspace));
}

KTEST(swap, what_must_not_be_written_to_comes_back_so, "R5 R8 SWP-01")
{
	MACHINE_STAYS_AS_FOUND();
	SWAP_DISK(disk);
	PROGRAM(aspace);
	uintptr_t start = AT;

	REQUIRE(aspace_map(aspace, &start, PAGES(2), ASPACE_MAPPING, ASPACE_READ, NULL) == 0);
	EXPECT_EQ(space_read(aspace, AT), 0);
	push_out(GFP_KERNEL);
	EXPECT_EQ(aspace->nr_swapped, 1);
	EXPECT_EQ(space_read(aspace, AT), 0);
	EXPECT(!space_write(aspace, AT, 1));
	EXPECT(is_sound(aspace));
}

KTEST(swap, a_disk_more_than_half_full_gets_its_slots_back, "R5 SWP-02")
{
	MACHINE_STAYS_AS_FOUND();
	SWAP_DISK(disk);
	PROGRAM(aspace);

	REQUIRE(fill_pages(aspace, NR_SLOTS));
	push_out(GFP_KERNEL);
	EXPECT_EQ(nr_used(), NR_SLOTS);
	expect_pages(aspace, NR_SLOTS);
	EXPECT(nr_used() <= NR_SLOTS / 2 + 1);
	push_out(GFP_KERNEL);
	expect_pages(aspace, NR_SLOTS);
	EXPECT(is_sound(aspace));
	expect_valid();
}

KTEST(swap, when_it_is_full_pages_stay, "R5 R4 SWP-03")
{
	MACHINE_STAYS_AS_FOUND();
	SWAP_DISK(disk);
	PROGRAM(aspace);

	REQUIRE(fill_pages(aspace, NR_SLOTS + 5));
	push_out(GFP_KERNEL);
	EXPECT_EQ(aspace->nr_swapped, NR_SLOTS);
	EXPECT_EQ(aspace->nr_resident, 5);
	EXPECT_EQ(swap_counts().nr_free, 0);
	expect_pages(aspace, NR_SLOTS + 5);
	expect_valid();
}

KTEST(swap, what_is_unmapped_or_ends_gives_its_slots_back, "R5 R8 SWP-02 SWP-07")
{
	MACHINE_STAYS_AS_FOUND();
	SWAP_DISK(disk);
	PROGRAM(aspace);

	REQUIRE(fill_pages(aspace, 10));
	push_out(GFP_KERNEL);
	EXPECT_EQ(aspace_unmap(aspace, AT + PAGES(2), PAGES(3)), 0);
	EXPECT_EQ(nr_used(), 7);
	EXPECT_EQ(space_read(aspace, AT), byte_of(0));
	EXPECT_EQ(aspace_unmap(aspace, AT, PAGES(1)), 0); /* one that kept its slot */
	EXPECT_EQ(nr_used(), 6);
	EXPECT(is_sound(aspace));
	aspace_clear(aspace);
	EXPECT_EQ(nr_used(), 0);
}

/* --- who may --- */

static void expect_swapped(gfp_t gfp, size_t nr)
{
	SWAP_DISK(disk);
	PROGRAM(aspace);

	REQUIRE(fill_pages(aspace, 6));
	push_out(gfp);
	EXPECT_EQ(aspace->nr_swapped, nr);
	EXPECT_EQ(disk.nr_writes, nr);
	expect_pages(aspace, 6);
}

KTEST(swap, nofs_swaps_and_noio_does_not, "G4 G5 R5")
{
	MACHINE_STAYS_AS_FOUND();

	expect_swapped(GFP_NOIO, 0);
	expect_swapped(GFP_NOFS, 6);
	expect_swapped(GFP_KERNEL, 6);
	expect_swapped(__GFP_WAIT | __GFP_FS, 0);
}

KTEST(swap, noio_gives_up_what_is_the_same_on_the_disk, "G4 R5")
{
	MACHINE_STAYS_AS_FOUND();
	SWAP_DISK(disk);
	PROGRAM(aspace);

	REQUIRE(fill_pages(aspace, 6));
	push_out(GFP_KERNEL);
	expect_pages(aspace, 6);
	push_out(GFP_NOIO);
	EXPECT_EQ(aspace->nr_swapped, 6);
	EXPECT_EQ(disk.nr_writes, 6);
	expect_pages(aspace, 6);
}

KTEST(swap, without_a_disk_pages_stay_and_nothing_is_looked_at, "R5")
{
	MACHINE_STAYS_AS_FOUND();
	PROGRAM(aspace);
	size_t scanned;

	REQUIRE(fill_pages(aspace, 6));
	scanned = mm_event_count[EVENT_SCAN];
	push_out(GFP_KERNEL);
	EXPECT_EQ(aspace->nr_resident, 6);
	EXPECT_EQ(mm_event_count[EVENT_SCAN] - scanned, 0);
}

KTEST(swap, what_is_used_between_two_looks_stays, "R6 SWP-11")
{
	MACHINE_STAYS_AS_FOUND();
	SWAP_DISK(disk);
	PROGRAM(aspace);

	REQUIRE(fill_pages(aspace, 8));
	for (unsigned int pass = 0; pass < 6; pass++) {
		for (unsigned int n = 0; n < 8; n += 2)
			EXPECT_EQ(space_read(aspace, AT + PAGES(n)), byte_of(n));
		(void)cache_reclaim(GFP_KERNEL, 1000, ALL_ZONES);
	}
	EXPECT_EQ(aspace->nr_swapped, 4);
	for (unsigned int n = 1; n < 8; n += 2)
		EXPECT(port_entry_note(aspace_entry(aspace, AT + PAGES(n))));
	expect_pages(aspace, 8);
}

/* Which of both goes first, by swappiness: pages of a file that were read once, and those of a program that rests. */
static void expect_first(unsigned int swappiness, bool is_program)
{
	SWAP_DISK(disk);
	FAKE_FILE(file);
	PROGRAM(aspace);
	char byte;

	REQUIRE(fake_file_make(&file, PAGES(12)) && fill_pages(aspace, 12));
	(void)cache_reclaim(GFP_NOIO, 1, ALL_ZONES); /* they were used */
	for (unsigned int n = 0; n < 12; n++)
		EXPECT_EQ(pagecache_read(&file.mapping, NULL, PAGES(n), &byte, 1), 1);
	swap_set_swappiness(swappiness);
	for (unsigned int n = 0; n < 8; n++)
		(void)cache_reclaim(GFP_KERNEL, 1, ALL_ZONES);
	EXPECT_EQ(file.mapping.nr_pages < 12, !is_program);
	EXPECT_EQ(aspace->nr_swapped != 0, is_program);
	swap_set_swappiness(60);
}

KTEST(swap, swappiness_says_which_kind_goes_first, "R6 SWP-11")
{
	MACHINE_STAYS_AS_FOUND();

	expect_first(0, false);
	expect_first(200, true);
}

/* --- failing disks --- */

KTEST(swap, a_page_that_cannot_be_written_stays_and_its_slot_is_retired, "R7 SWP-04")
{
	MACHINE_STAYS_AS_FOUND();
	SWAP_DISK(disk);
	PROGRAM(aspace);

	REQUIRE(fill_pages(aspace, 4));
	for (unsigned int n = 1; n <= 4; n++) {
		disk.fails_write = n;
		push_out(GFP_KERNEL);
		EXPECT_EQ(swap_counts().nr_cached, 1);
		expect_valid();
		expect_pages(aspace, 4);
		EXPECT_EQ(swap_counts().nr_bad, n);
		EXPECT_EQ(swap_counts().nr_slots, NR_SLOTS - n);
		for (unsigned int i = 0; i < 4; i++)
			EXPECT(space_write(aspace, AT + PAGES(i), byte_of(i)));
	}
	disk.fails_write = 1;
	push_out(GFP_KERNEL);
	aspace_clear(aspace); /* without touching it */
	EXPECT_EQ(swap_counts().nr_bad, 5);
	EXPECT_EQ(nr_used(), 0);
	expect_valid();
}

KTEST(swap, a_disk_that_takes_nothing_is_left_alone, "R7 SWP-04")
{
	MACHINE_STAYS_AS_FOUND();
	SWAP_DISK(disk);
	PROGRAM(aspace);

	REQUIRE(fill_pages(aspace, 20));
	disk.fails_write = 1;
	disk.fails_for_ever = true;
	expect_reports();
	push_out(GFP_KERNEL);
	EXPECT(one_report_says("swap: 16 pages could not be written to fake: no more go there"));
	EXPECT_EQ(disk.nr_writes, 16);
	disk.fails_write = 0;
	expect_pages(aspace, 20);
	EXPECT_EQ(swap_counts().nr_bad, 16);
	expect_valid();
}

KTEST(swap, a_slot_that_cannot_be_read_is_the_end_of_that_access, "R7 SWP-04")
{
	MACHINE_STAYS_AS_FOUND();
	SWAP_DISK(disk);
	PROGRAM(aspace);

	REQUIRE(fill_pages(aspace, 4));
	push_out(GFP_KERNEL);
	for (unsigned int n = 0; n < 2; n++) { /* does not begin, and fails at its end */
		disk.fails_read = 1;
		EXPECT_EQ(aspace_fault(aspace, AT, ASPACE_READS), ASPACE_LOST);
	}
	EXPECT_EQ(swap_counts().nr_cached, 0);
	expect_pages(aspace, 4);
	expect_valid();
}

/* --- swapoff --- */

KTEST(swap, swapoff_brings_all_back, "R5 SWP-05")
{
	MACHINE_STAYS_AS_FOUND();
	SWAP_DISK(disk);
	PROGRAM(one);
	PROGRAM(two);

	REQUIRE(fill_pages(one, 8) && fill_pages(two, 8));
	push_out(GFP_KERNEL);
	EXPECT_EQ(nr_used(), 16);
	EXPECT_EQ(space_read(two, AT), byte_of(0));
	EXPECT_EQ(swap_off("fake"), 0);
	EXPECT_EQ(one->nr_resident + two->nr_resident, 16);
	EXPECT_EQ(swap_counts().nr_slots, 0);
	expect_pages(one, 8);
	expect_pages(two, 8);
	EXPECT(is_sound(one) && is_sound(two));
	EXPECT_EQ(disk_on(&disk), 0);
	push_out(GFP_KERNEL);
	expect_pages(one, 8);
}

KTEST(swap, a_disk_that_is_being_given_up_gives_no_slots, "R5 SWP-05")
{
	MACHINE_STAYS_AS_FOUND();
	SWAP_DISK(disk);
	struct swap_area *area = swap_close("fake");

	REQUIRE(area);
	EXPECT_EQ(swap_slot_get(), 0);
	EXPECT(!swap_is_on());
	swap_reopen(area);
	EXPECT(swap_is_on());
}

KTEST(swap, swapoff_that_fails_says_why_and_the_disk_is_used_as_before, "R5 R7 SWP-03 SWP-05")
{
	MACHINE_STAYS_AS_FOUND();
	SWAP_DISK(disk);
	PROGRAM(aspace);

	REQUIRE(fill_pages(aspace, 8));
	push_out(GFP_KERNEL);
	disk.fails_read = 3;
	EXPECT_EQ(swap_off("fake"), -EIO);
	EXPECT(swap_is_on());
	expect_valid();
	expect_pages(aspace, 8);
	push_out(GFP_KERNEL);
	expect_pages(aspace, 8);
	EXPECT_EQ(swap_off("fake"), 0);
}

/* --- files that programs see --- */

static void no_hold(void *owner)
{
	(void)owner;
}

static int map_file(struct aspace *aspace, struct fake_file *file, size_t nr)
{
	struct aspace_file part = {
		.mapping = &file->mapping, .size_bytes = PAGES(nr), .hold = no_hold, .release = no_hold};
	uintptr_t start = AT;

	return aspace_map(aspace, &start, PAGES(nr), ASPACE_DATA, ASPACE_WRITE, &part);
}

KTEST(swap, pages_of_files_that_programs_see_are_given_back_when_they_rest, "R2 R5 R6")
{
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(file);
	PROGRAM(one);
	PROGRAM(two);

	REQUIRE(fake_file_make(&file, PAGES(6)));
	REQUIRE(map_file(one, &file, 6) == 0 && map_file(two, &file, 6) == 0);
	for (unsigned int n = 0; n < 6; n++)
		EXPECT(space_read(one, AT + PAGES(n)) >= 0 && space_read(two, AT + PAGES(n)) >= 0);
	for (unsigned int pass = 0; pass < 6; pass++) {
		EXPECT_EQ(space_read(two, AT + PAGES(3)), (uint8_t)fake_byte(PAGES(3)));
		(void)cache_reclaim(GFP_NOIO, 1000, ALL_ZONES);
	}
	EXPECT_EQ(file.mapping.nr_pages, 1);
	EXPECT_EQ(one->nr_resident + two->nr_resident, 2);
	EXPECT(is_sound(one) && is_sound(two));
	for (unsigned int n = 0; n < 6; n++)
		EXPECT_EQ(space_read(one, AT + PAGES(n)), (uint8_t)fake_byte(PAGES(n)));
}

KTEST(swap, a_private_copy_goes_to_swap_and_goes_with_the_end_of_its_file, "R5 R8 XPT-02")
{
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(file);
	SWAP_DISK(disk);
	PROGRAM(aspace);

	REQUIRE(fake_file_make(&file, PAGES(4)));
	REQUIRE(map_file(aspace, &file, 4) == 0);
	for (unsigned int n = 0; n < 4; n++)
		EXPECT(space_write(aspace, AT + PAGES(n), byte_of(n)));
	push_out(GFP_KERNEL);
	EXPECT_EQ(aspace->nr_swapped, 4);
	EXPECT_EQ(space_read(aspace, AT), byte_of(0));
	EXPECT_EQ(pagecache_truncate(&file.mapping, PAGES(2)), 0);
	EXPECT_EQ(aspace->nr_swapped, 1);
	EXPECT_EQ(nr_used(), 2);
	EXPECT_EQ(aspace_fault(aspace, AT + PAGES(3), ASPACE_READS), ASPACE_BEYOND);
	EXPECT_EQ(space_read(aspace, AT + PAGES(1)), byte_of(1));
	expect_valid();
}

/* Who makes a file shorter must not sleep for its pages. */
KTEST(swap, a_slot_whose_page_was_read_ahead_is_free_when_reclaim_has_dropped_that, "R5 SWP-02 SWP-07 XPT-02")
{
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(file);
	SWAP_DISK(disk);
	PROGRAM(aspace);

	REQUIRE(fake_file_make(&file, PAGES(8)));
	REQUIRE(map_file(aspace, &file, 8) == 0);
	for (unsigned int n = 0; n < 8; n++)
		EXPECT(space_write(aspace, AT + PAGES(n), byte_of(n)));
	push_out(GFP_KERNEL);
	EXPECT_EQ(space_read(aspace, AT), byte_of(0));
	EXPECT_EQ(space_read(aspace, AT + PAGES(1)), byte_of(1));
	EXPECT(swap_counts().nr_cached >= 2);
	EXPECT_EQ(pagecache_truncate(&file.mapping, PAGES(2)), 0);
	expect_valid();
	push_out(GFP_NOIO);
	EXPECT_EQ(nr_used(), 2);
	expect_valid();
}

/* --- it is said --- */

static void expect_place(struct aspace *aspace, uintptr_t addr, const char *begins)
{
	char text[48];

	(void)aspace_describe_page(aspace, addr, text, sizeof(text));
	EXPECT(strncmp(text, begins, strlen(begins)) == 0);
	if (strncmp(text, begins, strlen(begins)) != 0)
		ktest_note("found \"%s\", expected \"%s\"", text, begins);
}

/* Pages of the swap cache that a look at all of memory finds; the map says so of each. */
static size_t nr_in_swap_cache(void)
{
	size_t nr = 0;

	for (pfn_t pfn = 0; pfn < mem_map_pages; pfn++) {
		const struct page *page = pfn_to_page(pfn);
		const char *disk = page->state == PAGE_FILE ? swap_disk_of(page->mapping) : NULL;

		EXPECT_EQ(map_owner_of(pfn) == MAP_SWAP, disk != NULL);
		EXPECT(!disk || strcmp(disk, "fake") == 0);
		nr += disk != NULL;
	}
	return nr;
}

/* The n-th page that was written in order of addresses. */
static const char *swap_place(unsigned int n, char *buf, size_t size)
{
	(void)snprintf(buf, size, "page %u of swap disk fake", n + 1);
	return buf;
}

KTEST(swap, where_a_page_is_can_be_asked, "R5 D8")
{
	MACHINE_STAYS_AS_FOUND();
	SWAP_DISK(disk);
	PROGRAM(aspace);
	char text[48];

	REQUIRE(fill_pages(aspace, 8));
	expect_place(aspace, AT, "page 0x");
	expect_place(aspace, AT + PAGES(8), "no page");
	expect_place(aspace, PORT_USER_END, "no page");
	push_out(GFP_KERNEL);
	EXPECT_EQ(nr_in_swap_cache(), 0);
	for (unsigned int n = 0; n < 8; n++)
		expect_place(aspace, AT + PAGES(n) + 5, swap_place(n, text, sizeof(text)));
	for (unsigned int n = 0; n < 2; n++) {
		EXPECT_EQ(space_read(aspace, AT + PAGES(n)), byte_of(n));
		expect_place(aspace, AT + PAGES(n), "page 0x");
	}
	EXPECT_EQ(nr_in_swap_cache(), swap_counts().nr_cached);
	EXPECT(swap_counts().nr_cached > 0);
	push_out(GFP_NOIO);
	expect_valid();
}

/* --- no memory --- */

static void take_last_pages(struct list_head *taken)
{
	struct page *page;

	while ((page = alloc_page(GFP_ATOMIC | __GFP_HIGHMEM | __GFP_NOWARN)) != NULL)
		list_add(&page->links, taken);
}

static void give_pages(struct list_head *taken)
{
	while (!list_is_empty(taken)) {
		struct page *page = list_first_entry(taken, struct page, links);

		list_del(&page->links);
		__free_page(page);
	}
}

KTEST(swap, pages_go_out_when_no_page_is_free, "R3 R5 SWP-10")
{
	MACHINE_STAYS_AS_FOUND();
	SWAP_DISK(disk);
	PROGRAM(aspace);
	struct list_head taken = LIST_HEAD_INIT(taken);

	REQUIRE(fill_pages(aspace, NR_SLOTS));
	(void)cache_reclaim(GFP_NOIO, 1000, ALL_ZONES); /* they were used */
	for (unsigned int round = 0; round < NR_SLOTS && aspace->nr_resident; round++) {
		take_last_pages(&taken);
		(void)cache_reclaim(GFP_NOFS, 1, ALL_ZONES);
	}
	EXPECT_EQ(aspace->nr_swapped, NR_SLOTS);
	give_pages(&taken);
	expect_valid();
	expect_pages(aspace, NR_SLOTS);
}

KTEST(swap, each_request_of_swapping_out_that_fails_costs_nothing, "R3 R5 SWP-10")
{
	MACHINE_STAYS_AS_FOUND();
	SWAP_DISK(disk);
	bool is_reached = true;

	for (unsigned int n = 1; is_reached; n++) {
		PROGRAM(aspace);

		REQUIRE(n < 100 && fill_pages(aspace, 6));
		(void)fault_set_nth(n);
		push_out(GFP_KERNEL);
		is_reached = fault_set_nth(0);
		EXPECT_EQ(aspace->nr_swapped, 6);
		EXPECT(is_sound(aspace));
		expect_valid();
		expect_pages(aspace, 6);
	}
}

KTEST(swap, each_request_of_swapping_in_that_fails_leaves_all_as_it_was, "R5")
{
	MACHINE_STAYS_AS_FOUND();
	SWAP_DISK(disk);
	PROGRAM(aspace);

	REQUIRE(fill_pages(aspace, 4));
	push_out(GFP_KERNEL);
	for (unsigned int n = 1; n < 20; n++) {
		enum aspace_result result;

		(void)fault_set_nth(n);
		result = aspace_fault(aspace, AT, ASPACE_READS);
		(void)fault_set_nth(0);
		EXPECT(result == ASPACE_NO_MEMORY || result == ASPACE_DONE);
		EXPECT(is_sound(aspace));
		expect_valid();
		push_out(GFP_KERNEL);
	}
	expect_pages(aspace, 4);
}

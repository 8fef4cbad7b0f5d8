/* SPDX-License-Identifier: MIT */
/* slab_debug=: which caches it chooses, and machines that boot with it. Host only: it is a word of the boot. */
#include <mm/objects/slab_debug.h>

#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <mm/objects/kmalloc.h>
#include <mm/pages/page_alloc.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>

#define Z SLAB_RED_ZONE
#define P SLAB_POISON

static void choose_none(void)
{
	EXPECT_NULL(slab_debug_configure(""));
}

static slab_flags_t chosen_for(const char *word, const char *name)
{
	slab_flags_t flags;

	if (slab_debug_configure(word))
		return SLAB_PANIC; /* no letter */
	flags = slab_debug_flags(name, 0);
	choose_none();
	return flags;
}

KTEST(debug_machine, slab_debug_chooses_all_caches_or_those_it_names, "S5")
{
	static const struct {
		const char *word, *name;
		slab_flags_t flags;
	} rows[] = {
		{"", "dentry", 0},
		{"-", "dentry", 0},
		{"ZP", "dentry", Z | P},
		{"Z,dentry", "dentry", Z},
		{"Z,dentry", "dentry_more", 0},
		{"Z,dentry", "dent", 0},
		{"Z,inode,dentry", "dentry", Z},
		{"Z,inode,dentry,file", "dentry", Z},
		{"Z,kmalloc-*", "kmalloc-64", Z},
		{"Z,kmalloc-*", "kmalloc-", Z},
		{"Z,kmalloc-*", "dma-kmalloc-64", 0},
		{"Z,*", "anything", Z},
		{"Z,", "", Z}, /* a cache has a name */
		{"Z,", "dentry", 0},
		{"Z,,dentry", "dentry", Z},
		{"X", "dentry", SLAB_PANIC},
		{"zp,dentry", "dentry", SLAB_PANIC},
		{",dentry", "dentry", SLAB_PANIC},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		if (chosen_for(rows[i].word, rows[i].name) == rows[i].flags)
			continue;
		ktest_note("slab_debug=%s and cache %s", rows[i].word, rows[i].name);
		EXPECT(false);
	}
	EXPECT_NULL(slab_debug_configure("Z"));
	EXPECT_EQ(slab_debug_flags("dentry", SLAB_NO_USER_FLAGS), SLAB_NO_USER_FLAGS);
	EXPECT_EQ(slab_debug_flags("dentry", P), Z | P);
	EXPECT(strcmp(slab_debug_configure("X"), "letters of FZPUQ, then commas and names of caches") == 0);
	EXPECT_EQ(slab_debug_flags("dentry", 0), Z); /* as it was */
	choose_none();
}

KTEST(debug_machine, letters_are_written_as_they_are_read, "S5")
{
	static const char *const words[] = {"F", "Z", "P", "U", "Q", "FZPUQ", "ZU", ""};
	char text[SLAB_DEBUG_LETTERS_MAX];

	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++) {
		slab_flags_t flags = 0;

		EXPECT(slab_debug_parse(words[i], strlen(words[i]), &flags) == (*words[i] != 0));
		EXPECT(strcmp(slab_debug_letters(flags, text), words[i]) == 0);
	}
}

/* kmalloc's caches are debugged from the first request on: the slack behind what was asked for is guarded,
 * whether the caller's size is a constant or not, and krealloc moves the guard. */
static void guard_the_slack(void)
{
	volatile size_t unknown = 40;
	char *constant = kmalloc(40, GFP_KERNEL), *variable = kmalloc(unknown, GFP_KERNEL);
	char *of[] = {constant, variable};

	for (unsigned int i = 0; i < ARRAY_SIZE(of); i++) {
		REQUIRE(of[i]);
		expect_reports();
		of[i] = krealloc(of[i], 37, GFP_KERNEL);
		REQUIRE(of[i]);
		of[i][37] = 1;
		of[i] = krealloc(of[i], 39, GFP_KERNEL);
		EXPECT(strstr(report_at(0), "was written to behind its end, seen when resized by ") != NULL);
		EXPECT_EQ((unsigned char)of[i][38], POISON_FRESH); /* what is new is nobody's */
		reports_forget();
		of[i][39] = 1;
		kfree(of[i]);
		EXPECT(strstr(report_at(0), "was written to behind its end, seen when freed by ") != NULL);
		reports_forget();
	}
}

KTEST(debug_machine, a_machine_booted_with_slab_debug_guards_what_kmalloc_was_asked_for, "S5 DBG-06 KML-08")
{
	EXPECT_NULL(slab_debug_configure("FZPU,kmalloc-*"));
	fake_machine_boot_pc(64);
	guard_the_slack();
	EXPECT_EQ(reports_count_bugs(), 0);
	expect_valid();
	choose_none();
	fake_machine_boot_pc(64);
}

/* Without red zones all of an object is its owner's, whatever else is noted: only what lies behind the size that was
 * asked for through kmalloc_slow() and krealloc() is zero until its owner writes there. */
static void resize_without_zones(void)
{
	volatile size_t unknown = 3100;
	unsigned char *object = kmalloc(unknown, GFP_KERNEL);

	REQUIRE(object && ksize(object) == 3584);
	EXPECT(memory_is(object + 3100, 0, 3584 - 3100));
	memset(object, 0xd7, 3584);
	object = krealloc(object, 3500, GFP_KERNEL | __GFP_ZERO);
	REQUIRE(object);
	EXPECT(memory_is(object, 0xd7, 3500) && memory_is(object + 3500, 0, 3584 - 3500));
	object = krealloc(object, 3584, GFP_KERNEL | __GFP_ZERO);
	REQUIRE(object);
	EXPECT(memory_is(object, 0xd7, 3500) && memory_is(object + 3500, 0, 3584 - 3500));
	object = krealloc(object, 6000, GFP_KERNEL | __GFP_ZERO);
	REQUIRE(object);
	EXPECT(memory_is(object, 0xd7, 3500) && memory_is(object + 3500, 0, 6000 - 3500));
	kfree(object);
}

KTEST(debug_machine, letters_without_red_zones_leave_an_owner_all_of_its_object, "K2 S5 KML-05 KML-08")
{
	static const char *const words[] = {"F", "P", "U", "FPUQ", "-"};

	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++) {
		EXPECT_NULL(slab_debug_configure(words[i]));
		fake_machine_boot_pc(64);
		resize_without_zones();
		expect_valid();
	}
	choose_none();
	fake_machine_boot_pc(64);
}

/* Each letter alone: what one lacks, the others must not touch. */
KTEST(debug_machine, each_letter_alone_lets_everything_come_and_go, "S5 DBG-14")
{
	static const char *const words[] = {"F", "Z", "P", "U", "Q", "FZPUQ"};

	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++) {
		EXPECT_NULL(slab_debug_configure(words[i]));
		fake_machine_boot_pc(64);
		random_operations(i + 1, 3000, 500);
		shrink_all_caches();
		expect_valid();
	}
	choose_none();
	fake_machine_boot_pc(64);
}

/* SPDX-License-Identifier: MIT */
/* Flag words: what they are made of, which can never be met, how they print, and how often they are printed.
 * Host and guest. */
#include <mm/pages/gfp.h>

#include <kernel/lib/string.h>
#include <mm/pages/zone.h>
#include <tests/ktest.h>

static bool names_are(gfp_t gfp, const char *expected)
{
	char buf[160];

	if (strcmp(gfp_names(gfp, buf, sizeof(buf)), expected) == 0)
		return true;
	ktest_note("%s, expected %s", buf, expected);
	return false;
}

KTEST(gfp, the_type_flags_are_made_of_the_permissions_the_books_name, "G1 G2 G3 G4 G5 G6 G7 G21")
{
	EXPECT_EQ(GFP_NOWAIT, 0);
	EXPECT_EQ(GFP_ATOMIC, __GFP_HIGH);
	EXPECT_EQ(GFP_NOIO, __GFP_WAIT);
	EXPECT_EQ(GFP_NOFS, __GFP_WAIT | __GFP_IO);
	EXPECT_EQ(GFP_KERNEL, __GFP_WAIT | __GFP_IO | __GFP_FS);
	EXPECT_EQ(GFP_USER, __GFP_WAIT | __GFP_IO | __GFP_FS | __GFP_MOVABLE);
	EXPECT_EQ(GFP_HIGHUSER, GFP_USER | __GFP_HIGHMEM);
	EXPECT_EQ(GFP_DMA, __GFP_DMA);
}

KTEST(gfp, every_bit_is_a_flag_of_its_own, "G21")
{
	static const gfp_t bits[] = {
		__GFP_DMA,     __GFP_HIGHMEM,  __GFP_MOVABLE,	 __GFP_RECLAIMABLE, __GFP_WAIT,
		__GFP_HIGH,    __GFP_IO,       __GFP_FS,	 __GFP_COLD,	    __GFP_NOWARN,
		__GFP_REPEAT,  __GFP_NOFAIL,   __GFP_NORETRY,	 __GFP_ZERO,	    __GFP_COMP,
		__GFP_NO_GROW, __GFP_THISNODE, __GFP_NOMEMALLOC, GFP_NODE_BITS,
	};
	gfp_t all = GFP_NOWAIT;

	for (unsigned int i = 0; i < ARRAY_SIZE(bits); i++) {
		EXPECT(!gfp_has(all, bits[i]));
		EXPECT(!gfp_is_impossible(bits[i] == __GFP_NOFAIL ? GFP_PATIENCE : bits[i]));
		all |= bits[i];
	}
	EXPECT_EQ(all, GFP_KNOWN_BITS);
}

KTEST(gfp, any_type_with_at_most_one_zone_is_possible, "G21")
{
	static const gfp_t types[] = {GFP_NOWAIT, GFP_ATOMIC, GFP_NOIO, GFP_NOFS, GFP_KERNEL, GFP_USER};
	const gfp_t modifiers = __GFP_COLD | __GFP_NOWARN | __GFP_REPEAT | __GFP_ZERO | __GFP_COMP;

	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		EXPECT(!gfp_is_impossible(types[i] | modifiers));
		EXPECT(!gfp_is_impossible(types[i] | __GFP_DMA | modifiers));
		EXPECT(!gfp_is_impossible(types[i] | __GFP_HIGHMEM));
	}
	EXPECT(!gfp_is_impossible(GFP_HIGHUSER));
}

KTEST(gfp, two_zones_two_mobilities_and_unknown_bits_are_impossible, "K7 ZON-08")
{
	EXPECT(gfp_is_impossible(__GFP_DMA | __GFP_HIGHMEM));
	EXPECT(strstr(gfp_why_impossible(__GFP_DMA | __GFP_HIGHMEM), "two zones"));
	EXPECT(gfp_is_impossible(__GFP_MOVABLE | __GFP_RECLAIMABLE));
	EXPECT(strstr(gfp_why_impossible(__GFP_MOVABLE | __GFP_RECLAIMABLE), "together"));
	for (unsigned int bit = 22; bit < 32; bit++)
		EXPECT(gfp_is_impossible(GFP_KERNEL | GFP_BIT(bit)));
	EXPECT(strstr(gfp_why_impossible(GFP_BIT(31)), "unknown"));
}

KTEST(gfp, the_zone_bits_name_the_highest_zone_that_may_be_used, "G7 G8 G9")
{
	EXPECT_EQ(gfp_zone(GFP_KERNEL | GFP_DMA), ZONE_DMA);
	EXPECT_EQ(gfp_zone(GFP_KERNEL), ZONE_NORMAL);
	EXPECT_EQ(gfp_zone(GFP_ATOMIC), ZONE_NORMAL);
	EXPECT_EQ(gfp_zone(GFP_HIGHUSER), ZONE_HIGHMEM);
	EXPECT_EQ(gfp_mobility(GFP_KERNEL), MOBILITY_UNMOVABLE);
	EXPECT_EQ(gfp_mobility(GFP_HIGHUSER), MOBILITY_MOVABLE);
	EXPECT_EQ(gfp_mobility(__GFP_RECLAIMABLE), MOBILITY_RECLAIMABLE);
}

KTEST(gfp, flags_print_as_the_names_a_driver_writes, "G20")
{
	EXPECT(names_are(GFP_NOWAIT, "GFP_NOWAIT"));
	EXPECT(names_are(GFP_ATOMIC, "GFP_ATOMIC"));
	EXPECT(names_are(GFP_NOIO, "GFP_NOIO"));
	EXPECT(names_are(GFP_NOFS, "GFP_NOFS"));
	EXPECT(names_are(GFP_KERNEL, "GFP_KERNEL"));
	EXPECT(names_are(GFP_USER, "GFP_USER"));
	EXPECT(names_are(GFP_HIGHUSER, "GFP_HIGHUSER"));
	EXPECT(names_are(GFP_KERNEL | GFP_DMA, "GFP_KERNEL|GFP_DMA"));
	EXPECT(names_are(GFP_ATOMIC | __GFP_ZERO | __GFP_COMP, "GFP_ATOMIC|__GFP_ZERO|__GFP_COMP"));
	EXPECT(names_are(__GFP_FS, "__GFP_FS"));
	EXPECT(names_are(GFP_KERNEL | GFP_BIT(24), "GFP_KERNEL|0x1000000"));
	EXPECT(names_are(GFP_ATOMIC | __GFP_THISNODE | __GFP_NODE(7),
			 "GFP_ATOMIC|__GFP_THISNODE|__GFP_NODE(7)"));
	EXPECT(names_are(GFP_BIT(31), "0x80000000"));
}

KTEST(gfp, a_short_buffer_cuts_the_names_and_nothing_else, "G20")
{
	char buf[16];

	memset(buf, 'x', sizeof(buf));
	gfp_names(GFP_KNOWN_BITS | GFP_BIT(31), buf, 8);
	EXPECT(strcmp(buf, "GFP_HIG") == 0);
	EXPECT_EQ(buf[8], 'x');
}

KTEST(gfp, ten_messages_pass_the_rate_limit_until_it_starts_anew, "K7 G13")
{
	static struct ratelimit limit;
	unsigned int passed = 0;

	ratelimit_reset_all();
	for (unsigned int i = 0; i < 3 * RATELIMIT_BURST; i++)
		passed += ratelimit_ok(&limit);
	EXPECT_EQ(passed, RATELIMIT_BURST);
	EXPECT(!ratelimit_ok(&limit));
	limit.window_start_ms -= RATELIMIT_INTERVAL_MS;
	EXPECT(ratelimit_ok(&limit));
	ratelimit_reset_all();
	for (unsigned int i = 0; i < RATELIMIT_BURST; i++)
		EXPECT(ratelimit_ok(&limit));
}

/* SPDX-License-Identifier: MIT */
/* The background reclaimer in slow motion: the only thread of the host is it, and whenever it parks the test
 * looks what it did and plays the others. And a shrinker that is unregistered while another thread is in it, in
 * every order. Host only. */
#include <tests/host/fake_threads.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/events.h>
#include <mm/reclaim/vmscan.h>
#include <mm/report/validate.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>

#define HOPELESS_PASSES 16u /* vmscan.c */
#define PAUSE_MS	100u

/* What the test sees each time the reclaimer sleeps, and does before it goes on. Result: is that all? */
static struct {
	unsigned int nr_parks;
	bool (*on_park)(unsigned int n);
} stage;

static void park(void)
{
	if (stage.on_park(++stage.nr_parks))
		port_panic("the play is over");
}

static void be_the_reclaimer(void *unused)
{
	(void)unused;
	vmscan_background();
}

static void play(bool (*on_park)(unsigned int n))
{
	const char *end;

	stage.nr_parks = 0;
	stage.on_park = on_park;
	host_set_on_park(park);
	end = host_catch_panic(be_the_reclaimer, NULL);
	host_set_on_park(NULL);
	vmscan_is_awake = true; /* there is none any more */
	EXPECT(end && strcmp(end, "the play is over") == 0);
}

static struct zone *normal(void)
{
	return &zones[ZONE_NORMAL];
}

static size_t nr_free(const struct zone *zone)
{
	return zone->nr_free + pcp_parked_pages(zone);
}

static size_t wakes, reclaims;
static struct list_head hog;
static struct giver giver;

static void boot(void)
{
	fake_machine_boot_pc(64);
	list_init(&hog);
	giver = (struct giver){.gives_to_all = true};
	wakes = mm_event_count[EVENT_BACKGROUND_WAKE];
	reclaims = mm_event_count[EVENT_RECLAIM];
}

static void end(void)
{
	giver_unregister(&giver);
	hog_release(&hog);
	expect_valid();
}

/* Two requests that find the zone below `low`, after those that parked pages served. */
static void ask_twice_below_low(void)
{
	hog_zone(&hog, normal(), normal()->wmark[WMARK_LOW]);
	for (unsigned int nr_below = 0; nr_below < 2;) {
		struct page *page = alloc_page(GFP_NOWAIT);

		if (page)
			list_add(&page->links, &hog);
		nr_below += nr_free(normal()) < normal()->wmark[WMARK_LOW];
	}
}

static bool works_once(unsigned int n)
{
	if (n == 1) { /* nothing to do at first */
		EXPECT(!vmscan_is_awake && mm_event_count[EVENT_RECLAIM] == reclaims);
		EXPECT(nr_free(normal()) >= normal()->wmark[WMARK_LOW]);
		ask_twice_below_low();
		EXPECT(vmscan_is_awake);
		EXPECT_EQ(mm_event_count[EVENT_BACKGROUND_WAKE], wakes + 1);
		return false;
	}
	EXPECT(!vmscan_is_awake); /* asleep again, and for as long as it takes */
	EXPECT(nr_free(normal()) >= normal()->wmark[WMARK_HIGH]);
	EXPECT(giver.nr_pages > 0);
	EXPECT_EQ(port_now_ms(), 0);
	return true;
}

KTEST(background_machine, it_is_woken_once_works_up_to_high_and_sleeps_again, "R1 WMK-01")
{
	boot();
	host_set_now_ms(0);
	REQUIRE(giver_register(&giver, 2 * normal()->wmark[WMARK_HIGH] + 200, zone_gfp(normal())));
	play(works_once);
	end();
}

static bool pauses_and_gives_up(unsigned int n)
{
	if (n == 1) {
		ask_twice_below_low();
		return false;
	}
	if (n <= 1 + HOPELESS_PASSES) { /* after each pass that frees nothing others run */
		EXPECT(vmscan_is_awake);
		EXPECT_EQ(mm_event_count[EVENT_RECLAIM], reclaims + n - 1);
		EXPECT_EQ(port_now_ms(), (n - 1) * PAUSE_MS);
		return false;
	}
	EXPECT(!vmscan_is_awake);
	EXPECT_EQ(n, 2 + HOPELESS_PASSES);
	EXPECT_EQ(mm_event_count[EVENT_RECLAIM], reclaims + HOPELESS_PASSES);
	EXPECT(nr_free(normal()) < normal()->wmark[WMARK_HIGH]); /* it was told so, and does not look again */
	return true;
}

KTEST(background_machine, when_nothing_can_be_had_it_pauses_gives_up_and_waits_to_be_woken, "R1 REC-06")
{
	boot();
	host_set_now_ms(0);
	play(pauses_and_gives_up);
	end();
}

static size_t give_one(struct shrinker *shrinker, size_t nr, gfp_t gfp)
{
	struct page *page;

	(void)shrinker;
	(void)nr;
	(void)gfp;
	if (!giver.nr_pages)
		return 0;
	page = list_first_entry(&giver.pages, struct page, links);
	list_del(&page->links);
	giver.nr_pages--;
	__free_page(page);
	return 1;
}

static bool pauses_now_and_then(unsigned int n)
{
	size_t passes = mm_event_count[EVENT_RECLAIM] - reclaims;

	if (n == 1) {
		ask_twice_below_low();
		return false;
	}
	if (vmscan_is_awake) { /* where it gets on, it does not wait for long */
		EXPECT_EQ(passes % 16, 0);
		EXPECT_EQ(port_now_ms(), n - 1);
		return false;
	}
	EXPECT(n > 2 && passes > 16);
	EXPECT(nr_free(normal()) >= normal()->wmark[WMARK_HIGH]);
	return true;
}

KTEST(background_machine, however_little_each_pass_frees_it_goes_on_and_lets_others_run_after_16, "R1 WMK-01")
{
	boot();
	host_set_now_ms(0);
	REQUIRE(giver_register(&giver, 2 * normal()->wmark[WMARK_HIGH] + 200, zone_gfp(normal())));
	giver.shrinker.scan = give_one;
	play(pauses_now_and_then);
	end();
}

/* A wake-up that comes while it still works is not lost: its look before it sleeps finds the zone low. */
static bool looks_before_it_sleeps(unsigned int n)
{
	size_t passes = mm_event_count[EVENT_RECLAIM] - reclaims;

	if (n == 1)
		EXPECT(passes > 0 && nr_free(normal()) >= normal()->wmark[WMARK_HIGH]);
	return true;
}

KTEST(background_machine, what_was_short_before_it_slept_is_seen_without_a_wake_up, "R1 WMK-01")
{
	boot();
	REQUIRE(giver_register(&giver, 2 * normal()->wmark[WMARK_HIGH] + 200, zone_gfp(normal())));
	hog_zone(&hog, normal(), normal()->wmark[WMARK_LOW] - 1);
	play(looks_before_it_sleeps);
	EXPECT_EQ(mm_event_count[EVENT_BACKGROUND_WAKE], wakes);
	end();
}

/* --- shrinkers, with several threads --- */

static struct {
	struct shrinker shrinker;
	unsigned int nr_inside;
	bool is_gone;
} busy;

static size_t one(struct shrinker *shrinker, gfp_t gfp)
{
	(void)shrinker;
	(void)gfp;
	return 1;
}

static size_t be_inside(struct shrinker *shrinker, size_t nr, gfp_t gfp)
{
	(void)shrinker;
	(void)nr;
	(void)gfp;
	if (busy.is_gone)
		host_scene_fail("it is called after it was unregistered");
	busy.nr_inside++;
	port_park_for(1);
	if (busy.is_gone)
		host_scene_fail("it was unregistered with a thread inside");
	busy.nr_inside--;
	return 0;
}

static void setup(void)
{
	struct mm_params params = {.dma_end = MIB(16u), .lowmem_end = MIB(2u), .min_free_kbytes = 1};

	fake_machine_reboot(params);
	host_set_now_ms(0);
	memset(&busy, 0, sizeof(busy));
	busy.shrinker = (struct shrinker){.name = "busy", .count = one, .scan = be_inside};
	register_shrinker(&busy.shrinker);
}

static void reclaim_once(void)
{
	(void)vmscan_reclaim(GFP_KERNEL, 1);
}

static void unregister(void)
{
	unregister_shrinker(&busy.shrinker);
	busy.is_gone = true;
	if (busy.nr_inside)
		host_scene_fail("%u threads are still inside", busy.nr_inside);
}

static void rest(void)
{
}

static void finish(void)
{
	if (!busy.is_gone)
		host_scene_fail("it is still registered");
	if (mm_validate(NULL))
		host_scene_fail("the machine is not valid");
}

KTEST(background_machine, a_shrinker_is_unregistered_when_its_last_thread_has_left, "R1 REC-06")
{
	static const char *const points[] = {"vmscan", "park", "unpark", NULL};
	static const struct host_scene played = {
		.name = "2 threads reclaim, 1 unregisters the shrinker",
		.setup = setup,
		.thread = {reclaim_once, reclaim_once, unregister},
		.at_rest = rest,
		.finish = finish,
		.points = points,
		.max_diversions = 2,
		.nr_clock_jumps = 1,
		.clock_jump_ms = 1,
	};
	struct memmap_entry ram = {0, MIB(2u), MEMMAP_USABLE};

	fake_machine_create(&ram, 1, MIB(2u));
	EXPECT(host_try_all(&played));
}

/* --- progress --- */

static char text[1024];

KTEST(background_machine, what_reclaim_did_is_told_by_name, "R1")
{
	struct sink_buffer buffer;
	char line[64];

	boot();
	(void)vmscan_reclaim(GFP_KERNEL, 1);
	sink_buffer_init(&buffer, text, sizeof(text));
	vmstat_print(&buffer.sink);
	(void)snprintf(line, sizeof(line), "reclaim %zu\nreclaimed ", reclaims + 1);
	EXPECT(strstr(text, line) != NULL);
	EXPECT(strncmp(text, "background_wake ", 16) == 0 && strstr(text, "\nreserve ") != NULL);
}

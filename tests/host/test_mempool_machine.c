/* SPDX-License-Identifier: MIT */
/* Threads that wait for an element of a mempool, in every order: whoever frees one hands it over, none is
 * lost, none is handed out twice, who came first is served first. The allocator behind the pool has nothing
 * but what the pool was made of. Host only. */
#include <tests/host/fake_threads.h>

#include <stddef.h>

#include <linux/mempool.h>
#include <mm/port.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>

#define NR_ELEMENTS 2

static struct {
	mempool_t *pool;
	bool is_out[NR_ELEMENTS]; /* of the allocator */
	int element[NR_ELEMENTS], *held, owners[NR_ELEMENTS];
	unsigned int nr_served;
} scene;

static void *alloc_static(gfp_t gfp, void *unused)
{
	(void)gfp;
	host_point("allocator");
	(void)unused;
	for (unsigned int i = 0; i < NR_ELEMENTS; i++)
		if (!scene.is_out[i]) {
			scene.is_out[i] = true;
			return &scene.element[i];
		}
	return NULL;
}

static void free_static(void *element, void *unused)
{
	(void)unused;
	scene.is_out[(int *)element - scene.element] = false;
}

static int *get(gfp_t gfp)
{
	int *element = mempool_alloc(scene.pool, gfp);

	if (element && ++scene.owners[element - scene.element] != 1)
		host_scene_fail("an element has two owners");
	return element;
}

static void put(int *element)
{
	scene.owners[element - scene.element]--;
	mempool_free(element, scene.pool);
}

/* A machine of its own: others leave theirs in any state. */
static bool try_all(const struct host_scene *played)
{
	fake_machine_boot_pc(16);
	return host_try_all(played);
}

/* Of one element, held by nobody in particular: the scene's last thread frees it. */
static void setup_empty(void)
{
	scene = (typeof(scene)){.is_out = {false, true}}; /* one is not there yet */
	host_set_now_ms(0);
	scene.pool = mempool_create(1, alloc_static, free_static, NULL);
	scene.held = get(GFP_ATOMIC);
}

static void use_one(void)
{
	int *element = get(GFP_KERNEL);

	FAIL_UNLESS(element != NULL);
	if (element)
		put(element);
}

static void free_held(void)
{
	put(scene.held);
}

static void borrow(void)
{
	int *element = get(GFP_ATOMIC);

	if (element)
		put(element);
}

static void nobody_waits_beside_an_element(void)
{
	if (!list_is_empty(&scene.pool->waiters) && mempool_nr_reserved(scene.pool))
		host_scene_fail("somebody waits while %u elements are there",
				mempool_nr_reserved(scene.pool));
}

static void finish(void)
{
	FAIL_UNLESS(mempool_nr_reserved(scene.pool) == 1);
	FAIL_UNLESS(list_is_empty(&scene.pool->waiters));
	mempool_destroy(scene.pool);
	FAIL_UNLESS(!scene.is_out[0]);
}

static const char *const points[] = {"mempool", "park", "unpark", "clock", NULL};

KTEST(mempool_machine, whoever_frees_hands_over_and_no_element_is_lost_or_shared, "S4")
{
	static const struct host_scene played = {
		.name = "2 sleepers, 1 element, an interrupt that borrows it",
		.setup = setup_empty,
		.thread = {use_one, use_one, free_held},
		.interrupt = borrow,
		.at_rest = nobody_waits_beside_an_element,
		.finish = finish,
		.points = points,
		.max_diversions = 3,
	};

	EXPECT(try_all(&played));
}

KTEST(mempool_machine, an_interrupt_that_frees_serves_as_well, "S4")
{
	static const struct host_scene played = {
		.name = "2 sleepers, an interrupt that frees",
		.setup = setup_empty,
		.thread = {use_one, use_one},
		.interrupt = free_held,
		.at_rest = nobody_waits_beside_an_element,
		.finish = finish,
		.points = points,
		.max_diversions = 3,
	};

	EXPECT(try_all(&played));
}

/* What others free in the allocator serves after a while, though no element comes back meanwhile. */
static void allocator_has_one_more(void)
{
	scene.is_out[1] = false;
}

static void use_one_then_all(void)
{
	use_one();
	free_held();
}

KTEST(mempool_machine, the_allocator_is_asked_again_while_one_waits, "S4")
{
	static const struct host_scene played = {
		.name = "1 sleeper, no element comes back, the allocator has one later",
		.setup = setup_empty,
		.thread = {use_one_then_all, allocator_has_one_more},
		.at_rest = nobody_waits_beside_an_element,
		.finish = finish,
		.points = points,
		.max_diversions = 3,
	};

	EXPECT(try_all(&played));
}

/* The allocator has one, and an element comes back, both while the sleeper asks again. */
static void both_at_once(void)
{
	allocator_has_one_more();
	host_point("allocator"); /* the sleeper's time may be over */
	free_held();
}

static void finish_with_one_to_spare(void)
{
	FAIL_UNLESS(mempool_nr_reserved(scene.pool) == 1);
	mempool_destroy(scene.pool);
	FAIL_UNLESS(!scene.is_out[0] && !scene.is_out[1]);
}

static const char *const with_allocator[] = {"mempool", "park", "unpark", "clock", "allocator", NULL};

KTEST(mempool_machine, what_is_handed_over_while_the_allocator_gives_goes_on_or_back, "S4")
{
	static const struct host_scene played = {
		.name = "1 sleeper who asks again while an element comes back",
		.setup = setup_empty,
		.thread = {use_one, both_at_once},
		.at_rest = nobody_waits_beside_an_element,
		.finish = finish_with_one_to_spare,
		.points = with_allocator,
		.max_diversions = 3,
		.nr_clock_jumps = 1,
		.clock_jump_ms = 1000,
	};

	EXPECT(try_all(&played));
}

static void first_comes(void)
{
	int *element = get(GFP_KERNEL);

	FAIL_UNLESS(scene.nr_served++ == 0);
	put(element);
}

static void second_comes(void)
{
	int *element;

	while (list_is_empty(&scene.pool->waiters))
		port_park_for(1);
	element = get(GFP_KERNEL);
	FAIL_UNLESS(scene.nr_served++ == 1);
	put(element);
}

static void free_when_both_wait(void)
{
	port_park_for(20);
	free_held();
}

KTEST(mempool_machine, who_came_first_is_served_first, "S4")
{
	static const struct host_scene played = {
		.name = "2 sleepers in order",
		.setup = setup_empty,
		.thread = {first_comes, second_comes, free_when_both_wait},
		.at_rest = nobody_waits_beside_an_element,
		.finish = finish,
		.points = points,
		.max_diversions = 0,
	};

	EXPECT(try_all(&played));
}

/* --- a reserve that grows under one who waits --- */

static void grow(void)
{
	scene.is_out[1] = false;
	FAIL_UNLESS(mempool_resize(scene.pool, 2) == 0);
	nobody_waits_beside_an_element();
	free_held();
}

static void finish_grown(void)
{
	FAIL_UNLESS(mempool_nr_reserved(scene.pool) == 2);
	mempool_destroy(scene.pool);
	FAIL_UNLESS(!scene.is_out[0] && !scene.is_out[1]);
}

KTEST(mempool_machine, a_reserve_that_grows_serves_those_who_wait, "S4")
{
	static const struct host_scene played = {
		.name = "1 sleeper, a resize",
		.setup = setup_empty,
		.thread = {use_one, grow},
		.at_rest = nobody_waits_beside_an_element,
		.finish = finish_grown,
		.points = points,
		.max_diversions = 3,
	};

	EXPECT(try_all(&played));
}

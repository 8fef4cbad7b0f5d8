/* SPDX-License-Identifier: MIT */
/* What a porter takes from mm/kit: locks that complain, wake-ups that wait for the last lock, sleeping, stacks that a handler may
 * use, messages of one line. All other tests of the host stand on it; these are of what they do not look at. */
#include <tests/host/fake_threads.h>

#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <mm/kit/kit.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/page_alloc.h>
#include <mm/pages/pcp.h>
#include <mm/reclaim/scope.h>
#include <tests/host/host.h>
#include <tests/host/wrap.h>
#include <tests/kernel/test_util.h>

/* --- locks --- */

static struct port_lock inner, outer;

static void take_twice(void *arg)
{
	irqflags_t flags = port_lock_irqsave(&inner);

	(void)arg;
	port_unlock_irqrestore(&inner, port_lock_irqsave(&inner));
	port_unlock_irqrestore(&inner, flags);
}

static void give_back_another_cpus(void *arg)
{
	(void)arg;
	port_lock_thread(&inner);
	host_cpu.cpu = 1;
	port_unlock_thread(&inner);
}

static void use_without_a_name(void *arg)
{
	static struct port_lock zeros;

	(void)arg;
	port_unlock_thread(&zeros);
}

static bool panics(void (*fn)(void *arg), const char *expected)
{
	const char *said = host_catch_panic(fn, NULL);

	if (!said || strcmp(said, expected) != 0)
		ktest_note("said: %s", said ? said : "nothing");
	return said && strcmp(said, expected) == 0;
}

KTEST(kit_machine, a_lock_that_is_misused_stops_by_its_name, "D10")
{
	port_lock_init(&inner, "inner");
	EXPECT(panics(take_twice, "lock inner is taken by the CPU that holds it (owner 1)"));
	port_lock_init(&inner, "inner");
	EXPECT(panics(give_back_another_cpus,
		      "lock inner is released by a CPU that does not hold it (owner 1)"));
	EXPECT(panics(use_without_a_name,
		      "lock without a name is released by a CPU that does not hold it (owner 0)"));
	port_preempt_enable(); /* of the one that was not given back */
}

KTEST(kit_machine, a_lock_is_held_by_the_cpu_that_took_it_until_it_gives_it_back, "D10")
{
	static struct port_lock zeros;
	irqflags_t flags;

	flags = port_lock_irqsave(&zeros); /* all zero is a lock that nobody holds */
	EXPECT(port_lock_is_held(&zeros) && irqs_disabled());
	EXPECT_EQ(kit_cpu[0].nr_held, 1);
	host_cpu.cpu = 1;
	EXPECT(!port_lock_is_held(&zeros));
	host_cpu.cpu = 0;
	port_unlock_irqrestore(&zeros, flags);
	EXPECT(!port_lock_is_held(&zeros) && !irqs_disabled());
	EXPECT_EQ(kit_cpu[0].nr_held, 0);
	port_lock_thread(&zeros);
	EXPECT(port_lock_is_held(&zeros) && !irqs_disabled() && port_is_atomic());
	port_unlock_thread(&zeros);
	EXPECT(!port_lock_is_held(&zeros) && !port_is_atomic());
}

/* --- wake-ups --- */

static struct {
	struct port_thread *sleeper[2];
	uint64_t slept_ms;
	unsigned int nr_woken;
} scene;

static void setup(void)
{
	port_lock_init(&inner, "inner");
	port_lock_init(&outer, "outer");
	memset(&scene, 0, sizeof(scene));
	host_set_now_ms(0);
}

static void sleep_0(void)
{
	scene.sleeper[0] = port_current();
	port_park();
	scene.nr_woken++;
}

static void sleep_1(void)
{
	scene.sleeper[1] = port_current();
	port_park();
	scene.nr_woken++;
}

/* Both, the first twice. The fake CPU aborts when it is told of one under a lock, or with interrupts on. */
static void wake_both(void)
{
	irqflags_t flags;

	port_park_for(1); /* until both sleep */
	port_lock_thread(&outer);
	flags = port_lock_irqsave(&inner);
	for (unsigned int i = 0; i < 3; i++)
		port_unpark(scene.sleeper[i % 2]);
	FAIL_UNLESS(host_thread_sleeps(0) && host_thread_sleeps(1));
	port_unlock_irqrestore(&inner, flags);
	FAIL_UNLESS(host_thread_sleeps(0) && host_thread_sleeps(1));
	port_unlock_thread(&outer);
	FAIL_UNLESS(!host_thread_sleeps(0) && !host_thread_sleeps(1));
	FAIL_UNLESS(!kit_cpu[0].noted && kit_cpu[0].nr_held == 0);
}

static void nothing(void)
{
}

static void both_were_woken(void)
{
	FAIL_UNLESS(scene.nr_woken == 2);
}

static const char *const no_points[] = {NULL};

KTEST(kit_machine, whoever_is_woken_under_locks_is_ready_when_the_last_is_given_back, "D10")
{
	static const struct host_scene woken = {
		.name = "2 sleepers woken under 2 locks",
		.setup = setup,
		.thread = {sleep_0, sleep_1, wake_both},
		.at_rest = nothing,
		.finish = both_were_woken,
		.points = no_points,
	};

	EXPECT(host_try_all(&woken));
}

static void sleep_as_told(void)
{
	port_unpark(port_current());
	port_unpark(port_current());
	port_park(); /* remembered, once */
	FAIL_UNLESS(port_now_ms() == 0);
	port_park_for(5);
	FAIL_UNLESS(port_now_ms() == 5);
	port_park_for(0); /* not for good */
	FAIL_UNLESS(port_now_ms() <= 6);
	FAIL_UNLESS(!irqs_disabled());
	*port_scope() = SCOPE_NOIO;
	scene.nr_woken++;
}

static void look_at_its_own_scope(void)
{
	port_park_for(100);
	FAIL_UNLESS(*port_scope() == 0);
	scene.nr_woken++;
}

KTEST(kit_machine, a_wake_up_before_the_sleep_is_remembered_once_and_scopes_are_a_threads_own, "D10")
{
	static const struct host_scene sleeps = {
		.name = "1 thread wakes itself",
		.setup = setup,
		.thread = {sleep_as_told, look_at_its_own_scope},
		.at_rest = nothing,
		.finish = both_were_woken,
		.points = no_points,
	};

	EXPECT(host_try_all(&sleeps));
}

/* --- stacks --- */

static struct {
	void *object[2];
	struct page *page[2];
	struct kmem_cache *cache;
	unsigned int nr_points;
} handler;

/* Comes as soon as interrupts are on again, once. */
static void take_too(const char *name)
{
	(void)name;
	host_on_point = NULL;
	handler.nr_points++;
	handler.object[1] = kmem_cache_alloc(handler.cache, GFP_ATOMIC);
	handler.page[1] = alloc_page(GFP_ATOMIC);
}

static void give_too(const char *name)
{
	(void)name;
	host_on_point = NULL;
	handler.nr_points++;
	kmem_cache_free(handler.cache, handler.object[1]);
	__free_page(handler.page[1]);
}

static void take_both(bool page_first)
{
	if (page_first)
		handler.page[0] = alloc_page(GFP_ATOMIC);
	else
		handler.object[0] = kmem_cache_alloc(handler.cache, GFP_ATOMIC);
	if (page_first)
		handler.object[0] = kmem_cache_alloc(handler.cache, GFP_ATOMIC);
	else
		handler.page[0] = alloc_page(GFP_ATOMIC);
}

static void give_both(bool page_first)
{
	if (page_first)
		__free_page(handler.page[0]);
	kmem_cache_free(handler.cache, handler.object[0]);
	if (!page_first)
		__free_page(handler.page[0]);
}

KTEST(kit_machine, a_handler_uses_the_same_stacks_as_soon_as_interrupts_are_on, "D10")
{
	struct kmem_cache *cache = kmem_cache_create("kit", 40, 0, 0, NULL);

	REQUIRE(cache);
	handler.cache = cache;
	kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL)); /* something is parked */
	handler.nr_points = 0;
	for (unsigned int round = 0; round < 8; round++) {
		host_on_point = take_too;
		take_both(round % 2);
		EXPECT(handler.object[0] != handler.object[1] && handler.page[0] != handler.page[1]);
		EXPECT_EQ(handler.page[0]->state, PAGE_ALLOCATED);
		host_on_point = give_too;
		give_both(round / 2 % 2);
	}
	host_on_point = NULL;
	EXPECT_EQ(handler.nr_points, 16);
	kmem_cache_destroy(cache);
}

KTEST(kit_machine, stacks_leave_interrupts_as_they_were, "D10")
{
	irqflags_t flags = irq_save();
	void *object = kmalloc(40, GFP_ATOMIC);
	struct page *page = alloc_page(GFP_ATOMIC);

	EXPECT(irqs_disabled());
	kfree(object);
	EXPECT(irqs_disabled());
	__free_page(page);
	EXPECT(irqs_disabled());
	irq_restore(flags);
	kfree(kmalloc(40, GFP_ATOMIC));
	__free_page(alloc_page(GFP_ATOMIC));
	EXPECT(!irqs_disabled());
}

/* --- descriptors, names, messages --- */

KTEST(kit_machine, addresses_without_a_page_have_a_descriptor_of_zeros, "D10")
{
	fake_machine_boot_pc(16);
	char *map = port_direct_map();
	size_t nr = kit_descriptors.nr;
	const char *zeros = port_descriptor(map + nr * PAGE_SIZE);

	EXPECT(port_descriptor(map + nr * PAGE_SIZE - 1) == mem_map + nr - 1);
	EXPECT(port_descriptor(map) == mem_map && port_has_descriptor(map) && !port_has_descriptor(map - 1));
	for (unsigned int i = 0; i < PORT_DESCRIPTOR_BYTES; i++)
		EXPECT_EQ(zeros[i], 0);
	EXPECT(port_descriptor(NULL) == zeros);
}

KTEST(kit_machine, a_message_is_one_line_cut_to_what_fits, "D10")
{
	char text[300];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	__real_port_print(PORT_INFO, "%s", "short");
	EXPECT(strcmp(host_said(), "short") == 0);
	__real_port_print(PORT_INFO, "%s", text);
	EXPECT_EQ(strlen(host_said()), 250); /* with "mm: " and the newline 255 */
	__real_port_print(PORT_INFO, "%.250s", text);
	EXPECT_EQ(strlen(host_said()), 250);
	__real_port_print(PORT_INFO, "%.249s", text);
	EXPECT_EQ(strlen(host_said()), 249);
}

static void refuse(void *arg)
{
	(void)arg;
	port_refuse("%u MiB", 3u);
}

static void assert_false(void *arg)
{
	(void)arg;
	assert_failed("a == b", "file.c", 12);
}

KTEST(kit_machine, last_words_say_what_and_where, "D10")
{
	EXPECT(panics(refuse, "3 MiB"));
	EXPECT(panics(assert_false, "file.c:12: a == b"));
}

KTEST(kit_machine, code_has_its_address_for_a_name, "D10")
{
	char buf[32];
	const void *frame[2];

	EXPECT(strcmp(port_code_name((const void *)0x1234, buf, sizeof(buf)), "0x1234") == 0);
	EXPECT(port_code_name((const void *)0x12345678, buf, 6) == buf && strcmp(buf, "0x123") == 0);
	EXPECT(!port_describe_address(0x1234, buf, sizeof(buf)));
	EXPECT_EQ(__real_port_backtrace(frame, 2), 0);
	EXPECT(strcmp(__real_port_task_name(), "kernel") == 0);
	EXPECT_EQ(__real_port_size_of_call(buf), 0);
	EXPECT_EQ(port_debug_level(), DEBUG_LEVEL);
}

KTEST(kit_machine, where_nobody_may_sleep_the_place_is_told, "D10")
{
	reports_capture();
	EXPECT(port_may_sleep() && port_check_may_sleep("here.c", 7));
	host_set_atomic(true);
	EXPECT(!port_may_sleep() && !port_check_may_sleep("here.c", 7));
	host_set_atomic(false);
	irqflags_t flags = irq_save();
	EXPECT(!port_may_sleep());
	irq_restore(flags);
	EXPECT_EQ(reports_count(), 1);
	EXPECT(strcmp(report_at(0), "BUG: sleeping function called from invalid context at here.c:7") == 0);
}

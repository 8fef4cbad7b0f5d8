/* SPDX-License-Identifier: MIT */
/* The play "contexts": who may sleep waits for memory, who may not takes from the reserve, and is refused
 * when that is gone. The script below says who acts in which order; where and when an act happens is decided
 * by real interrupts, and what comes of it by the allocator.
 *
 * D1 Handlers print nothing: what happens goes into a table that was there before memory ran out, and is
 *    printed when all is over.
 * D2 An act is armed by the director, which is a thread, and taken by the first run of its handler after
 *    that; so at most one handler acts at a time, and only the two sleepers besides.
 *
 * Lock: interrupts off around the table of events. */
#include <monitor/demo.h>

#include <drivers/serial.h>
#include <kernel/arch/clock.h>
#include <kernel/core/blkdev.h>
#include <kernel/core/irq.h>
#include <kernel/core/softirq.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <kernel/lib/align.h>
#include <kernel/lib/list.h>
#include <kernel/lib/string.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <mm/reclaim/vmscan.h>
#include <mm/reclaim/wait.h>
#include <monitor/say.h>

#define NR_EVENTS   64u
#define NR_HELD	    4u
#define PAGE_TRIES  16u /* pages to be given back until who waits for one is served */
#define ASK_TRIES   16u
#define ACT_TICKS   25 /* for an act to be taken */
#define TICK_LINE   0u
#define SERIAL_LINE 4u
#define DIRECTOR    "demo"

/* For a port that is not read now: what it does not take at once is sent by interrupt. Terminals show nothing
 * of it; and nothing comes of a NUL at the prompt. */
#define MORE_THAN_THE_PORT_TAKES "\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r"

enum act { TAKE, GIVE, GIVE_PAGE };

struct event {
	uint32_t at_us, size_bytes; /* size 0: nothing to be shown */
	const char *who, *call;
	gfp_t gfp;
	bool has_gfp;
	const void *result;
	const char *outcome; /* instead of result, if there is any */
	const char *remark;
	size_t nr_free;
};

struct play;

struct sleeper {
	struct play *play;
	struct thread *thread;
	struct completion go;
	void *object;
	unsigned int number;
	char remark[64];
};

struct play {
	struct demo_contexts *seen;
	uint64_t since_us;

	enum demo_place armed; /* D2; NR_DEMO_PLACES: nobody */
	enum act act;
	const char *remark;
	struct completion is_done;
	void *held[NR_DEMO_PLACES][NR_HELD];
	unsigned int nr_held[NR_DEMO_PLACES];
	struct timer_list timer;
	struct tasklet_struct tasklet;

	struct blk_device *disk; /* NULL: there is none */
	struct blk_request disk_request;
	struct blk_segment disk_segment;
	struct completion disk_done;
	void *disk_page;

	uint32_t nr_received; /* bytes, when the serial line was armed */
	bool is_received;     /* its interrupt was for a byte that came in, not for one sent */

	struct list_head hogged, reserve; /* pages of the director's */
	void *objects;			  /* and objects, each holding the address of the next */
	struct sleeper sleeper[NR_DEMO_SLEEPERS];

	struct event event[NR_EVENTS];
	unsigned int nr_events; /* also those that found no room */
};

static const struct {
	const char *name;
	size_t size_bytes; /* PAGE_SIZE: __get_free_page() */
} places[NR_DEMO_PLACES] = {
	[DEMO_TICK] = {"tick irq", 3000},  [DEMO_SERIAL] = {"serial irq", 300},
	[DEMO_TASKLET] = {"tasklet", 700}, [DEMO_TIMER] = {"timer", PAGE_SIZE},
	[DEMO_DISK] = {"disk irq", 1200},
};

static const struct {
	const char *name;
	size_t size_bytes;
} sleepers[NR_DEMO_SLEEPERS] = {{"reader", PAGE_SIZE}, {"writer", 3000}};

/* --- events --- */

static void note(struct play *play, struct event event)
{
	irqflags_t flags = irq_save();

	event.at_us = (uint32_t)(clock_now_us() - play->since_us);
	event.nr_free = demo_low_free();
	if (play->nr_events < NR_EVENTS)
		play->event[play->nr_events] = event;
	play->nr_events++;
	irq_restore(flags);
}

static void note_director(struct play *play, const char *call, size_t nr_pages, const char *remark)
{
	note(play, (struct event){.who = DIRECTOR,
				  .call = call,
				  .size_bytes = (uint32_t)(nr_pages << PAGE_SHIFT),
				  .outcome = "",
				  .remark = remark});
}

static void print_event(const struct event *event)
{
	char call[64], names[40], result[16];

	(void)snprintf(call, sizeof(call), "%s%s%s", event->call, event->has_gfp ? " " : "",
		       event->has_gfp ? gfp_names(event->gfp, names, sizeof(names)) : "");
	if (event->outcome)
		(void)snprintf(result, sizeof(result), "%s", event->outcome);
	else
		(void)snprintf(result, sizeof(result), event->result ? "0x%08lx" : "NULL",
			       (unsigned long)(uintptr_t)event->result);
	say("%4u.%03u  %-10s  %-27s", event->at_us / 1000, event->at_us % 1000, event->who, call);
	say(event->size_bytes ? " %9u" : " %9.0u", event->size_bytes);
	say("  %-10s %6zu\n", result, event->nr_free);
}

/* In 80 columns: what is said of several in a row stands once, above them. */
static void print_events(const struct play *play)
{
	const char *remark = "";

	say("Pages of low memory that ordinary requests leave: %zu.\n", demo_low_kept());
	say(" time ms  context     call and flags                  bytes  result       free\n");
	for (unsigned int i = 0; i < MIN(play->nr_events, NR_EVENTS); i++) {
		if (strcmp(play->event[i].remark, remark) != 0)
			say("%10s-- %s\n", "", remark = play->event[i].remark);
		print_event(&play->event[i]);
	}
	if (play->nr_events > NR_EVENTS)
		say("and %u more\n", play->nr_events - NR_EVENTS);
}

/* --- handlers --- */

static void *take_bytes(size_t size_bytes, gfp_t gfp)
{
	return size_bytes == PAGE_SIZE ? (void *)__get_free_page(gfp) : kmalloc_any(size_bytes, gfp);
}

static void give_bytes(size_t size_bytes, void *memory)
{
	if (size_bytes == PAGE_SIZE)
		free_page((unsigned long)memory);
	else
		kfree(memory);
}

static const char *name_of_take(size_t size_bytes)
{
	return size_bytes == PAGE_SIZE ? "get_free_page" : "kmalloc";
}

static const char *who(const struct play *play, enum demo_place place)
{
	return place == DEMO_SERIAL && play->is_received ? "serial rx" : places[place].name;
}

/* What every handler that gets NULL does: it drops the packet, counts, and tries again with the next. */
static void act_take(struct play *play, enum demo_place place)
{
	struct demo_contexts *seen = play->seen;
	size_t size_bytes = places[place].size_bytes;
	void *memory = take_bytes(size_bytes, GFP_ATOMIC | __GFP_NOWARN);
	const char *remark = play->remark;

	if (!memory) {
		seen->nr_dropped[place]++;
		seen->nr_free_at_drop += demo_low_free();
		remark = "dropped and counted";
	} else {
		seen->nr_got[place]++;
		seen->nr_recovered[place] += seen->nr_dropped[place] != 0;
		play->held[place][play->nr_held[place]++] = memory;
	}
	note(play, (struct event){.who = who(play, place),
				  .call = name_of_take(size_bytes),
				  .gfp = GFP_ATOMIC,
				  .has_gfp = true,
				  .size_bytes = (uint32_t)size_bytes,
				  .result = memory,
				  .remark = remark});
}

static void note_give(struct play *play, enum demo_place place, const char *call, size_t size_bytes,
		      uintptr_t addr)
{
	note(play, (struct event){.who = who(play, place),
				  .call = call,
				  .size_bytes = (uint32_t)size_bytes,
				  .result = (const void *)addr,
				  .remark = play->remark});
}

static void act_give(struct play *play, enum demo_place place)
{
	void *memory = play->nr_held[place] ? play->held[place][--play->nr_held[place]] : NULL;
	uintptr_t addr = (uintptr_t)memory;

	if (!memory)
		return;
	give_bytes(places[place].size_bytes, memory);
	note_give(play, place, places[place].size_bytes == PAGE_SIZE ? "free_page" : "kfree",
		  places[place].size_bytes, addr);
}

/* As a disk's interrupt gives back what was written: the smallest block that the director took before. */
static void act_give_page(struct play *play, enum demo_place place)
{
	unsigned int order;
	struct page *page;
	uintptr_t start;

	if (list_is_empty(&play->hogged))
		return;
	page = list_first_entry(&play->hogged, struct page, links);
	list_del(&page->links);
	order = page->order;
	start = (uintptr_t)page_address(page);
	__free_pages(page, order);
	note_give(play, place, "free_pages", PAGE_SIZE << order, start);
}

static bool place_is_here(enum demo_place place)
{
	if (place == DEMO_TICK || place == DEMO_SERIAL || place == DEMO_DISK)
		return in_irq();
	return in_serving_softirq() && !in_irq();
}

/* Called by every handler each time it runs; it acts when it is its turn. */
static void act_here(struct play *play, enum demo_place place)
{
	static void (*const acts[])(struct play *, enum demo_place) = {
		[TAKE] = act_take, [GIVE] = act_give, [GIVE_PAGE] = act_give_page};

	if (READ_ONCE(play->armed) != place)
		return;
	play->armed = NR_DEMO_PLACES;
	play->seen->nr_elsewhere += !place_is_here(place);
	acts[play->act](play, place);
	complete(&play->is_done);
}

static irqreturn_t tick_handler(int irq, void *play)
{
	(void)irq;
	act_here(play, DEMO_TICK);
	return IRQ_HANDLED;
}

static uint32_t nr_received(void)
{
	struct serial_stat stat;

	serial_stat(&stat);
	return stat.nr_received;
}

/* The driver's handler came first: did it take a byte? */
static irqreturn_t serial_handler(int irq, void *arg)
{
	struct play *play = arg;

	(void)irq;
	play->is_received = nr_received() != play->nr_received;
	act_here(play, DEMO_SERIAL);
	return IRQ_HANDLED;
}

/* The disk has answered; under its driver's lock, and nobody but the play asks it for anything here. */
static void disk_handler(struct blk_request *request)
{
	act_here(request->owner, DEMO_DISK);
}

static void disk_done(struct blk_request *request)
{
	complete(&((struct play *)request->owner)->disk_done);
}

static void tasklet_handler(unsigned long play)
{
	act_here((struct play *)play, DEMO_TASKLET);
}

static void timer_handler(unsigned long play)
{
	act_here((struct play *)play, DEMO_TIMER);
}

/* --- sleepers --- */

/* What the allocator wrote down of this thread's last wait. */
static bool find_wait(const char *task, struct wait_record *record)
{
	for (unsigned int n = 0; wait_read_log(n, record); n++)
		if (strcmp(record->task, task) == 0)
			return true;
	return false;
}

static void sleeper_is_back(struct sleeper *sleeper)
{
	struct demo_contexts *seen = sleeper->play->seen;
	unsigned int i = sleeper->number;
	struct wait_record record;

	if (!find_wait(sleepers[i].name, &record)) {
		(void)snprintf(sleeper->remark, sizeof(sleeper->remark), "served at once");
		return;
	}
	seen->was_served[i] = record.was_served && record.has_slept;
	seen->slept_ms[i] = (unsigned int)(record.until_ms - record.since_ms);
	(void)snprintf(seen->woken_by[i], sizeof(seen->woken_by[i]), "%s", record.woken_by);
	(void)snprintf(sleeper->remark, sizeof(sleeper->remark), "slept %u ms, woken by: %s",
		       seen->slept_ms[i], record.was_served ? record.woken_by : "its patience");
}

static void note_sleeper(struct sleeper *sleeper, const char *outcome, const char *remark)
{
	size_t size_bytes = sleepers[sleeper->number].size_bytes;

	note(sleeper->play, (struct event){.who = sleepers[sleeper->number].name,
					   .call = name_of_take(size_bytes),
					   .gfp = GFP_KERNEL,
					   .has_gfp = true,
					   .size_bytes = (uint32_t)size_bytes,
					   .result = sleeper->object,
					   .outcome = outcome,
					   .remark = remark});
}

/* The effort behind GFP_KERNEL is bounded: on a slow machine the play may last longer, and it asks again. */
static int sleeper_thread(void *arg)
{
	struct sleeper *sleeper = arg;
	size_t size_bytes = sleepers[sleeper->number].size_bytes;

	wait_for_completion(&sleeper->go);
	for (unsigned int i = 0; i < ASK_TRIES && !sleeper->object; i++) {
		note_sleeper(sleeper, "...",
			     i ? "asks again, and sleeps" : "there is none for it: it sleeps");
		sleeper->object = take_bytes(size_bytes, GFP_KERNEL | __GFP_NOWARN);
		sleeper->play->seen->nr_refused[sleeper->number] += !sleeper->object;
	}
	sleeper_is_back(sleeper);
	note_sleeper(sleeper, NULL, sleeper->remark);
	return 0;
}

static bool sleeper_create(struct play *play, unsigned int i)
{
	struct sleeper *sleeper = &play->sleeper[i];

	sleeper->play = play;
	sleeper->number = i;
	init_completion(&sleeper->go);
	sleeper->thread = kthread_create(sleeper_thread, sleeper, "%s", sleepers[i].name);
	if (IS_ERR(sleeper->thread))
		return false;
	thread_get(sleeper->thread);
	wake_up_process(sleeper->thread);
	return true;
}

static void sleeper_end(struct sleeper *sleeper)
{
	complete(&sleeper->go); /* one that was not asked yet must not wait for ever */
	wait_for_completion(&sleeper->thread->exited);
	thread_put(sleeper->thread);
	if (sleeper->object)
		give_bytes(sleepers[sleeper->number].size_bytes, sleeper->object);
}

/* --- director --- */

static void trigger_serial(struct play *play)
{
	play->nr_received = nr_received();
	serial_receive_own('\0');
	if (READ_ONCE(play->armed) == DEMO_SERIAL)
		say("%s", MORE_THAN_THE_PORT_TAKES);
}

/* Its driver's thread has given back what the handler took, too. */
static void disk_settle(struct play *play)
{
	wait_for_completion(&play->disk_done);
}

static void trigger_disk(struct play *play)
{
	play->disk_request = (struct blk_request){.dev = play->disk,
						  .op = BLK_READ,
						  .segment = &play->disk_segment,
						  .nr_segments = 1,
						  .done = disk_done,
						  .on_interrupt = disk_handler,
						  .owner = play};
	if (blk_submit(&play->disk_request) != 0)
		complete(&play->disk_done);
}

static void trigger(struct play *play, enum demo_place place)
{
	WRITE_ONCE(play->armed, place);
	if (place == DEMO_SERIAL)
		trigger_serial(play);
	else if (place == DEMO_DISK)
		trigger_disk(play);
	else if (place == DEMO_TASKLET)
		tasklet_schedule(&play->tasklet);
	else if (place == DEMO_TIMER)
		mod_timer(&play->timer, jiffies + 1);
}

/* Nothing happens where no interrupt comes: a machine without a serial port. */
static void direct(struct play *play, enum demo_place place, enum act act, const char *remark)
{
	if (place == DEMO_DISK && !play->disk)
		return;
	play->act = act;
	play->remark = remark;
	init_completion(&play->is_done);
	trigger(play, place);
	(void)wait_for_completion_timeout(&play->is_done, ACT_TICKS);
	if (place == DEMO_DISK)
		disk_settle(play);
	WRITE_ONCE(play->armed, NR_DEMO_PLACES);
}

static void direct_all(struct play *play, enum act act, const char *remark)
{
	for (unsigned int place = 0; place < NR_DEMO_PLACES; place++)
		direct(play, (enum demo_place)place, act, remark);
}

/* The objects that slabs can still give without a page. */
static void take_objects(struct play *play)
{
	for (unsigned int place = 0; place < NR_DEMO_PLACES; place++) {
		void **object;

		if (places[place].size_bytes == PAGE_SIZE)
			continue;
		while ((object = take_bytes(places[place].size_bytes,
					    GFP_ATOMIC | __GFP_NO_GROW | __GFP_NOWARN))) {
			*object = play->objects;
			play->objects = object;
		}
	}
}

static void give_objects(struct play *play)
{
	while (play->objects) {
		void **object = play->objects;

		play->objects = *object;
		kfree(object);
	}
}

/* Twice: what reclaim would have given to a sleeper goes first, and the stacks of threads that just ended. */
static void take_ordinary(struct play *play)
{
	size_t nr = demo_take_all(&play->hogged, GFP_NOWAIT);

	msleep(8);
	(void)vmscan_reclaim(GFP_KERNEL, nr);
	nr += demo_take_all(&play->hogged, GFP_NOWAIT);
	note_director(play, "alloc_pages GFP_NOWAIT", nr, "takes all that ordinary requests get");
}

static void give_reserve(struct play *play)
{
	size_t before = demo_low_free();

	demo_give_all(&play->reserve);
	note_director(play, "free_pages", demo_low_free() - before, "the reserve is back");
}

/* A page of the block that was taken last. */
static void give_one_page(struct list_head *taken)
{
	struct page *page = list_first_entry(taken, struct page, links);
	unsigned int order = page->order;

	list_del(&page->links);
	split_page(page, order);
	for (unsigned int i = 1; i < 1u << order; i++)
		list_add(&page[i].links, taken);
	__free_page(page);
}

static void leave_one_page(struct play *play)
{
	size_t nr = demo_take_all(&play->reserve, GFP_ATOMIC);

	take_objects(play);
	if (list_is_empty(&play->reserve))
		return;
	give_one_page(&play->reserve);
	note_director(play, "alloc_pages GFP_ATOMIC", nr - 1, "takes the reserve, too, but for a last page");
}

static void send_asking(struct play *play, unsigned int i)
{
	complete(&play->sleeper[i].go);
	msleep(8);
}

static void perform(struct play *play)
{
	take_ordinary(play);
	send_asking(play, 0);
	direct_all(play, TAKE, "from the reserve");
	leave_one_page(play);
	direct(play, DEMO_TIMER, TAKE, "the very last page");
	direct_all(play, TAKE, "");
	give_reserve(play);
	direct_all(play, TAKE, "goes on as before");
	take_objects(play);
	send_asking(play, 1);
	direct(play, DEMO_TICK, GIVE, "wakes who waits for such an object");
	for (unsigned int i = 0; i < PAGE_TRIES && !READ_ONCE(play->sleeper[0].object); i++)
		direct(play, DEMO_TIMER, GIVE_PAGE, "as a disk does when all is written");
}

static void give_back(struct play *play)
{
	for (unsigned int place = 0; place < NR_DEMO_PLACES; place++)
		while (play->nr_held[place])
			give_bytes(places[place].size_bytes, play->held[place][--play->nr_held[place]]);
	give_objects(play);
	demo_give_all(&play->hogged);
}

/* The first IDE disk: one that interrupts. */
static void disk_take(struct play *play)
{
	play->disk_page = (void *)__get_free_page(GFP_KERNEL);
	if (!play->disk_page)
		return;
	for (unsigned int i = 0; blk_device_at(i) && !play->disk; i++)
		if (strncmp(blk_device_at(i)->name, "ide", 3) == 0)
			play->disk = blk_device_at(i);
	play->disk_segment = (struct blk_segment){page_to_pfn(virt_to_page(play->disk_page)), 0, BLK_SECTOR};
	init_completion(&play->disk_done);
}

static void disk_give(struct play *play)
{
	free_page((unsigned long)play->disk_page);
}

/* Both lines are shared with their drivers, whose handlers come first. */
static void connect(struct play *play)
{
	if (request_irq(TICK_LINE, tick_handler, IRQF_SHARED, "demo", play) != 0)
		say("demo: interrupt %u cannot be shared\n", TICK_LINE);
	if (request_irq(SERIAL_LINE, serial_handler, IRQF_SHARED, "demo", play) != 0)
		say("demo: interrupt %u cannot be shared\n", SERIAL_LINE);
	setup_timer(&play->timer, timer_handler, (unsigned long)play);
	tasklet_init(&play->tasklet, tasklet_handler, (unsigned long)play);
}

static void disconnect(struct play *play)
{
	free_irq(TICK_LINE, play);
	free_irq(SERIAL_LINE, play);
	(void)del_timer_sync(&play->timer);
	tasklet_kill(&play->tasklet);
}

bool demo_contexts_play(struct demo_contexts *seen, bool print)
{
	struct play *play = kzalloc(sizeof(*play), GFP_KERNEL);
	unsigned int nr_ready = 0;

	if (!play)
		return false;
	memset(seen, 0, sizeof(*seen));
	play->seen = seen;
	play->armed = NR_DEMO_PLACES;
	list_init(&play->hogged);
	list_init(&play->reserve);
	while (nr_ready < NR_DEMO_SLEEPERS && sleeper_create(play, nr_ready))
		nr_ready++;
	if (nr_ready == NR_DEMO_SLEEPERS) {
		connect(play);
		disk_take(play);
		play->since_us = clock_now_us();
		perform(play);
		disk_give(play);
		disconnect(play);
		give_back(play);
	}
	for (unsigned int i = 0; i < nr_ready; i++)
		sleeper_end(&play->sleeper[i]);
	if (nr_ready == NR_DEMO_SLEEPERS && print)
		print_events(play);
	kfree(play);
	return nr_ready == NR_DEMO_SLEEPERS;
}

/* --- what is said --- */

static void print_summary(const struct demo_contexts *seen)
{
	for (unsigned int place = 0; place < NR_DEMO_PLACES; place++)
		say("%-10s: %u got, %u dropped, %u got after that%s\n", places[place].name,
		    seen->nr_got[place], seen->nr_dropped[place], seen->nr_recovered[place],
		    seen->nr_got[place] + seen->nr_dropped[place] ? "" : " (no interrupt came)");
	for (unsigned int i = 0; i < NR_DEMO_SLEEPERS; i++)
		if (seen->was_served[i])
			say("%-10s: slept %u ms, woken by: %s\n", sleepers[i].name, seen->slept_ms[i],
			    seen->woken_by[i]);
		else
			say("%-10s: did not have to sleep\n", sleepers[i].name);
}

/* C1: the mistake that driver books warn of first. */
static void mistake_in_timer(unsigned long object)
{
	*(void **)object = kmalloc(100, GFP_KERNEL);
}

static void show_mistake(void)
{
	struct timer_list timer;
	void *object = NULL;

	say("\nNow a timer asks with GFP_KERNEL, although memory is plentiful:\n");
	context_forget_reports();
	setup_timer(&timer, mistake_in_timer, (unsigned long)&object);
	mod_timer(&timer, jiffies + 1);
	while (timer_pending(&timer))
		msleep(4);
	(void)del_timer_sync(&timer);
	say("It was served as GFP_NOWAIT, with 0x%08lx, and the kernel lives on.\n",
	    (unsigned long)(uintptr_t)object);
	kfree(object);
}

void demo_contexts(void)
{
	struct demo_contexts seen;

	if (!demo_contexts_play(&seen, true)) {
		say("demo: no memory to begin with\n");
		return;
	}
	print_summary(&seen);
	show_mistake();
	demo_success();
}

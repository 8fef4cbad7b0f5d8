/* SPDX-License-Identifier: MIT */
/* The sweep's paths of disks: a request on its way into the queue and out of it, the IDE interrupt's handler and the thread
 * that waits for it. The handler submits requests that overlap the path's, or answers for the device at the wrong moment. No disk
 * is there: the queue's driver is the test, and the channel's ports are nobody's. */
#include <tests/kernel/sweep.h>

#include <drivers/block/ide_channel.h>
#include <kernel/core/blkdev.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>

#define NR_ASKS	     5u
#define NR_SECTORS   1000u
#define PATHS_NOTE   0x5a5au
#define RIVALS_NOTE  0x6b6bu
#define NOBODYS_PORT 0x2e0 /* eight ports from here, which float */

static struct {
	struct blk_device dev;
	struct blk_request ask[NR_ASKS];
	struct blk_segment segment[NR_ASKS];
	unsigned int nr_done[NR_ASKS], order[NR_ASKS], nr_over;
	struct blk_command *command; /* taken */
	struct blk_request *got, *rivals;
	bool has_come; /* the interrupt's request */
} sd;

static struct {
	struct ide_channel channel;
	int error;
	bool has_returned;
} si;

/* --- the queue --- */

static void note_done(struct blk_request *request)
{
	unsigned int i = (unsigned int)(request - sd.ask);

	sd.nr_done[i]++;
	sd.order[i] = ++sd.nr_over;
}

static void wake_nobody(struct blk_device *dev)
{
	(void)dev;
}

static bool enter_queue(void)
{
	static const struct blk_ops ops = {.wake = wake_nobody};

	memset(&sd, 0, sizeof(sd));
	memcpy(sd.dev.name, "sweep0", sizeof("sweep0"));
	sd.dev.nr_sectors = NR_SECTORS;
	sd.dev.max_sectors = 64;
	sd.dev.max_segments = 32;
	sd.dev.ops = &ops;
	return blk_register(&sd.dev) == 0;
}

static void leave_queue(void)
{
	sweep_expect(sd.dev.nr_handed_out == 0);
	blk_unregister(&sd.dev);
}

static void ask(unsigned int i, enum blk_op op, uint32_t sector, uint32_t nr)
{
	struct blk_request *request = &sd.ask[i];

	sd.segment[i] = (struct blk_segment){1, 0, (uint16_t)(nr * BLK_SECTOR)};
	*request = (struct blk_request){.dev = &sd.dev, .op = op, .sector = sector, .done = note_done};
	request->segment = &sd.segment[i];
	request->nr_segments = op == BLK_FLUSH ? 0 : 1;
	sweep_expect(blk_submit(request) == 0);
}

static void begin(void)
{
	memset(sd.nr_done, 0, sizeof(sd.nr_done));
	sd.nr_over = 0;
	sd.has_come = false;
	sd.dev.position = 0;
	sd.command = NULL;
}

/* All that is queued is done, each once (BD1). */
static void serve_all(unsigned int nr)
{
	struct blk_command *command;

	while ((command = blk_next(&sd.dev)) != NULL)
		blk_command_done(&sd.dev, command, 0);
	for (unsigned int i = 0; i < NR_ASKS; i++)
		sweep_expect(sd.nr_done[i] == (i < nr));
	sweep_expect(sd.dev.stat.nr_in_flight == 0);
}

static void prepare_two(void)
{
	begin();
	ask(0, BLK_WRITE, 52, 4);
	ask(1, BLK_WRITE, 60, 4);
}

/* In between, so that the one below grows to it. */
static void run_submit(void)
{
	ask(2, BLK_WRITE, 56, 2);
}

/* Overlaps all but the first, and would be the first one's neighbour. */
static void irq_submits(void)
{
	if (sd.has_come)
		return;
	sd.has_come = true;
	ask(3, BLK_WRITE, 56, 8);
}

/* BD2: it and ask 2 in either order, but after ask 1 it is in any. */
static void finish_submitted(void)
{
	irq_submits();
	serve_all(4);
	sweep_expect(sd.order[1] < sd.order[3]);
	sweep_expect((sd.order[2] < sd.order[3]) == ((int32_t)(sd.ask[2].number - sd.ask[3].number) < 0));
}

/* The one at 52 is older than the command under way, whose parts are 60 and 64. */
static void prepare_merged(void)
{
	begin();
	ask(0, BLK_WRITE, 52, 4);
	ask(1, BLK_WRITE, 60, 4);
	ask(2, BLK_WRITE, 64, 4);
	sd.dev.position = 60;
	sd.command = blk_next(&sd.dev);
	sweep_expect(sd.command->nr_sectors == 8);
	sd.dev.position = 0;
}

static void run_failed(void)
{
	blk_command_done(&sd.dev, sd.command, -EIO);
}

static void run_done(void)
{
	blk_command_done(&sd.dev, sd.command, 0);
}

/* Whoever came before it is done before it, if not done by then: merged with 52 it would pass 60. */
static void finish_merged(void)
{
	irq_submits();
	serve_all(4);
	sweep_expect(sd.order[1] < sd.order[3] && sd.order[2] < sd.order[3]);
}

/* A flush submitted by the interrupt while the next command is chosen waits for all before it. */
static void run_next(void)
{
	sd.command = blk_next(&sd.dev);
}

static void irq_flushes(void)
{
	if (sd.has_come)
		return;
	sd.has_come = true;
	ask(2, BLK_FLUSH, 0, 0);
}

static void finish_flushed(void)
{
	blk_command_done(&sd.dev, sd.command, 0);
	irq_flushes();
	serve_all(3);
	sweep_expect(sd.order[2] == 3);
}

/* --- requests handed out --- */

static void run_get(void)
{
	sd.got = blk_request_get(&sd.dev);
	sd.got->note = PATHS_NOTE;
}

static void run_put(void)
{
	sweep_expect(sd.got->dev == &sd.dev && sd.got->note == PATHS_NOTE);
	blk_request_put(sd.got);
}

static void rival_gets(void)
{
	sd.rivals = blk_request_get(&sd.dev);
	sd.rivals->note = RIVALS_NOTE;
}

static void rival_puts(void)
{
	sweep_expect(sd.rivals->dev == &sd.dev && sd.rivals->note == RIVALS_NOTE);
	blk_request_put(sd.rivals);
}

static const struct rival_use rival_asks = {rival_gets, rival_puts};

/* --- the handler --- */

static bool enter_channel(void)
{
	memset(&si, 0, sizeof(si));
	si.channel = (struct ide_channel){.port = NOBODYS_PORT, .control = NOBODYS_PORT, .irq = 14};
	spin_lock_init(&si.channel.lock);
	init_waitqueue_head(&si.channel.work);
	init_waitqueue_head(&si.channel.reply);
	return sweep_partner_start();
}

static void leave_channel(void)
{
	sweep_partner_stop();
}

static void device_answers(void)
{
	(void)ide_interrupt(14, &si.channel);
}

static void wait_answer(void)
{
	uint8_t status, bus_status;

	ide_expect_answer(&si.channel);
	si.error = ide_wait_answer(&si.channel, &status, &bus_status);
	si.has_returned = true;
}

static void prepare_waiter(void)
{
	memset(&si.channel.stat, 0, sizeof(si.channel.stat));
	si.has_returned = false;
	sweep_partner_will(wait_answer);
	sweep_partner_settle();
}

/* One answer is the waiter's, however many come; the note about it is freed. */
static void finish_answered(void)
{
	const struct ide_stat *stat = &si.channel.stat;

	sweep_partner_settle();
	sweep_expect(si.has_returned && si.error == 0);
	sweep_expect(stat->nr_interrupts - stat->nr_unexpected == 1);
	sweep_expect(stat->nr_samples + stat->nr_dropped == 1);
	sweep_expect(!si.channel.sample && !si.channel.is_waited_for);
}

static void prepare_expecting(void)
{
	memset(&si.channel.stat, 0, sizeof(si.channel.stat));
	si.has_returned = false;
}

/* As the thread does, the device's answer in the middle; another may come at any moment. */
static void run_expect_and_wait(void)
{
	uint8_t status, bus_status;
	irqflags_t flags;

	ide_expect_answer(&si.channel);
	flags = irq_save();
	device_answers();
	irq_restore(flags);
	si.error = ide_wait_answer(&si.channel, &status, &bus_status);
	si.has_returned = true;
}

#define OF_QUEUE(...)	enter_queue, leave_queue, __VA_ARGS__, NULL
#define OF_CHANNEL(...) enter_channel, leave_channel, __VA_ARGS__, NULL

KTEST_SWEEP(sweep, blk_submit, "C4 BLK-02", OF_QUEUE(prepare_two, run_submit, finish_submitted, irq_submits))
KTEST_SWEEP(sweep, blk_command_fails, "C4 R7 BLK-02 BLK-04",
	    OF_QUEUE(prepare_merged, run_failed, finish_merged, irq_submits))
KTEST_SWEEP(sweep, blk_command_ends, "C4 BLK-02",
	    OF_QUEUE(prepare_merged, run_done, finish_merged, irq_submits))
KTEST_SWEEP(sweep, blk_next, "C4 BLK-09", OF_QUEUE(prepare_two, run_next, finish_flushed, irq_flushes))
KTEST_SWEEP(sweep, blk_request_get, "C4 R3 BLK-07", enter_queue, leave_queue, begin, run_get, run_put, NULL,
	    &rival_asks)
KTEST_SWEEP(sweep, blk_request_put, "C4 R3 BLK-07", enter_queue, leave_queue, run_get, run_put, sweep_nothing,
	    NULL, &rival_asks)
KTEST_SWEEP(sweep, ide_handler, "C2 C4 BLK-08",
	    OF_CHANNEL(prepare_waiter, device_answers, finish_answered, NULL))
KTEST_SWEEP(sweep, ide_wait_answer, "C2 C4 BLK-05",
	    OF_CHANNEL(prepare_expecting, run_expect_and_wait, finish_answered, device_answers))

/* SPDX-License-Identifier: MIT */
/* A page from the disk and back to it: all that the CPU does between blk_submit() and the request's end, in whichever thread and
 * in the interrupt; not what it waits. The bench's thread goes round yield() meanwhile: what its turns take when nothing happens is
 * subtracted. When the disk answers is the host's affair, so the figure is a median: of some 2750 instructions where
 * the thread sleeps by then, of some 3360 where it does not yet. */
#include <tests/bench/measure.h>

#include <kernel/core/blkdev.h>
#include <kernel/core/console.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <linux/gfp.h>
#include <mm/pages/page.h>

#define NR_SAMPLES 1001u
#define NR_SECTORS (PAGE_SIZE / BLK_SECTOR)
#define SECTOR	   8u

static struct {
	struct blk_request request;
	volatile bool is_done;
	uint32_t turn; /* ticks of a turn in which nothing happens */
} disk;

static void note_done(struct blk_request *request)
{
	(void)request;
	disk.is_done = true;
}

/* What turns take beyond `turn` each, until the request has ended. */
static NOINLINE uint32_t turn_until_done(void)
{
	uint32_t sum = 0;

	do {
		uint32_t start = bench_tick();

		yield();
		sum += bench_tick() - start - disk.turn;
	} while (!disk.is_done);
	return sum;
}

/* The same loop once, with nothing to wait for. */
static uint32_t measure_turn(void)
{
	uint32_t least = UINT32_MAX;

	disk.turn = 0;
	disk.is_done = true;
	for (unsigned int i = 0; i < 100; i++)
		least = MIN(least, turn_until_done());
	return least;
}

/* Result: instructions, the submitting among them; 0: it failed. */
static uint32_t measure_one(void)
{
	uint32_t start, submitted;

	disk.is_done = false;
	start = bench_tick();
	if (blk_submit(&disk.request) != 0)
		return 0;
	submitted = bench_tick() - start;
	return submitted - measure.alloc.tick_cost + turn_until_done();
}

/* An insertion into what is sorted. */
static void keep_sorted(uint32_t *sample, uint32_t nr, uint32_t value)
{
	for (; nr && sample[nr - 1] > value; nr--)
		sample[nr] = sample[nr - 1];
	sample[nr] = value;
}

/* The first, which warms up what follows, does not count. */
static bool measure_all(enum blk_op op)
{
	uint32_t *sample = bench_scratch();

	disk.request.op = op;
	disk.turn = measure_turn();
	(void)measure_one();
	for (uint32_t i = 0; i < NR_SAMPLES; i++) {
		uint32_t took = measure_one();

		if (disk.request.error || !took)
			return false;
		bench_note_op(&measure.alloc, took + measure.alloc.tick_cost);
		keep_sorted(sample, i, took);
	}
	return true;
}

static void print_median(const char *name)
{
	const uint32_t *sample = bench_scratch();
	char median[24];

	(void)snprintf(median, sizeof(median), "%u", sample[NR_SAMPLES / 2]);
	bench_print_op(name, NR_SAMPLES, median, &measure.alloc, &measure.alloc);
	bench_print_number(name, "p90", sample[NR_SAMPLES * 9 / 10]);
}

static void run_on(const struct bench *bench, struct blk_device *dev, struct page *page, enum blk_op op)
{
	disk.request = (struct blk_request){.dev = dev,
					    .sector = SECTOR,
					    .segment = &disk.request.one,
					    .nr_segments = 1,
					    .done = note_done};
	disk.request.one = (struct blk_segment){page_to_pfn(page), 0, PAGE_SIZE};
	bench_measure_reset();
	/* What is written is what was read before. */
	if (measure_all(BLK_READ) && (op == BLK_READ || (bench_measure_reset(), measure_all(op))))
		print_median(bench->name);
	else
		sink_printf(console_sink(), "# %s: the disk failed: error %d\n", bench->name,
			    disk.request.error);
}

static void run(const struct bench *bench, enum blk_op op)
{
	struct blk_device *dev = blk_find("ide0");
	struct page *page = alloc_page(GFP_KERNEL);

	if (dev && page && dev->nr_sectors >= SECTOR + NR_SECTORS)
		run_on(bench, dev, page, op);
	else
		sink_printf(console_sink(), "# %s: skipped: no disk is ide0\n", bench->name);
	if (page)
		__free_page(page);
}

static void blk_read_4k(const struct bench *bench)
{
	run(bench, BLK_READ);
}

static void blk_write_4k(const struct bench *bench)
{
	run(bench, BLK_WRITE);
}

const struct bench bench_disk[] = {
	{.name = "blk_read_4k", .special = blk_read_4k, .by_name = true},
	{.name = "blk_write_4k", .special = blk_write_4k, .by_name = true},
	{.name = NULL},
};

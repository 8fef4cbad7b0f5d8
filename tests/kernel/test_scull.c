/* SPDX-License-Identifier: MIT */
/* The books' device: contents across the borders of quanta and sets, memory that comes back, failure
 * half-way, two devices at once, and the hog. Devices whose memory is to run out ask with GFP_NOWAIT: nobody
 * waits. */
#include <drivers/scull.h>

#include <kernel/core/err.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <linux/slab.h>
#include <tests/kernel/test_util.h>

#define MODEL_BYTES 1500u
#define SMALL_PAGES 12u /* fewer than a test writes, so that it runs out of them */

static void fill(uint8_t *bytes, size_t nr, uint32_t seed)
{
	struct random random = {seed};

	for (size_t i = 0; i < nr; i++)
		bytes[i] = (uint8_t)random_next(&random);
}

/* Does the device hold exactly these bytes? Read in pieces of each size up to `piece_max`. */
static bool holds(struct scull_dev *dev, const uint8_t *bytes, size_t nr, size_t piece_max)
{
	uint8_t piece[32];
	loff_t pos = 0;

	for (size_t size = 1, got = 1; got; size = size % piece_max + 1) {
		size_t from = (size_t)pos;
		ssize_t result = scull_read(dev, piece, size, &pos);

		if (result < 0 || (size_t)pos > nr || memcmp(piece, bytes + from, (size_t)result) != 0)
			return false;
		got = (size_t)result;
	}
	return (size_t)pos == nr;
}

static size_t held_bytes(const struct scull_dev *dev)
{
	struct scull_stat stat;

	scull_stat(dev, &stat);
	return stat.held_bytes;
}

static size_t size_bytes(const struct scull_dev *dev)
{
	struct scull_stat stat;

	scull_stat(dev, &stat);
	return stat.size_bytes;
}

KTEST(scull, what_is_written_is_read_back_across_quanta_and_sets, "D6 K1")
{
	static const unsigned int quanta[] = {1, 7, 16, 100, 4000}, qsets[] = {1, 3, 1000};
	uint8_t bytes[600];

	MACHINE_STAYS_AS_FOUND();
	fill(bytes, sizeof(bytes), 1);
	for (unsigned int q = 0; q < ARRAY_SIZE(quanta); q++)
		for (unsigned int s = 0; s < ARRAY_SIZE(qsets); s++) {
			struct scull_dev *dev = scull_create(quanta[q], qsets[s], GFP_KERNEL);
			loff_t pos = 0;

			REQUIRE(!IS_ERR(dev));
			for (size_t size = 0; (size_t)pos < sizeof(bytes); size++) {
				size_t left = sizeof(bytes) - (size_t)pos, wanted = MIN(size, left);

				EXPECT_EQ(scull_write(dev, bytes + pos, wanted, &pos), wanted);
			}
			EXPECT(holds(dev, bytes, sizeof(bytes), 31));
			scull_destroy(dev);
		}
}

KTEST(scull, holes_read_as_zeros_and_the_end_is_the_end, "D6")
{
	static const uint8_t text[] = "beyond";
	uint8_t expected[200] = {0};
	struct scull_dev *dev;
	loff_t pos = 0;
	char byte;

	MACHINE_STAYS_AS_FOUND();
	dev = scull_create(16, 4, GFP_KERNEL);
	REQUIRE(!IS_ERR(dev));
	EXPECT_EQ(scull_read(dev, &byte, 1, &pos), 0);
	EXPECT_EQ(scull_llseek(dev, &pos, 190, SCULL_SEEK_SET), 190);
	EXPECT_EQ(scull_write(dev, text, 6, &pos), 6);
	EXPECT_EQ(scull_llseek(dev, &pos, -196, SCULL_SEEK_END), 0);
	EXPECT_EQ(scull_write(dev, text, 3, &pos), 3);
	memcpy(expected, text, 3);
	memcpy(expected + 190, text, 6);
	EXPECT(holds(dev, expected, 196, 32));
	EXPECT_EQ(scull_llseek(dev, &pos, 193, SCULL_SEEK_CUR), 196);
	EXPECT_EQ(scull_read(dev, &byte, 1, &pos), 0);
	scull_destroy(dev);
}

KTEST(scull, what_cannot_be_is_refused_and_changes_nothing, "D6")
{
	static const unsigned int bad[][2] = {
		{0, 1}, {1, 0}, {SCULL_MAX_QUANTUM + 1, 1}, {1, SCULL_MAX_QSET + 1}};
	struct scull_dev *dev;
	loff_t pos = 5;
	char byte = 0;

	MACHINE_STAYS_AS_FOUND();
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(PTR_ERR(scull_create(bad[i][0], bad[i][1], GFP_KERNEL)), -EINVAL);
	dev = scull_create(SCULL_MAX_QUANTUM, SCULL_MAX_QSET, GFP_KERNEL);
	REQUIRE(!IS_ERR(dev));
	EXPECT_EQ(scull_llseek(dev, &pos, -6, SCULL_SEEK_CUR), -EINVAL);
	EXPECT_EQ(scull_llseek(dev, &pos, INT64_MAX, SCULL_SEEK_CUR), -EINVAL);
	EXPECT_EQ(scull_llseek(dev, &pos, 0, 3), -EINVAL);
	EXPECT_EQ(pos, 5);
	EXPECT_EQ(scull_llseek(dev, &pos, SCULL_MAX_BYTES, SCULL_SEEK_SET), SCULL_MAX_BYTES);
	EXPECT_EQ(scull_write(dev, &byte, 1, &pos), -EFBIG);
	EXPECT_EQ(scull_read(dev, &byte, 1, &pos), 0);
	pos = -1;
	EXPECT_EQ(scull_write(dev, &byte, 1, &pos), -EINVAL);
	EXPECT_EQ(scull_read(dev, &byte, 1, &pos), -EINVAL);
	EXPECT_EQ(scull_ioctl(dev, 99, 0), -ENOTTY);
	EXPECT_EQ(scull_ioctl(dev, SCULL_IOCTQUANTUM, 0), -EINVAL);
	EXPECT_EQ(scull_ioctl(dev, SCULL_IOCHQSET, SCULL_MAX_QSET + 1), -EINVAL);
	EXPECT_EQ(scull_ioctl(dev, SCULL_IOCQQSET, 0), SCULL_MAX_QSET);
	EXPECT_EQ(held_bytes(dev), 0);
	scull_destroy(dev);
	scull_destroy(NULL);
	scull_destroy(ERR_PTR(-ENOMEM));
}

KTEST(scull, new_sizes_wait_for_the_next_trim, "D6")
{
	static const uint8_t text[] = "a quantum at a time";
	struct scull_stat stat;
	struct scull_dev *dev;
	loff_t pos = 0;

	MACHINE_STAYS_AS_FOUND();
	dev = scull_create(8, 2, GFP_KERNEL);
	REQUIRE(!IS_ERR(dev));
	EXPECT_EQ(scull_write(dev, text, 10, &pos), 10);
	EXPECT_EQ(scull_ioctl(dev, SCULL_IOCHQUANTUM, 5), 8);
	EXPECT_EQ(scull_ioctl(dev, SCULL_IOCTQSET, 3), 0);
	EXPECT_EQ(scull_ioctl(dev, SCULL_IOCQQUANTUM, 0), 5);
	EXPECT_EQ(scull_write(dev, text + 10, 9, &pos), 9);
	EXPECT(holds(dev, text, 19, 19));
	scull_trim(dev);
	scull_stat(dev, &stat);
	EXPECT(stat.quantum == 5 && stat.qset == 3 && stat.nr_quanta == 0);
	EXPECT_EQ(scull_ioctl(dev, SCULL_IOCRESET, 0), 0);
	EXPECT_EQ(scull_ioctl(dev, SCULL_IOCQQUANTUM, 0), 8);
	pos = 0;
	EXPECT_EQ(scull_write(dev, text, 19, &pos), 19);
	scull_stat(dev, &stat);
	EXPECT_EQ(stat.nr_quanta, 4);
	EXPECT(holds(dev, text, 19, 19));
	scull_destroy(dev);
}

/* The device is there before and after: what the machine gets back, the trim gave. */
static void fill_and_trim(struct scull_dev *dev)
{
	size_t before;

	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	before = nr_free_pages();
	for (loff_t pos = 0; pos < 100 * (loff_t)PAGE_SIZE; pos += PAGE_SIZE - 1)
		EXPECT_EQ(scull_write(dev, "x", 1, &pos), 1);
	EXPECT(held_bytes(dev) > 100 * PAGE_SIZE && nr_free_pages() + 100 <= before);
	scull_trim(dev);
	EXPECT(held_bytes(dev) == 0 && size_bytes(dev) == 0);
}

KTEST(scull, a_trim_gives_every_page_back, "C5 K1")
{
	struct scull_dev *dev = scull_create(PAGE_SIZE, 8, GFP_KERNEL);

	REQUIRE(!IS_ERR(dev));
	for (unsigned int round = 0; round < 3; round++)
		fill_and_trim(dev);
	scull_destroy(dev);
}

/* Leaves every zone a few pages above what an ordinary request may take. */
static void leave_few_pages(struct list_head *hogged)
{
	struct zone *zone;

	for_each_zone(zone)
		hog_zone(hogged, zone,
			 zone->id == ZONE_HIGHMEM ? 0 : zone_floor(zone, GFP_NOWAIT) + SMALL_PAGES);
}

/* Does the device hold `period` over and over? */
static bool repeats(struct scull_dev *dev, const uint8_t *period, size_t nr)
{
	uint8_t piece[256];
	loff_t pos = 0;
	ssize_t got;

	do {
		got = scull_read(dev, piece, nr, &pos);
		if (got < 0 || memcmp(piece, period, (size_t)got) != 0)
			return false;
	} while (got);
	return true;
}

KTEST(scull, a_write_that_memory_ends_counts_what_it_wrote_and_the_device_lives_on, "S7 G6 C5")
{
	struct list_head hogged = LIST_HEAD_INIT(hogged);
	struct scull_dev *dev;
	uint8_t bytes[256];
	loff_t pos = 0, before;
	ssize_t result;

	MACHINE_STAYS_AS_FOUND();
	fill(bytes, sizeof(bytes), 2);
	dev = scull_create(100, 3, GFP_NOWAIT | __GFP_NOWARN);
	REQUIRE(!IS_ERR(dev));
	leave_few_pages(&hogged);
	do { /* what the reclaimer finds meanwhile is written, too */
		size_t at = (uint32_t)pos % sizeof(bytes);

		before = pos;
		result = scull_write(dev, bytes + at, sizeof(bytes) - at, &pos);
		EXPECT_EQ(pos, before + MAX(result, 0));
		EXPECT_EQ(size_bytes(dev), pos);
	} while (result > 0);
	EXPECT_EQ(result, -ENOMEM);
	EXPECT_EQ((uint32_t)pos % 100, 0); /* it ended where the next quantum was needed */
	EXPECT_EQ(size_bytes(dev), pos);
	EXPECT(repeats(dev, bytes, sizeof(bytes)));
	hog_release(&hogged);
	EXPECT_EQ(scull_write(dev, bytes + (uint32_t)pos % sizeof(bytes), 1, &pos), 1);
	EXPECT_EQ(size_bytes(dev), pos);
	EXPECT(repeats(dev, bytes, sizeof(bytes)));
	scull_destroy(dev);
}

KTEST(scull, no_memory_for_a_device_is_an_error, "S7")
{
	struct list_head hogged = LIST_HEAD_INIT(hogged);
	struct scull_dev *dev[64], *next;
	unsigned int nr = 0;

	MACHINE_STAYS_AS_FOUND();
	hog_all(&hogged);
	while (!IS_ERR(next = scull_create(1, 1, GFP_NOWAIT | __GFP_NOWARN)) && nr < ARRAY_SIZE(dev))
		dev[nr++] = next;
	EXPECT_EQ(PTR_ERR(next), -ENOMEM);
	hog_release(&hogged);
	while (nr)
		scull_destroy(dev[--nr]);
}

/* --- random --- */

struct model {
	uint8_t bytes[MODEL_BYTES];
	size_t size;
};

static void model_write(struct model *model, struct scull_dev *dev, struct random *random)
{
	uint8_t piece[200];
	loff_t pos = random_below(random, MODEL_BYTES - sizeof(piece));
	size_t from = (size_t)pos, nr = random_below(random, sizeof(piece));

	fill(piece, nr, random_next(random));
	EXPECT_EQ(scull_write(dev, piece, nr, &pos), nr);
	EXPECT_EQ(pos, from + nr);
	memcpy(model->bytes + from, piece, nr);
	model->size = nr ? MAX(model->size, from + nr) : model->size;
}

static void model_read(const struct model *model, struct scull_dev *dev, struct random *random)
{
	uint8_t piece[200];
	loff_t pos = random_below(random, MODEL_BYTES);
	size_t from = (size_t)pos, nr = random_below(random, sizeof(piece));
	size_t expected = from < model->size ? MIN(nr, model->size - from) : 0;

	EXPECT_EQ(scull_read(dev, piece, nr, &pos), expected);
	EXPECT(memcmp(piece, model->bytes + from, expected) == 0);
}

static void model_trim(struct model *model, struct scull_dev *dev, struct random *random)
{
	EXPECT_EQ(scull_ioctl(dev, SCULL_IOCTQUANTUM, 1 + random_below(random, 64)), 0);
	EXPECT_EQ(scull_ioctl(dev, SCULL_IOCTQSET, 1 + random_below(random, 9)), 0);
	scull_trim(dev);
	memset(model, 0, sizeof(*model));
}

/* Of a local variable, by whatever return. */
static void end_device(struct scull_dev **dev)
{
	if (*dev && !IS_ERR(*dev))
		scull_destroy(*dev);
	*dev = NULL;
}

static void end_two_devices(struct scull_dev *(*dev)[2])
{
	end_device(&(*dev)[0]);
	end_device(&(*dev)[1]);
}

KTEST(scull, random_writes_agree_with_a_model, "D6 K1")
{
	const uint32_t seed = 0x5c011;
	struct random random = {seed};
	struct model *model;

	MACHINE_STAYS_AS_FOUND();
	ENDS_WITH(end_device) struct scull_dev *dev = NULL;
	ktest_note("seed 0x%x", seed);
	model = kzalloc(sizeof(*model), GFP_KERNEL);
	dev = scull_create(16, 4, GFP_KERNEL);
	REQUIRE(model && !IS_ERR(dev));
	for (unsigned int op = 0; op < TEST_RANDOM_OPS / 2; op++) {
		if (random_below(&random, 50) == 0)
			model_trim(model, dev, &random);
		else if (random_below(&random, 2))
			model_write(model, dev, &random);
		else
			model_read(model, dev, &random);
	}
	EXPECT(holds(dev, model->bytes, model->size, 29));
	end_device(&dev);
	kfree(model);
}

/* --- threads --- */

struct writer {
	struct thread *thread;
	struct scull_dev *dev;
	const uint8_t *bytes;
	size_t nr;
	ssize_t result;
};

static bool writer_start(struct writer *writer, int (*fn)(void *))
{
	writer->thread = kthread_create(fn, writer, "scull-writer");
	if (IS_ERR(writer->thread))
		return false;
	thread_get(writer->thread);
	wake_up_process(writer->thread);
	return true;
}

static void writer_join(struct writer *writer)
{
	if (!writer->thread || IS_ERR(writer->thread))
		return;
	kthread_stop(writer->thread);
	thread_put(writer->thread);
	writer->thread = NULL;
}

static void join_three(struct writer (*writer)[3])
{
	for (unsigned int i = 0; i < 3; i++)
		writer_join(&(*writer)[i]);
}

static int write_once(void *arg)
{
	struct writer *writer = arg;
	loff_t pos = 0;

	WRITE_ONCE(writer->result, scull_write(writer->dev, writer->bytes, writer->nr, &pos));
	return 0;
}

/* A set for each byte: the way to a byte is as long as the device, so that one call takes many ticks. */
KTEST(scull, while_one_thread_is_inside_a_write_another_writes_to_another_device, "C4")
{
	uint8_t *bytes;
	loff_t pos = 0;

	MACHINE_STAYS_AS_FOUND();
	ENDS_WITH(end_device) struct scull_dev *other = NULL, *first = NULL;
	ENDS_WITH(writer_join) struct writer inside = {.nr = 8192};
	bytes = kmalloc(16384, GFP_KERNEL);
	inside.dev = first = scull_create(1, 1, GFP_KERNEL);
	other = scull_create(16, 2, GFP_KERNEL);
	inside.bytes = bytes;
	REQUIRE(bytes && !IS_ERR(inside.dev) && !IS_ERR(other));
	fill(bytes, 16384, 3);
	REQUIRE(writer_start(&inside, write_once));
	for (unsigned int i = 0; i < 500 && held_bytes(inside.dev) == 0; i++)
		msleep(1);
	EXPECT_EQ(scull_write(other, bytes, 300, &pos), 300);
	EXPECT_EQ(READ_ONCE(inside.result), 0);
	EXPECT(holds(other, bytes, 300, 30));
	writer_join(&inside);
	EXPECT_EQ(inside.result, inside.nr);
	EXPECT_EQ(size_bytes(inside.dev), inside.nr);
	kfree(bytes);
}

/* Each of a pair writes its byte over and over, in one call over many quanta: the device never shows both. */
static int write_always(void *arg)
{
	struct writer *writer = arg;

	while (!kthread_should_stop()) {
		loff_t pos = 0;

		writer->result +=
			scull_write(writer->dev, writer->bytes, writer->nr, &pos) != (ssize_t)writer->nr;
	}
	return 0;
}

KTEST(scull, two_threads_on_one_device_and_one_on_another_do_not_mix, "C4")
{
	static const char colours[3] = {'a', 'b', 'c'};
	uint8_t *bytes, seen[800];

	MACHINE_STAYS_AS_FOUND();
	ENDS_WITH(end_two_devices) struct scull_dev *dev[2] = {NULL};
	ENDS_WITH(join_three) struct writer writer[3] = {{.nr = 800}, {.nr = 800}, {.nr = 800}};
	bytes = kmalloc(3 * 800, GFP_KERNEL);
	dev[0] = scull_create(3, 2, GFP_KERNEL);
	dev[1] = scull_create(3, 2, GFP_KERNEL);
	REQUIRE(bytes && !IS_ERR(dev[0]) && !IS_ERR(dev[1]));
	for (unsigned int i = 0; i < 3; i++) {
		memset(bytes + i * 800, colours[i], 800);
		writer[i].bytes = bytes + i * 800;
		writer[i].dev = dev[i / 2];
		REQUIRE(writer_start(&writer[i], write_always));
	}
	for (unsigned int round = 0; round < 12; round++) {
		loff_t pos = 0;

		msleep(4);
		if (scull_read(dev[0], seen, 800, &pos) == 800)
			EXPECT(memory_is(seen, seen[0], 800) && (seen[0] == 'a' || seen[0] == 'b'));
		pos = 0;
		if (scull_read(dev[1], seen, 800, &pos) == 800)
			EXPECT(memory_is(seen, 'c', 800));
		if (round % 3 == 2)
			scull_trim(dev[round / 3 % 2]);
	}
	for (unsigned int i = 0; i < 3; i++) {
		writer_join(&writer[i]);
		EXPECT_EQ(writer[i].result, 0);
	}
	kfree(bytes);
}

/* --- the hog --- */

KTEST(scull, the_hog_takes_memory_until_it_is_stopped_and_gives_all_of_it_back, "C5")
{
	struct scull_hog_stat stat;

	MACHINE_STAYS_AS_FOUND();
	for (unsigned int round = 0; round < 2; round++) {
		EXPECT_EQ(scull_hog_start(), 0);
		EXPECT_EQ(scull_hog_start(), -EBUSY);
		for (unsigned int i = 0; i < 500 && scull_hog_pages() < 100; i++)
			msleep(1);
		scull_hog_stat(&stat);
		EXPECT(stat.is_running && stat.nr_writes >= 90);
		EXPECT_EQ(scull_hog_stop(), 0);
		scull_hog_stat(&stat);
		EXPECT(!stat.is_running && scull_hog_pages() == 0);
	}
	EXPECT_EQ(scull_hog_stop(), -EINVAL);
}

KTEST(scull, a_hog_may_be_stopped_before_it_ran, "C5")
{
	MACHINE_STAYS_AS_FOUND();
	for (unsigned int round = 0; round < 3; round++) {
		EXPECT_EQ(scull_hog_start(), 0);
		EXPECT_EQ(scull_hog_stop(), 0);
		EXPECT_EQ(scull_hog_pages(), 0);
	}
}

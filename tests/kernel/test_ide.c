/* SPDX-License-Identifier: MIT */
/* Disks on IDE channels, with images that the host knows (disk.h); the host looks at them afterwards. Guest only. */
#include <drivers/block/ide.h>
#include <drivers/block/ide_channel.h>

#include <drivers/block/pci.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/slab.h>
#include <mm/report/fault.h>
#include <tests/kernel/crowd.h>
#include <tests/kernel/disk.h>
#include <tests/kernel/settle.h>
#include <tests/kernel/test_util.h>

#define SECTORS_A_PAGE (PAGE_SIZE / BLK_SECTOR)
#define SHORT_TIMEOUT  (HZ / 10)

static struct test_disk disk;

/* First lines of a test. */
#define NEEDS_DISK()                                                                                         \
	if (!test_disk_open(&disk, "ide0"))                                                                  \
	SKIP("no disk for tests is ide0")

static void give_back(void *memory)
{
	free_page(*(unsigned long *)memory);
}

#define PAGE_OF_ITS_OWN(name)                                                                                \
	char *name ENDS_WITH(give_back) = (char *)__get_free_page(GFP_KERNEL);                               \
	REQUIRE(name)

static struct ide_stat channel_stat(void)
{
	struct ide_stat stat = {0};

	EXPECT(ide_stat(0, &stat));
	return stat;
}

/* Does the area hold the pattern? */
static bool area_is(struct test_disk *d, uint32_t start, uint32_t end, char kind, char *buffer)
{
	for (uint32_t s = start; s < end; s += SECTORS_A_PAGE) {
		uint32_t nr = MIN(end - s, SECTORS_A_PAGE);

		memset(buffer, 0, PAGE_SIZE);
		if (test_disk_io(d->dev, BLK_READ, s, buffer, nr) != 0)
			return false;
		for (uint32_t i = 0; i < nr; i++)
			if (!test_disk_is(buffer + i * BLK_SECTOR, s + i, kind)) {
				ktest_note("%s: sector %u is not what was written", d->dev->name, s + i);
				return false;
			}
	}
	return true;
}

static bool area_write(struct test_disk *d, uint32_t start, uint32_t end, char *buffer)
{
	for (uint32_t s = start; s < end; s += SECTORS_A_PAGE) {
		uint32_t nr = MIN(end - s, SECTORS_A_PAGE);

		for (uint32_t i = 0; i < nr; i++)
			test_disk_fill(buffer + i * BLK_SECTOR, s + i, 'G');
		if (test_disk_io(d->dev, BLK_WRITE, s, buffer, nr) != 0)
			return false;
	}
	return blk_do(d->dev, BLK_FLUSH, 0, NULL, 0) == 0;
}

KTEST(ide, the_disk_holds_what_the_host_wrote, "P11 BLK-01")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_DISK();
	PAGE_OF_ITS_OWN(buffer);

	EXPECT(area_is(&disk, 1, disk.host_end, 'H', buffer));
}

/* The name is known to run-guest: then it looks at the images. */
KTEST(ide, every_sector_of_the_guests_area_is_written_and_read_back, "P11 BLK-01 BLK-10")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_DISK();
	PAGE_OF_ITS_OWN(buffer);
	char name[] = "ide0";

	for (unsigned int n = 0; n < IDE_NR_DRIVES; n++) {
		struct test_disk one;

		name[3] = (char)('0' + n);
		if (!test_disk_open(&one, name))
			continue;
		EXPECT(area_write(&one, one.guest_start, one.nr_sectors, buffer));
		EXPECT(area_is(&one, one.guest_start, one.nr_sectors, 'G', buffer));
	}
}

KTEST(ide, the_disk_reaches_memory_below_and_above_16_mib_alike, "P11 G7")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_DISK();
	static const gfp_t flags[] = {GFP_KERNEL | __GFP_DMA, GFP_KERNEL, GFP_HIGHUSER};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct page *page = alloc_page(flags[i]);
		struct blk_segment segment = {page ? page_to_pfn(page) : 0, 512, 512};
		char *window;

		REQUIRE(page);
		EXPECT_EQ(blk_do(disk.dev, BLK_READ, 3, &segment, 1), 0);
		window = kmap_local_page(page);
		EXPECT(test_disk_is(window + 512, 3, 'H'));
		kunmap_local(window);
		__free_page(page);
	}
}

/* A page above 4 GiB; NULL: there is none to be had. */
static struct page *page_above_4g(struct list_head *others)
{
	struct page *page;

	while ((page = alloc_pages(GFP_HIGHUSER | __GFP_NOWARN, MAX_PAGE_ORDER)) != NULL) {
		if (page_to_pfn(page) >= (pfn_t)(GIB(4) >> PAGE_SHIFT))
			return page;
		list_add(&page->links, others);
	}
	return NULL;
}

KTEST(ide, pages_above_4_gib_are_read_and_written_through_the_bounce_pool, "P11 S8 DMA-10")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_DISK();
	HOG(others);
	struct page *page = page_above_4g(&others);
	struct blk_segment segment = {page ? page_to_pfn(page) : 0, 0, PAGE_SIZE};
	uint32_t nr_bounced = dma_bounce.nr_mapped, start = disk.host_end;
	char *window;

	if (!page)
		SKIP("no memory above 4 GiB");
	window = kmap_local_page(page);
	for (uint32_t i = 0; i < SECTORS_A_PAGE; i++)
		test_disk_fill(window + i * BLK_SECTOR, start + i, 'X');
	kunmap_local(window);
	EXPECT_EQ(blk_do(disk.dev, BLK_WRITE, start, &segment, 1), 0);
	clear_highpage(page);
	EXPECT_EQ(blk_do(disk.dev, BLK_READ, start, &segment, 1), 0);
	window = kmap_local_page(page);
	for (uint32_t i = 0; i < SECTORS_A_PAGE; i++)
		EXPECT(test_disk_is(window + i * BLK_SECTOR, start + i, 'X'));
	kunmap_local(window);
	EXPECT_EQ(dma_bounce.nr_mapped, nr_bounced + 2);
	__free_pages(page, MAX_PAGE_ORDER);
}

/* --- requests larger than a command, and many at once --- */

#define NR_LONG 40u

static struct blk_segment *long_table; /* borrowed */

static bool long_take(void)
{
	for (unsigned int i = 0; i < NR_LONG; i++) {
		struct page *page = alloc_page(GFP_HIGHUSER);

		if (!page)
			return false;
		long_table[i] = (struct blk_segment){page_to_pfn(page), 0, PAGE_SIZE};
	}
	return true;
}

static void long_fill(uint32_t start, char kind)
{
	for (uint32_t i = 0; i < NR_LONG * SECTORS_A_PAGE; i++) {
		char *window = kmap_local_page(pfn_to_page(long_table[i / SECTORS_A_PAGE].pfn));

		test_disk_fill(window + i % SECTORS_A_PAGE * BLK_SECTOR, start + i, kind);
		kunmap_local(window);
	}
}

static bool long_is(uint32_t start, char kind)
{
	bool is = true;

	for (uint32_t i = 0; i < NR_LONG * SECTORS_A_PAGE; i++) {
		char *window = kmap_local_page(pfn_to_page(long_table[i / SECTORS_A_PAGE].pfn));

		is = is && test_disk_is(window + i % SECTORS_A_PAGE * BLK_SECTOR, start + i, kind);
		kunmap_local(window);
	}
	return is;
}

static void long_give(void)
{
	for (unsigned int i = 0; i < NR_LONG; i++)
		if (long_table[i].pfn)
			__free_page(pfn_to_page(long_table[i].pfn));
}

/* Written, and read again into other contents. */
static bool long_round(void)
{
	uint32_t start = disk.host_end;
	bool is_good = true;

	long_fill(start, 'L');
	is_good = blk_do(disk.dev, BLK_WRITE, start, long_table, NR_LONG) == 0;
	long_fill(start, 'M');
	is_good = is_good && blk_do(disk.dev, BLK_READ, start, long_table, NR_LONG) == 0;
	return is_good && long_is(start, 'L');
}

KTEST(ide, a_table_of_pages_longer_than_a_command_is_split, "S8 DMA-11")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_DISK();
	BORROW_MANY(long_table, NR_LONG);
	uint32_t nr_dma = channel_stat().nr_dma, nr_pio = channel_stat().nr_pio;

	if (long_take())
		EXPECT(long_round());
	long_give();
	EXPECT(channel_stat().nr_dma >= nr_dma + 2 * DIV_ROUND_UP(NR_LONG * SECTORS_A_PAGE, IDE_MAX_PIECE) ||
	       channel_stat().nr_pio > nr_pio);
}

static void narrow_end(struct device **dev)
{
	if (*dev)
		EXPECT_EQ(dma_set_mask(*dev, DMA_BIT_MASK(32)), 0);
}

KTEST(ide, one_page_of_the_bounce_pool_is_enough_to_get_on, "R3 S8 DMA-09")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_DISK();
	BORROW_MANY(long_table, NR_LONG);
	struct pci_dev *pci = pci_find_class(PCI_CLASS_IDE, NULL);
	struct device isa = {"isa", DMA_BIT_MASK(24), DMA_BIT_MASK(24)},
		      *dev ENDS_WITH(narrow_end) = &pci->dev;
	unsigned int nr_slots = dma_bounce.nr_groups * BOUNCE_GROUP_SLOTS, nr = 0;
	struct page *far = alloc_page(GFP_HIGHUSER);
	dma_addr_t addr;

	REQUIRE(far);
	if (page_to_phys(far) >= MIB(16u) && nr_slots && long_take()) {
		EXPECT_EQ(dma_set_mask(&pci->dev, DMA_BIT_MASK(24)), 0);
		for (nr = 0; nr + 1 < nr_slots; nr++) {
			addr = dma_map_page(&isa, far, 0, PAGE_SIZE, DMA_TO_DEVICE);
			EXPECT(!dma_mapping_error(&isa, addr));
		}
		EXPECT(long_round());
		for (unsigned int i = 0; i < nr; i++)
			dma_unmap_page(&isa, dma_bounce.start + i * PAGE_SIZE, PAGE_SIZE, DMA_TO_DEVICE);
	}
	long_give();
	__free_page(far);
	if (!nr)
		SKIP("no memory above 16 MiB, or no bounce pool");
}

static void pio_end(int *unused)
{
	(void)unused;
	ide_set_pio(0, false);
}

KTEST(ide, without_dma_the_same_bytes_come_and_go, "P11 BLK-01")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_DISK();
	BORROW_MANY(long_table, NR_LONG);
	PAGE_OF_ITS_OWN(buffer);
	int pio ENDS_WITH(pio_end) = 0;
	uint32_t nr_pio = channel_stat().nr_pio, nr_dma = channel_stat().nr_dma;

	ide_set_pio(0, true);
	EXPECT(area_is(&disk, 1, MIN(disk.host_end, 65), 'H', buffer));
	if (long_take())
		EXPECT(long_round());
	EXPECT(channel_stat().nr_pio >= nr_pio + 88 && channel_stat().nr_dma == nr_dma);
	ide_set_pio(0, false);
	if (long_table[NR_LONG - 1].pfn)
		EXPECT(blk_do(disk.dev, BLK_READ, disk.host_end, long_table, NR_LONG) == 0 &&
		       long_is(disk.host_end, 'L'));
	long_give();
}

KTEST(ide, the_bus_masters_table_ends_with_the_command, "P11 S8")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_DISK();
	PAGE_OF_ITS_OWN(buffer);
	struct ide_stat before = channel_stat(), after;

	EXPECT_EQ(test_disk_io(disk.dev, BLK_READ, 1, buffer, SECTORS_A_PAGE), 0);
	EXPECT_EQ(test_disk_io(disk.dev, BLK_READ, 1, buffer, 1),
		  0); /* shorter than what the table holds still */
	after = channel_stat();
	EXPECT(after.nr_retries == before.nr_retries && after.nr_resets == before.nr_resets);
	EXPECT(after.nr_dma == before.nr_dma + 2 || after.nr_pio == before.nr_pio + 2);
}

#define NR_ASYNC 8u

static struct {
	struct blk_request request[NR_ASYNC];
	struct blk_segment segment[NR_ASYNC];
	struct completion done;
	unsigned int nr_interrupts;
} * async; /* borrowed */

static void async_done(struct blk_request *request)
{
	(void)request;
	complete(&async->done);
}

static void async_interrupt(struct blk_request *request)
{
	(void)request;
	async->nr_interrupts += in_irq();
}

KTEST(ide, neighbours_asked_for_at_once_are_one_command_and_one_interrupt, "BLK-02 C2")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_DISK();
	BORROW(async);
	PAGE_OF_ITS_OWN(buffer);
	struct blk_stat before, after;
	uint32_t nr_interrupts = channel_stat().nr_interrupts;

	init_completion(&async->done);
	blk_stat(disk.dev, &before);
	preempt_disable(); /* the disk's thread does not run in between */
	for (unsigned int i = 0; i < NR_ASYNC; i++) {
		struct blk_request *request = &async->request[i];

		async->segment[i] = (struct blk_segment){(pfn_t)(virt_to_phys(buffer) >> PAGE_SHIFT),
							 (uint16_t)(i * BLK_SECTOR), BLK_SECTOR};
		*request = (struct blk_request){.dev = disk.dev, .op = BLK_READ, .sector = 1 + i};
		request->segment = &async->segment[i];
		request->nr_segments = 1;
		request->done = async_done;
		request->on_interrupt = async_interrupt;
		EXPECT_EQ(blk_submit(request), 0);
	}
	preempt_enable();
	for (unsigned int i = 0; i < NR_ASYNC; i++)
		wait_for_completion(&async->done);
	blk_stat(disk.dev, &after);
	EXPECT_EQ(after.nr_commands, before.nr_commands + 1);
	EXPECT_EQ(after.nr_merged[BLK_READ], before.nr_merged[BLK_READ] + NR_ASYNC - 1);
	EXPECT_EQ(async->nr_interrupts, NR_ASYNC);
	EXPECT_EQ(channel_stat().nr_interrupts, nr_interrupts + 1);
	for (uint32_t i = 0; i < NR_ASYNC; i++)
		EXPECT(test_disk_is(buffer + i * BLK_SECTOR, 1 + i, 'H'));
}

/* --- several at once --- */

/* Each has sectors of its own between the two areas. */
static int use_disk(void *arg)
{
	uint32_t n = (uint32_t)(uintptr_t)arg, room = (disk.guest_start - disk.host_end) / 4;
	uint32_t start = disk.host_end + n * room;
	struct random random = {.state = n + 7};
	char *buffer = (char *)__get_free_page(GFP_KERNEL);
	int nr_failed = buffer ? 0 : 1;

	for (unsigned int i = 0; buffer && i < 30; i++) {
		uint32_t s = start + random_below(&random, room);

		test_disk_fill(buffer, s, (char)('a' + n));
		nr_failed += test_disk_io(disk.dev, BLK_WRITE, s, buffer, 1) != 0;
		memset(buffer, 0, BLK_SECTOR);
		nr_failed += test_disk_io(disk.dev, BLK_READ, s, buffer, 1) != 0;
		nr_failed += !test_disk_is(buffer, s, (char)('a' + n));
	}
	free_page((unsigned long)buffer);
	return nr_failed;
}

KTEST(ide, several_threads_use_a_disk_at_once, "BLK-04")
{
	size_t before;

	NEEDS_DISK();
	settle_stacks();
	before = nr_free_pages();
	EXPECT_EQ(crowd_works(4, use_disk), 0);
	(void)settle_all_is_back(before);
}

static struct two {
	struct test_disk disk;
	struct blk_request request;
	struct blk_segment segment;
	struct completion done;
	char *buffer;
} * two; /* borrowed */

static void two_done(struct blk_request *request)
{
	complete(request->owner);
}

static bool two_open(struct two *one, const char *name)
{
	one->buffer = test_disk_open(&one->disk, name) ? (char *)get_zeroed_page(GFP_KERNEL) : NULL;
	init_completion(&one->done);
	return one->buffer;
}

static void two_ask(struct two *one, uint32_t sector)
{
	test_disk_fill(one->buffer, sector, 'T');
	one->segment = (struct blk_segment){(pfn_t)(virt_to_phys(one->buffer) >> PAGE_SHIFT), 0, BLK_SECTOR};
	one->request = (struct blk_request){.dev = one->disk.dev, .op = BLK_WRITE, .sector = sector};
	one->request.segment = &one->segment;
	one->request.nr_segments = 1;
	one->request.done = two_done;
	one->request.owner = &one->done;
	EXPECT_EQ(blk_submit(&one->request), 0);
}

KTEST(ide, two_disks_work_at_once_on_one_channel_and_on_two, "BLK-10")
{
	MACHINE_STAYS_AS_FOUND();
	BORROW_MANY(two, 2);
	unsigned int nr_pairs = 0;
	char name[] = "ide1";

	for (; name[3] < '4'; name[3]++) {
		if (two_open(&two[0], "ide0") && two_open(&two[1], name)) {
			nr_pairs++;
			for (uint32_t i = 0; i < 20; i++) {
				for (unsigned int n = 0; n < 2; n++)
					two_ask(&two[n], two[n].disk.host_end + i);
				for (unsigned int n = 0; n < 2; n++) {
					wait_for_completion(&two[n].done);
					EXPECT_EQ(two[n].request.error, 0);
				}
			}
		}
		free_page((unsigned long)two[0].buffer);
		free_page((unsigned long)two[1].buffer);
		two[0].buffer = two[1].buffer = NULL;
	}
	if (!nr_pairs)
		SKIP("no two disks for tests");
}

/* --- disks that fail --- */

static void well_end(int *unused)
{
	(void)unused;
	blk_fault_set(disk.dev, BLK_FAULT_NONE, 0);
	ide_set_timeout(IDE_TIMEOUT);
}

#define ENDS_WELL() int ends_well_ ENDS_WITH(well_end) = (ide_set_timeout(SHORT_TIMEOUT), 0)

KTEST(ide, the_nth_command_fails_for_every_n_and_its_owner_is_told, "R7 BLK-04")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_DISK();
	PAGE_OF_ITS_OWN(buffer);
	ENDS_WELL();

	for (unsigned int n = 1; n <= 8; n++) {
		blk_fault_set(disk.dev, BLK_FAULT_ERROR, n);
		for (unsigned int i = 1; i <= 8; i++)
			EXPECT(test_disk_io(disk.dev, i % 2 ? BLK_READ : BLK_WRITE, disk.host_end + i, buffer,
					    1) == (i == n ? -EIO : 0));
	}
}

KTEST(ide, a_lost_interrupt_costs_a_reset_and_a_retry_and_no_data, "R7 BLK-05")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_DISK();
	PAGE_OF_ITS_OWN(buffer);
	ENDS_WELL();
	struct ide_stat before = channel_stat(), after;

	blk_fault_set(disk.dev, BLK_FAULT_LATE, 1);
	EXPECT_EQ(test_disk_io(disk.dev, BLK_READ, 2, buffer, 1), 0);
	EXPECT(test_disk_is(buffer, 2, 'H'));
	after = channel_stat();
	EXPECT(after.nr_timeouts == before.nr_timeouts + 1 && after.nr_resets == before.nr_resets + 1 &&
	       after.nr_retries == before.nr_retries + 1);
}

KTEST(ide, a_disk_that_never_answers_is_tried_three_times_while_others_run, "R7 BLK-05")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_DISK();
	PAGE_OF_ITS_OWN(buffer);
	ENDS_WELL();
	struct ide_stat before = channel_stat(), after;
	unsigned long start = jiffies;

	for (enum blk_op op = BLK_READ; op <= BLK_FLUSH; op++) {
		blk_fault_set(disk.dev, BLK_FAULT_LOST, 1);
		EXPECT((op == BLK_FLUSH
				? blk_do(disk.dev, op, 0, NULL, 0)
				: test_disk_io(disk.dev, op, disk.host_end, buffer, 1)) == -ETIMEDOUT);
		EXPECT_EQ(test_disk_io(disk.dev, BLK_READ, 2, buffer, 1), 0);
		EXPECT(test_disk_is(buffer, 2, 'H'));
	}
	after = channel_stat();
	EXPECT(after.nr_timeouts == before.nr_timeouts + 9 && after.nr_resets == before.nr_resets + 9 &&
	       after.nr_retries == before.nr_retries + 6);
	EXPECT(jiffies - start >= 9 * SHORT_TIMEOUT);
}

KTEST(ide, a_disk_that_vanishes_fails_each_request_until_it_is_back, "R7 BLK-06")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_DISK();
	PAGE_OF_ITS_OWN(buffer);
	ENDS_WELL();

	expect_reports();
	blk_fault_set(disk.dev, BLK_FAULT_GONE, 2);
	EXPECT_EQ(test_disk_io(disk.dev, BLK_READ, 2, buffer, 1), 0);
	EXPECT(test_disk_io(disk.dev, BLK_READ, 2, buffer, 1) == -ENODEV);
	EXPECT_ONE_REPORT("ide0: the disk is gone");
	EXPECT(test_disk_io(disk.dev, BLK_WRITE, disk.host_end, buffer, 1) == -ENODEV);
	EXPECT(blk_do(disk.dev, BLK_FLUSH, 0, NULL, 0) == -ENODEV);
	blk_fault_set(disk.dev, BLK_FAULT_NONE, 0);
	EXPECT_EQ(test_disk_io(disk.dev, BLK_READ, 2, buffer, 1), 0);
	EXPECT_ONE_REPORT("ide0: the disk is back");
	EXPECT(test_disk_is(buffer, 2, 'H'));
}

KTEST(ide, a_slow_disk_is_waited_for, "R7 BLK-05")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_DISK();
	PAGE_OF_ITS_OWN(buffer);
	ENDS_WELL();
	unsigned long start = jiffies;

	blk_fault_set(disk.dev, BLK_FAULT_SLOW, 40);
	for (uint32_t i = 1; i <= 3; i++)
		EXPECT_EQ(test_disk_io(disk.dev, BLK_READ, i, buffer, 1), 0);
	EXPECT(jiffies - start >= 3 * msecs_to_jiffies(40));
}

KTEST(ide, the_handler_does_without_memory_counts_it_and_recovers, "C2 BLK-08 S7")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_DISK();
	PAGE_OF_ITS_OWN(buffer);
	struct ide_stat before, after;

	EXPECT_NULL(fault_set(FAULT_OBJECTS, "1,100,0,-1,cache=kmalloc-8"));
	before = channel_stat();
	EXPECT_EQ(test_disk_io(disk.dev, BLK_READ, 4, buffer, 1), 0);
	after = channel_stat();
	EXPECT_NULL(fault_set(FAULT_OBJECTS, "off"));
	EXPECT(test_disk_is(buffer, 4, 'H'));
	EXPECT(after.nr_dropped == before.nr_dropped + 1 && after.nr_samples == before.nr_samples);
	EXPECT_EQ(test_disk_io(disk.dev, BLK_READ, 5, buffer, 1), 0);
	before = channel_stat();
	EXPECT(before.nr_dropped == after.nr_dropped && before.nr_samples == after.nr_samples + 1);
}

static void tell_owner(struct blk_request *request)
{
	complete(request->owner);
}

/* A request of the reserve, read and given back. Result: as blk_do(). */
static int read_by_request(uint32_t sector, const void *buffer)
{
	struct blk_request *request = blk_request_get(disk.dev);
	struct completion done;
	int error;

	init_completion(&done);
	request->one = (struct blk_segment){(pfn_t)(virt_to_phys(buffer) >> PAGE_SHIFT), 0, BLK_SECTOR};
	request->sector = sector;
	request->segment = &request->one;
	request->nr_segments = 1;
	request->done = tell_owner;
	request->owner = &done;
	error = blk_submit(request);
	if (!error) {
		wait_for_completion(&done);
		error = request->error;
	}
	blk_request_put(request);
	return error;
}

/* Everybody's: this thread's, the driver's and its interrupt's. */
static void fail_each(unsigned int n)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%u,100,0,-1", n);
	EXPECT_NULL(fault_set(FAULT_OBJECTS, text));
	EXPECT_NULL(fault_set(FAULT_PAGES, text));
}

KTEST(ide, whichever_of_its_requests_for_memory_fails_nothing_is_lost_or_stuck,
      "R3 C2 BLK-07 BLK-08 S7 FLT-01")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_DISK();
	PAGE_OF_ITS_OWN(buffer);
	struct ide_stat before = channel_stat(), after;
	unsigned int nr_good = 0;

	for (unsigned int n = 1; n <= 8; n++) {
		fail_each(n);
		for (uint32_t sector = 1; sector <= 8; sector++)
			nr_good += read_by_request(sector, buffer) == 0 && test_disk_is(buffer, sector, 'H');
		EXPECT_NULL(fault_set(FAULT_OBJECTS, "off"));
		EXPECT_NULL(fault_set(FAULT_PAGES, "off"));
	}
	after = channel_stat();
	EXPECT_EQ(nr_good, 8 * 8);
	EXPECT(after.nr_dropped - before.nr_dropped >= 8 && after.nr_timeouts == before.nr_timeouts);
	EXPECT(after.nr_samples + after.nr_dropped - after.nr_interrupts ==
	       before.nr_samples + before.nr_dropped - before.nr_interrupts);
}

KTEST(ide, the_disk_is_used_with_no_page_free, "R3 BLK-07")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_DISK();
	PAGE_OF_ITS_OWN(buffer);
	HOG(hog);

	hog_all(&hog);
	EXPECT(area_is(&disk, 1, MIN(disk.host_end, 200), 'H', buffer));
	hog_release(&hog);
}

KTEST(ide, what_is_no_disk_is_not_one, "USR-04 BLK-06")
{
	unsigned int nr_others = 0;
	char name[] = "ide0";

	for (unsigned int n = 0; n < IDE_NR_DRIVES; n++) {
		name[3] = (char)('0' + n);
		EXPECT((blk_find(name) != NULL) == (ide_found(n) == IDE_DISK));
		nr_others += ide_found(n) == IDE_CD || ide_found(n) == IDE_UNUSABLE;
	}
	EXPECT(ide_found(IDE_NR_DRIVES) == IDE_NOBODY);
	if (!nr_others)
		SKIP("nothing but disks here");
}

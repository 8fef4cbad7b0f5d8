/* SPDX-License-Identifier: MIT */
/* Pages of a file that lies nowhere: what reading and writing cost when all is in memory, and what it costs to take a clean
 * page away. Then pages of a disk that answers at once: its queue is in the figures, its driver is not. Per page or call. */
#include <tests/bench/idle_disk.h>
#include <tests/bench/measure.h>

#include <kernel/lib/align.h>
#include <mm/cache/diskfile.h>
#include <mm/cache/pagecache.h>
#include <mm/reclaim/above.h>
#include <mm/reclaim/events.h>

#define NR_PAGES   512u
#define NR_ON_DISK 2048u /* pages */
#define ALL	   (~0u)

static struct mapping file;

static int no_read(struct mapping *mapping, struct page *page)
{
	(void)mapping;
	page_end_read(page, 0);
	return 0;
}

static int no_write(struct mapping *mapping, struct page *page)
{
	(void)mapping;
	page_end_write(page, 0);
	return 0;
}

static uint64_t pos_of(uint32_t i)
{
	return (uint64_t)i << PAGE_SHIFT;
}

static void open_file(void)
{
	static const struct mapping_ops ops = {.readpage = no_read, .writepage = no_write};

	mapping_init(&file, &ops, &file, GFP_KERNEL, pos_of(NR_PAGES));
	for (uint32_t i = 0; i < NR_PAGES; i++)
		(void)pagecache_read(&file, NULL, pos_of(i), bench_scratch(), PAGE_SIZE);
	bench_measure_reset();
}

/* Each page twice: the second time all that a page becomes by being used it is. */
static void each_page(const struct bench *bench, long (*call)(uint32_t i))
{
	uint64_t sum = 0;
	char mean[24];

	for (uint32_t i = 0; i < 2 * NR_PAGES; i++) {
		uint32_t start = bench_tick(), took;

		(void)call(i % NR_PAGES);
		took = bench_tick() - start;
		if (i < NR_PAGES)
			continue;
		bench_note_op(&measure.alloc, took);
		sum += took - measure.alloc.tick_cost;
	}
	bench_print_op(bench->name, NR_PAGES, bench_ratio(sum, NR_PAGES, mean), &measure.alloc,
		       &measure.alloc);
}

static long read_page(uint32_t i)
{
	return pagecache_read(&file, NULL, pos_of(i), bench_scratch(), PAGE_SIZE);
}

static long read_byte(uint32_t i)
{
	return pagecache_read(&file, NULL, pos_of(i), bench_scratch(), 1);
}

static long write_page(uint32_t i)
{
	return pagecache_write(&file, pos_of(i), bench_scratch(), PAGE_SIZE);
}

static void read_cached(const struct bench *bench)
{
	open_file();
	each_page(bench, read_page);
	mapping_destroy(&file);
}

static void read_cached_1(const struct bench *bench)
{
	open_file();
	each_page(bench, read_byte);
	mapping_destroy(&file);
}

static void write_cached_dirty(const struct bench *bench)
{
	open_file();
	each_page(bench, write_page);
	mapping_destroy(&file);
}

/* Once each: a page is clean until then. */
static void write_cached_clean(const struct bench *bench)
{
	uint64_t sum = 0;
	char mean[24];

	open_file();
	for (uint32_t i = 0; i < NR_PAGES; i++) {
		uint32_t start = bench_tick(), took;

		(void)write_page(i);
		took = bench_tick() - start;
		bench_note_op(&measure.alloc, took);
		sum += took - measure.alloc.tick_cost;
	}
	bench_print_op(bench->name, NR_PAGES, bench_ratio(sum, NR_PAGES, mean), &measure.alloc,
		       &measure.alloc);
	mapping_destroy(&file);
}

static void print_per_page(const struct bench *bench, uint32_t ticks, uint32_t nr)
{
	char mean[24];

	bench_note_op(&measure.alloc, nr ? ticks / nr : 0);
	bench_print_op(bench->name, nr, bench_ratio(ticks, MAX(nr, 1u), mean), &measure.alloc,
		       &measure.alloc);
}

static void reclaim_clean(const struct bench *bench)
{
	size_t scanned = mm_event_count[EVENT_SCAN];
	uint32_t start, nr;

	open_file();
	start = bench_tick();
	nr = (uint32_t)cache_reclaim(GFP_KERNEL, NR_PAGES, ALL);
	print_per_page(bench, bench_tick() - start, nr);
	bench_print_number(bench->name, "scanned", (uint32_t)(mm_event_count[EVENT_SCAN] - scanned));
	mapping_destroy(&file);
}

static void drop_caches(const struct bench *bench)
{
	uint32_t start;

	open_file();
	start = bench_tick();
	mapping_remove_from(&file, 0);
	print_per_page(bench, bench_tick() - start, NR_PAGES);
	mapping_destroy(&file);
}

/* --- a file on a disk --- */

static bool open_disk(struct diskfile *on_disk)
{
	if (!idle_disk_open(NR_ON_DISK * (PAGE_SIZE / BLK_SECTOR)))
		return false;
	if (diskfile_open(on_disk, (struct port_disk *)&idle_disk, GFP_KERNEL) == 0)
		return true;
	idle_disk_close();
	return false;
}

static void close_disk(struct diskfile *on_disk)
{
	diskfile_close(on_disk);
	idle_disk_close();
}

/* Pages that one command moves. */
static void print_pages_a_request(const struct bench *bench)
{
	char mean[24];

	bench_print_extra(bench->name, "pages_a_request",
			  bench_ratio(NR_ON_DISK, MAX(idle_disk.stat.nr_commands, 1u), mean));
}

static void read_cold(const struct bench *bench)
{
	struct readahead ahead = {0};
	struct diskfile on_disk;
	uint32_t start;

	if (!open_disk(&on_disk))
		return;
	bench_measure_reset();
	start = bench_tick();
	for (uint32_t i = 0; i < NR_ON_DISK; i++)
		(void)pagecache_read(&on_disk.mapping, &ahead, pos_of(i), bench_scratch(), PAGE_SIZE);
	print_per_page(bench, bench_tick() - start, NR_ON_DISK);
	print_pages_a_request(bench);
	close_disk(&on_disk);
}

static void writeback(const struct bench *bench)
{
	struct diskfile on_disk;
	unsigned int seen = 0;
	uint32_t start;

	if (!open_disk(&on_disk))
		return;
	for (uint32_t i = 0; i < NR_ON_DISK; i++)
		(void)pagecache_write(&on_disk.mapping, pos_of(i), bench_scratch(), PAGE_SIZE);
	bench_measure_reset();
	start = bench_tick();
	(void)pagecache_sync(&on_disk.mapping, &seen);
	print_per_page(bench, bench_tick() - start, NR_ON_DISK);
	print_pages_a_request(bench);
	close_disk(&on_disk);
}

const struct bench bench_cache[] = {
	{.name = "read_cached", .special = read_cached},
	{.name = "read_cached_1", .special = read_cached_1},
	{.name = "write_cached", .special = write_cached_clean},
	{.name = "write_cached_dirty", .special = write_cached_dirty},
	{.name = "reclaim_clean", .special = reclaim_clean},
	{.name = "drop_caches", .special = drop_caches},
	{.name = "read_cold", .special = read_cold},
	{.name = "writeback", .special = writeback},
	{.name = NULL},
};

/* SPDX-License-Identifier: MIT */
/* The play "flags": what GFP_NOIO, GFP_NOFS and GFP_KERNEL may do for a page when what memory there is to be had holds what a
 * disk has not got yet. All of it is taken but some pages of a file, which are held meanwhile; then they are dirty, and let go,
 * and a thread asks. Who submits to the disk, and who calls the file system, and on whose behalf, these count themselves. Where there
 * is a swap disk a program has some of that memory, too.
 *
 * The file is a new one of the first file system, or, where none is mounted, a disk that nobody has mounted: then the pages hold
 * what the disk holds, so that what is written changes nothing. */
#include <monitor/demo.h>

#include <drivers/fs/disk.h>
#include <drivers/fs/ext2.h>
#include <kernel/arch/clock.h>
#include <kernel/core/blkdev.h>
#include <kernel/core/err.h>
#include <kernel/core/thread.h>
#include <kernel/core/vfs.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/list.h>
#include <kernel/lib/string.h>
#include <linux/slab.h>
#include <mm/aspace/aspace.h>
#include <mm/cache/pagecache.h>
#include <mm/cache/swap.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/vmscan.h>
#include <mm/reclaim/wait.h>
#include <monitor/say.h>

#define NR_PAGES   128u
#define NR_ANON	   64u /* a program's */
#define ANON_AT	   0x08048000u
#define ASKER	   "asker"
#define ASK_TRIES  16u
#define TAKE_TRIES 2u
#define FILE_NAME  "/demo-flags"

struct stage {
	struct blk_device *dev;
	struct file file; /* of it, or on it */
	bool is_on_fs;
	gfp_t gfp;		/* of the request that is next */
	struct demo_flag *seen; /* what came of it */
	struct blk_stat before;
	struct ext2_calls calls_before;
	struct page *page[NR_PAGES + NR_ANON]; /* held: the file's first */
	unsigned int nr;
	struct blk_device *swap; /* or NULL */
	struct blk_stat swap_before;
	struct aspace *program; /* or NULL */
	struct list_head taken;
};

static const struct {
	gfp_t gfp;
	const char *name, *may;
} flags[NR_DEMO_FLAGS] = {
	{GFP_NOIO, "GFP_NOIO", "nothing"},
	{GFP_NOFS, "GFP_NOFS", "I/O, no file system"},
	{GFP_KERNEL, "GFP_KERNEL", "I/O and file systems"},
};

static bool is_mounted(const struct blk_device *dev)
{
	const struct mount *mount;

	for (unsigned int n = 0; (mount = vfs_mount_at(n)) != NULL; n++)
		if (mount->dev == dev)
			return true;
	return false;
}

/* One that nobody has mounted: what its file holds is all there is. */
static struct blk_device *find_disk(void)
{
	struct blk_device *dev;

	for (unsigned int n = 0; (dev = blk_device_at(n)) != NULL; n++)
		if (strncmp(dev->name, "ide", 3) == 0 && !dev->is_read_only && !is_mounted(dev) &&
		    !swap_uses_disk((struct port_disk *)dev))
			return dev;
	return NULL;
}

static struct blk_device *find_swap(void)
{
	struct blk_device *dev = NULL;

	for (unsigned int n = 0; (dev = blk_device_at(n)) != NULL; n++)
		if (swap_uses_disk((struct port_disk *)dev))
			break;
	return dev;
}

static struct mapping *mapping_of(struct stage *stage)
{
	struct inode *inode = stage->file.inode;

	return stage->is_on_fs ? inode->ops->mapping(inode) : disk_mapping(inode);
}

static bool fill_file(struct stage *stage)
{
	char *page = (char *)get_zeroed_page(GFP_KERNEL);
	bool is_full = page;

	for (unsigned int i = 0; i < NR_PAGES && is_full; i++)
		is_full = vfs_write(&stage->file, page, PAGE_SIZE) == PAGE_SIZE;
	free_page((unsigned long)page);
	return is_full && vfs_fsync(&stage->file) == 0;
}

static void close_file(struct stage *stage)
{
	vfs_close(&stage->file);
	if (stage->is_on_fs && vfs_unlink(FILE_NAME))
		say("demo: " FILE_NAME " stays\n");
}

static bool open_on_fs(struct stage *stage)
{
	const struct mount *mount = vfs_mount_at(0);

	if (!mount || mount->is_read_only ||
	    vfs_open(&stage->file, FILE_NAME, O_RDWR | O_CREAT | O_EXCL, 0600))
		return false;
	stage->dev = mount->dev;
	stage->is_on_fs = true;
	if (stage->file.inode->ops->mapping && fill_file(stage))
		return true;
	close_file(stage);
	stage->is_on_fs = false;
	return false;
}

static bool open_file(struct stage *stage)
{
	if (open_on_fs(stage))
		return true;
	stage->dev = find_disk();
	return stage->dev && vfs_open(&stage->file, stage->dev->name, O_RDWR, 0) == 0;
}

static void let_go(struct stage *stage)
{
	while (stage->nr)
		put_page(stage->page[--stage->nr]);
}

/* Read, and held: reclaim passes them by. */
static bool hold_pages(struct stage *stage)
{
	struct readahead ahead = {0};

	for (uint32_t i = 0; i < NR_PAGES; i++) {
		char byte;

		if (pagecache_read(mapping_of(stage), &ahead, (uint64_t)i << PAGE_SHIFT, &byte, 1) != 1)
			break;
		stage->page[i] = mapping_find(mapping_of(stage), i);
		if (!stage->page[i])
			break;
		stage->nr++;
	}
	return stage->nr == NR_PAGES;
}

/* The page that a program has there, faulted in, held. */
static struct page *hold_anon(struct aspace *program, uintptr_t addr)
{
	struct page *page = NULL;

	while (!page && aspace_fault(program, addr, ASPACE_WRITES) == ASPACE_DONE) {
		irqflags_t saved = port_lock_irqsave(&program->lock);
		pfn_t pfn;

		if (port_entry_find(aspace_entry(program, addr), &pfn, NULL)) {
			page = pfn_to_page(pfn);
			page_hold(page);
		}
		port_unlock_irqrestore(&program->lock, saved);
	}
	return page;
}

static bool hold_program(struct stage *stage)
{
	uintptr_t start = ANON_AT;

	stage->program = aspace_create();
	if (!stage->program ||
	    aspace_map(stage->program, &start, NR_ANON * PAGE_SIZE, ASPACE_MAPPING, ASPACE_WRITE, NULL))
		return false;
	for (unsigned int i = 0; i < NR_ANON; i++) {
		stage->page[stage->nr] = hold_anon(stage->program, start + (uintptr_t)i * PAGE_SIZE);
		if (!stage->page[stage->nr])
			return false;
		stage->nr++;
	}
	return true;
}

static void end_program(struct stage *stage)
{
	if (!stage->program)
		return;
	aspace_clear(stage->program);
	aspace_free(stage->program);
	stage->program = NULL;
}

static void make_dirty(struct stage *stage)
{
	struct mapping *mapping = mapping_of(stage);

	for (unsigned int i = 0; i < NR_PAGES; i++) {
		page_lock(stage->page[i]);
		if (mapping->ops->make_blocks(mapping, stage->page[i], 0, PAGE_SIZE) == 0)
			page_set_dirty(stage->page[i]);
		page_unlock(stage->page[i]);
	}
}

/* What reclaim would give to who asks goes first: empty slabs, other files' pages. */
static void take_all(struct stage *stage)
{
	for (unsigned int i = 0; i < TAKE_TRIES; i++) {
		(void)demo_take_all(&stage->taken, GFP_NOWAIT | __GFP_HIGHMEM);
		msleep(8);
		(void)vmscan_reclaim(GFP_KERNEL | __GFP_HIGHMEM, SIZE_MAX);
	}
	(void)demo_take_all(&stage->taken, GFP_NOWAIT | __GFP_HIGHMEM);
}

/* Result: the page, or NULL: its patience ended, each time. */
static struct page *ask(gfp_t gfp, struct demo_flag *seen)
{
	struct page *page = NULL;

	for (; seen->nr_asked < ASK_TRIES && !page; seen->nr_asked++)
		page = alloc_page(gfp | __GFP_HIGHMEM | __GFP_NOWARN);
	return page;
}

static void note_wait(struct demo_flag *seen)
{
	struct wait_record record;

	for (unsigned int n = 0; n < WAIT_LOG && wait_read_log(n, &record); n++)
		if (strcmp(record.task, current->name) == 0) {
			if (record.was_served && record.has_slept)
				memcpy(seen->woken_by, record.woken_by, sizeof(seen->woken_by));
			return;
		}
}

static void count_swapped(const struct stage *stage)
{
	struct blk_stat after;

	if (!stage->swap)
		return;
	blk_stat(stage->swap, &after);
	for (unsigned int i = 0; i < NR_BLK_BEHALF; i++)
		stage->seen->nr_swapped[i] = after.nr_for[i] - stage->swap_before.nr_for[i];
}

/* A thread of its own: of others' stacks too little may be left for a writing. */
static int ask_and_count(void *arg)
{
	struct stage *stage = arg;
	struct demo_flag *seen = stage->seen;
	struct ext2_calls calls;
	struct blk_stat after;
	uint64_t since;
	struct page *page;

	since = clock_now_us();
	page = ask(stage->gfp, seen);
	seen->took_us = (uint32_t)(clock_now_us() - since);
	count_swapped(stage);
	blk_stat(stage->dev, &after);
	calls = ext2_calls();
	for (unsigned int i = 0; i < NR_BLK_BEHALF; i++) {
		seen->nr_begun[i] = after.nr_for[i] - stage->before.nr_for[i];
		seen->nr_calls[i] = calls.nr_for[i] - stage->calls_before.nr_for[i];
	}
	seen->got = page != NULL;
	note_wait(seen);
	if (page)
		__free_page(page);
	return 0;
}

static void wait_for(struct thread *asker)
{
	wake_up_process(asker);
	wait_for_completion(&asker->exited);
	thread_put(asker);
}

/* Result: was there memory to begin with? */
static bool play_one(struct stage *stage)
{
	bool is_ready = hold_pages(stage) && (!stage->swap || hold_program(stage));
	struct thread *asker = is_ready ? kthread_create(ask_and_count, stage, ASKER) : ERR_PTR(-ENOMEM);

	if (!IS_ERR(asker)) {
		thread_get(asker);
		take_all(stage);
		blk_stat(stage->dev, &stage->before);
		if (stage->swap)
			blk_stat(stage->swap, &stage->swap_before);
		stage->calls_before = ext2_calls();
		make_dirty(stage);
		let_go(stage);
		wait_for(asker);
		demo_give_all(&stage->taken);
	}
	let_go(stage);
	end_program(stage);
	return !IS_ERR(asker) && vfs_fsync(&stage->file) == 0;
}

enum demo_outcome demo_flags_play(struct demo_flags *seen)
{
	struct stage *stage = kzalloc(sizeof(*stage), GFP_KERNEL);
	enum demo_outcome outcome = DEMO_NO_MEMORY;

	memset(seen, 0, sizeof(*seen));
	if (!stage || !open_file(stage)) {
		kfree(stage);
		return DEMO_NO_DEVICE;
	}
	memcpy(seen->disk, stage->dev->name, sizeof(seen->disk));
	seen->has_fs = stage->is_on_fs;
	stage->swap = find_swap();
	seen->has_swap = stage->swap != NULL;
	list_init(&stage->taken);
	for (unsigned int i = 0; i < NR_DEMO_FLAGS; i++) {
		stage->gfp = flags[i].gfp;
		stage->seen = &seen->flag[i];
		outcome = play_one(stage) ? DEMO_PLAYED : DEMO_NO_MEMORY;
		if (outcome != DEMO_PLAYED)
			break;
	}
	close_file(stage);
	kfree(stage);
	return outcome;
}

/* Who is told that a page is clean drops it by itself. */
static const char *how(const struct demo_flag *seen)
{
	if (!seen->got)
		return "nobody: it got nothing";
	if (!*seen->woken_by)
		return "did not sleep";
	return strcmp(seen->woken_by, ASKER) == 0 ? "the disk: pages are clean" : seen->woken_by;
}

static unsigned int by_it(const uint32_t nr[NR_BLK_BEHALF])
{
	return nr[BLK_FOR_NOIO] + nr[BLK_FOR_NOFS] + nr[BLK_FOR_KERNEL];
}

static void print_flag(unsigned int i, const struct demo_flag *seen)
{
	say("  %-10s  %-20s %5u %6u %5u %6u %4u.%u ms  %s\n", flags[i].name, flags[i].may,
	    by_it(seen->nr_calls), by_it(seen->nr_swapped), by_it(seen->nr_begun),
	    seen->nr_begun[BLK_FOR_NOBODY] + seen->nr_swapped[BLK_FOR_NOBODY], seen->took_us / 1000,
	    seen->took_us / 100 % 10, how(seen));
}

void demo_flags(void)
{
	struct demo_flags seen;

	switch (demo_flags_play(&seen)) {
	case DEMO_NO_DEVICE:
		say("demo: no IDE disk that nobody has mounted: QEMU's -drive file=... attaches one\n");
		return;
	case DEMO_NO_MEMORY:
		say("demo: no memory to begin with\n");
		return;
	case DEMO_PLAYED:
		break;
	}
	say("All memory is taken but %u dirty pages of %s%s and %u of a program%s. A thread asks for a "
	    "page:\n",
	    NR_PAGES, seen.has_fs ? "a file on " : "", seen.disk, seen.has_swap ? NR_ANON : 0,
	    seen.has_swap ? "" : ", for there is no swap disk");
	say("                                  calls  by it: pages     by\n"
	    "  flags       may start           of fs swapped written others  in all  woken by\n");
	for (unsigned int i = 0; i < NR_DEMO_FLAGS; i++)
		print_flag(i, &seen.flag[i]);
	say("What it may not write, others must: the flusher, and kswapd, which hands over what it "
	    "frees.\n");
}

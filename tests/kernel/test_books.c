/* SPDX-License-Identifier: MIT */
/* Allocation as the books write it: only <linux/...> and <asm/...> headers, their older spellings beside
 * today's. That this file compiles, with both compilers and without a warning, is half of what it shows. */
#include <asm/atomic.h>
#include <asm/page.h>
#include <linux/bootmem.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/hardirq.h>
#include <linux/highmem.h>
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <tests/kernel/fault.h>
#include <tests/kernel/test_util.h>

MODULE_LICENSE("MIT");
MODULE_DESCRIPTION("allocation in the books' spelling");

#define BOARD_NAME_MAX 12
#define NR_BOARDS      5

static int board_ports = 4;
module_param(board_ports, int, 0444);

/* A driver's bookkeeping: boards in a cache, each with a name and a buffer. */
struct board {
	struct list_head list;
	spinlock_t lock;
	char name[BOARD_NAME_MAX];
	u8 *buffer;
	int nr_ports;
};

static LIST_HEAD(boards);
static DEFINE_SPINLOCK(boards_lock);
static kmem_cache_t *board_cachep;

static struct board *board_add(const char *name, int flags)
{
	struct board *board = kmem_cache_alloc(board_cachep, SLAB_KERNEL);
	unsigned long irq_flags;

	if (!board)
		return NULL;
	memset(board, 0, sizeof(*board));
	board->buffer = kmalloc(PAGE_SIZE / 2, flags);
	if (!board->buffer) {
		kmem_cache_free(board_cachep, board);
		return NULL;
	}
	spin_lock_init(&board->lock);
	board->nr_ports = board_ports;
	memcpy(board->name, name, min(strlen(name), (size_t)BOARD_NAME_MAX - 1));
	spin_lock_irqsave(&boards_lock, irq_flags);
	list_add_tail(&board->list, &boards);
	spin_unlock_irqrestore(&boards_lock, irq_flags);
	return board;
}

static void board_remove(struct board *board)
{
	unsigned long irq_flags;

	spin_lock_irqsave(&boards_lock, irq_flags);
	list_del(&board->list);
	spin_unlock_irqrestore(&boards_lock, irq_flags);
	kfree(board->buffer);
	kmem_cache_free(board_cachep, board);
}

static int boards_init(void)
{
	board_cachep =
		kmem_cache_create("books_board", sizeof(struct board), 0, SLAB_HWCACHE_ALIGN, NULL, NULL);
	if (!board_cachep)
		return -ENOMEM;
	for (int i = 0; i < NR_BOARDS; i++)
		if (!board_add(i % 2 ? "odd" : "an even board with a long name",
			       i % 2 ? GFP_ATOMIC : GFP_KERNEL))
			return -ENOMEM;
	return 0;
}

static void __exit boards_exit(void)
{
	struct board *board, *next;

	list_for_each_entry_safe(board, next, &boards, list)
		board_remove(board);
	if (board_cachep)
		kmem_cache_destroy(board_cachep);
	board_cachep = NULL;
}

KTEST(books, a_module_keeps_its_devices_in_a_cache_made_with_six_arguments, "D6 K1 S1")
{
	struct board *board;
	int nr = 0;

	MACHINE_STAYS_AS_FOUND();
	EXPECT_EQ(boards_init(), 0);
	list_for_each_entry(board, &boards, list) {
		EXPECT(ksize(board->buffer) >= PAGE_SIZE / 2);
		EXPECT_EQ(strcmp(board->name, nr % 2 ? "odd" : "an even boa"), 0);
		EXPECT_EQ((unsigned long)board % CACHE_LINE_BYTES, 0);
		EXPECT_EQ(board->nr_ports, 4);
		nr++;
	}
	EXPECT_EQ(nr, NR_BOARDS);
	boards_exit();
	EXPECT(list_empty(&boards));
}

/* Both spellings side by side; a constructor runs in both. */
static void mark(void *object)
{
	*(u32 *)object = 0xb00c5u;
}

KTEST(books, a_cache_is_made_with_five_arguments_or_with_six, "D6 S1")
{
	struct kmem_cache *five;
	kmem_cache_t *six;
	u32 *a, *b;

	MACHINE_STAYS_AS_FOUND();
	five = kmem_cache_create("books_five", 48, 16, SLAB_PANIC, mark);
	six = kmem_cache_create("books_six", 48, 16, SLAB_PANIC | SLAB_NO_REAP, mark, NULL);
	EXPECT_EQ(kmem_cache_size(five), kmem_cache_size(six));
	a = kmem_cache_alloc(five, SLAB_ATOMIC);
	b = kmem_cache_alloc(six, SLAB_ATOMIC | SLAB_NOIO);
	EXPECT(a && *a == 0xb00c5u && (unsigned long)a % 16 == 0);
	EXPECT(b && *b == 0xb00c5u && (unsigned long)b % 16 == 0);
	kmem_cache_free(five, a);
	kmem_cache_free(six, b);
	kmem_cache_destroy(five);
	kmem_cache_destroy(six);
}

KTEST(books, the_old_flags_of_caches_are_todays_flags, "D6 G21")
{
	EXPECT_EQ(SLAB_KERNEL, GFP_KERNEL);
	EXPECT_EQ(SLAB_ATOMIC, GFP_ATOMIC);
	EXPECT_EQ(SLAB_USER, GFP_USER);
	EXPECT_EQ(SLAB_NOFS, GFP_NOFS);
	EXPECT_EQ(SLAB_NOIO, GFP_NOIO);
	EXPECT_EQ(SLAB_DMA, GFP_DMA);
	EXPECT_EQ(GFP_BUFFER, GFP_NOIO);
	EXPECT_EQ(SLAB_MUST_HWCACHE_ALIGN, SLAB_HWCACHE_ALIGN);
}

KTEST(books, flags_may_be_kept_in_an_int, "D6 K1")
{
	int may_sleep = GFP_KERNEL;
	unsigned int must_not = GFP_ATOMIC;
	char *a, *b, *text;

	MACHINE_STAYS_AS_FOUND();
	a = kmalloc(100, may_sleep);
	b = kzalloc(200, must_not | __GFP_NOWARN);
	text = kstrdup("scribble", may_sleep);
	EXPECT(a && b && text);
	EXPECT(b && b[0] == 0 && b[199] == 0);
	EXPECT(text && strcmp(text, "scribble") == 0);
	kfree(text);
	kfree(b);
	kfree(a);
}

/* The page that the next request gets has something in it. */
static void leave_a_dirty_page(void)
{
	unsigned long page = __get_free_page(GFP_KERNEL);

	if (page)
		memset((void *)page, 0x5a, PAGE_SIZE);
	free_page(page);
}

KTEST(books, pages_come_by_address_and_by_descriptor, "D6 P2 P3")
{
	unsigned long zeroed, dma, several;
	struct page *page;
	int order = get_order(3 * PAGE_SIZE);

	MACHINE_STAYS_AS_FOUND();
	leave_a_dirty_page();
	zeroed = get_free_page(GFP_KERNEL);
	dma = __get_dma_pages(GFP_KERNEL, 1);
	several = __get_free_pages(GFP_ATOMIC, order);
	page = alloc_page(GFP_HIGHUSER);
	REQUIRE(zeroed && dma && several && page);
	EXPECT_EQ(order, 2);
	EXPECT(memory_is((void *)zeroed, 0, PAGE_SIZE));
	EXPECT(__pa(dma) + 2 * PAGE_SIZE <= 16u << 20);
	EXPECT_EQ((unsigned long)__va(__pa(several)), several);
	EXPECT(virt_addr_valid((void *)several) && !virt_addr_valid((void *)PAGE_SIZE));
	EXPECT_EQ((unsigned long)page_address(virt_to_page((void *)several)), several);
	EXPECT_EQ(PAGE_ALIGN(several + 1), several + PAGE_SIZE);
	EXPECT_EQ(page_count(page), 1);
	free_page(zeroed);
	free_pages(dma, 1);
	free_pages(several, order);
	__free_page(page);
}

KTEST(books, the_end_of_low_memory_has_a_physical_address, "D6")
{
	EXPECT_EQ(__pa(high_memory), lowmem_bytes);
	EXPECT(__va(__pa(high_memory)) == high_memory);
	EXPECT(!virt_addr_valid(high_memory) && virt_addr_valid((char *)high_memory - 1));
}

KTEST(books, macros_evaluate_their_arguments_once, "D6")
{
	wait_queue_head_t queues[2], *queue = queues;
	unsigned long address = PAGE_SIZE + 1;
	int i = 3, j = 8, n = 0;

	EXPECT_EQ(min(i++, j++), 3);
	EXPECT_EQ(max(i++, j++), 9);
	EXPECT(i == 5 && j == 10);
	EXPECT_EQ(min(min(i++, 7), max(j++, 2)), 5);
	EXPECT(i == 6 && j == 11);
	EXPECT_EQ(PAGE_ALIGN(address++), 2 * PAGE_SIZE);
	EXPECT_EQ(ALIGN_UP(address++, 64u << n++), PAGE_SIZE + 64);
	EXPECT_EQ(DIV_ROUND_UP(i++, ++n), 3);
	EXPECT(IS_POWER_OF_2(address++) == false && address == PAGE_SIZE + 4);
	EXPECT(i == 7 && n == 2);
	init_waitqueue_head(&queues[0]);
	init_waitqueue_head(&queues[1]);
	wait_event(*queue++, n++ == 2);
	EXPECT(queue == &queues[1] && n == 3);
}

KTEST(books, a_page_is_mapped_with_the_kind_of_window_or_without, "D6 P9")
{
	struct page *page;
	char *from, *to;

	MACHINE_STAYS_AS_FOUND();
	page = alloc_page(GFP_HIGHUSER);
	REQUIRE(page);
	to = kmap_atomic(page, KM_USER0);
	to[17] = 'x';
	kunmap_atomic(to, KM_USER0);
	from = kmap_atomic(page);
	EXPECT_EQ(from[17], 'x');
	EXPECT(in_atomic());
	kunmap_atomic(from);
	EXPECT(!in_atomic());
	EXPECT_EQ(PageHighMem(page), page_address(page) == NULL);
	__free_page(page);
}

/* A copy loop as they wrote it: what came first goes first, and one side turns its page while the other stays.
 */
KTEST(books, windows_with_a_number_are_given_back_in_any_order, "D6 P9 KMP-03")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *from = alloc_page(GFP_HIGHUSER), *to = alloc_page(GFP_HIGHUSER | __GFP_ZERO);
	char *src, *dst;

	REQUIRE(from && to);
	dst = kmap_atomic(to, KM_USER1);
	for (unsigned int i = 0; i < 4 * PORT_KMAP_SLOTS; i++) {
		src = kmap_atomic(from, KM_USER0);
		src[i] = (char)i;
		dst[i] = src[i];
		EXPECT(kmap_to_page(src) == from && kmap_to_page(dst) == to);
		kunmap_atomic(dst, KM_USER1);
		dst = kmap_atomic(to, KM_USER1);
		kunmap_atomic(src, KM_USER0);
	}
	EXPECT(dst[0] == 0 && dst[5] == 5 && dst[63] == 63);
	kunmap_atomic(dst, KM_USER1);
	if (page_is_highmem(to))
		EXPECT(read_faults(dst) && read_faults(src));
	__free_page(to);
	__free_page(from);
}

/* As an interrupt that wants the window of the thread it stopped. */
KTEST(books, a_number_that_is_taken_gives_way_to_the_next_window, "D6 P9 KMP-03")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page;
	char *one, *two;

	NEEDS_HIGH_PAGES(1);
	page = alloc_page(GFP_HIGHUSER);
	REQUIRE(page && page_is_highmem(page));
	one = kmap_atomic(page, KM_USER0);
	two = kmap_atomic(page, KM_USER0);
	EXPECT(one != two && kmap_to_page(two) == page);
	kunmap_atomic(two, KM_USER0);
	EXPECT(read_faults(two) && !read_faults(one));
	kunmap_atomic(one + 100);
	EXPECT(read_faults(one));
	expect_reports();
	port_preempt_disable();
	kunmap_atomic(one, KM_USER0);
	EXPECT_ONE_REPORT("expected the window mapped last; nothing changed");
	__free_page(page);
}

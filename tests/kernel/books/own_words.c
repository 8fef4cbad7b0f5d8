/* SPDX-License-Identifier: MIT */
/* A driver with macros of its own, half of them before the books' headers and half behind: theirs are no concern of ours. */
#define DEBUG	     1
#define noinline     __attribute__((noinline))
#define UNUSED	     __attribute__((unused))
#define MIN(a, b)    ((b) < (a) ? (b) : (a))
#define ASSERT(cond) ((void)((cond) || (failures = __LINE__)))

#include <asm/atomic.h>
#include <asm/bitops.h>
#include <asm/hardirq.h>
#include <asm/io.h>
#include <asm/page.h>
#include <asm/pgtable.h>
#include <asm/ports.h>
#include <asm/system.h>
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/bootmem.h>
#include <linux/bug.h>
#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/hardirq.h>
#include <linux/highmem.h>
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/numa.h>
#include <linux/oldnames.h>
#include <linux/overflow.h>
#include <linux/pagemap.h>
#include <linux/percpu-defs.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>

#define MAX(a, b)  ((b) > (a) ? (b) : (a))
#define USED	   __attribute__((used))
#define PACKED	   __attribute__((packed))
#define ALIGNED(n) __attribute__((aligned(n)))

#include <tests/kernel/books/books.h>

static int failures;

struct PACKED odd {
	char one;
	int four;
};

static ALIGNED(32) struct odd odd UNUSED;
static USED int used_by_nobody = DEBUG;

static noinline int difference(int a, int b)
{
	return MAX(a, b) - MIN(a, b);
}

int own_words_try(void)
{
	ASSERT(difference(3, 8) == 5);
	ASSERT(sizeof(struct odd) == 5);
	ASSERT((unsigned long)&odd % 32 == 0);
	return failures;
}

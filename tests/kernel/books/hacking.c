/* SPDX-License-Identifier: MIT */
/* The common routines of the hacking guide: messages, memory, the running task, lists, bits, giving the CPU away. */
#include <asm/bitops.h>
#include <linux/bug.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>

#include <tests/kernel/books/books.h>

struct entry {
	struct list_head list;
	int id;
};

static LIST_HEAD(entries);
static LIST_HEAD(others);

static struct entry *entry_add(int id, struct list_head *head)
{
	struct entry *entry = kmalloc(sizeof(*entry), GFP_KERNEL);

	if (entry == NULL)
		return ERR_PTR(-ENOMEM);
	entry->id = id;
	list_add_tail(&entry->list, head);
	return entry;
}

static void entries_free(void)
{
	struct entry *entry, *next;

	list_splice_init(&others, &entries);
	list_for_each_entry_safe(entry, next, &entries, list)
		kfree(entry);
	INIT_LIST_HEAD(&entries);
}

/* 1 2 3 4 in two lists, moved about until they are 3 4 2 1. */
static int lists(void)
{
	static const int expected[] = {3, 4, 2, 1};
	struct list_head *at;
	int i;

	for (i = 1; i <= 4; i++)
		AS_THE_BOOK_SAYS(!IS_ERR(entry_add(i, i < 3 ? &entries : &others)));
	list_move_tail(entries.next, &entries);
	list_splice(&others, &entries);
	INIT_LIST_HEAD(&others);
	i = 0;
	list_for_each(at, &entries) AS_THE_BOOK_SAYS(list_entry(at, struct entry, list)->id == expected[i++]);
	AS_THE_BOOK_SAYS(i == 4 && list_last_entry(&entries, struct entry, list)->id == 1);
	AS_THE_BOOK_SAYS(list_first_entry(&entries, struct entry, list)->id == 3);
	return 0;
}

static int bits_and_numbers(void)
{
	unsigned long map[2] = {0, 0};
	int low = 3, high = 9;
	size_t size;

	set_bit(35, map);
	AS_THE_BOOK_SAYS(test_bit(35, map) && map[1] == BIT(35 - BITS_PER_LONG));
	AS_THE_BOOK_SAYS(test_and_clear_bit(35, map) && !test_and_set_bit(0, map) && test_bit(0, map));
	change_bit(0, map);
	clear_bit(1, map);
	AS_THE_BOOK_SAYS(map[0] == 0 && map[1] == 0 && find_first_zero_bit(map, 64) == 0);
	AS_THE_BOOK_SAYS(ilog2(PAGE_SIZE) == PAGE_SHIFT && roundup_pow_of_two(33u) == 64 &&
			 is_power_of_2(64u));
	AS_THE_BOOK_SAYS(check_mul_overflow((size_t)1 << 20, (size_t)1 << 20, &size));
	AS_THE_BOOK_SAYS(array_size(SIZE_MAX, 2) == SIZE_MAX && size_add(1, 2) == 3);
	swap(low, high);
	AS_THE_BOOK_SAYS(low == 9 && high == 3 && min_t(char, low, high) == 3 && max(low, high) == 9);
	return 0;
}

static int text(void)
{
	char *name = kasprintf(GFP_KERNEL, "%s/%d/%lu", current->comm, current->pid, PAGE_SIZE);
	char *start = kstrndup("scribble", 4, GFP_KERNEL), *whole = kstrdup_const("scribble", GFP_KERNEL);
	bool good = name && start && whole && strstr(name, "/4096") && strcmp(start, "scri") == 0 &&
		    strcmp(whole, "scribble") == 0;

	kfree_const(whole);
	kzfree(start);
	kfree(name);
	AS_THE_BOOK_SAYS(good);
	return 0;
}

int hacking_try(void)
{
	int line = lists();

	entries_free();
	BUILD_BUG_ON(sizeof(u32) != 4);
	BUG_ON(in_interrupt());
	AS_THE_BOOK_SAYS(get_cpu() == smp_processor_id() && in_atomic());
	put_cpu();
	printk(KERN_DEBUG "%s (%i): pages of %lu bytes\n", current->comm, current->pid, PAGE_SIZE);
	udelay(1);
	cond_resched();
	AS_THE_BOOK_SAYS(!signal_pending(current));
	if (!line)
		line = bits_and_numbers();
	return line ? line : text();
}

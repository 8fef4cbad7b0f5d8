/* SPDX-License-Identifier: MIT */
/* Commands that show the rules: one of them, all in turn, or a mistake made on purpose. */
#include <kernel/core/console.h>
#include <kernel/core/spinlock.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <monitor/keys.h>
#include <monitor/parse.h>
#include <monitor/rules.h>
#include <monitor/tables.h>

static void list_rules(void)
{
	const struct rule *rule;

	for (unsigned int n = 0; (rule = rule_at(n)) != NULL; n++)
		say_row(14, rule->name, rule->call);
}

static void run_try(unsigned int nr, char *word[])
{
	const struct rule *rule;

	if (nr == 0) {
		list_rules();
		return;
	}
	for (unsigned int n = 0; (rule = rule_at(n)) != NULL; n++)
		if (strcmp(rule->name, word[0]) == 0) {
			(void)rule_try(rule);
			return;
		}
	(void)expected("try", "a rule that `try` alone lists", word[0]);
}

static void run_tour(unsigned int nr, char *word[])
{
	unsigned int n = 0, nr_right = 0, nr_tried;
	const struct rule *rule;

	(void)nr;
	(void)word;
	for (; (rule = rule_at(n)) != NULL && !console_saw_break(); n++) {
		nr_right += rule_try(rule);
		if (rule_at(n + 1) && !keys_continue("Enter: the next rule, q: enough"))
			break;
	}
	nr_tried = n + (rule != NULL);
	say("\n%u rule%s tried, %u as the books say\n", nr_tried, nr_tried == 1 ? "" : "s", nr_right);
}

/* --- mistakes --- */

/* NOLINTBEGIN(clang-analyzer-unix.Malloc): each is made on purpose */

/* The compiler knows too much of kmalloc's pointers to let these pass. */
static void *hidden(void *p)
{
	void *volatile secret = p;

	return secret;
}

static void wrong_double_kfree(void)
{
	void *object = hidden(kmalloc(100, GFP_KERNEL));

	kfree(object);
	kfree(hidden(object));
}

static void wrong_inner_pointer(void)
{
	char *object = hidden(kmalloc(100, GFP_KERNEL));

	if (object)
		kfree(hidden(object + 8));
	kfree(object);
}

static void wrong_wild_pointer(void)
{
	kfree(hidden((void *)0xdeadbeefu));
}

static void wrong_kfree_of_pages(void)
{
	unsigned long addr = __get_free_page(GFP_KERNEL);

	kfree(hidden((void *)addr));
	free_page(addr);
}

static void wrong_double_free(void)
{
	unsigned long addr = __get_free_page(GFP_KERNEL);

	free_page(addr);
	free_page(addr);
}

static void wrong_order(void)
{
	unsigned long addr = __get_free_pages(GFP_KERNEL, 2);

	free_pages(addr, 1);
	free_pages(addr, 2);
}

static void wrong_double_vfree(void)
{
	void *area = hidden(vmalloc(PAGE_SIZE));

	vfree(area);
	vfree(hidden(area));
}

/* NOLINTEND(clang-analyzer-unix.Malloc) */

/* --- mistakes that end in a panic --- */

static void wrong_null_pointer(void)
{
	WRITE_ONCE(*(int *)hidden(NULL), 1);
}

static void wrong_lock_twice(void)
{
	static struct spinlock lock = SPINLOCK_INIT("wrong");

	spin_lock(&lock);
	spin_lock(&lock);
}

/* Calls itself by way of a pointer that the compiler does not follow. */
static void eat_stack(void *function)
{
	void (*volatile again)(void *) = function;
	volatile char eaten[256];

	eaten[0] = 0;
	again(function);
	eaten[1] = eaten[0];
}

static void wrong_stack_overflow(void)
{
	eat_stack(eat_stack);
}

/* Only a cache with these checks can tell. */
#define CHECKED (SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER)

static void with_checked_object(void (*spoil)(char *object, struct kmem_cache *cache))
{
	struct kmem_cache *cache = kmem_cache_create("wrong", 60, 0, CHECKED, NULL);
	char *object = cache ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;

	if (object)
		spoil(hidden(object), cache);
	if (cache)
		kmem_cache_destroy(cache);
}

static void spoil_overrun(char *object, struct kmem_cache *cache)
{
	WRITE_ONCE(object[60], 'x');
	kmem_cache_free(cache, object);
}

static void spoil_after_free(char *object, struct kmem_cache *cache)
{
	kmem_cache_free(cache, object);
	WRITE_ONCE(object[30], 'x');
	kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
}

static void wrong_overrun(void)
{
	with_checked_object(spoil_overrun);
}

static void wrong_use_after_free(void)
{
	with_checked_object(spoil_after_free);
}

static const struct {
	const char *name, *call;
	void (*run)(void);
} mistakes[] = {
	{"double-free", "free_page(p); free_page(p);", wrong_double_free},
	{"double-kfree", "kfree(p); kfree(p);", wrong_double_kfree},
	{"double-vfree", "vfree(p); vfree(p);", wrong_double_vfree},
	{"wrong-order", "p = __get_free_pages(GFP_KERNEL, 2); free_pages(p, 1);", wrong_order},
	{"inner-pointer", "kfree(p + 8);", wrong_inner_pointer},
	{"wild-pointer", "kfree(0xdeadbeef);", wrong_wild_pointer},
	{"kfree-of-pages", "p = __get_free_page(GFP_KERNEL); kfree(p);", wrong_kfree_of_pages},
	{"overrun", "p[60] = 'x' in an object of 60 bytes of a checked cache", wrong_overrun},
	{"use-after-free", "p[30] = 'x' after its free, in a checked cache", wrong_use_after_free},
	{"null-pointer", "*(int *)NULL = 1;  (the kernel stops)", wrong_null_pointer},
	{"lock-twice", "spin_lock(&l); spin_lock(&l);  (the kernel stops)", wrong_lock_twice},
	{"stack-overflow", "a function that calls itself for ever  (the kernel stops)", wrong_stack_overflow},
};

static void run_wrong(unsigned int nr, char *word[])
{
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
		if (nr == 0) {
			say_row(15, mistakes[i].name, mistakes[i].call);
		} else if (strcmp(mistakes[i].name, word[0]) == 0) {
			say("    %s\n", mistakes[i].call);
			mistakes[i].run();
			return;
		}
	}
	if (nr)
		(void)expected("wrong", "a mistake that `wrong` alone lists", word[0]);
}

const char *rule_name(unsigned int n)
{
	const struct rule *rule = rule_at(n);

	return rule ? rule->name : NULL;
}

const char *mistake_name(unsigned int n)
{
	return n < ARRAY_SIZE(mistakes) ? mistakes[n].name : NULL;
}

const struct command teach_commands[] = {
	{"try", "[RULE]", 0, 1, "a rule of the books: the call, the report, the passage", run_try},
	{"tour", "", 0, 0, "the rules of the books, one after the other", run_tour},
	{"wrong", "[MISTAKE]", 0, 1, "makes a mistake, and shows what the kernel says", run_wrong},
	{.name = NULL},
};

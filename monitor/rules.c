/* SPDX-License-Identifier: MIT */
/* What each rule does is written as a driver would write it; what the kernel says to it appears between the call
 * and the book. A rule that takes much memory gives it back before it speaks.
 *
 * Context: a thread that may sleep; one at a time. */
#include <monitor/rules.h>

#include <kernel/arch/trap.h>
#include <kernel/core/preempt.h>
#include <kernel/lib/align.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>
#include <mm/pages/zone.h>
#include <monitor/demo.h>
#include <monitor/say.h>

/* --- contexts --- */

struct asked {
	gfp_t gfp;
	void *object;
};

static void ask_in_timer(unsigned long data)
{
	struct asked *asked = (struct asked *)data;

	asked->object = kmalloc_any(100, asked->gfp);
}

/* Result: was it served, with that many reports of C1? */
static bool try_in_timer(gfp_t gfp, unsigned int nr_reports)
{
	struct asked asked = {.gfp = gfp};
	unsigned int before = context_nr_reports();
	struct timer_list timer;

	context_forget_reports();
	setup_timer(&timer, ask_in_timer, (unsigned long)&asked);
	mod_timer(&timer, jiffies + 1);
	while (timer_pending(&timer))
		msleep(4);
	(void)del_timer_sync(&timer);
	say("  the timer got 0x%08lx\n", (unsigned long)(uintptr_t)asked.object);
	kfree(asked.object);
	return asked.object && context_nr_reports() - before == nr_reports;
}

static bool try_atomic(void)
{
	return try_in_timer(GFP_ATOMIC, 0);
}

static bool try_sleep_in_irq(void)
{
	return try_in_timer(GFP_KERNEL, 1);
}

static bool try_spinlock(void)
{
	unsigned int before = context_nr_reports();
	DEFINE_SPINLOCK(lock);
	void *object;

	context_forget_reports();
	spin_lock(&lock);
	object = kmalloc_any(100, GFP_KERNEL);
	spin_unlock(&lock);
	say("  served as GFP_NOWAIT, with 0x%08lx\n", (unsigned long)(uintptr_t)object);
	kfree(object);
	return object && context_nr_reports() - before == 1;
}

/* --- zones --- */

static bool try_dma(void)
{
	void *object = kmalloc(512, GFP_KERNEL | GFP_DMA);
	paddr_t paddr = object ? virt_to_phys(object) : 0;

	say("  physical 0x%llx, below 0x1000000\n", paddr);
	kfree(object);
	return paddr && paddr < MIB(16u);
}

static bool try_highmem(void)
{
	struct page *page = alloc_page(GFP_HIGHUSER);
	void *window;
	bool ok;

	if (!page)
		return false;
	window = kmap_local_page(page);
	say("  page 0x%x of zone %s, page_address %p, kmap_local_page %p\n", page_to_pfn(page),
	    page_zone(page)->name, page_address(page), window);
	ok = page_is_highmem(page) ? !page_address(page) && window : page_address(page) == window;
	kunmap_local(window);
	__free_page(page);
	return ok;
}

/* All that an ordinary request gets is taken; then one of each. Result: what each should. */
static bool try_reserve(void)
{
	struct list_head taken = LIST_HEAD_INIT(taken);
	size_t nr_taken = 0, left;
	struct page *nowait, *atomic;

	/* Others give pages back meanwhile: the reclaimer is awake. */
	for (unsigned int rounds = 0;; rounds++) {
		nr_taken += demo_take_all(&taken, GFP_NOWAIT | __GFP_NOWARN);
		left = demo_low_free();
		nowait = alloc_page(GFP_NOWAIT | __GFP_NOWARN);
		if (!nowait || rounds == 8)
			break;
		list_add(&nowait->links, &taken);
		nr_taken++;
	}
	atomic = alloc_page(GFP_ATOMIC);
	if (nowait)
		__free_page(nowait);
	if (atomic)
		__free_page(atomic);
	demo_give_all(&taken);
	say("  %zu pages taken, %zu left: GFP_NOWAIT got %s, GFP_ATOMIC %s\n", nr_taken, left,
	    nowait ? "a page" : "NULL", atomic ? "a page" : "NULL");
	return left && !nowait && atomic;
}

static bool try_last_page(void)
{
	struct list_head taken = LIST_HEAD_INIT(taken);
	size_t nr_taken = demo_take_all(&taken, GFP_ATOMIC | __GFP_NOWARN), left = demo_low_free();

	demo_give_all(&taken);
	say("  %zu pages taken, %zu left\n", nr_taken, left);
	return left == 0;
}

static bool try_fragment(void)
{
	struct list_head kept = LIST_HEAD_INIT(kept);
	struct page *page;
	size_t nr_free;

	if (!demo_fragment(&kept))
		return false;
	nr_free = demo_low_free();
	page = alloc_pages(GFP_NOWAIT, MAX_PAGE_ORDER);
	if (page)
		__free_pages(page, MAX_PAGE_ORDER);
	demo_give_all(&kept);
	say("  %zu pages were free, and 1024 side by side %s\n", nr_free, page ? "too" : "were not");
	return !page;
}

/* --- requests that cannot be met --- */

static bool try_order_11(void)
{
	struct page *page = alloc_pages_any(GFP_KERNEL, MAX_PAGE_ORDER + 1);

	say("  %p\n", (void *)page);
	return !page;
}

static void touch(void *addr)
{
	*(volatile char *)addr = 1;
}

/* Result: did writing there fault? Says what the report of the fault would. */
static bool write_is_fatal(void *addr)
{
	struct trap_info info;
	char text[240];

	if (!trap_expect(touch, addr, &info))
		return false;
	trap_describe_page_fault(info.error_code, info.fault_address, text, sizeof(text));
	say("  writing there: %s\n", text);
	return true;
}

static bool try_zero_size(void)
{
	void *object = kmalloc_any(0, GFP_KERNEL);
	bool ok;

	say("  %p, which is not NULL\n", object);
	ok = object && write_is_fatal(object);
	kfree(object);
	return ok;
}

static bool try_nofail(void)
{
	struct page *page = alloc_pages_any(GFP_NOWAIT | __GFP_NOFAIL, 0);

	say("  %p\n", (void *)page);
	return !page;
}

/* --- wrong frees --- */

static bool try_double_free(void)
{
	unsigned long addr = __get_free_page(GFP_KERNEL);

	if (!addr)
		return false;
	free_page(addr);
	free_page(addr);
	return true;
}

static bool try_wrong_free(void)
{
	unsigned long addr = __get_free_pages(GFP_KERNEL, 2);

	if (!addr)
		return false;
	free_pages(addr, 1);
	free_pages(addr, 2);
	return true;
}

/* --- memory by the byte, and by the page table --- */

static bool try_overrun(void)
{
	struct kmem_cache *cache =
		kmem_cache_create("try_overrun", 60, 0, SLAB_RED_ZONE | SLAB_CONSISTENCY_CHECKS, NULL);
	char *object = cache ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;

	if (object) {
		WRITE_ONCE(object[60], 'x');
		kmem_cache_free(cache, object);
	}
	if (cache)
		kmem_cache_destroy(cache);
	return object != NULL;
}

static bool try_vmalloc_guard(void)
{
	char *area = vmalloc(PAGE_SIZE);
	bool ok;

	if (!area)
		return false;
	say("  %p, one page\n", (void *)area);
	ok = write_is_fatal(area + PAGE_SIZE);
	vfree(area);
	return ok;
}

/* --- the tour --- */

static const struct rule rules[] = {
	{"dma", "p = kmalloc(512, GFP_DMA | GFP_KERNEL);",
	 "LDD3 8, Memory Zones: an ISA device reaches the first 16 MiB only; GFP_DMA asks for these.",
	 try_dma},
	{"highmem", "page = alloc_page(GFP_HIGHUSER); p = kmap_local_page(page);",
	 "LDD3 8 and 15: high memory has no address in the kernel until a window shows it.", try_highmem},
	{"zero-size", "p = kmalloc(0, GFP_KERNEL); *p = 1;",
	 "LDD3 8: the smallest object is small, but not nothing: this pointer may be freed, not used.",
	 try_zero_size},
	{"order-11", "page = alloc_pages(GFP_KERNEL, 11);",
	 "LDD3 8, get_free_page: the largest order is 10 (or 11 where MAX_PAGE_ORDER says so): 4 MiB.",
	 try_order_11},
	{"atomic", "timer: p = kmalloc(100, GFP_ATOMIC);",
	 "LDD3 8, The Flags Argument: outside a process only GFP_ATOMIC will do; it never sleeps.",
	 try_atomic},
	{"sleep-in-irq", "timer: p = kmalloc(100, GFP_KERNEL);",
	 "Hacking Guide 6: GFP_KERNEL may sleep; the kernel warns where nobody may.", try_sleep_in_irq},
	{"spinlock", "spin_lock(&lock); p = kmalloc(100, GFP_KERNEL); spin_unlock(&lock);",
	 "LDD3 5, Spinlocks and Atomic Context: who holds a spinlock must not sleep, so not allocate so.",
	 try_spinlock},
	{"reserve", "take all with GFP_NOWAIT; alloc_page(GFP_NOWAIT); alloc_page(GFP_ATOMIC);",
	 "LDD3 8: the kernel keeps a few pages back; GFP_ATOMIC may use them.", try_reserve},
	{"last-page", "while (alloc_page(GFP_ATOMIC)) ;",
	 "LDD3 8: GFP_ATOMIC can use even the last free page; when that is gone, it fails.", try_last_page},
	{"nofail", "page = alloc_page(GFP_NOWAIT | __GFP_NOFAIL);",
	 "LDD3 8: __GFP_NOFAIL never fails, but sleeps for it: who may not sleep may not ask.", try_nofail},
	{"fragment", "take every page, free 15 of 16; page = alloc_pages(GFP_NOWAIT, 10);",
	 "LDD3 8, Other Memory Allocation Functions: much can be free and no large block among it.",
	 try_fragment},
	{"vmalloc-guard", "p = vmalloc(PAGE_SIZE); p[PAGE_SIZE] = 1;",
	 "Hacking Guide 6: vmalloc is contiguous for the CPU only; what lies between areas is nobody's.",
	 try_vmalloc_guard},
	{"double-free", "free_page(p); free_page(p);",
	 "LDD3 8: freeing what was not allocated corrupts the map in the books' kernel; here it is refused.",
	 try_double_free},
	{"wrong-free", "p = __get_free_pages(GFP_KERNEL, 2); free_pages(p, 1);",
	 "LDD3 8: the order must be that of the allocation.", try_wrong_free},
	{"overrun", "p = kmem_cache_alloc(cache of 60 bytes with SLAB_RED_ZONE); p[60] = 'x';",
	 "LDD3 4, System Hangs and 8: a guard pattern behind an object shows who wrote beyond it.",
	 try_overrun},
};

const struct rule *rule_at(unsigned int n)
{
	return n < ARRAY_SIZE(rules) ? &rules[n] : NULL;
}

bool rule_try(const struct rule *rule)
{
	bool ok;

	say("\n%s:\n    %s\n", rule->name, rule->call);
	ok = rule->run();
	say_text(rule->book);
	if (!ok)
		say("  NOT as the book says\n");
	return ok;
}

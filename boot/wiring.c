/* SPDX-License-Identifier: MIT */
/* mm/port.h over this kernel. mm knows only the names; here they get a console, a symbol table and a clock.
 */
#include <mm/port.h>

#include <boot/wiring.h>
#include <kernel/arch/clock.h>
#include <kernel/arch/cpu.h>
#include <kernel/arch/kmap.h>
#include <kernel/arch/mmu.h>
#include <kernel/arch/user.h>
#include <kernel/core/address.h>
#include <kernel/core/backtrace.h>
#include <kernel/core/blkdev.h>
#include <kernel/core/console.h>
#include <kernel/core/err.h>
#include <kernel/core/ksym.h>
#include <kernel/core/panic.h>
#include <kernel/core/printk.h>
#include <kernel/core/smp.h>
#include <kernel/core/spinlock.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <mm/early/bootmem.h>
#include <mm/objects/mempool.h>
#include <mm/objects/slab.h>
#include <mm/pages/page.h>
#include <mm/reclaim/scope.h>
#include <mm/reclaim/vmscan.h>
#include <mm/report/locate.h>

static enum printk_level printk_level_of(enum port_level level)
{
	switch (level) {
	case PORT_ERR:
		return PRINTK_ERR;
	case PORT_WARN:
		return PRINTK_WARN;
	case PORT_INFO:
		break;
	}
	return PRINTK_INFO;
}

/* All that mm says is offered to the filter, remarks too. */
void port_print(enum port_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintk_offered(printk_level_of(level), fmt, args);
	va_end(args);
}

NORETURN void port_panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vpanic((uintptr_t)RETURN_ADDRESS(), *(uintptr_t *)__builtin_frame_address(0), fmt, args);
}

NORETURN void port_refuse(const char *fmt, ...)
{
	static char text[PRINTK_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	refuse_to_start(text);
}

const char *port_code_name(const void *ip, char *buf, size_t size)
{
	return ksym_format((uintptr_t)ip, buf, size);
}

bool port_describe_address(uintptr_t addr, char *buf, size_t size)
{
	return address_describe(addr, buf, size);
}

extern const char __mm_text_start[], __mm_text_end[];

unsigned int port_backtrace(const void **frame, unsigned int max)
{
	return backtrace_save((uintptr_t)__builtin_frame_address(0), frame, max, (uintptr_t)__mm_text_start,
			      (uintptr_t)__mm_text_end);
}

extern struct sized_call __start_sized_calls[], __stop_sized_calls[];

/* By address: they nearly are, so each goes down a little. */
void port_index_sized_calls(void)
{
	for (struct sized_call *call = __start_sized_calls; call < __stop_sized_calls; call++) {
		struct sized_call moved = *call, *to = call;
		irqflags_t flags = irq_save();

		for (; to > __start_sized_calls && to[-1].returns_to > moved.returns_to; to--)
			*to = to[-1];
		*to = moved;
		irq_restore(flags);
	}
}

size_t port_size_of_call(const void *return_address)
{
	static const struct sized_call *last = __start_sized_calls; /* often the same again */
	const struct sized_call *low = __start_sized_calls, *high = __stop_sized_calls,
				*middle = READ_ONCE(last);

	if (likely(middle->returns_to == return_address))
		return middle->size;
	while (low < high) {
		middle = low + (high - low) / 2;
		if (middle->returns_to == return_address) {
			WRITE_ONCE(last, middle);
			return middle->size;
		}
		if (middle->returns_to < return_address)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

const char *port_task_name(void)
{
	return thread_or_context_name();
}

struct port_thread *port_current(void)
{
	return (struct port_thread *)current;
}

/* Whoever holds a lock of mm has interrupts or preemption off: that none is held shows in the context. */
void port_park(void)
{
	ASSERT(port_may_sleep());
	thread_park();
}

void port_unpark(struct port_thread *thread)
{
	thread_unpark((struct thread *)thread);
}

void port_park_for(unsigned int timeout_ms)
{
	ASSERT(port_may_sleep());
	thread_park_timeout((long)msecs_to_jiffies(timeout_ms) + 1);
}

size_t port_stack_left(void)
{
	return thread_stack_left();
}

uint32_t *port_scope(void)
{
	return &current->mm_scope;
}

bool port_is_killed(void)
{
	return READ_ONCE(current->is_killed);
}

STATIC_ASSERT(THREAD_NAME_MAX == PORT_NAME_MAX && (int)PORT_VICTIM_KILLED == (int)THREAD_KILLED &&
		      (int)PORT_VICTIM_DYING == (int)THREAD_DYING,
	      "the port's victims are the kernel's");

enum port_victim port_kill_victim(bool is_overdue, char *name, size_t *nr_pages)
{
	return (enum port_victim)thread_kill_largest(is_overdue, name, nr_pages);
}

bool port_may_sleep(void)
{
	return context_may_sleep();
}

bool port_check_may_sleep(const char *file, int line)
{
	return context_check_sleep(file, line);
}

unsigned int port_physical_bits(void)
{
	return cpu_physical_bits();
}

uint64_t port_now_ms(void)
{
	return clock_now_ms();
}

static __init paddr_t direct_paddr(const void *addr)
{
	return (uintptr_t)addr - MMU_DIRECT_MAP_BASE;
}

/* What is not low memory shares one page of zeros, and one table full of it. */
void __init port_map_descriptors(const void *first, size_t size_bytes)
{
	paddr_t start = direct_paddr(first), zeros = direct_paddr(alloc_bootmem_pages(PAGE_SIZE));
	size_t end = ALIGN_UP(size_bytes, PAGE_SIZE);
	paddr_t table = 0;

	for (size_t at = 0; at < MMU_PAGES_END - MMU_PAGES_START; at += PAGE_SIZE) {
		bool is_new = at % MMU_TABLE_SPAN == 0;

		if (is_new && at < end + MMU_TABLE_SPAN)
			table = direct_paddr(alloc_bootmem_pages(PAGE_SIZE));
		if (is_new)
			mmu_set_table(MMU_PAGES_START + at, table);
		(void)!mmu_map_page(MMU_PAGES_START + at, at < end ? start + at : zeros, MMU_READ);
	}
}

NORETURN void port_lock_misused(const struct port_lock *lock, const char *what)
{
	panic("lock %s %s (owner %u)", lock->name, what, lock->owner & LOCK_OWNER);
}

NOINLINE void port_lock_wait(struct port_lock *lock)
{
	if (port_lock_is_held(lock))
		port_lock_misused(lock, "taken by a CPU that holds it");
	lock_word_wait(&lock->owner, lock->name);
}

/* --- virtual memory --- */

unsigned int port_debug_level(void)
{
	return DEBUG_LEVEL;
}

void port_add_table(uintptr_t addr, pfn_t table)
{
	mmu_set_table(addr, (paddr_t)table << PAGE_SHIFT);
}

void port_map_page(uintptr_t addr, pfn_t pfn)
{
	BUG_ON(!mmu_map_page(addr, (paddr_t)pfn << PAGE_SHIFT, MMU_WRITE));
}

void port_unmap_page(uintptr_t addr)
{
	(void)mmu_clear_page(addr);
}

void port_flush_page(uintptr_t addr)
{
	mmu_flush_page(addr);
	smp_flush_others();
}

void port_flush_all(void)
{
	mmu_flush_all();
	smp_flush_others();
}

uintptr_t port_windows_start(void)
{
	return MMU_WINDOWS_START;
}

bool port_kmap_find(uintptr_t addr, struct port_kmap_place *place)
{
	uintptr_t unit = (addr - MMU_PERCPU_START) / MMU_PERCPU_UNIT,
		  offset = (addr - MMU_PERCPU_START) % MMU_PERCPU_UNIT - (KMAP_START - MMU_PERCPU_START);
	uint64_t entry;

	if (unit >= smp_nr_cpus() || offset >= KMAP_ALL_END - KMAP_START)
		return false;
	entry = kmap_window_entry(addr - offset % KMAP_STEP);
	place->slot = (unsigned int)(offset / KMAP_STEP);
	place->offset = offset % KMAP_STEP;
	place->is_mapped = entry & KMAP_PRESENT;
	place->pfn = (uint32_t)entry ? (pfn_t)(entry >> PAGE_SHIFT) : (pfn_t)-1;
	return true;
}

/* --- windows on high memory follow their thread --- */

STATIC_ASSERT(THREAD_KMAP_SLOTS == KMAP_SLOTS, "a thread's live windows are saved with it");

/* The thread may have been stopped at any instruction: a window may be taken and its entry half written, or
 * cleared and not yet flushed. So entries are kept as they are, mapped or not, and every window taken is
 * flushed: what the next thread finds is unmapped and unknown to the CPU (H1). */
static void save_windows(struct thread *thread)
{
	uintptr_t top = this_cpu_read(kmap_top);
	unsigned int nr = 0;

	for (uintptr_t window = kmap_start(); window < top; window += KMAP_STEP) {
		thread->kmap_slots[nr++] = kmap_window_entry(window);
		kmap_window_drop(window);
	}
	thread->nr_kmap_slots = nr;
}

/* Each thread that comes says how many it has, a new one none. */
static void restore_windows(struct thread *thread)
{
	uintptr_t window = kmap_start();

	for (unsigned int i = 0; i < thread->nr_kmap_slots; i++, window += KMAP_STEP)
		kmap_window_restore(window, thread->kmap_slots[i]);
	this_cpu_write(kmap_top, window);
}

/* --- address space for vmalloc --- */

void port_vmalloc_space(uintptr_t *start, uintptr_t *end)
{
	*start = MMU_DIRECT_MAP_BASE + ALIGN_UP(lowmem_bytes, MMU_TABLE_SPAN) + MMU_VMALLOC_HOLE;
	*end = MMU_VMALLOC_END;
}

bool port_has_table(uintptr_t addr)
{
	return mmu_has_table(addr);
}

void port_table_set(uintptr_t addr, void *table)
{
	mmu_set_table(addr, (uintptr_t)table - MMU_DIRECT_MAP_BASE);
}

void *port_table_take(uintptr_t addr)
{
	paddr_t table = mmu_take_table(addr);

	return table ? (void *)(MMU_DIRECT_MAP_BASE + (uintptr_t)table) : NULL;
}

/* --- page tables of programs --- */

STATIC_ASSERT((int)PORT_USER_WRITE == (int)USER_PROT_WRITE && (int)PORT_USER_EXEC == (int)USER_PROT_EXEC,
	      "mm and the page tables agree");

void port_space_init(struct port_space *space)
{
	user_space_init(&space->tables);
}

port_entry_t *port_space_entry(const struct port_space *space, uintptr_t addr)
{
	return user_space_entry(&space->tables, addr);
}

void port_space_add_table(struct port_space *space, uintptr_t addr, void *table)
{
	user_space_add_table(&space->tables, addr, table);
}

void *port_space_take_table(struct port_space *space)
{
	return user_space_take_table(&space->tables);
}

void port_space_flush(const struct port_space *space, uintptr_t addr, size_t nr_pages)
{
	user_space_flush(&space->tables, addr, nr_pages);
	if (smp_nr_cpus() > 1)
		smp_flush(user_space_cpus(&space->tables));
}

bool port_entry_map(port_entry_t *entry, pfn_t pfn, unsigned int prot, pfn_t *before)
{
	return user_entry_map(entry, pfn, prot, before);
}

bool port_entry_find(const port_entry_t *entry, pfn_t *pfn, unsigned int *prot)
{
	return user_entry_find(entry, pfn, prot);
}

bool port_entry_unmap(port_entry_t *entry, pfn_t *pfn)
{
	return user_entry_unmap(entry, pfn);
}

bool port_entry_was_used(port_entry_t *entry)
{
	return user_entry_was_used(entry);
}

bool port_entry_is_dirty(const port_entry_t *entry)
{
	return user_entry_is_dirty(entry);
}

void port_entry_set_note(port_entry_t *entry, uint32_t note)
{
	user_entry_set_note(entry, note);
}

uint32_t port_entry_note(const port_entry_t *entry)
{
	return user_entry_note(entry);
}

/* The thread that gets the CPU runs on its own tables and comes back from ring 3 on its own stack. */
static void enter_space(struct thread *thread)
{
	user_space_load(thread->space);
	user_set_kernel_stack((uintptr_t)thread->stack + thread->stack_bytes);
}

/* --- work for later --- */

static struct {
	struct spinlock lock;
	struct port_work *first; /* (L), and the works in it */
	struct thread *thread;
} later = {.lock = SPINLOCK_INIT("later")};

static struct port_work *work_take(void)
{
	irqflags_t flags = raw_spin_lock_irqsave(&later.lock);
	struct port_work *work = later.first;

	if (work) {
		later.first = work->next;
		work->is_queued = false;
	}
	raw_spin_unlock_irqrestore(&later.lock, flags);
	return work;
}

void port_work_queue(struct port_work *work)
{
	irqflags_t flags = raw_spin_lock_irqsave(&later.lock);

	if (!work->is_queued) {
		work->is_queued = true;
		work->next = later.first;
		later.first = work;
	}
	raw_spin_unlock_irqrestore(&later.lock, flags);
	if (later.thread)
		thread_unpark(later.thread);
}

static int run_later(void *unused)
{
	struct port_work *work;

	(void)unused;
	later.thread =
		current; /* by itself: what is queued from here on unparks it, what was before it finds */
	for (;;) {
		while ((work = work_take()) != NULL)
			work->run();
		thread_park();
	}
	return 0;
}

/* Without the thread, on a machine too full for one, the work waits for whoever does it on the way. */
static void start_later(void)
{
	(void)kthread_run(run_later, NULL, "mm-later");
}

/* --- requests of disks --- */

#define NR_KEPT_REQUESTS 16 /* in reserve: what gets on with no page free */

/* What the pool has: a request, and memory for the segments of a run. */
struct run_request {
	struct blk_request request;
	struct blk_segment segment[PORT_BLOCK_RUN];
};

static mempool_t *requests;

static struct blk_request *request_alloc(void)
{
	return mempool_alloc(requests, GFP_NOIO);
}

static void request_free(struct blk_request *request)
{
	mempool_free(request, requests);
}

STATIC_ASSERT((int)BLK_FOR_NOBODY == (int)FOR_NOBODY && (int)BLK_FOR_NOIO == (int)FOR_NOIO &&
		      (int)BLK_FOR_NOFS == (int)FOR_NOFS && (int)BLK_FOR_KERNEL == (int)FOR_KERNEL,
	      "disks count by what mm says");

static enum blk_behalf request_behalf(void)
{
	return (enum blk_behalf)scope_reclaims_for();
}

static void start_requests(void)
{
	static const struct blk_source source = {
		.alloc = request_alloc, .free = request_free, .behalf = request_behalf};
	struct kmem_cache *cache =
		kmem_cache_create("blk_request", sizeof(struct run_request), 0, SLAB_PANIC, NULL);

	requests = mempool_create_slab_pool(NR_KEPT_REQUESTS, cache);
	if (!requests)
		refuse_to_start("no memory for the requests of disks");
	(void)blk_set_source(&source);
}

/* --- disks under the page cache --- */

bool port_thread_start(int (*life)(void *arg), void *arg, const char *name)
{
	return !IS_ERR(kthread_run(life, arg, "%s", name));
}

static struct blk_device *device_of(const struct port_disk *disk)
{
	return (struct blk_device *)(uintptr_t)disk;
}

uint64_t port_disk_bytes(const struct port_disk *disk)
{
	return device_of(disk)->nr_sectors * BLK_SECTOR;
}

/* A request moves one run of sectors after the other: note has those that are left, and from bit 8 on all. */
static void choose_run(struct blk_request *request)
{
	struct page *page = request->owner;
	uint32_t left = request->note & 0xffu, first = (uint32_t)__builtin_ctz(left),
		 nr = (uint32_t)__builtin_ctz(~(left >> first));

	request->note &= ~(((1u << nr) - 1) << first);
	request->sector = (uint64_t)page->index * (PAGE_SIZE / BLK_SECTOR) + first;
	request->one = (struct blk_segment){page_to_pfn(page), (uint16_t)(first * BLK_SECTOR),
					    (uint16_t)(nr * BLK_SECTOR)};
}

static void page_moved(struct blk_request *request)
{
	struct page *page = request->owner;
	bool is_write = request->op == BLK_WRITE;
	uint32_t sectors = request->note >> 8;
	int error = request->error;

	if (!error && request->note & 0xffu) {
		choose_run(request);
		error = blk_submit(request);
		if (!error)
			return;
	}
	blk_request_put(request);
	port_block_done(page, sectors, is_write, error);
}

int port_block_submit(struct port_disk *disk, struct page *page, unsigned int sectors, bool is_write)
{
	struct blk_request *request = blk_request_get(device_of(disk));
	int error;

	request->op = is_write ? BLK_WRITE : BLK_READ;
	request->segment = &request->one;
	request->nr_segments = 1;
	request->owner = page;
	request->note = sectors << 8 | sectors;
	request->done = page_moved;
	choose_run(request);
	error = blk_submit(request);
	if (error)
		blk_request_put(request);
	return error;
}

/* What has moved, or has not. */
static void tell_run(const struct blk_request *request, int error)
{
	struct page *page[PORT_BLOCK_RUN];

	for (unsigned int i = 0; i < request->nr_segments; i++)
		page[i] = pfn_to_page(request->segment[i].pfn);
	port_block_run_done(page, request->nr_segments, request->op == BLK_WRITE, error);
}

/* Of a run that has failed: note counts the pages that are left. */
static void one_of_run_moved(struct blk_request *request)
{
	int error = request->error;

	do {
		tell_run(request, error);
		if (--request->note == 0) {
			blk_request_put(request);
			return;
		}
		request->segment++;
		request->sector += PAGE_SIZE / BLK_SECTOR;
		error = blk_submit(request);
	} while (error);
}

/* One of its pages may be what the disk cannot move: each by itself, then. */
static void run_moved(struct blk_request *request)
{
	int error = request->error;

	if (error) {
		request->note = request->nr_segments;
		request->nr_segments = 1;
		request->done = one_of_run_moved;
		error = blk_submit(request);
		if (error) {
			request->error = error;
			one_of_run_moved(request);
		}
		return;
	}
	tell_run(request, 0);
	blk_request_put(request);
}

int port_block_submit_run(struct port_disk *disk, struct page **page, unsigned int nr, bool is_write)
{
	struct blk_request *request = blk_request_get(device_of(disk));
	struct blk_segment *segment = container_of(request, struct run_request, request)->segment;
	int error;

	for (unsigned int i = 0; i < nr; i++)
		segment[i] = (struct blk_segment){page_to_pfn(page[i]), 0, PAGE_SIZE};
	request->op = is_write ? BLK_WRITE : BLK_READ;
	request->sector = (uint64_t)page[0]->index * (PAGE_SIZE / BLK_SECTOR);
	request->segment = segment;
	request->nr_segments = nr;
	request->done = run_moved;
	error = blk_submit(request);
	if (error)
		blk_request_put(request);
	return error;
}

/* --- hooks --- */

/* Each part of mm that has virtual addresses of its own has one; mmu.c and stacks.c add theirs themselves. */
static const address_describer_t describers[] = {
	locate_describe,
};

void wiring_init(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(describers); i++)
		address_add_describer(describers[i]);
	thread_add_switch_hook(save_windows, restore_windows);
	thread_add_switch_hook(NULL, enter_space);
}

static int reclaim_thread(void *unused)
{
	(void)unused;
	vmscan_background();
}

void wiring_start(void)
{
	start_later();
	start_requests();
	if (IS_ERR(kthread_run(reclaim_thread, NULL, "kswapd")))
		refuse_to_start("no memory for the thread that reclaims");
}

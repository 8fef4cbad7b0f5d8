/* SPDX-License-Identifier: MIT */
/* Everything mm needs from the machine and the kernel around it: docs/porting.md goes through it. Whoever embeds mm
 * implements this file and puts a <port_inline.h> on the include path; the linker and the include path choose, never an
 * #ifdef in mm. What mm/kit/ has ready is marked (k). In groups by who needs it: mm asks nothing for a part that is not
 * linked (MM_WITH of mm.mk), and nothing that is not named here; tests/port/names compares. Beside this: assert_failed()
 * of kernel/lib/bug.h (k), and the functions of kernel/lib/string.h and format.h (k, weak).
 *
 * === always ===
 *
 * <port_inline.h> supplies, inline because the fast paths use them:
 *   char *port_direct_map(void)      virtual address of physical 0. All RAM below lowmem_end is mapped there before
 *                                    mm_init_zones(); a multiple of 4 MiB, so that blocks are aligned
 *   irqflags_t, irq_save(), irq_restore(flags)  nests; restores what was
 *   bool irqs_disabled(void)
 *   PORT_DESCRIPTOR_BYTES            sizeof(struct page): 32, with 64 bits 56 (k)
 *   bool port_has_descriptor(addr)   is it an address of the kernel? (k)
 *   const void *port_descriptor(addr)  then: what port_map_descriptors() was given for it, else zeros (k)
 *   struct port_lock, port_lock_init(lock, name)  has a member `name`; all zero is a lock that nobody holds (k)
 *   irqflags_t port_lock_irqsave(lock)      not recursive; owner known; complains when misused (k)
 *   void port_unlock_irqrestore(lock, flags) (k)
 *   bool port_lock_is_held(lock)     by this CPU (k)
 *   unsigned int port_cpu(void)      number of this CPU, which it stays while preemption is off (k: one)
 *   unsigned int port_nr_cpus(void)  numbers of CPUs are below it; the same for good (k: one)
 *   void port_clear(start, size_bytes)      memset 0 of whole words (k)
 *   void port_copy(to, from, size_bytes)    memcpy, as fast as it goes for pages (k)
 *   void port_copy_words(to, from, nr)      memcpy of nr words of a pointer's size (k)
 *   void port_fill(start, size_bytes, word)  the same with any word (k)
 *   port_find_other_word(start, size_bytes, word)  the first of whole words that is another, or the end (k)
 *   struct pcpu_stack, pcpu_stack_here(stack), PCPU_CALL, PCPU_OBJECTS, and the operations, see mm/kit/stack.h (k) or
 *   boot/port/pcpu_stack.h: object_pop, object_pop_wait, object_pop_kernel, object_pop_atomic, object_push, page_pop,
 *   page_pop_wait, page_push; object_pop_sized: of a size that the compiler knows, see port_size_of_call(). mm supplies
 *   their slow paths, object_pop_slow, object_pop_invalid, object_push_slow, page_pop_slow, page_pop_invalid, page_push_slow.
 */
#pragma once

#include <kernel/lib/bug.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>
#include <port_inline.h>

enum port_level { PORT_ERR, PORT_WARN, PORT_INFO };

/* Descriptors of PORT_DESCRIPTOR_BYTES each, for the pages of the direct map from its start: what
 * port_descriptor() finds from now on. For every other address of the kernel it finds zeros. What they hold
 * may change, where they are may not. Context: boot, before the hand-over. */
void port_map_descriptors(const void *first, size_t size_bytes);

/* One message of one line; the text has no newline at its end. Context: any, also under mm's locks. */
void port_print(enum port_level level, const char *fmt, ...) PRINTF(2, 3);

/* Cannot go on: says so and never returns. Context: any. */
NORETURN void port_panic(const char *fmt, ...) PRINTF(1, 2);

/* The machine has too little memory to start at all: says so and never returns. Context: boot. */
NORETURN void port_refuse(const char *fmt, ...) PRINTF(1, 2);

/* The name of the code at ip ("kmalloc+0x12") written to buf, cut to size; result: buf. Context: any. */
const char *port_code_name(const void *ip, char *buf, size_t size);

/* What lies at an address that is not mm's, in one phrase ("stack of thread 3, init"), written to buf, cut to size. Result: false
 * when the kernel knows nothing of it. Context: any. */
bool port_describe_address(uintptr_t addr, char *buf, size_t size);

/* The addresses that calls return to, the innermost first, from the first outside mm on: who asked it, and who asked
 * them. Result: how many there are, up to max. Context: any. */
unsigned int port_backtrace(const void **frame, unsigned int max);

/* The size that the object_pop_sized() asked for which is returned to at this address; 0: there is none. Works from
 * port_index_sized_calls() on, which may be called again. Context: any; boot or process. */
size_t port_size_of_call(const void *return_address);
void port_index_sized_calls(void);

/* Name of the thread (or context) that runs now, for messages. Context: any. */
const char *port_task_name(void);

/* Milliseconds since boot, for rate limits. Context: any. */
uint64_t port_now_ms(void);

/* How much the build checks: DEBUG of the Makefile, 0 to 2. */
unsigned int port_debug_level(void);

/* C1, for fast paths: debug builds see interrupts that were switched off by hand before anything is taken. */
static ALWAYS_INLINE bool port_debug_irqs_off(void)
{
	return DEBUG_LEVEL >= 1 && unlikely(irqs_disabled());
}

/* === threads === (k: nobody sleeps, no_threads.h and no_threads.c; threads.c over three functions of kit.h)
 *
 * Inline:
 *   bool port_is_atomic(void)        in a context where nobody may sleep, interrupts switched off apart (k: always)
 *   port_preempt_disable(), port_preempt_enable()  nests (k: nothing)
 *   bool port_in_interrupt(void)     no thread runs: a handler, hard or soft (k: never)
 *   void port_lock_thread(lock), port_unlock_thread(lock)  a lock that no interrupt takes: preemption is
 *                                    off, interrupts are on (k) */

/* Sleeping. mm sleeps through these alone; its queues of waiters are its own.
 * port_park: sleeps until somebody unparks the thread; an unpark that came before is remembered, once, and
 * then port_park returns at once. port_park_for: the same for at most timeout_ms. Either may return early, so
 * callers look at what they wait for. Context: process, may sleep.
 * port_unpark comes from inside any free, under locks of mm's and with interrupts off: what it takes must not be held where
 * memory is freed, nor may it free. mm/kit/threads.c notes wake-ups and hands them over when no lock of mm is held. */
struct port_thread;
struct port_thread *port_current(void);
void port_park(void);
void port_park_for(unsigned int timeout_ms);
void port_unpark(struct port_thread *thread); /* Context: any. */

/* A word of the thread that runs now, 0 at first, for the scopes it is in (mm/reclaim/scope.h). Context: process. */
uint32_t *port_scope(void);

/* Out of memory. Kill the thread that may be killed and holds most, unless one that was killed has yet to
 * end and is not overdue; it is woken wherever it sleeps, and port_is_killed() says so to it. name: PORT_NAME_MAX bytes.
 * Context: any. Serves R4. */
#define PORT_NAME_MAX 24
enum port_victim { PORT_NO_VICTIM, PORT_VICTIM_DYING, PORT_VICTIM_KILLED };
enum port_victim port_kill_victim(bool is_overdue, char *name, size_t *nr_pages);
bool port_is_killed(void);

/* The same question as port_check_may_sleep() below, asked silently. Context: any. */
bool port_may_sleep(void);

/* May the code that runs now sleep? If not, reports "BUG: sleeping function called from invalid context at
 * file:line" with the context and a backtrace (C1). Context: any. */
bool port_check_may_sleep(const char *file, int line);

/* === kmap === memory above the direct map (k: there is none, no_highmem.h)
 *
 * Inline, for mapped/highmem.c:
 *   PORT_KMAP_SLOTS, PORT_KMAP_NUMBERS  how many windows a CPU has
 *   void *port_kmap_push(pfn)        map a page in the next window of this CPU; its address. When all
 *                                    PORT_KMAP_SLOTS are taken: kmap_local_overflow(), which mm supplies
 *   bool port_kmap_pop(addr)         unmap, flush and give back the window taken last, if it holds addr;
 *                                    false: it does not, nothing changed
 *   void *port_kmap_take(number, pfn) map a page in this very window of this CPU, of PORT_KMAP_NUMBERS that are
 *                                    no part of those; NULL: it is taken. Preemption is off until
 *   bool port_kmap_give(addr)        unmap, flush and give back the one that holds addr; false: none does
 *   PORT_TABLE_SPAN                  bytes that one page table maps: a power of 2
 *
 * Pages are of 4 KiB, written and never executed. port_add_table: the cleared page of low memory `table` becomes the page
 * table of the PORT_TABLE_SPAN around addr, which has none; it stays so. port_map_page wants a table; the address belongs
 * to the caller and nothing is mapped there. port_unmap_page clears the entry; CPUs may remember it until
 * port_flush_page() or port_flush_all(), after which none does, whatever locks are held meanwhile. Context: any. */
void port_add_table(uintptr_t addr, pfn_t table);
void port_map_page(uintptr_t addr, pfn_t pfn);
void port_unmap_page(uintptr_t addr);
void port_flush_page(uintptr_t addr);
void port_flush_all(void);

/* Where permanent windows on high memory lie: room for 512 of them, each with a hole of a page behind it. */
uintptr_t port_windows_start(void);

/* A window of kmap_local_page() and the hole behind it. */
struct port_kmap_place {
	unsigned int slot;
	pfn_t pfn;	  /* of the page shown, or shown last; (pfn_t)-1: none so far */
	uintptr_t offset; /* of the address from the window's start; from PAGE_SIZE on in the hole */
	bool is_mapped;
};

/* Fills in `place`. Result: false when addr lies in none of any CPU's. Context: any. */
bool port_kmap_find(uintptr_t addr, struct port_kmap_place *place);

/* === vmalloc ===
 *
 * Inline:
 *   PORT_TABLE_SPAN                  bytes that one page table maps: a power of 2
 *   PORT_PROT_KERNEL, PORT_PROT_KERNEL_RO, PORT_PROT_KERNEL_IO  how a page may be mapped
 *   PORT_FLUSH_LATE                  may vfree leave the flush for later?
 *   port_pte_t, port_pte_of(addr), port_pte_set(pte, addr, pfn, prot), port_pte_clear(pte, addr), port_pte_is_mapped(pte),
 *   port_pte_pfn(pte)                the entry of a page; _of: NULL where there is no table
 *
 * port_flush_page() and port_flush_all() as above. */

/* [start, end), multiples of PORT_TABLE_SPAN: nothing is mapped there, nor in the page before it. Called
 * once, when low memory is known. */
void port_vmalloc_space(uintptr_t *start, uintptr_t *end);

/* Page tables of that space. A table is a cleared page of the direct map, the port's from port_table_set() to
 * port_table_take(), which gives NULL where there is none; a table taken away is still in use by the CPU
 * until the next port_flush_all(). Context: the caller keeps others away from the PORT_TABLE_SPAN around
 * addr. */
bool port_has_table(uintptr_t addr);
void port_table_set(uintptr_t addr, void *table);
void *port_table_take(uintptr_t addr);

/* How many bits a physical address of this CPU has: a page table's entry with more of them faults. */
unsigned int port_physical_bits(void);

/* Work for a thread that may sleep: runs soon, once however often it was queued before that. `run` is set by
 * the caller, the rest is the port's and zero at first. Context: any. */
struct port_work {
	void (*run)(void);
	struct port_work *next;
	bool is_queued;
};
void port_work_queue(struct port_work *work);

/* === cache === files and their disks */

/* Bytes that are left of the running thread's stack, 0 where nobody knows. Context: process. */
size_t port_stack_left(void);

/* A thread of that name that runs life(arg), soon, and ends with it, whatever its result. Result: was there memory? Context: process,
 * may sleep. */
bool port_thread_start(int (*life)(void *arg), void *arg, const char *name) MUST_CHECK;

struct port_disk;
struct page;

/* A multiple of 512 that never changes. Context: any. */
uint64_t port_disk_bytes(const struct port_disk *disk);

/* Begins to move parts of a page from or to the disk, whose page number is page->index: a bit of `sectors` for each 512
 * bytes, at least one. Asks for no memory but out of a reserve of its own, for an element of which it may wait (R3). Its end is
 * port_block_done(), once. Result: 0; an error: it has not begun. Context: process, may sleep. */
int port_block_submit(struct port_disk *disk, struct page *page, unsigned int sectors,
		      bool is_write) MUST_CHECK;

/* The same of nr whole pages, up to 16 and one behind the other, as one request; its end is port_block_run_done(), for parts of them in
 * their order. When it fails those that do not are still moved. */
#define PORT_BLOCK_RUN 16u
int port_block_submit_run(struct port_disk *disk, struct page **page, unsigned int nr,
			  bool is_write) MUST_CHECK;

/* mm supplies it. Context: any. */
void port_block_run_done(struct page **page, unsigned int nr, bool is_write, int error);

/* mm supplies it. `sectors` as they were asked for; error: 0, or the negative of an error number. Context: any. */
void port_block_done(struct page *page, unsigned int sectors, bool is_write, int error);

/* === aspace === a program's part of virtual memory (k: no_programs.h, for who includes mm/aspace all the same)
 *
 * Inline: struct port_space, its page tables; port_entry_t, one page's entry in them, and port_entry_is_empty(entry), has
 * it neither a page nor a note; PORT_USER_START, PORT_USER_END, where they reach, multiples of a page;
 * PORT_TABLE_SPAN, bytes that one of its last tables maps.
 *
 * Its page tables are cleared pages of the direct map, the caller's again from port_space_take_table() on. The entry for
 * addr stays where it is until then, and that of the next page is behind it, up to a multiple of PORT_TABLE_SPAN; NULL while
 * a table is missing: port_space_add_table() adds the next.
 * port_space_take_table(): one of its tables, none of which has a page any more; NULL: there is none left; the space is
 * in use nowhere.
 * port_entry_map(): result and *before say which page was there; over another page, or with fewer permissions, it wants a
 * flush behind it. port_entry_unmap() clears it; a CPU may remember it until port_space_flush(), which reaches all CPUs.
 * Where the CPU cannot forbid execution PORT_USER_EXEC is the same without. find and note take NULL, too: nothing is
 * there. Context: the caller keeps others from the space. */
enum port_user_prot { PORT_USER_WRITE = 1, PORT_USER_EXEC = 2 };
#define PORT_USER_PROT_BITS 2u

void port_space_init(struct port_space *space); /* without a table */
port_entry_t *port_space_entry(const struct port_space *space, uintptr_t addr);
void port_space_add_table(struct port_space *space, uintptr_t addr, void *table);
void *port_space_take_table(struct port_space *space);
void port_space_flush(const struct port_space *space, uintptr_t addr, size_t nr_pages);

bool port_entry_map(port_entry_t *entry, pfn_t pfn, unsigned int prot, pfn_t *before);
bool port_entry_find(const port_entry_t *entry, pfn_t *pfn, unsigned int *prot);
bool port_entry_unmap(port_entry_t *entry, pfn_t *pfn);

/* was_used: has a program used the page that is mapped there since this was asked before? One that uses it while it is asked
 * may be missed; one that does after a flush is not. is_dirty: was it written to since port_entry_map()? note: a number
 * in an entry without a page; 0: none, as at first. */
bool port_entry_was_used(port_entry_t *entry);
bool port_entry_is_dirty(const port_entry_t *entry);
void port_entry_set_note(port_entry_t *entry, uint32_t note);
uint32_t port_entry_note(const port_entry_t *entry);

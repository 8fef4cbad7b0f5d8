/* SPDX-License-Identifier: MIT */
/* Several CPUs at what they share: messages, timers, tasklets, threads, work for later, the 8259s' masks; and traps, which
 * they do not. Guest only. */
#include <tests/ktest.h>

#include <kernel/arch/clock.h>
#include <kernel/arch/cpu.h>
#include <kernel/arch/io.h>
#include <kernel/arch/irq.h>
#include <kernel/arch/mmu.h>
#include <kernel/arch/trap.h>
#include <kernel/core/preempt.h>
#include <kernel/core/printk.h>
#include <kernel/core/smp.h>
#include <kernel/core/softirq.h>
#include <kernel/core/spinlock.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/mapped/highmem.h>
#include <mm/mapped/kmap.h>
#include <mm/mapped/vmalloc.h>
#include <mm/pages/page_alloc.h>
#include <mm/port.h>

#define NR_MESSAGES 8u
#define NR_TIMERS   8u
#define NR_WORKS    32u
#define NR_THREADS  (2 * SMP_CPUS_MAX)
#define NR_ROUNDS   (200u / smp_nr_cpus())
#define PATIENCE_MS 5000u

#define NEEDS_CPUS()                                                                                         \
	do {                                                                                                 \
		if (smp_nr_cpus() < 2)                                                                       \
			SKIP("one CPU");                                                                     \
	} while (0)

/* Result: did the word become `wanted`? */
static bool becomes(const uint32_t *word, uint32_t wanted)
{
	uint64_t start = clock_now_ms();

	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != wanted) {
		if (clock_now_ms() - start > PATIENCE_MS)
			return false;
		cpu_relax();
	}
	return true;
}

/* All begin together. */
static uint32_t nr_here;

static void meet_again(unsigned int turn)
{
	(void)__atomic_add_fetch(&nr_here, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&nr_here, __ATOMIC_ACQUIRE) < turn * smp_nr_cpus())
		cpu_relax();
}

static void meet(void)
{
	meet_again(1);
}

static void all_at_once(void (*fn)(void *arg), void *arg)
{
	nr_here = 0;
	smp_call_all(fn, arg);
}

/* --- messages --- */

struct reader {
	struct sink sink;
	unsigned int round;
	unsigned int nr_seen[SMP_CPUS_MAX];
	unsigned int
		nr_odd; /* lines that have one of these words and are no such line, or not its CPU's next */
};

static unsigned int round_nr;

static void speak(void *unused)
{
	(void)unused;
	meet();
	for (unsigned int i = 0; i < NR_MESSAGES; i++)
		pr_debug("several %u: %c says %u", round_nr, 'A' + smp_cpu(), i);
}

static void read_line(struct sink *sink, const char *text, size_t len)
{
	struct reader *reader = (struct reader *)(void *)sink;
	char line[128], expected[64];
	const char *at;
	unsigned int cpu;

	memcpy(line, text, len < sizeof(line) ? len : sizeof(line) - 1);
	line[len < sizeof(line) ? len : sizeof(line) - 1] = '\0';
	(void)snprintf(expected, sizeof(expected), "several %u: ", reader->round);
	at = strstr(line, expected);
	if (!at)
		return;
	cpu = (unsigned int)at[strlen(expected)] - 'A';
	if (cpu < SMP_CPUS_MAX)
		(void)snprintf(expected, sizeof(expected), "] several %u: %c says %u\n", reader->round,
			       'A' + cpu, reader->nr_seen[cpu]++);
	reader->nr_odd += line[0] != '[' || strcmp(at - 2, expected) != 0;
}

KTEST(smp, messages_of_all_cpus_are_whole_lines_each_in_its_order, "C8")
{
	NEEDS_CPUS();
	for (unsigned int i = 0; i < 10; i++) {
		struct reader reader = {.sink = {.write = read_line}, .round = ++round_nr};

		all_at_once(speak, NULL);
		dmesg_print(&reader.sink);
		EXPECT_EQ(reader.nr_odd, 0);
		for (unsigned int cpu = 0; cpu < smp_nr_cpus(); cpu++)
			EXPECT_EQ(reader.nr_seen[cpu], NR_MESSAGES);
	}
}

/* --- timers --- */

static struct {
	struct timer_list timer[SMP_CPUS_MAX][NR_TIMERS];
	uint32_t nr_run;
} many;

static void note_run(unsigned long data)
{
	(void)data;
	(void)__atomic_add_fetch(&many.nr_run, 1, __ATOMIC_SEQ_CST);
}

/* Set, moved and deleted again and again; in the end each is set. */
static void set_timers(void *unused)
{
	struct timer_list *timer = many.timer[smp_cpu()];

	(void)unused;
	meet();
	for (unsigned int i = 0; i < NR_TIMERS * NR_ROUNDS; i++)
		if (mod_timer(&timer[i % NR_TIMERS], jiffies + 1000 + i % 3) && i & 1)
			(void)del_timer(&timer[i % NR_TIMERS]);
	for (unsigned int i = 0; i < NR_TIMERS; i++)
		(void)mod_timer(&timer[i], jiffies + 1);
}

KTEST(smp, timers_that_all_cpus_set_at_once_run_once_each, "C8")
{
	NEEDS_CPUS();
	for (unsigned int cpu = 0; cpu < smp_nr_cpus(); cpu++)
		for (unsigned int i = 0; i < NR_TIMERS; i++)
			setup_timer(&many.timer[cpu][i], note_run, 0);
	many.nr_run = 0;
	all_at_once(set_timers, NULL);
	EXPECT(becomes(&many.nr_run, smp_nr_cpus() * NR_TIMERS));
	msleep(20);
	EXPECT_EQ(many.nr_run, smp_nr_cpus() * NR_TIMERS);
}

/* What runs on one CPU while another wants it to be over. */
static struct {
	struct timer_list timer;
	struct tasklet_struct tasklet;
	uint32_t has_begun, is_asked, has_ended, saw_end;
} slow;

static void run_slowly(unsigned long data)
{
	uint64_t start;

	(void)data;
	__atomic_store_n(&slow.has_begun, 1, __ATOMIC_SEQ_CST);
	(void)becomes(&slow.is_asked, 1);
	for (start = clock_now_ms(); clock_now_ms() - start < 3;)
		cpu_relax();
	__atomic_store_n(&slow.has_ended, 1, __ATOMIC_SEQ_CST);
}

static void delete_slow(void *unused)
{
	(void)unused;
	(void)becomes(&slow.has_begun, 1);
	__atomic_store_n(&slow.is_asked, 1, __ATOMIC_SEQ_CST);
	(void)del_timer_sync(&slow.timer);
	slow.saw_end = __atomic_load_n(&slow.has_ended, __ATOMIC_SEQ_CST);
}

KTEST(smp, who_deletes_a_timer_that_runs_elsewhere_waits_for_its_end, "C8")
{
	NEEDS_CPUS();
	slow.has_begun = slow.is_asked = slow.has_ended = slow.saw_end = 0;
	setup_timer(&slow.timer, run_slowly, 0);
	(void)mod_timer(&slow.timer, jiffies + 1);
	smp_call(1, delete_slow, NULL);
	EXPECT(slow.has_begun && slow.saw_end);
}

/* --- tasklets --- */

static struct {
	struct tasklet_struct tasklet[SMP_CPUS_MAX];
	uint32_t ran_on[SMP_CPUS_MAX], nr_run;
} work;

static void note_cpu(unsigned long number)
{
	work.ran_on[number] = smp_cpu() + 1;
	(void)__atomic_add_fetch(&work.nr_run, 1, __ATOMIC_SEQ_CST);
}

static void schedule_own(void *unused)
{
	(void)unused;
	meet();
	tasklet_schedule(&work.tasklet[smp_cpu()]);
}

KTEST(smp, a_tasklet_runs_on_the_cpu_that_scheduled_it, "C8")
{
	NEEDS_CPUS();
	for (unsigned int round = 1; round <= 10; round++) {
		work.nr_run = 0;
		for (unsigned int cpu = 0; cpu < smp_nr_cpus(); cpu++)
			tasklet_init(&work.tasklet[cpu], note_cpu, cpu);
		all_at_once(schedule_own, NULL);
		EXPECT(becomes(&work.nr_run, smp_nr_cpus()));
		for (unsigned int cpu = 0; cpu < smp_nr_cpus(); cpu++) {
			tasklet_kill(&work.tasklet[cpu]);
			EXPECT_EQ(work.ran_on[cpu], cpu + 1);
		}
	}
}

static void schedule_slow(void *unused)
{
	(void)unused;
	tasklet_schedule(&slow.tasklet);
}

KTEST(smp, who_kills_or_disables_a_tasklet_that_runs_elsewhere_waits_for_its_end, "C8")
{
	NEEDS_CPUS();
	for (unsigned int is_kill = 0; is_kill < 2; is_kill++) {
		slow.has_begun = slow.is_asked = slow.has_ended = 0;
		tasklet_init(&slow.tasklet, run_slowly, 0);
		smp_call(1, schedule_slow, NULL);
		EXPECT(becomes(&slow.has_begun, 1));
		__atomic_store_n(&slow.is_asked, 1, __ATOMIC_SEQ_CST);
		if (is_kill)
			tasklet_kill(&slow.tasklet);
		else
			tasklet_disable(&slow.tasklet);
		EXPECT(__atomic_load_n(&slow.has_ended, __ATOMIC_SEQ_CST));
	}
}

/* --- threads --- */

static struct {
	struct thread *thread[NR_THREADS];
	uint32_t nr_ended;
} sleepers;

static int sleep_once(void *unused)
{
	(void)unused;
	thread_park();
	(void)__atomic_add_fetch(&sleepers.nr_ended, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static void wake_two(void *unused)
{
	(void)unused;
	meet();
	for (unsigned int i = 0; i < 2; i++)
		thread_unpark(sleepers.thread[2 * smp_cpu() + i]);
}

KTEST(smp, threads_that_all_cpus_wake_at_once_all_run, "C8")
{
	unsigned int nr = 2 * smp_nr_cpus();

	NEEDS_CPUS();
	for (unsigned int round = 0; round < 5; round++) {
		sleepers.nr_ended = 0;
		for (unsigned int i = 0; i < nr; i++) {
			sleepers.thread[i] = kthread_run(sleep_once, NULL, "sleeper");
			REQUIRE(!IS_ERR(sleepers.thread[i]));
		}
		msleep(8);
		all_at_once(wake_two, NULL);
		for (unsigned int i = 0; i < 1000 && READ_ONCE(sleepers.nr_ended) != nr; i++)
			msleep(4);
		EXPECT_EQ(sleepers.nr_ended, nr);
	}
}

/* --- work for later --- */

static void note_later(void)
{
	(void)__atomic_add_fetch(&work.nr_run, 1, __ATOMIC_SEQ_CST);
}

static struct {
	struct port_work work[SMP_CPUS_MAX][NR_WORKS];
	void *area[SMP_CPUS_MAX];
} later;

static void put_off(void *unused)
{
	(void)unused;
	meet();
	for (unsigned int i = 0; i < NR_WORKS; i++)
		port_work_queue(&later.work[smp_cpu()][i]);
	vfree(later.area[smp_cpu()]);
}

/* One page each, and the areas: the end of the suite looks for them. */
KTEST(smp, what_all_cpus_put_off_at_once_is_all_done, "C8")
{
	NEEDS_CPUS();
	for (unsigned int round = 0; round < 5; round++) {
		work.nr_run = 0;
		for (unsigned int cpu = 0; cpu < smp_nr_cpus(); cpu++) {
			for (unsigned int i = 0; i < NR_WORKS; i++)
				later.work[cpu][i].run = note_later;
			later.area[cpu] = vmalloc(PAGE_SIZE);
			REQUIRE(later.area[cpu]);
		}
		all_at_once(put_off, NULL);
		for (unsigned int i = 0; i < 1000 && READ_ONCE(work.nr_run) != NR_WORKS * smp_nr_cpus(); i++)
			msleep(4);
		EXPECT_EQ(work.nr_run, NR_WORKS * smp_nr_cpus());
	}
	msleep(8);
}

/* --- the 8259s --- */

#define MASTER_MASK 0x21
#define SLAVE_MASK  0xa1

static unsigned int read_mask(void)
{
	return inb(MASTER_MASK) | (unsigned int)inb(SLAVE_MASK) << 8;
}

/* Lines without a device here; in the end all are off. */
static void turn_lines(void *unused)
{
	static const uint8_t lines[] = {3, 5, 9, 10};
	unsigned int cpu = smp_cpu();

	(void)unused;
	meet();
	for (unsigned int i = 0; i < NR_ROUNDS && cpu < 4; i++) {
		irq_line_unmask(lines[cpu]);
		irq_line_mask(lines[cpu]);
	}
}

KTEST(smp, lines_that_cpus_switch_at_once_end_as_each_left_its_own, "C8")
{
	unsigned int before = read_mask();

	NEEDS_CPUS();
	all_at_once(turn_lines, NULL);
	EXPECT_EQ(read_mask(), before);
}

/* --- windows --- */

static struct {
	struct page *page[SMP_CPUS_MAX][2];
	uintptr_t address[SMP_CPUS_MAX][2];
	bool is_whole[SMP_CPUS_MAX];
} shown;

static uint32_t word_of(unsigned int cpu, unsigned int i)
{
	return 0x5eed0000 + cpu * 2 + i;
}

/* One the usual way, one by its number; they stay while all others have theirs. */
static void show_own(void *unused)
{
	unsigned int cpu = smp_cpu();
	uint32_t *word[2];

	(void)unused;
	word[0] = kmap_local_page(shown.page[cpu][0]);
	word[1] = port_kmap_take(3, page_to_pfn(shown.page[cpu][1]));
	for (unsigned int i = 0; i < 2; i++) {
		shown.address[cpu][i] = (uintptr_t)word[i];
		*word[i] = word_of(cpu, i);
	}
	meet_again(1);
	shown.is_whole[cpu] = *word[0] == word_of(cpu, 0) && *word[1] == word_of(cpu, 1) &&
			      kmap_to_page(word[0]) == shown.page[cpu][0];
	meet_again(2);
	shown.is_whole[cpu] &= port_kmap_give(word[1]);
	kunmap_local(word[0]);
}

static void check_shown(unsigned int cpu)
{
	EXPECT(shown.is_whole[cpu]);
	for (unsigned int i = 0; i < 2; i++) {
		const uint32_t *word = kmap_local_page(shown.page[cpu][i]);

		EXPECT_EQ(*word, word_of(cpu, i));
		kunmap_local(word);
		EXPECT_EQ((shown.address[cpu][i] - MMU_PERCPU_START) / MMU_PERCPU_UNIT, cpu);
	}
}

KTEST(smp, each_cpu_has_windows_of_its_own, "C8")
{
	bool are_there = true;

	NEEDS_CPUS();
	for (unsigned int cpu = 0; cpu < smp_nr_cpus(); cpu++)
		for (unsigned int i = 0; i < 2; i++) {
			shown.page[cpu][i] = alloc_page(GFP_HIGHUSER);
			are_there &= shown.page[cpu][i] && page_is_highmem(shown.page[cpu][i]);
		}
	if (are_there) {
		all_at_once(show_own, NULL);
		for (unsigned int cpu = 0; cpu < smp_nr_cpus(); cpu++)
			check_shown(cpu);
	}
	for (unsigned int cpu = 0; cpu < smp_nr_cpus(); cpu++)
		for (unsigned int i = 0; i < 2; i++)
			if (shown.page[cpu][i])
				__free_page(shown.page[cpu][i]);
	if (!are_there)
		SKIP("no high memory");
}

/* --- flushes --- */

static struct {
	uint32_t *area, *other; /* two pages, the first one's to show either */
	const volatile uint32_t *word;
	uint32_t seen[SMP_CPUS_MAX], is_over;
	struct spinlock lock;
} flush = {.lock = SPINLOCK_INIT("flush")};

static void look(void *unused)
{
	(void)unused;
	flush.seen[smp_cpu()] = *flush.word;
}

/* Result: is that what all CPUs see there? */
static bool all_see(uint32_t value)
{
	bool is_seen = true;

	smp_call_all(look, NULL);
	for (unsigned int cpu = 0; cpu < smp_nr_cpus(); cpu++)
		is_seen &= flush.seen[cpu] == value;
	return is_seen;
}

static void show_page(void *area, const void *page, bool is_alone)
{
	port_pte_set(port_pte_of((uintptr_t)area), (uintptr_t)area, page_to_pfn(virt_to_page(page)),
		     PORT_PROT_KERNEL);
	if (is_alone)
		port_flush_page((uintptr_t)area);
	else
		port_flush_all();
}

static bool begin_flushes(void)
{
	flush.area = vmalloc(PAGE_SIZE);
	flush.other = (uint32_t *)__get_free_page(GFP_KERNEL);
	if (!flush.area || !flush.other)
		return false;
	*flush.area = 1;
	*flush.other = 2;
	flush.word = flush.area;
	return true;
}

static void show_own_again(pfn_t own)
{
	port_pte_set(port_pte_of((uintptr_t)flush.area), (uintptr_t)flush.area, own, PORT_PROT_KERNEL);
	port_flush_all();
}

static void end_flushes(void)
{
	EXPECT(all_see(1));
	vfree(flush.area);
	free_page((unsigned long)flush.other);
}

KTEST(smp, after_a_flush_no_cpu_remembers_what_was_there, "C8")
{
	pfn_t own;

	NEEDS_CPUS();
	REQUIRE(begin_flushes());
	own = port_pte_pfn(port_pte_of((uintptr_t)flush.area));
	for (unsigned int round = 0; round < 6; round++) {
		EXPECT(all_see(1));
		show_page(flush.area, flush.other, round & 1);
		EXPECT(all_see(2));
		show_own_again(own);
	}
	end_flushes();
}

static void delay(unsigned int us)
{
	uint64_t start = clock_now_us();

	while (clock_now_us() - start < us)
		cpu_relax();
}

/* The others are in no hurry to flush, and look as soon as CPU 0 says that all have. */
static void flush_or_look(void *unused)
{
	look(unused);
	meet();
	if (smp_cpu() == 0) {
		show_page(flush.area, flush.other, true);
		__atomic_store_n(&flush.is_over, 1, __ATOMIC_RELEASE);
	}
	for (delay(300); !__atomic_load_n(&flush.is_over, __ATOMIC_ACQUIRE); delay(300))
		smp_serve_flush();
	look(unused);
}

KTEST(smp, a_flush_is_over_when_all_have_flushed, "C8")
{
	pfn_t own;

	NEEDS_CPUS();
	REQUIRE(begin_flushes());
	own = port_pte_pfn(port_pte_of((uintptr_t)flush.area));
	for (unsigned int round = 0; round < 4; round++) {
		flush.is_over = 0;
		all_at_once(flush_or_look, NULL);
		for (unsigned int cpu = 0; cpu < smp_nr_cpus(); cpu++)
			EXPECT_EQ(flush.seen[cpu], 2);
		show_own_again(own);
	}
	end_flushes();
}

/* CPU 0 holds what all others wait for with interrupts off. */
static void flush_or_wait(void *unused)
{
	(void)unused;
	if (smp_cpu() == 0)
		raw_spin_lock(&flush.lock);
	meet();
	if (smp_cpu() != 0)
		raw_spin_lock(&flush.lock);
	while (smp_cpu() == 0 && (READ_ONCE(flush.lock.owner) / LOCK_WAITER & 0xff) != smp_nr_cpus() - 1)
		cpu_relax();
	smp_flush_others();
	raw_spin_unlock(&flush.lock);
}

KTEST(smp, who_waits_for_a_lock_flushes_for_the_one_that_holds_it, "C8")
{
	NEEDS_CPUS();
	for (unsigned int round = 0; round < 5; round++)
		all_at_once(flush_or_wait, NULL);
	EXPECT_EQ(flush.lock.owner, 0);
}

static void flush_often(void *unused)
{
	(void)unused;
	meet();
	for (unsigned int i = 0; i < NR_ROUNDS; i++)
		smp_flush_others();
}

KTEST(smp, all_cpus_flush_all_others_at_once, "C8")
{
	NEEDS_CPUS();
	all_at_once(flush_often, NULL);
	EXPECT(!in_atomic());
}

/* --- traps --- */

static void trap_at(void *address)
{
	*(volatile uint8_t *)address = 1;
}

static struct {
	struct trap_info info[SMP_CPUS_MAX];
	bool trapped[SMP_CPUS_MAX];
} traps;

static void expect_own(void *unused)
{
	unsigned int cpu = smp_cpu();

	(void)unused;
	meet();
	traps.trapped[cpu] = trap_expect(trap_at, (void *)(16 + cpu), &traps.info[cpu]);
}

KTEST(smp, each_cpu_expects_its_own_trap, "C8")
{
	NEEDS_CPUS();
	for (unsigned int round = 0; round < NR_ROUNDS; round++) {
		memset(&traps, 0, sizeof(traps));
		all_at_once(expect_own, NULL);
		for (unsigned int cpu = 0; cpu < smp_nr_cpus(); cpu++)
			EXPECT(traps.trapped[cpu] && traps.info[cpu].vector == 14 &&
			       traps.info[cpu].fault_address == 16 + cpu);
	}
	EXPECT(!in_atomic());
}

/* SPDX-License-Identifier: MIT */
/* Several CPUs: that they run, with what each has of its own, and calls from one to another. Guest only. */
#include <tests/ktest.h>

#include <kernel/arch/irqflags.h>
#include <kernel/arch/mmu.h>
#include <kernel/arch/percpu.h>
#include <kernel/core/atomic.h>
#include <kernel/core/preempt.h>
#include <kernel/core/smp.h>
#include <kernel/core/spinlock.h>
#include <kernel/core/thread.h>
#include <kernel/lib/string.h>

#define NR_ROUNDS (400u / smp_nr_cpus() / smp_nr_cpus())

#define NEEDS_CPUS()                                                                                         \
	do {                                                                                                 \
		if (smp_nr_cpus() < 2)                                                                       \
			SKIP("one CPU");                                                                     \
	} while (0)

#define CR0_TASK_SWITCHED 0x8u /* a double fault leaves it so */

static DEFINE_PERCPU(uint32_t, smp_mark) = 99;

/* What a CPU says of itself. */
struct self {
	unsigned int number;
	uintptr_t base, idtr_base, cr0, cr3, cr4;
	uint16_t task;
	const struct thread *thread;
	bool is_in_irq, is_off;
};

struct table_pointer {
	uint16_t limit;
	uint32_t base;
} __packed;

static void tell_self(void *arg)
{
	struct self *self = arg;
	struct table_pointer idt;

	__asm__ volatile("sidt %0" : "=m"(idt));
	__asm__ volatile("str %0" : "=r"(self->task));
	__asm__ volatile("movl %%cr0, %0" : "=r"(self->cr0));
	__asm__ volatile("movl %%cr3, %0" : "=r"(self->cr3));
	__asm__ volatile("movl %%cr4, %0" : "=r"(self->cr4));
	self->idtr_base = idt.base;
	self->number = smp_cpu();
	self->base = this_cpu_read(cpu_base);
	self->thread = current;
	self->is_in_irq = in_irq();
	self->is_off = irqs_disabled();
	this_cpu_write(smp_mark, self->number);
}

KTEST(smp, each_cpu_has_a_number_a_place_and_a_thread_and_is_set_up_like_the_first, "C8 SMP-16")
{
	struct self first = {0};

	NEEDS_CPUS();
	smp_call(0, tell_self, &first);
	for (unsigned int cpu = 1; cpu < smp_nr_cpus(); cpu++) {
		struct self self = {0};

		smp_call(cpu, tell_self, &self);
		EXPECT_EQ(self.number, cpu);
		EXPECT_EQ(self.base, cpu * MMU_PERCPU_UNIT);
		EXPECT(self.thread != first.thread && strncmp(self.thread->name, "idle/", 5) == 0);
		EXPECT_EQ(self.task, first.task);
		EXPECT_EQ(self.idtr_base, first.idtr_base);
		EXPECT((self.cr0 | CR0_TASK_SWITCHED) == (first.cr0 | CR0_TASK_SWITCHED) &&
		       self.cr4 == first.cr4);
	}
	for (unsigned int cpu = 0; cpu < smp_nr_cpus(); cpu++)
		EXPECT_EQ(*per_cpu_ptr_of(smp_mark, cpu), cpu);
}

KTEST(smp, a_cpu_that_joins_has_the_kernel_where_it_runs_and_nowhere_else, "C8")
{
	NEEDS_CPUS();
	for (unsigned int cpu = 1; cpu < smp_nr_cpus(); cpu++) {
		struct self self = {0};

		smp_call(cpu, tell_self, &self);
		EXPECT_EQ(*(volatile uint64_t *)(MMU_DIRECT_MAP_BASE + self.cr3), 0);
	}
}

KTEST(smp, a_call_runs_on_that_cpu_alone_in_irq_with_interrupts_off, "C8 SMP-07")
{
	NEEDS_CPUS();
	for (unsigned int cpu = 0; cpu < smp_nr_cpus(); cpu++) {
		struct self self = {0};
		struct smp_info before, after;

		REQUIRE(smp_info(cpu, &before));
		smp_call(cpu, tell_self, &self);
		REQUIRE(smp_info(cpu, &after));
		EXPECT(self.number == cpu && self.is_in_irq && self.is_off);
		EXPECT_EQ(after.nr_served - before.nr_served, cpu != smp_cpu());
	}
	EXPECT(!in_atomic() && !irqs_disabled());
}

KTEST(smp, there_is_no_cpu_beyond_the_last, "C8")
{
	struct smp_info info;

	EXPECT(smp_nr_cpus() >= 1 && smp_nr_cpus() <= SMP_CPUS_MAX);
	EXPECT(smp_info(smp_nr_cpus() - 1, &info) && !smp_info(smp_nr_cpus(), &info));
}

static void count(void *arg)
{
	atomic_inc(arg);
}

KTEST(smp, a_call_of_all_is_over_when_each_has_run_it_once, "C8 SMP-07")
{
	atomic_t nr = ATOMIC_INIT(0);

	NEEDS_CPUS();
	for (unsigned int i = 1; i <= NR_ROUNDS; i++) {
		smp_call_all(count, &nr);
		EXPECT_EQ(atomic_read(&nr), i * smp_nr_cpus());
	}
}

static void ask_all(void *arg)
{
	smp_call_all(count, arg);
}

/* Each waits with interrupts off for others that do the same. */
KTEST(smp, all_ask_all_at_once_and_each_gets_its_answers, "C8 SMP-07")
{
	unsigned int nr_cpus = smp_nr_cpus();
	atomic_t nr = ATOMIC_INIT(0);

	NEEDS_CPUS();
	for (unsigned int i = 1; i <= NR_ROUNDS; i++) {
		for (unsigned int cpu = 1; cpu < nr_cpus; cpu++)
			smp_call(cpu, ask_all, &nr);
		EXPECT_EQ(atomic_read(&nr), i * nr_cpus * (nr_cpus - 1));
	}
}

struct ring {
	uint32_t nr_ready, nr_wanted;
	atomic_t nr;
};

/* They begin together. */
static void meet_and_ask(void *arg)
{
	struct ring *ring = arg;

	(void)__atomic_add_fetch(&ring->nr_ready, 1, __ATOMIC_SEQ_CST);
	if (smp_cpu() == 0)
		return;
	while (__atomic_load_n(&ring->nr_ready, __ATOMIC_SEQ_CST) < ring->nr_wanted)
		__asm__ volatile("pause");
	smp_call((smp_cpu() % (smp_nr_cpus() - 1)) + 1, count, &ring->nr);
}

KTEST(smp, cpus_that_ask_each_other_in_a_ring_with_interrupts_off_get_on, "C8 SMP-07")
{
	NEEDS_CPUS();
	for (unsigned int i = 0; i < NR_ROUNDS; i++) {
		struct ring ring = {.nr_wanted = smp_nr_cpus(), .nr = ATOMIC_INIT(0)};

		smp_call_all(meet_and_ask, &ring);
		EXPECT_EQ(atomic_read(&ring.nr), smp_nr_cpus() - 1);
	}
}

KTEST(smp, who_asks_with_interrupts_off_has_them_off_afterwards_and_serves_meanwhile, "C8 SMP-07")
{
	atomic_t nr = ATOMIC_INIT(0);
	irqflags_t flags;

	NEEDS_CPUS();
	flags = irq_save();
	smp_call(1, ask_all, &nr); /* CPU 1 wants an answer of this one, too */
	EXPECT(irqs_disabled());
	irq_restore(flags);
	EXPECT_EQ(atomic_read(&nr), smp_nr_cpus());
}

/* --- locks --- */

static struct {
	struct spinlock lock;
	uint32_t nr; /* what it guards, added to in two steps */
	unsigned int order[SMP_CPUS_MAX], nr_served;
	bool is_held;
} queue = {.lock = SPINLOCK_INIT("queue")};

static void add_many(void *arg)
{
	for (uint32_t i = 0; i < *(uint32_t *)arg; i++) {
		uint32_t nr;

		raw_spin_lock(&queue.lock);
		nr = READ_ONCE(queue.nr);
		barrier();
		WRITE_ONCE(queue.nr, nr + 1);
		raw_spin_unlock(&queue.lock);
	}
}

KTEST(smp, what_a_lock_guards_loses_no_addition_of_any_cpu, "C8 SMP-10")
{
	uint32_t nr_each = NR_ROUNDS * 20;

	NEEDS_CPUS();
	queue.nr = 0;
	smp_call_all(add_many, &nr_each);
	EXPECT_EQ(queue.nr, nr_each * smp_nr_cpus());
	EXPECT_EQ(queue.lock.owner, 0);
}

static uint32_t nr_waiting(void)
{
	return READ_ONCE(queue.lock.owner) / LOCK_WAITER & 0xff;
}

/* CPU 1 holds it until all others wait, who come one after the other. */
static void line_up(void *unused)
{
	unsigned int cpu = smp_cpu(), nr_cpus = smp_nr_cpus();

	(void)unused;
	if (cpu == 0)
		return;
	while (cpu > 1 && (!READ_ONCE(queue.is_held) || nr_waiting() != nr_cpus - 1 - cpu))
		__asm__ volatile("pause");
	raw_spin_lock(&queue.lock);
	if (cpu == 1)
		WRITE_ONCE(queue.is_held, true);
	while (cpu == 1 && nr_waiting() != nr_cpus - 2)
		__asm__ volatile("pause");
	queue.order[queue.nr_served++] = cpu;
	raw_spin_unlock(&queue.lock);
}

KTEST(smp, a_lock_serves_those_who_wait_in_the_order_they_came, "C8 SMP-10")
{
	NEEDS_CPUS();
	for (unsigned int round = 0; round < 3; round++) {
		queue.nr_served = 0;
		queue.is_held = false;
		smp_call_all(line_up, NULL);
		REQUIRE(queue.nr_served == smp_nr_cpus() - 1);
		EXPECT_EQ(queue.order[0], 1);
		for (unsigned int i = 1; i < queue.nr_served; i++)
			EXPECT_EQ(queue.order[i], smp_nr_cpus() - i);
		EXPECT_EQ(queue.lock.owner, 0);
	}
}

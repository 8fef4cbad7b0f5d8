/* SPDX-License-Identifier: MIT */
/* Calls between CPUs. Each CPU has a slot for what it asks: the function, and two words with a bit for each CPU: `asked`, who
 * is to take it up, and `undone`, who is not through yet. Whoever takes a bit of the first runs the function, then clears
 * its bit of the second; so what serves in the midst of serving never takes up the same twice.
 *
 * FL1's two counts lie in a CPU's row: `flush_wanted` is anybody's, by locked addition, `flush_done` its own.
 *
 * State: smp.nr changes at boot only, after its CPU's row is filled. A slot's function is its owner's while `undone` is 0. */
#include <kernel/core/smp.h>

#include <kernel/arch/apic.h>
#include <kernel/arch/clock.h>
#include <kernel/arch/cpu.h>
#include <kernel/arch/irqflags.h>
#include <kernel/arch/mmu.h>
#include <kernel/core/panic.h>
#include <kernel/core/preempt.h>
#include <kernel/core/printk.h>
#include <kernel/core/softirq.h>
#include <kernel/lib/bug.h>

#define PATIENCE_MS 5000u /* before a word is said of who does not answer */

struct call {
	void (*fn)(void *arg);
	void *arg;
	uint32_t asked, undone; /* bit n: CPU n */
};

static struct {
	unsigned int nr;
	struct smp_row {
		__aligned(64) struct call call;
		uint32_t apic_id;
		uint32_t flush_wanted; /* how often others asked for one */
		uint32_t flush_done;   /* how many of these came before the last one began */
	} row[SMP_CPUS_MAX];
} smp = {.nr = 1};

static DEFINE_PERCPU(uint32_t, nr_served);

unsigned int smp_nr_cpus(void)
{
	return READ_ONCE(smp.nr);
}

void smp_set_first(uint32_t apic_id)
{
	smp.row[0].apic_id = apic_id;
}

void smp_add(uint32_t apic_id)
{
	smp.row[smp.nr].apic_id = apic_id;
	__atomic_store_n(&smp.nr, smp.nr + 1, __ATOMIC_RELEASE);
}

bool smp_info(unsigned int cpu, struct smp_info *info)
{
	if (cpu >= smp_nr_cpus())
		return false;
	*info = (struct smp_info){smp.row[cpu].apic_id, READ_ONCE(*per_cpu_ptr_of(nr_served, cpu))};
	return true;
}

/* Interrupts off. */
static void run_here(void (*fn)(void *arg), void *arg)
{
	this_cpu_add(preempt_count, HARDIRQ_OFFSET);
	fn(arg);
	this_cpu_add(preempt_count, -HARDIRQ_OFFSET);
}

/* Interrupts off. What others want of this CPU. */
static void serve(void)
{
	uint32_t bit = 1u << smp_cpu();

	for (unsigned int i = 0; i < SMP_CPUS_MAX; i++) {
		struct call *call = &smp.row[i].call;

		if (!(READ_ONCE(call->asked) & bit))
			continue;
		(void)__atomic_fetch_and(&call->asked, ~bit, __ATOMIC_ACQUIRE);
		this_cpu_add(nr_served, 1u);
		run_here(call->fn, call->arg);
		(void)__atomic_fetch_and(&call->undone, ~bit, __ATOMIC_RELEASE);
	}
}

/* What was raised meanwhile runs here, as behind any interrupt. */
void ipi_handle(void)
{
	smp_serve_flush();
	serve();
	softirq_run_pending();
}

/* SC2 */
static void wait_for(const struct call *call)
{
	uint64_t start = clock_now_ms();
	bool is_late = false;
	uint32_t undone;

	while ((undone = __atomic_load_n(&call->undone, __ATOMIC_ACQUIRE)) != 0) {
		irqflags_t flags = irq_save();

		serve();
		irq_restore(flags);
		smp_serve_flush();
		cpu_relax();
		if (!is_late && clock_now_ms() - start > PATIENCE_MS) {
			is_late = true;
			pr_warn("CPU %u waits for CPUs %#x, which have not answered for %u s", smp_cpu(),
				undone, PATIENCE_MS / 1000);
		}
	}
}

static void ask(uint32_t mask, void (*fn)(void *arg), void *arg)
{
	struct call *call = &smp.row[smp_cpu()].call;

	BUG_ON(call->undone || preempt_count() & SPIN_MASK); /* SC1, SC4 */
	call->fn = fn;
	call->arg = arg;
	call->undone = mask;
	__atomic_store_n(&call->asked, mask, __ATOMIC_RELEASE);
	for (unsigned int cpu = 0; cpu < smp_nr_cpus(); cpu++)
		if (mask >> cpu & 1)
			apic_send(smp.row[cpu].apic_id, IPI_VECTOR);
}

static void call_mask(uint32_t mask, void (*fn)(void *arg), void *arg)
{
	uint32_t others;
	irqflags_t flags;

	preempt_disable();
	others = mask & ~(1u << smp_cpu());
	if (others)
		ask(others, fn, arg);
	if (mask != others) {
		flags = irq_save();
		run_here(fn, arg);
		irq_restore(flags);
	}
	if (others)
		wait_for(&smp.row[smp_cpu()].call);
	preempt_enable();
}

void smp_call(unsigned int cpu, void (*fn)(void *arg), void *arg)
{
	BUG_ON(cpu >= smp_nr_cpus());
	call_mask(1u << cpu, fn, arg);
}

void smp_call_all(void (*fn)(void *arg), void *arg)
{
	call_mask((1u << smp_nr_cpus()) - 1, fn, arg);
}

/* --- flushes --- */

void smp_serve_flush(void)
{
	irqflags_t flags = irq_save();
	struct smp_row *row = &smp.row[smp_cpu()];
	uint32_t wanted = __atomic_load_n(&row->flush_wanted, __ATOMIC_ACQUIRE);

	if (wanted != row->flush_done) {
		mmu_flush_all();
		__atomic_store_n(&row->flush_done, wanted, __ATOMIC_RELEASE);
	}
	irq_restore(flags);
}

static void wait_for_flush(const struct smp_row *row, uint32_t wanted)
{
	uint64_t start = clock_now_ms();
	bool is_late = false;

	while ((int32_t)(__atomic_load_n(&row->flush_done, __ATOMIC_ACQUIRE) - wanted) < 0) {
		smp_serve_flush();
		cpu_relax();
		if (!is_late && clock_now_ms() - start > PATIENCE_MS) {
			is_late = true;
			pr_warn("CPU %u waits for CPU %u, which has not flushed for %u s", smp_cpu(),
				(unsigned int)(row - smp.row), PATIENCE_MS / 1000);
		}
	}
}

/* After a panic all others stand still. */
void smp_flush(uint32_t mask)
{
	uint32_t wanted[SMP_CPUS_MAX];

	if (panic_is_here())
		return;
	preempt_disable();
	mask &= ~(1u << smp_cpu());
	for (uint32_t left = mask; left; left &= left - 1) {
		unsigned int cpu = (unsigned int)__builtin_ctz(left);

		wanted[cpu] = __atomic_add_fetch(&smp.row[cpu].flush_wanted, 1, __ATOMIC_SEQ_CST);
		apic_send(smp.row[cpu].apic_id, IPI_VECTOR);
	}
	for (uint32_t left = mask; left; left &= left - 1) {
		unsigned int cpu = (unsigned int)__builtin_ctz(left);

		wait_for_flush(&smp.row[cpu], wanted[cpu]);
	}
	preempt_enable();
}

void smp_stop_others(void)
{
	for (unsigned int cpu = 0; cpu < smp_nr_cpus(); cpu++)
		if (cpu != smp_cpu())
			apic_send_nmi(smp.row[cpu].apic_id);
}

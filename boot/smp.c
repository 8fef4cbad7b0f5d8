/* SPDX-License-Identifier: MIT */
/* Application processors come up: each gets a place for its per-CPU data, which starts as CPU 0's did, a stack for double
 * faults at the end of it, above a page that is never mapped, and an idle thread, on whose stack it begins.
 *
 * AP1 One at a time. Who starts it and who is started agree by one exchange of `state` whether it has come.
 * AP2 What it runs before it says so may be __init; afterwards only what stays.
 * AP3 One that comes too late halts, and is told to wait for another start; its memory is never used again.
 *
 * Context: boot, one thread; ap_main() on the CPU that comes. */
#include <boot/smp.h>

#include <kernel/arch/apic.h>
#include <kernel/arch/clock.h>
#include <kernel/arch/cpu.h>
#include <kernel/arch/kmap.h>
#include <kernel/arch/mmu.h>
#include <kernel/arch/percpu.h>
#include <kernel/core/err.h>
#include <kernel/core/printk.h>
#include <kernel/core/smp.h>
#include <kernel/core/softirq.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <mm/early/memblock.h>
#include <mm/init.h>
#include <mm/pages/page_alloc.h>

#define INIT_US	    10000u /* between the steps, as the CPU's maker says */
#define STARTUP_US  200u
#define PATIENCE_US 2000000u /* an emulator may be busy with other things */

enum ap_state { AP_STARTING, AP_HERE, AP_GIVEN_UP };

/* The trampoline's last words, ap.asm knows them. */
struct ap_start {
	struct mmu_start mmu;
	uintptr_t sp;
	void (*entry)(unsigned int number);
	unsigned int number;
};

extern char ap_code[], ap_code_end[], ap_start[];
extern char __percpu_image[], __percpu_start[], __percpu_end[];

static struct {
	paddr_t page;	/* 0: none was to be had */
	uint32_t state; /* of the one that is being started */
} smp_boot;

void __init smp_reserve(void)
{
	const void *page = memblock_alloc(PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, BIOS_END);

	smp_boot.page = page ? (uintptr_t)page - MMU_DIRECT_MAP_BASE : 0;
	if (!page)
		pr_warn("no page below 1 MiB for other processors to begin in: one runs");
}

/* --- on the CPU that comes --- */

static bool state_change(uint32_t to)
{
	uint32_t from = AP_STARTING;

	return __atomic_compare_exchange_n(&smp_boot.state, &from, to, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

NORETURN static void ap_main(unsigned int number)
{
	cpu_join(number);
	softirq_join();
	if (!state_change(AP_HERE))
		cpu_halt();
	thread_idle();
}

/* --- on the CPU that is there --- */

static __init bool page_add(uintptr_t addr)
{
	unsigned long page, table;

	if (!mmu_has_table(addr)) {
		table = get_zeroed_page(GFP_KERNEL);
		if (!table)
			return false;
		mmu_set_table(addr, table - MMU_DIRECT_MAP_BASE);
	}
	if (mmu_is_mapped(addr))
		return true;
	page = __get_free_page(GFP_KERNEL);
	return page && mmu_map_page(addr, page - MMU_DIRECT_MAP_BASE, MMU_WRITE);
}

/* Result: is there memory for a CPU of that number? What was had for one stays for the next of that number. */
static __init bool unit_make(unsigned int number)
{
	uintptr_t start = MMU_PERCPU_START + number * MMU_PERCPU_UNIT;
	size_t size = (uintptr_t)__percpu_end - (uintptr_t)__percpu_start;
	struct thread *idle;

	for (size_t at = 0; at < size; at += PAGE_SIZE)
		if (!page_add(start + at))
			return false;
	if (!page_add(start + MMU_PERCPU_UNIT - PAGE_SIZE))
		return false;
	idle = thread_make_idle(number);
	if (!idle)
		return false;
	memcpy((void *)start, __percpu_image, size);
	*per_cpu_ptr_of(cpu_number, number) = number;
	*per_cpu_ptr_of(cpu_lock_id, number) = number + 1;
	*per_cpu_ptr_of(kmap_top, number) = KMAP_START + number * MMU_PERCPU_UNIT;
	mmu_windows_init(number);
	*per_cpu_ptr_of(current_thread, number) = idle;
	return true;
}

static __init void trampoline_set(bool is_ready)
{
	uintptr_t page = MMU_DIRECT_MAP_BASE + (uintptr_t)smp_boot.page;

	(void)!mmu_map_page(page, smp_boot.page, is_ready ? MMU_EXEC : MMU_WRITE);
	mmu_flush_page(page);
	smp_flush_others();
}

static __init void trampoline_fill(unsigned int number)
{
	char *page = (char *)(MMU_DIRECT_MAP_BASE + (uintptr_t)smp_boot.page);
	struct ap_start *start =
		(struct ap_start *)(void *)(page + ((uintptr_t)ap_start - (uintptr_t)ap_code));

	trampoline_set(false);
	memcpy(page, ap_code, (uintptr_t)ap_code_end - (uintptr_t)ap_code);
	mmu_start_fill(&start->mmu);
	start->sp = (*per_cpu_ptr_of(current_thread, number))->sp;
	start->entry = ap_main;
	start->number = number;
	trampoline_set(true);
}

static __init bool is_here_within(uint32_t us)
{
	uint64_t start = clock_now_us();

	while (READ_ONCE(smp_boot.state) != AP_HERE) {
		if (clock_now_us() - start > us)
			return false;
		cpu_relax();
	}
	return true;
}

/* Result: is it there? */
static __init bool cpu_start(uint32_t apic_id)
{
	smp_boot.state = AP_STARTING;
	apic_send_init(apic_id);
	(void)is_here_within(INIT_US);
	for (unsigned int i = 0; i < 2; i++) {
		apic_send_startup(apic_id, smp_boot.page);
		if (is_here_within(i ? PATIENCE_US : STARTUP_US))
			return true;
	}
	if (!state_change(AP_GIVEN_UP))
		return true;
	apic_send_init(apic_id);
	return false;
}

static __init void cpu_add(uint32_t apic_id)
{
	unsigned int number = smp_nr_cpus();

	if (!unit_make(number)) {
		pr_warn("no memory for the processor with APIC number %u: it is left out", apic_id);
		return;
	}
	trampoline_fill(number);
	if (cpu_start(apic_id))
		smp_add(apic_id);
	else
		pr_warn("the processor with APIC number %u did not come within %u s: it is left out", apic_id,
			PATIENCE_US / 1000000);
}

void __init smp_start(const struct acpi_cpus *cpus, unsigned int most)
{
	smp_set_first(apic_is_on() ? apic_id() : 0);
	if (!smp_boot.page)
		return;
	for (unsigned int i = 0; i < cpus->nr && smp_nr_cpus() < MIN(most, SMP_CPUS_MAX); i++)
		if (apic_is_on() && cpus->apic_id[i] != apic_id())
			cpu_add(cpus->apic_id[i]);
	trampoline_set(false);
	mm_free_reserved(smp_boot.page, smp_boot.page + PAGE_SIZE);
	if (smp_nr_cpus() > 1)
		pr_info("processors: %u run", smp_nr_cpus());
}

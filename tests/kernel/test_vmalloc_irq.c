/* SPDX-License-Identifier: MIT */
/* vmalloc where there are interrupts, other threads and fault reports. Guest only; the rest is in
 * test_vmalloc.c. */
#include <linux/vmalloc.h>

#include <kernel/arch/apic.h>
#include <kernel/arch/clock.h>
#include <kernel/core/address.h>
#include <kernel/core/err.h>
#include <kernel/core/irq.h>
#include <kernel/core/preempt.h>
#include <kernel/core/thread.h>
#include <kernel/core/wait.h>
#include <kernel/lib/string.h>
#include <tests/kernel/fault.h>
#include <tests/kernel/test_util.h>

#define VECTOR	((uint8_t)IRQ_VECTOR(APIC_TIMER_IRQ))
#define WAIT_MS 2000

static struct {
	void *area, *refused;
	size_t used; /* by others */
	volatile unsigned int nr;
	volatile uint32_t word;
	struct completion go, done;
} t;

static bool wait_until(bool (*is_true)(void))
{
	uint64_t end = clock_now_ms() + WAIT_MS;

	while (!is_true() && clock_now_ms() < end)
		msleep(1);
	return is_true();
}

static irqreturn_t free_in_irq(int irq, void *dev)
{
	(void)irq;
	(void)dev;
	t.refused = vmalloc(PAGE_SIZE);
	vfree(t.area);
	t.nr++;
	return IRQ_HANDLED;
}

static bool irq_came(void)
{
	return t.nr != 0;
}

static bool nothing_more_is_used(void)
{
	return vmalloc_used_bytes() == t.used;
}

KTEST(vmalloc, an_interrupt_may_vfree_which_a_thread_does_and_not_vmalloc, "VMA-07 C1 V1")
{
	MACHINE_STAYS_AS_FOUND();

	if (!apic_is_on())
		SKIP("the CPU has no local APIC");
	t.nr = 0;
	t.refused = &t;
	t.used = vmalloc_used_bytes();
	t.area = vmalloc(5 * PAGE_SIZE);
	REQUIRE(t.area && request_irq(APIC_TIMER_IRQ, free_in_irq, 0, "test", &t) == 0);
	reports_capture();
	context_forget_reports();
	apic_timer_oneshot(1000, VECTOR);
	EXPECT(wait_until(irq_came));
	EXPECT_NULL(t.refused);
	EXPECT(reports_contain("BUG: sleeping function called from invalid context at mm/mapped/vmalloc.c"));
	EXPECT(wait_until(nothing_more_is_used));
	vmalloc_purge();
	EXPECT(read_faults(t.area));
	free_irq(APIC_TIMER_IRQ, &t);
}

static int write_when_told(void *unused)
{
	(void)unused;
	wait_for_completion(&t.go);
	if (t.area)
		*(volatile uint32_t *)t.area = 0x600d;
	complete(&t.done);
	return 0;
}

static irqreturn_t read_in_irq(int irq, void *dev)
{
	(void)irq;
	(void)dev;
	t.word = *(volatile uint32_t *)t.area;
	t.nr++;
	return IRQ_HANDLED;
}

static void thread_writes_and_interrupt_reads(void)
{
	t.nr = 0;
	t.area = vmalloc_aligned(PAGE_SIZE, PORT_TABLE_SPAN, GFP_KERNEL); /* a page table nobody has seen */
	if (t.area)
		*(volatile uint32_t *)t.area = 0xbad;
	complete(&t.go);
	wait_for_completion(&t.done);
	REQUIRE(t.area);
	EXPECT_EQ(*(volatile uint32_t *)t.area, 0x600d);
	if (apic_is_on() && request_irq(APIC_TIMER_IRQ, read_in_irq, 0, "test", &t) == 0) {
		apic_timer_oneshot(1000, VECTOR);
		EXPECT(wait_until(irq_came));
		EXPECT_EQ(t.word, 0x600d);
		free_irq(APIC_TIMER_IRQ, &t);
	}
	vfree(t.area);
}

KTEST(vmalloc, a_new_page_table_is_seen_by_threads_that_were_there_before, "VMA-09 V1")
{
	struct thread *thread;

	vmalloc_purge();
	init_completion(&t.go);
	init_completion(&t.done);
	thread = kthread_run(write_when_told, NULL, "test");
	REQUIRE(!IS_ERR(thread));
	msleep(2);
	thread_writes_and_interrupt_reads();
	msleep(20); /* its stack goes back */
}

KTEST(vmalloc, a_fault_report_names_the_area, "VMA-01 VMA-02 V1")
{
	MACHINE_STAYS_AS_FOUND();
	char *p = vmalloc(65536), what[ADDRESS_PHRASE_MAX];

	REQUIRE(p);
	EXPECT(write_faults(p + 65536 + 12));
	EXPECT(address_describe((uintptr_t)p + 65536 + 12, what, sizeof(what)));
	EXPECT(strstr(what, "12 bytes past vmalloc area of 65536 bytes by t_vmalloc_a_fault") != NULL);
	vfree(p);
	EXPECT(address_describe((uintptr_t)p + 100, what, sizeof(what)));
	EXPECT(strstr(what, "offset 100 of freed vmalloc area of 65536 bytes by t_vmalloc_a_fau") != NULL);
}

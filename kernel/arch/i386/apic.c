/* SPDX-License-Identifier: MIT */
/* The local APIC, which each CPU sees through one uncached fixmap page. The 8259's interrupt request comes in at its pin
 * LINT0 and passes straight through ("virtual wire"); the timer divides the bus clock by one. State: is it
 * on. Registers are 32 bits wide, 16 bytes apart. */
#include <kernel/arch/apic.h>

#include <arch/interrupts.h>
#include <kernel/arch/cpu.h>
#include <kernel/arch/irqflags.h>
#include <kernel/arch/mmu.h>

#define MSR_APIC_BASE	0x1bu
#define BASE_ENABLED	(1u << 11)

#define REG_ID		0x020u
#define REG_TASK	0x080u /* priority */
#define REG_EOI		0x0b0u
#define REG_SPURIOUS	0x0f0u
#define REG_SEND	0x300u
#define REG_SEND_TO	0x310u
#define REG_LVT_TIMER	0x320u
#define REG_LVT_LINT0	0x350u
#define REG_LVT_LINT1	0x360u
#define REG_TIMER_START 0x380u
#define REG_TIMER_NOW	0x390u
#define REG_TIMER_DIV	0x3e0u

#define ID_SHIFT	24u
#define SEND_NMI	0x4400u /* asserted */
#define SEND_INIT	0x4500u
#define SEND_STARTUP	0x4600u
#define SEND_FIXED	0x4000u
#define SEND_PENDING	0x1000u
#define SEND_TURNS	100000u /* then it is lost: nobody shall hang here */
#define SOFTWARE_ON	0x100u
#define LVT_EXTINT	0x700u
#define LVT_NMI		0x400u
#define LVT_MASKED	0x10000u
#define DIVIDE_BY_1	0xbu

static struct {
	bool on;
} apic;

static inline volatile uint32_t *reg(uint32_t offset)
{
	return (volatile uint32_t *)(MMU_FIXMAP_APIC + offset);
}

static inline uint64_t read_msr(uint32_t msr)
{
	uint64_t value;

	__asm__ volatile("rdmsr" : "=A"(value) : "c"(msr));
	return value;
}

static inline void write_msr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" ::"A"(value), "c"(msr));
}

static __init void switch_on(uint32_t lint0, uint32_t lint1)
{
	*reg(REG_TASK) = 0;
	*reg(REG_SPURIOUS) = SOFTWARE_ON | VECTOR_SPURIOUS;
	*reg(REG_LVT_TIMER) = LVT_MASKED;
	*reg(REG_LVT_LINT0) = lint0;
	*reg(REG_LVT_LINT1) = lint1;
	*reg(REG_TIMER_DIV) = DIVIDE_BY_1;
}

bool __init apic_init(void)
{
	uint64_t base;

	if (!cpu_has_apic())
		return false;
	base = read_msr(MSR_APIC_BASE);
	if (!mmu_map_page(MMU_FIXMAP_APIC, base & ~(uint64_t)(PAGE_SIZE - 1), MMU_WRITE | MMU_UNCACHED))
		return false;
	write_msr(MSR_APIC_BASE, base | BASE_ENABLED);
	switch_on(LVT_EXTINT, LVT_NMI);
	apic.on = true;
	return true;
}

/* The board's lines go to CPU 0. */
void __init apic_join(void)
{
	write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | BASE_ENABLED);
	switch_on(LVT_MASKED, LVT_MASKED);
}

bool apic_is_on(void)
{
	return apic.on;
}

uint32_t apic_id(void)
{
	return *reg(REG_ID) >> ID_SHIFT;
}

/* Two registers, of which the second sends: nobody comes in between. */
static void send(uint32_t id, uint32_t what)
{
	irqflags_t flags = irq_save();

	for (unsigned int turn = 0; *reg(REG_SEND) & SEND_PENDING && turn < SEND_TURNS; turn++)
		cpu_relax();
	*reg(REG_SEND_TO) = id << ID_SHIFT;
	*reg(REG_SEND) = what;
	irq_restore(flags);
}

void apic_send(uint32_t id, uint8_t vector)
{
	send(id, SEND_FIXED | vector);
}

void apic_send_nmi(uint32_t id)
{
	send(id, SEND_NMI);
}

void apic_send_init(uint32_t id)
{
	send(id, SEND_INIT);
}

void apic_send_startup(uint32_t id, paddr_t page)
{
	send(id, SEND_STARTUP | (uint32_t)(page >> PAGE_SHIFT));
}

void apic_timer_oneshot(uint32_t ticks, uint8_t vector)
{
	*reg(REG_LVT_TIMER) = ticks ? vector : LVT_MASKED;
	*reg(REG_TIMER_START) = ticks;
}

uint32_t apic_timer_left(void)
{
	return *reg(REG_TIMER_NOW);
}

void apic_acknowledge(void)
{
	*reg(REG_EOI) = 0;
}

/* SPDX-License-Identifier: MIT */
/* The local APIC, seen through an uncached fixmap page. The 8259's interrupt request comes in at its pin
 * LINT0 and passes straight through ("virtual wire"); the timer divides the bus clock by one. State: is it
 * on. Registers are 32 bits wide, 16 bytes apart. */
#include <kernel/arch/apic.h>

#include <arch/interrupts.h>
#include <kernel/arch/cpu.h>
#include <kernel/arch/mmu.h>

#define MSR_APIC_BASE	0x1bu
#define BASE_ENABLED	(1u << 11)

#define REG_TASK	0x080u /* priority */
#define REG_EOI		0x0b0u
#define REG_SPURIOUS	0x0f0u
#define REG_LVT_TIMER	0x320u
#define REG_LVT_LINT0	0x350u
#define REG_LVT_LINT1	0x360u
#define REG_TIMER_START 0x380u
#define REG_TIMER_NOW	0x390u
#define REG_TIMER_DIV	0x3e0u

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

bool __init apic_init(void)
{
	uint64_t base;

	if (!cpu_has_apic())
		return false;
	base = read_msr(MSR_APIC_BASE);
	if (!mmu_map_page(MMU_FIXMAP_APIC, base & ~(uint64_t)(PAGE_SIZE - 1), MMU_WRITE | MMU_UNCACHED))
		return false;
	write_msr(MSR_APIC_BASE, base | BASE_ENABLED);
	*reg(REG_TASK) = 0;
	*reg(REG_SPURIOUS) = SOFTWARE_ON | VECTOR_SPURIOUS;
	*reg(REG_LVT_TIMER) = LVT_MASKED;
	*reg(REG_LVT_LINT0) = LVT_EXTINT;
	*reg(REG_LVT_LINT1) = LVT_NMI;
	*reg(REG_TIMER_DIV) = DIVIDE_BY_1;
	apic.on = true;
	return true;
}

bool apic_is_on(void)
{
	return apic.on;
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

/* SPDX-License-Identifier: MIT */
/* What this CPU can do, asked once, and its last instruction. */
#include <kernel/arch/cpu.h>

#include <arch/interrupts.h>
#include <arch/segments.h>
#include <kernel/arch/irqflags.h>
#include <kernel/arch/mmu.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>

#define FEATURE_APIC	    (1u << 9)  /* CPUID.1:EDX */
#define FEATURE_PGE	    (1u << 13) /* CPUID.1:EDX */
#define FEATURE_PSE36	    (1u << 17) /* CPUID.1:EDX */
#define FEATURE_NX	    (1u << 20) /* CPUID.80000001:EDX */
#define CPUID_EXTENDED	    0x80000000u
#define CPUID_BRAND	    0x80000002u
#define CPUID_ADDRESS_SIZES 0x80000008u

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

extern char boot_stack_top[], double_fault_stack_top[];

static struct {
	uint32_t features, extended_features;
	unsigned int physical_bits;
	char name[52];
} cpu = {.physical_bits = 36};

static struct cpuid cpuid(uint32_t leaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(0));
	return r;
}

static __init void read_vendor(void)
{
	struct cpuid r = cpuid(0);

	memcpy(cpu.name, &r.ebx, 4);
	memcpy(cpu.name + 4, &r.edx, 4);
	memcpy(cpu.name + 8, &r.ecx, 4);
}

static __init void read_brand(void)
{
	size_t lead = 0;

	for (uint32_t i = 0; i < 3; i++) {
		struct cpuid r = cpuid(CPUID_BRAND + i);

		memcpy(cpu.name + i * sizeof(r), &r, sizeof(r));
	}
	while (cpu.name[lead] == ' ')
		lead++;
	memmove(cpu.name, cpu.name + lead, sizeof(cpu.name) - lead);
}

void __init cpu_init(void)
{
	uint32_t max_extended = cpuid(CPUID_EXTENDED).eax;

	segments_init(0, (uintptr_t)boot_stack_top, (uintptr_t)double_fault_stack_top);
	cpu.features = cpuid(1).edx;
	/* Who does not say how many address bits it has: 36 with PSE-36, else no more than is certain. (PAE
	 * alone does not mean 36: emulated CPUs fault on the bits above 32.) */
	cpu.physical_bits = cpu.features & FEATURE_PSE36 ? 36 : 32;
	read_vendor();
	if (max_extended < CPUID_EXTENDED || max_extended > CPUID_EXTENDED + 0xffff)
		return; /* an old CPU answers with something else */
	if (max_extended > CPUID_EXTENDED)
		cpu.extended_features = cpuid(CPUID_EXTENDED + 1).edx;
	if (max_extended >= CPUID_BRAND + 2)
		read_brand();
	if (max_extended >= CPUID_ADDRESS_SIZES)
		cpu.physical_bits = MAX(32u, MIN(cpuid(CPUID_ADDRESS_SIZES).eax & 0xff, 52u));
}

void __init cpu_join(unsigned int number)
{
	uintptr_t base = number * MMU_PERCPU_UNIT;

	mmu_join();
	segments_init(base, 0, MMU_PERCPU_START + base + MMU_PERCPU_UNIT);
	trap_join();
	apic_join();
}

NORETURN void cpu_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

bool cpu_has_nx(void)
{
	return cpu.extended_features & FEATURE_NX;
}

bool cpu_has_pge(void)
{
	return cpu.features & FEATURE_PGE;
}

bool cpu_has_apic(void)
{
	return cpu.features & FEATURE_APIC;
}

unsigned int cpu_physical_bits(void)
{
	return cpu.physical_bits;
}

uint32_t cpu_apic_id(void)
{
	return cpuid(1).ebx >> 24;
}

const char *cpu_name(void)
{
	return cpu.name;
}

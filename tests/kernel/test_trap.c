/* SPDX-License-Identifier: MIT */
/* Exceptions that are provoked and survived, and the permissions of the kernel's own pages. The numbers are
 * the CPU's. */
#include <tests/ktest.h>

#include <kernel/arch/cpu.h>
#include <kernel/arch/irqflags.h>
#include <kernel/arch/mmu.h>
#include <kernel/arch/trap.h>
#include <kernel/core/thread.h>

extern char __text_start[], __rodata_start[], __data_start[], boot_stack_guard[], __init_text_start[];

static void divide_by_zero(void *arg)
{
	__asm__ volatile("divl %0" ::"r"(0), "a"(1), "d"(0));
	(void)arg;
}

static void invalid_opcode(void *arg)
{
	__asm__ volatile("ud2");
	(void)arg;
}

static void load_bad_segment(void *arg)
{
	__asm__ volatile("movl %0, %%fs" ::"r"(0x1230));
	(void)arg;
}

static void read_byte(void *arg)
{
	(void)*(volatile char *)arg;
}

static void write_byte(void *arg)
{
	*(volatile char *)arg = 1;
}

static void call_it(void *arg)
{
	((void (*)(void))arg)();
}

static void do_nothing(void *arg)
{
	(void)arg;
}

static NOINLINE unsigned int recurse(volatile unsigned int *depth)
{
	volatile char frame[256];

	frame[0] = (char)*depth;
	if (++*depth == 1000000)
		return 0;
	return recurse(depth) + (unsigned int)frame[0];
}

static void overflow_stack(void *arg)
{
	recurse(arg);
}

KTEST(trap, function_that_returns_did_not_trap, "D1")
{
	struct trap_info info = {.vector = 99};

	EXPECT(!trap_expect(do_nothing, NULL, &info));
	EXPECT_EQ(info.vector, 99);
}

KTEST(trap, divide_by_zero_is_vector_0, "D1")
{
	struct trap_info info;

	EXPECT(trap_expect(divide_by_zero, NULL, &info));
	EXPECT_EQ(info.vector, 0);
}

KTEST(trap, invalid_opcode_is_vector_6, "D1")
{
	struct trap_info info;

	EXPECT(trap_expect(invalid_opcode, NULL, &info));
	EXPECT_EQ(info.vector, 6);
	EXPECT_EQ(info.ip & ~15u, (uintptr_t)invalid_opcode & ~15u);
}

KTEST(trap, general_protection_fault_names_the_selector, "D1")
{
	struct trap_info info;

	EXPECT(trap_expect(load_bad_segment, NULL, &info));
	EXPECT_EQ(info.vector, 13);
	EXPECT_EQ(info.error_code, 0x1230);
}

KTEST(trap, page_fault_tells_reads_from_writes, "D1 K2")
{
	struct trap_info info;

	EXPECT(trap_expect(read_byte, (void *)0x10, &info));
	EXPECT_EQ(info.vector, 14);
	EXPECT_EQ(info.error_code, 0);
	EXPECT_EQ(info.fault_address, 0x10);
	EXPECT(trap_expect(write_byte, (void *)0xfffff123, &info));
	EXPECT_EQ(info.error_code, 2);
	EXPECT_EQ(info.fault_address, 0xfffff123);
}

KTEST(trap, text_and_rodata_cannot_be_written, "D1")
{
	struct trap_info info;

	EXPECT(trap_expect(write_byte, __text_start, &info));
	EXPECT_EQ(info.error_code, 3);
	EXPECT(trap_expect(write_byte, __rodata_start, &info));
	EXPECT_EQ(info.error_code, 3);
}

KTEST(trap, data_cannot_be_executed, "D1")
{
	struct trap_info info;

	if (!cpu_has_nx())
		SKIP("the CPU has no NX bit");
	EXPECT(trap_expect(call_it, __data_start, &info));
	EXPECT_EQ(info.vector, 14);
	EXPECT_EQ(info.error_code, 0x11);
	EXPECT(trap_expect(call_it, __init_text_start, &info));
	EXPECT_EQ(info.error_code, 0x11);
}

KTEST(trap, guard_page_is_not_there, "D1")
{
	struct trap_info info;

	EXPECT(trap_expect(read_byte, boot_stack_guard, &info));
	EXPECT_EQ(info.vector, 14);
	EXPECT_EQ(info.error_code, 0);
}

KTEST(trap, stack_overflow_is_caught_and_survived_twice, "D1")
{
	struct trap_info info;
	unsigned int depth = 0;

	for (int i = 0; i < 2; i++) {
		EXPECT(trap_expect(overflow_stack, &depth, &info));
		thread_forget_depth();
		EXPECT_EQ(info.vector, 8);
		EXPECT(info.stack_overflow);
	}
	EXPECT(depth > 50);
}

KTEST(trap, interrupt_flag_is_as_before, "D1")
{
	bool before = irqs_disabled();
	struct trap_info info;

	EXPECT(trap_expect(invalid_opcode, NULL, &info));
	EXPECT_EQ(irqs_disabled(), before);
}

/* SPDX-License-Identifier: MIT */
/* Per-CPU data and the counter of rewinds. */
#include <tests/ktest.h>

#include <kernel/arch/cpu.h>
#include <kernel/arch/mmu.h>
#include <kernel/arch/percpu.h>
#include <kernel/arch/rseq.h>
#include <kernel/core/preempt.h>
#include <kernel/core/thread.h>

struct pair {
	uint32_t a, b;
};

static DEFINE_PERCPU(uint32_t, test_number) = 7;
static DEFINE_PERCPU(struct pair, test_pair) = {1, 2};

extern char __percpu_start[], __percpu_end[];

static uint16_t fs_selector(void)
{
	uint16_t selector;

	__asm__("movw %%fs, %0" : "=r"(selector));
	return selector;
}

KTEST(percpu, variables_lie_in_their_section_and_start_with_their_value, "P7")
{
	EXPECT((char *)&percpu_test_number >= __percpu_start && (char *)&percpu_test_number < __percpu_end);
	EXPECT_EQ(this_cpu_read(test_number), 7);
}

KTEST(percpu, the_first_copy_lies_in_the_first_unit_and_is_never_executed, "C8 P7")
{
	struct mmu_mapping mapping;

	EXPECT_EQ((uintptr_t)__percpu_start, MMU_PERCPU_START);
	EXPECT(__percpu_end - __percpu_start < (long)MMU_PERCPU_UNIT);
	REQUIRE(mmu_lookup((uintptr_t)&percpu_test_number, &mapping));
	EXPECT(mapping.prot & MMU_WRITE && (!(mapping.prot & MMU_EXEC) || !cpu_has_nx()));
	EXPECT(!mmu_is_mapped((uintptr_t)__percpu_end) && !mmu_is_mapped(MMU_PERCPU_START - PAGE_SIZE));
}

KTEST(percpu, the_segment_is_one_of_its_own, "P7")
{
	EXPECT(fs_selector() == 0x38);
	EXPECT_EQ(this_cpu_read(cpu_base), 0);
}

KTEST(percpu, each_operation_does_what_it_says, "P7")
{
	this_cpu_write(test_number, 40u);
	this_cpu_add(test_number, 2);
	EXPECT_EQ(this_cpu_read(test_number), 42);
	this_cpu_or(test_number, 0x100u);
	EXPECT_EQ(this_cpu_read(test_number), 0x12a);
	this_cpu_and(test_number, 0xffu);
	EXPECT_EQ(this_cpu_exchange(test_number, 3u), 42);
	EXPECT(!this_cpu_add_is_zero(test_number, -2));
	EXPECT(this_cpu_add_is_zero(test_number, -1));
	this_cpu_write(test_number, 7u);
}

KTEST(percpu, a_pointer_reaches_the_copy_that_the_segment_reaches, "P7")
{
	struct pair *pair = this_cpu_ptr(test_pair);

	EXPECT_EQ(pair->b, 2);
	*this_cpu_ptr(test_number) = 9;
	EXPECT_EQ(this_cpu_read(test_number), 9);
	this_cpu_write(test_number, 7u);
}

KTEST(percpu, current_is_the_running_thread, "P7")
{
	EXPECT(this_cpu_read(current_thread) == current);
	EXPECT_EQ(current->state, TASK_RUNNING);
}

KTEST(percpu, no_interrupt_outside_a_sequence_rewinds, "C4")
{
	uint32_t before = rseq_nr_rewinds();

	msleep(20);
	EXPECT_EQ(rseq_nr_rewinds(), before);
}

/* SPDX-License-Identifier: MIT */
/* The sweep over a program's whole life, from spawn to the end of its wait: entry, faults, calls, exit; an interrupt comes at an
 * instruction, in ring 3 or in the kernel, and asks for memory, has another thread run, or kills the program. Boundaries lie
 * evenly: BOUNDED of them (suite sweep), or each STRIDE-th (sweep_full). Whatever comes of it, the machine is afterwards what it was. Guest only. */
#include <kernel/arch/cpu.h>
#include <kernel/arch/irqflags.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <linux/gfp.h>
#include <linux/slab.h>
#include <mm/pages/page_alloc.h>
#include <tests/kernel/programs.h>
#include <tests/kernel/settle.h>
#include <tests/kernel/step.h>
#include <user/call.h>

#define BOUNDED 100u
#define STRIDE	17u /* in full: a life is long */

enum habit { TAKES, PREEMPTS, KILLS, NR_HABITS };

static struct {
	const char *line;
	enum habit habit;
	int code;
	uint32_t nr_arrivals, nr_refused, nr_killed, nr_in_program;
} life;

static void take_and_give(void)
{
	struct page *page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);
	void *object = kmalloc(64, GFP_ATOMIC | __GFP_NOWARN);

	life.nr_refused += !page + !object;
	kfree(object);
	if (page)
		__free_page(page);
}

static irqreturn_t interrupt(int irq, void *dev)
{
	struct program_info first;

	(void)irq;
	(void)dev;
	life.nr_arrivals++;
	life.nr_in_program += step_arrival.ip < USER_END;
	take_and_give();
	if (life.habit == PREEMPTS)
		this_cpu_write(need_resched, 1u);
	if (life.habit == KILLS && programs_snapshot(&first, 1))
		life.nr_killed += program_kill(first.id, 0) == 0;
	return IRQ_HANDLED;
}

static void live(void)
{
	life.code = program_run(life.line);
}

/* Result: ticks of one life; instructions, where they are counted. */
static uint32_t measure_life(void)
{
	uint64_t start;

	live();
	step_quiet(true);
	start = cpu_cycles();
	live();
	start = cpu_cycles() - start;
	step_quiet(false);
	return (uint32_t)start;
}

static bool is_good_end(int wanted)
{
	return life.code == wanted || (life.habit == KILLS && life.code == EXIT_KILLED);
}

static void sweep_life(const char *line, int wanted, bool full)
{
	uint32_t ticks, stride, nr_runs = 0;
	size_t pages;

	life.line = line;
	ticks = measure_life();
	EXPECT_EQ(life.code, wanted);
	stride = full ? STRIDE : MAX(ticks / BOUNDED, 1u);
	settle_stacks();
	pages = programs_note();
	for (uint32_t boundary = stride / 2; boundary < ticks; boundary += stride)
		for (life.habit = 0; life.habit < NR_HABITS; life.habit++) {
			reports_capture();
			step_quiet(true);
			(void)step_oneshot(live, boundary);
			step_quiet(false);
			nr_runs++;
			EXPECT(is_good_end(wanted));
			EXPECT_EQ(reports_count_bugs(), 0);
			reports_forget();
			programs_expect_all_back(&pages);
		}
	expect_valid();
	ktest_note("%s: %u instructions, %u runs", line, ticks, nr_runs);
}

static void sweep_lives(bool full)
{
	const char *why_not = step_begin(interrupt);

	if (why_not)
		SKIP(why_not);
	life.nr_arrivals = life.nr_refused = life.nr_killed = life.nr_in_program = 0;
	sweep_life("spawn 0", 0, full);
	sweep_life("same spawn", 0, full);
	sweep_life("peek write 44", EXIT_KILLED, full);
	step_end();
	ktest_note("%u interrupts, %u in ring 3; %u killed; %u requests refused", life.nr_arrivals,
		   life.nr_in_program, life.nr_killed, life.nr_refused);
	EXPECT(life.nr_arrivals > 0 && life.nr_in_program > 0 && life.nr_killed > 0);
}

KTEST_BY_NAME(sweep, a_program_from_spawn_to_wait, "C4 R8 PRG-06")
{
	sweep_lives(false);
}

KTEST_BY_NAME(sweep_full, a_program_from_spawn_to_wait, "C4 R8 PRG-06")
{
	sweep_lives(true);
}

/* SPDX-License-Identifier: MIT */
/* panic(), failed assertions and WARN_ON. `depth` counts panics under way: the second one, from within the
 * first's own report, says its line without a backtrace; the third says nothing. Interrupts are off from the
 * first on, and other CPUs stand still. A trace starts at this file's own frame: its return address names the caller.
 *
 * The prompt that may follow expects its commands to trap (trap_expect()): a panic in one of them is none, and goes back to
 * it in silence. */
#include <kernel/core/panic.h>

#include <kernel/arch/cpu.h>
#include <kernel/arch/irqflags.h>
#include <kernel/arch/machine.h>
#include <kernel/arch/trap.h>
#include <kernel/core/backtrace.h>
#include <kernel/core/console.h>
#include <kernel/core/preempt.h>
#include <kernel/core/printk.h>
#include <kernel/core/smp.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/format.h>

#define PROMPT_STACK_BYTES 8192u
#define TEXT_MAX	   (PRINTK_MAX - 16)

static struct {
	enum panic_action action;
	uint32_t owner; /* number of the CPU + 1, or 0 */
	unsigned int depth;
	bool is_final; /* nobody expected it */
	bool is_at_prompt;
	uintptr_t eip, ebp; /* of the first panic */
	char text[2][TEXT_MAX];
	void (*prompt)(void);
	__aligned(16) char stack[PROMPT_STACK_BYTES];
} panic_state;

void panic_set_action(enum panic_action action)
{
	panic_state.action = action;
}

void panic_set_prompt(void (*prompt)(void))
{
	panic_state.prompt = prompt;
}

bool panic_is_at_prompt(void)
{
	return panic_state.is_at_prompt;
}

void panic_backtrace(void)
{
	backtrace_print(panic_state.eip, panic_state.ebp);
}

static void prompt_once(void)
{
	panic_state.prompt();
	for (;;)
		cpu_halt();
}

NOINLINE void panic_stop(void)
{
	if (panic_state.action == PANIC_EXIT)
		machine_exit(MACHINE_FAILED);
	if (panic_state.prompt && !panic_state.is_at_prompt) {
		panic_state.is_at_prompt = true;
		trap_continue_on(panic_state.stack, sizeof(panic_state.stack), prompt_once);
	}
	for (;;)
		cpu_halt();
}

bool panic_is_elsewhere(void)
{
	uint32_t owner = READ_ONCE(panic_state.owner);

	return owner && owner != smp_cpu() + 1;
}

bool panic_is_here(void)
{
	return panic_state.is_final && READ_ONCE(panic_state.owner) == smp_cpu() + 1;
}

/* One CPU at a time. Who waits here is stopped when the panic before was one that nobody expected. */
static void panic_claim(void)
{
	uint32_t nobody = 0;

	while (!__atomic_compare_exchange_n(&panic_state.owner, &nobody, smp_cpu() + 1, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED) &&
	       nobody != smp_cpu() + 1) {
		nobody = 0;
		cpu_relax();
	}
}

void panic_begin(void)
{
	panic_claim();
	panic_state.is_final = true;
	smp_stop_others();
	consoles_flush();
}

/* Somebody may expect this panic, and then it is none. Otherwise what is queued goes out first. */
static void expected_or_final(const char *text)
{
	panic_state.depth = 0;
	WRITE_ONCE(panic_state.owner, 0u);
	trap_panicked(text);
	panic_claim();
	panic_state.depth = 1;
	panic_begin();
}

static void print_place(void)
{
	char what[64], cpu[16] = "";

	if (smp_nr_cpus() > 1)
		(void)snprintf(cpu, sizeof(cpu), ", CPU %u", smp_cpu());
	pr_err("in thread %s, context: %s%s", current->name[0] ? current->name : "boot",
	       context_describe(what, sizeof(what)), cpu);
}

NORETURN void vpanic(uintptr_t eip, uintptr_t ebp, const char *fmt, va_list args)
{
	unsigned int depth;
	char *text;

	(void)irq_save();
	panic_claim();
	depth = panic_state.depth++;
	if (depth >= 2 && !panic_state.is_at_prompt)
		panic_stop();
	text = panic_state.text[MIN(depth, 1u)];
	(void)vsnprintf(text, TEXT_MAX, fmt, args);
	if (panic_state.is_at_prompt)
		trap_panicked(text);
	if (depth == 0)
		expected_or_final(text);
	pr_err(depth == 0 ? "PANIC: %s" : "PANIC in panic: %s", text);
	if (depth == 0) {
		print_place();
		panic_state.eip = eip;
		panic_state.ebp = ebp;
		panic_backtrace();
	}
	panic_stop();
}

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vpanic(0, (uintptr_t)__builtin_frame_address(0), fmt, args);
}

void panic_at(uintptr_t eip, uintptr_t ebp, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vpanic(eip, ebp, fmt, args);
}

void refuse_to_start(const char *reason)
{
	pr_err("Ashlar cannot start: %s", reason);
	machine_exit(MACHINE_REFUSED);
}

void assert_failed(const char *expr, const char *file, int line)
{
	panic_at(0, (uintptr_t)__builtin_frame_address(0), "%s:%d: assertion failed: %s", file, line, expr);
}

COLD void warn_on_print(const char *expr, const char *file, int line)
{
	pr_warn("WARNING: %s:%d: %s", file, line, expr);
	backtrace_print(0, (uintptr_t)__builtin_frame_address(0));
}

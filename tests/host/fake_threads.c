/* SPDX-License-Identifier: MIT */
/* Coroutines, and the search through their interleavings. A run is determined by its choices; the next run
 * repeats them up to the last that has an alternative left, and takes that.
 *
 * A coroutine is switched by host_switch(): it pushes the registers that a callee must keep and changes
 * stacks. Whoever sleeps picks who goes on and switches to it directly; the last one to end switches back to
 * the test. ASan is told of each switch. */
#include <tests/host/fake_threads.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mm/kit/kit.h>
#include <tests/host/host.h>
#include <tests/host/wrap.h>
#include <tests/ktest.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define __sanitizer_start_switch_fiber(save, bottom, size)   ((void)(save), (void)(bottom), (void)(size))
#define __sanitizer_finish_switch_fiber(saved, bottom, size) ((void)(saved), (void)(bottom), (void)(size))
#define __asan_unpoison_memory_region(start, size)	     ((void)(start), (void)(size))
#endif

#define STACK_BYTES ((size_t)128 << 10)
#define MAX_CHOICES 4000u
#define MAX_RUNS    3000000u
#define MAX_SLEEP   1000u /* ms: mm sleeps in short rounds */
#define TRAIL_LINES 60u
#define NEVER	    (~(uint64_t)0)

struct port_thread {
	struct kit_thread kit; /* first: one is the other's address */
	void *sp;
	char *stack;
	size_t stack_bytes;
	void *fake_stack; /* ASan's */
	void (*run)(void);
	bool is_asleep, has_ended, is_killed;
	uint64_t deadline_ms;
	char name[16];
};

struct choice {
	uint8_t taken, nr_options;
};

static struct {
	const struct host_scene *scene; /* NULL: none is played */
	struct port_thread thread[HOST_THREADS_MAX], test;
	unsigned int nr_threads;
	struct port_thread *current, *came_from;
	bool in_interrupt, interrupt_is_due, has_failed;
	bool is_quiet; /* no choices: an interrupt runs to its end, a check sees one state */
	unsigned int nr_diversions, max_diversions, nr_clock_jumps;
	struct choice choice[MAX_CHOICES];
	unsigned int nr_choices, nr_replayed; /* choices there are; those made in this run */
	char trail[TRAIL_LINES][96];
	unsigned int nr_trail;
} play;

void (*host_on_point)(const char *name);

/* --- switching --- */

void host_switch(void **save_sp, void *to_sp);

#ifdef __x86_64__
__asm__(".text\n.globl host_switch\nhost_switch:\n"
	"	push %rbp\n	push %rbx\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
	"	mov %rsp, (%rdi)\n	mov %rsi, %rsp\n"
	"	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbx\n	pop "
	"%rbp\n	ret\n");
#define NR_SAVED_REGISTERS 6
#elif defined(__i386__)
__asm__(".text\n.globl host_switch\nhost_switch:\n"
	"	mov 4(%esp), %eax\n	mov 8(%esp), %edx\n"
	"	push %ebp\n	push %ebx\n	push %esi\n	push %edi\n"
	"	mov %esp, (%eax)\n	mov %edx, %esp\n"
	"	pop %edi\n	pop %esi\n	pop %ebx\n	pop %ebp\n	ret\n");
#define NR_SAVED_REGISTERS 4
#else
#error "host_switch: expected x86, 32 or 64 bits"
#endif

/* The first time, an empty frame and a place to begin. */
static void *first_frame(struct port_thread *thread, void (*begin)(void))
{
	uintptr_t top = ((uintptr_t)thread->stack + STACK_BYTES) & ~(uintptr_t)15;
	void **sp = (void **)top;

	*--sp = NULL; /* begin() never returns; keeps the stack aligned as after a call */
	*--sp = (void *)(uintptr_t)begin;
	for (unsigned int i = 0; i < NR_SAVED_REGISTERS; i++)
		*--sp = NULL;
	return sp;
}

static void arrive(void)
{
	struct port_thread *from = play.came_from;
	const void *bottom;
	size_t bytes;

	__sanitizer_finish_switch_fiber(play.current->fake_stack, &bottom, &bytes);
#ifdef __SANITIZE_ADDRESS__
	if (from == &play.test) {
		play.test.stack = (char *)(uintptr_t)bottom;
		play.test.stack_bytes = bytes;
	}
#endif
	(void)from;
}

static void switch_to(struct port_thread *to)
{
	struct port_thread *from = play.current;

	if (to == from)
		return;
	play.came_from = from;
	play.current = to;
	__sanitizer_start_switch_fiber(from->has_ended ? NULL : &from->fake_stack, to->stack,
				       to->stack_bytes);
	host_switch(&from->sp, to->sp);
	arrive();
}

/* --- choices --- */

static void note_step(const char *fmt, ...) PRINTF(1, 2);
static void note_step(const char *fmt, ...)
{
	va_list args;

	if (play.nr_trail == TRAIL_LINES)
		return;
	va_start(args, fmt);
	vsnprintf(play.trail[play.nr_trail++], sizeof(play.trail[0]), fmt, args);
	va_end(args);
}

void host_scene_fail(const char *fmt, ...)
{
	char text[96];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	note_step("FAILED: %s", text);
	play.has_failed = true;
}

/* A line of diagnostics. Not ktest_note(): programs without the test frame link this file as well. */
static void say(const char *fmt, ...) PRINTF(1, 2);
static void say(const char *fmt, ...)
{
	char text[160];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ktest_write("    # ", 6);
	ktest_write(text, strlen(text));
	ktest_write("\n", 1);
}

static void print_trail(void)
{
	for (unsigned int i = 0; i < play.nr_trail; i++)
		say("  %s", play.trail[i]);
}

static unsigned int choose(unsigned int nr_options)
{
	struct choice *choice = &play.choice[play.nr_replayed];

	if (nr_options == 1)
		return 0;
	if (play.nr_replayed == MAX_CHOICES)
		host_abort("a run has no end:", play.scene->name);
	if (play.nr_replayed++ == play.nr_choices) {
		play.nr_choices++;
		*choice = (struct choice){.nr_options = (uint8_t)nr_options};
	}
	if (choice->nr_options != nr_options)
		host_abort("a run is not repeatable:", play.scene->name);
	return choice->taken;
}

/* Result: is there another run? */
static bool next_choices(void)
{
	while (play.nr_choices) {
		struct choice *last = &play.choice[play.nr_choices - 1];

		if (++last->taken < last->nr_options)
			return true;
		play.nr_choices--;
	}
	return false;
}

/* --- what can happen --- */

static bool is_ready(const struct port_thread *thread)
{
	return !thread->is_asleep && !thread->has_ended;
}

static void wake(struct port_thread *thread)
{
	thread->is_asleep = false;
	thread->deadline_ms = NEVER;
}

static uint64_t next_deadline(void)
{
	uint64_t next = NEVER;

	for (unsigned int n = 0; n < play.nr_threads; n++)
		if (play.thread[n].is_asleep && play.thread[n].deadline_ms < next)
			next = play.thread[n].deadline_ms;
	return next;
}

static void clock_jump_to(uint64_t ms)
{
	host_set_now_ms(ms);
	for (unsigned int n = 0; n < play.nr_threads; n++)
		if (play.thread[n].is_asleep && play.thread[n].deadline_ms <= ms)
			wake(&play.thread[n]);
}

static void run_interrupt(void)
{
	bool was_atomic = port_is_atomic();

	play.interrupt_is_due = false;
	play.in_interrupt = play.is_quiet = true;
	host_set_atomic(true);
	play.scene->interrupt();
	host_set_atomic(was_atomic);
	play.in_interrupt = play.is_quiet = false;
}

enum step { STEP_GO_ON, STEP_INTERRUPT, STEP_CLOCK, STEP_THREAD };

static void do_step(enum step step, const char *where)
{
	if (step == STEP_INTERRUPT) {
		note_step("%s at %s: interrupt", host_thread_name(), where);
		run_interrupt();
	} else if (step == STEP_CLOCK) {
		note_step("%s at %s: the clock jumps", host_thread_name(), where);
		play.nr_clock_jumps++;
		clock_jump_to(port_now_ms() + play.scene->clock_jump_ms);
	} else if (step >= STEP_THREAD) {
		struct port_thread *to = &play.thread[step - STEP_THREAD];

		note_step("%s at %s: %s runs", host_thread_name(), where, to->name);
		switch_to(to);
	}
}

static bool is_watched(const char *name)
{
	const char *const *watched = play.scene->points;

	while (*watched && strcmp(*watched, name) != 0)
		watched++;
	return *watched != NULL;
}

/* A scheduling point: interrupts are on. */
static void point(const char *name)
{
	uint8_t steps[2 + HOST_THREADS_MAX + 1] = {STEP_GO_ON};
	unsigned int nr = 1, taken;

	if (play.is_quiet || play.nr_diversions == play.max_diversions || !is_watched(name))
		return;
	if (play.interrupt_is_due)
		steps[nr++] = STEP_INTERRUPT;
	if (play.nr_clock_jumps < play.scene->nr_clock_jumps)
		steps[nr++] = STEP_CLOCK;
	for (unsigned int n = 0; n < play.nr_threads && !port_is_atomic(); n++)
		if (&play.thread[n] != play.current && is_ready(&play.thread[n]))
			steps[nr++] = (uint8_t)(STEP_THREAD + n);
	taken = choose(nr);
	play.nr_diversions += taken != 0;
	do_step((enum step)steps[taken], name);
}

static void check_at_rest(void)
{
	play.is_quiet = true;
	play.scene->at_rest();
	play.is_quiet = false;
}

/* The running thread cannot go on: somebody else does, or something happens. Returns when it is ready again
 * and chosen. */
static void pick_next(void)
{
	for (;;) {
		struct port_thread *ready[HOST_THREADS_MAX], *to;
		unsigned int nr = 0, nr_ended = 0;
		uint64_t deadline = next_deadline();

		for (unsigned int n = 0; n < play.nr_threads; n++) {
			nr_ended += play.thread[n].has_ended;
			if (is_ready(&play.thread[n]))
				ready[nr++] = &play.thread[n];
		}
		if (nr) {
			to = ready[choose(nr)];
			note_step("%s %s: %s runs", host_thread_name(),
				  play.current->has_ended ? "has ended" : "sleeps", to->name);
			switch_to(to);
			return;
		}
		check_at_rest();
		if (nr_ended == play.nr_threads && !play.interrupt_is_due) {
			switch_to(&play.test);
			return;
		}
		if (play.interrupt_is_due &&
		    (deadline == NEVER || play.scene->nr_clock_jumps == 0 || choose(2) == 0)) {
			do_step(STEP_INTERRUPT, "rest");
		} else if (deadline != NEVER) {
			note_step("all sleep: %llu ms pass", (unsigned long long)(deadline - port_now_ms()));
			clock_jump_to(deadline);
		} else {
			print_trail();
			host_abort("sleeps for ever:", play.scene->name);
		}
	}
}

/* --- mm/kit/kit.h, and what is around the kit's sleeping --- */

/* The coroutine that runs, or NULL: the only thread there is. */
static struct port_thread *running(void)
{
	return play.scene && play.current != &play.test ? play.current : NULL;
}

struct kit_thread *kit_current(void)
{
	struct port_thread *thread = running();

	return thread ? &thread->kit : &play.test.kit;
}

/* Threads that can go on have interrupts on. */
void kit_sleep(struct kit_thread *me, unsigned int timeout_ms)
{
	struct port_thread *thread = (struct port_thread *)me;

	if (!irqs_disabled() || thread != play.current)
		host_abort("goes to sleep as nobody may:", thread->name);
	thread->is_asleep = true;
	thread->deadline_ms = timeout_ms ? port_now_ms() + timeout_ms : NEVER;
	host_cpu.irqs_off = false;
	pick_next();
	host_cpu.irqs_off = true;
}

void kit_wake(struct kit_thread *thread)
{
	if (!irqs_disabled() || kit_cpu[port_cpu()].nr_held)
		host_abort("woken under a lock of mm's:", ((struct port_thread *)thread)->name);
	wake((struct port_thread *)thread);
}

static void (*on_park)(void);

void host_set_on_park(void (*fn)(void))
{
	on_park = fn;
}

static void about_to_park(const struct port_thread *thread)
{
	if (port_is_atomic() || irqs_disabled())
		host_scene_fail("%s sleeps where nobody may", thread->name);
	host_point("park");
}

void __wrap_port_park_for(unsigned int timeout_ms)
{
	const struct port_thread *thread = running();

	if (!thread) {
		host_set_now_ms(port_now_ms() + timeout_ms);
		if (on_park)
			on_park();
		return;
	}
	if (timeout_ms > MAX_SLEEP)
		host_scene_fail("%s goes to sleep for %u ms", thread->name, timeout_ms);
	about_to_park(thread);
	__real_port_park_for(timeout_ms);
}

void __wrap_port_park(void)
{
	if (running()) {
		about_to_park(running());
		__real_port_park();
		return;
	}
	if (!on_park)
		host_abort("nobody will ever wake", "the only thread");
	on_park();
}

void __wrap_port_unpark(struct port_thread *thread)
{
	__real_port_unpark(thread);
	if (thread != &play.test)
		host_point("unpark");
}

bool port_is_killed(void)
{
	return running() && play.current->is_killed;
}

const char *host_thread_name(void)
{
	if (!running())
		return "host";
	return play.in_interrupt ? "hard irq" : play.current->name;
}

/* --- the face to tests --- */

void host_thread_kill(unsigned int n)
{
	play.thread[n].is_killed = true;
	port_unpark(&play.thread[n]);
}

bool host_thread_sleeps(unsigned int n)
{
	return play.thread[n].is_asleep;
}

bool host_thread_has_ended(unsigned int n)
{
	return play.thread[n].has_ended;
}

static NORETURN void begin(void)
{
	arrive();
	play.current->run();
	play.current->has_ended = true;
	pick_next();
	host_abort("runs after its end:", play.current->name);
}

static void make_threads(void)
{
	play.nr_threads = 0;
	for (unsigned int n = 0; n < HOST_THREADS_MAX && play.scene->thread[n]; n++) {
		struct port_thread *thread = &play.thread[n];
		char *stack = thread->stack ? thread->stack : malloc(STACK_BYTES);

		if (!stack)
			host_abort("no memory for", "a coroutine");
		__asan_unpoison_memory_region(stack, STACK_BYTES);
		*thread = (struct port_thread){.stack = stack,
					       .stack_bytes = STACK_BYTES,
					       .run = play.scene->thread[n],
					       .deadline_ms = NEVER};
		snprintf(thread->name, sizeof(thread->name), "thread %u", n);
		thread->sp = first_frame(thread, begin);
		play.nr_threads++;
	}
}

static void free_threads(void)
{
	for (unsigned int n = 0; n < HOST_THREADS_MAX; n++) {
		free(play.thread[n].stack);
		play.thread[n].stack = NULL;
	}
}

/* From the test's own stack: the first to run is chosen as if somebody had just gone to sleep. */
static void play_once(void)
{
	play.current = &play.test;
	play.in_interrupt = play.is_quiet = play.has_failed = false;
	play.interrupt_is_due = play.scene->interrupt != NULL;
	play.nr_diversions = play.nr_clock_jumps = play.nr_replayed = play.nr_trail = 0;
	play.scene->setup();
	make_threads();
	host_on_point = point;
	pick_next();
	host_on_point = NULL;
	play.scene->finish();
}

bool host_try_all(const struct host_scene *scene)
{
	unsigned int nr_runs = 0;
	const char *bound = getenv("DIVERSIONS");

	play.scene = scene;
	play.max_diversions = bound ? (unsigned int)atoi(bound) : scene->max_diversions;
	play.nr_choices = 0;
	do {
		play_once();
		nr_runs++;
	} while (!play.has_failed && nr_runs < MAX_RUNS && next_choices());
	say("%s: %u interleavings with at most %u diversions%s", scene->name, nr_runs, play.max_diversions,
	    play.has_failed ? "; the last failed:" : "");
	if (play.has_failed)
		print_trail();
	play.scene = NULL;
	free_threads();
	return !play.has_failed && nr_runs < MAX_RUNS;
}

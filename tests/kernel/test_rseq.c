/* SPDX-License-Identifier: MIT */
/* The restartable sequences, with an interrupt at each boundary whose handler uses the same stack.
 *
 * Each works here on a stack of its own that holds numbered items, so that the outcome has an exact model:
 * stack, product and what the handler took are together what they were before, each once. The negative
 * control is a handler that takes back the rewind; then the model must be violated. */
#include <tests/ktest.h>

#include <kernel/arch/rseq.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/page.h>
#include <mm/port.h>
#include <tests/kernel/step.h>

#define NR_SLOTS     16u
#define NR_ON_STACK  6u
#define NR_ITEMS     10u /* those behind the first NR_ON_STACK are out, to be pushed */
#define NR_SEQUENCES 6u
#define MAX_BOUNDARY 64u

extern char __rseq_start[], __rseq_end[];

enum habit { HANDLER_POPS, HANDLER_PUSHES, HANDLER_POPS_AND_PUSHES, NR_HABITS };

static struct {
	struct kmem_cache cache; /* only its stack is used, as one of pages too */
	void *slots[NR_SLOTS];
	struct page items[NR_ITEMS]; /* items of object stacks are never looked at */
	unsigned int sequence;
	enum habit habit;
	bool undoes_rewind;
	void *product, *taken; /* by the code under test, by the handler */
	unsigned int nr_pushed, nr_interrupts;
	bool was_rewound;
} r;

static bool sequence_pops(void)
{
	return r.sequence < 2 || r.sequence > 3;
}

static bool sequence_has_pages(void)
{
	return r.sequence == 1 || r.sequence == 3;
}

static void *pop(void)
{
	return sequence_has_pages() ? page_pop(&r.cache.stack, GFP_NOWAIT) : object_pop(&r.cache, GFP_NOWAIT);
}

static void push(void *item)
{
	if (sequence_has_pages())
		page_push(item, &r.cache.stack);
	else
		object_push(item, &r.cache);
}

static void run_object_pop(void)
{
	r.product = object_pop(&r.cache, GFP_NOWAIT);
}

static void run_object_pop_kernel(void)
{
	r.product = object_pop_kernel(&r.cache);
}

static void run_object_pop_atomic(void)
{
	r.product = object_pop_atomic(&r.cache);
}

static void run_page_pop(void)
{
	r.product = page_pop(&r.cache.stack, GFP_NOWAIT);
}

static void run_object_push(void)
{
	object_push(&r.items[NR_ON_STACK], &r.cache);
}

static void run_page_push(void)
{
	page_push(&r.items[NR_ON_STACK], &r.cache.stack);
}

static void (*const sequences[NR_SEQUENCES])(void) = {run_object_pop,	     run_page_pop,
						      run_object_push,	     run_page_push,
						      run_object_pop_kernel, run_object_pop_atomic};
static const char *const sequence_names[NR_SEQUENCES] = {
	"object_pop", "page_pop", "object_push", "page_push", "object_pop_kernel", "object_pop_atomic"};

static irqreturn_t use_the_same_stack(int irq, void *dev)
{
	(void)irq;
	(void)dev;
	r.nr_interrupts++;
	r.was_rewound = *step_arrival.frame_ip != step_arrival.ip;
	if (r.undoes_rewind)
		*step_arrival.frame_ip = step_arrival.ip;
	if (r.habit != HANDLER_PUSHES)
		r.taken = pop();
	if (r.habit == HANDLER_PUSHES) {
		push(&r.items[NR_ON_STACK + 1]);
		r.nr_pushed++;
	}
	if (r.habit == HANDLER_POPS_AND_PUSHES) {
		push(r.taken);
		r.taken = NULL;
	}
	return IRQ_HANDLED;
}

static void reset(void)
{
	r.cache.stack = (struct pcpu_stack){.count = NR_ON_STACK, .limit = NR_SLOTS, .capacity = NR_SLOTS};
	for (unsigned int i = 0; i < NR_ITEMS; i++) {
		r.items[i].state = i < NR_ON_STACK ? PAGE_PERCPU : PAGE_ALLOCATED;
		if (i < NR_ON_STACK)
			r.slots[i] = &r.items[i];
	}
	r.product = r.taken = NULL;
	r.nr_pushed = r.nr_interrupts = 0;
	r.was_rewound = false;
}

/* --- the model --- */

static void note_item(unsigned int seen[NR_ITEMS], const void *item)
{
	for (unsigned int i = 0; i < NR_ITEMS; i++)
		seen[i] += item == &r.items[i];
}

/* On the stack or taken: each of the first ones, and what was pushed, exactly once; nothing else. */
static bool nothing_is_lost_or_doubled(void)
{
	unsigned int seen[NR_ITEMS] = {0};
	bool right = r.cache.stack.count <= NR_SLOTS && (!sequence_pops() || r.product);

	for (uint32_t i = 0; i < MIN(r.cache.stack.count, NR_SLOTS); i++)
		note_item(seen, r.slots[i]);
	note_item(seen, r.product);
	note_item(seen, r.taken);
	for (unsigned int i = 0; i < NR_ITEMS; i++) {
		bool is_in = i < NR_ON_STACK || (i == NR_ON_STACK && !sequence_pops()) ||
			     (i == NR_ON_STACK + 1 && r.nr_pushed);

		right &= seen[i] == is_in;
	}
	return right;
}

static bool states_are_right(void)
{
	bool right = true;

	if (!sequence_has_pages())
		return true;
	for (uint32_t i = 0; i < r.cache.stack.count; i++)
		right &= ((struct page *)r.slots[i])->state == PAGE_PERCPU;
	if (r.product)
		right &= ((struct page *)r.product)->state == PAGE_ALLOCATED;
	return right;
}

static bool is_before_commit(uint32_t ip)
{
	uint32_t offset = ip - (uint32_t)(uintptr_t)__rseq_start;

	return ip < (uintptr_t)__rseq_end && ip >= (uintptr_t)__rseq_start &&
	       offset % RSEQ_SLOT < RSEQ_COMMIT;
}

/* --- one sequence, all boundaries --- */

struct outcome {
	unsigned int nr_boundaries, nr_inside, nr_rewound, nr_wrong_rewinds, nr_corrupt, nr_missed;
};

static void try_boundary(uint32_t boundary, bool (*deliver)(void (*)(void), uint32_t), struct outcome *o)
{
	uint32_t before = rseq_nr_rewinds();
	bool came, inside;

	reset();
	step_quiet(true);
	came = deliver(sequences[r.sequence], boundary);
	step_quiet(false);
	inside = is_before_commit(step_arrival.ip);
	o->nr_boundaries++;
	o->nr_inside += inside;
	o->nr_rewound += rseq_nr_rewinds() - before;
	o->nr_missed += !came || r.nr_interrupts != 1;
	o->nr_wrong_rewinds += rseq_nr_rewinds() - before != inside;
	o->nr_corrupt += !nothing_is_lost_or_doubled() || !states_are_right();
}

static struct outcome try_all(enum habit habit, bool (*deliver)(void (*)(void), uint32_t))
{
	struct outcome o = {0};
	uint32_t nr;

	r.habit = habit;
	reset();
	step_quiet(true);
	nr = step_trace(sequences[r.sequence], NULL);
	step_quiet(false);
	for (uint32_t i = 0; i < MIN(nr, MAX_BOUNDARY); i++)
		try_boundary(i, deliver, &o);
	return o;
}

static void expect_rewound(bool (*deliver)(void (*)(void), uint32_t))
{
	for (r.sequence = 0; r.sequence < NR_SEQUENCES; r.sequence++)
		for (enum habit habit = 0; habit < NR_HABITS; habit++) {
			struct outcome o = try_all(habit, deliver);

			EXPECT_EQ(o.nr_missed, 0);
			EXPECT_EQ(o.nr_wrong_rewinds, 0);
			EXPECT_EQ(o.nr_corrupt, 0);
			EXPECT(o.nr_inside >= 4 && o.nr_inside < o.nr_boundaries);
			if (habit == HANDLER_POPS)
				ktest_note("%s: %u boundaries, %u before the commit, %u rewound",
					   sequence_names[r.sequence], o.nr_boundaries, o.nr_inside,
					   o.nr_rewound);
		}
}

KTEST(rseq, an_interrupt_rewinds_exactly_before_the_commit_and_nothing_is_lost, "C4")
{
	const char *why_not = step_begin(use_the_same_stack);

	if (why_not)
		SKIP(why_not);
	expect_rewound(step_inject);
	step_end();
}

KTEST(rseq, so_does_the_timer_of_the_apic_at_each_instruction, "C4")
{
	const char *why_not = step_begin(use_the_same_stack);

	if (why_not)
		SKIP(why_not);
	if (step_is_counting())
		expect_rewound(step_oneshot);
	else
		ktest_skip("no -icount shift=0,sleep=off");
	step_end();
}

/* Single-stepping, as a debugger does it, gets through each sequence with the right result. */
KTEST(rseq, exceptions_do_not_rewind, "C4")
{
	const char *why_not = step_begin(use_the_same_stack);
	uint32_t before = rseq_nr_rewinds();

	if (why_not)
		SKIP(why_not);
	for (r.sequence = 0; r.sequence < NR_SEQUENCES; r.sequence++) {
		uint32_t nr;

		reset();
		step_quiet(true);
		nr = step_trace(sequences[r.sequence], NULL);
		step_quiet(false);
		EXPECT(nr > 6 && nr < MAX_BOUNDARY);
		EXPECT(nothing_is_lost_or_doubled() && states_are_right());
		EXPECT_EQ(r.cache.stack.count, NR_ON_STACK + (sequence_pops() ? -1 : 1));
	}
	EXPECT_EQ(rseq_nr_rewinds(), before);
	step_end();
}

/* The checks above find it when the entry does not rewind. */
KTEST(rseq, without_the_rewind_each_sequence_is_found_corrupt, "C4")
{
	const char *why_not = step_begin(use_the_same_stack);

	if (why_not)
		SKIP(why_not);
	r.undoes_rewind = true;
	for (r.sequence = 0; r.sequence < NR_SEQUENCES; r.sequence++) {
		struct outcome o = try_all(sequence_pops() ? HANDLER_POPS : HANDLER_PUSHES, step_inject);

		EXPECT_EQ(o.nr_missed, 0);
		EXPECT(o.nr_corrupt > 0);
		ktest_note("%s: corrupt at %u of %u boundaries before the commit", sequence_names[r.sequence],
			   o.nr_corrupt, o.nr_inside);
	}
	r.undoes_rewind = false;
	step_end();
}

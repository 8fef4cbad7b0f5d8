/* SPDX-License-Identifier: MIT */
/* An interrupt at an instruction boundary of our choosing. Boundary i of a function lies in front of the
 * (i + 1)th instruction that runs from its call to its return, whatever it calls and whichever thread runs.
 *
 * Two ways to get there. Tracing: the CPU's single-step exception comes at each boundary; at the chosen one
 * its handler does not return but enters the interrupt's vector, as if the interrupt had come just then:
 * exact on every machine. The APIC: its timer is set so that it fires there: a true interrupt, exact when
 * QEMU counts instructions (`-icount shift=0,sleep=off`).
 *
 * ST1 Between step_begin() and step_end() the single-step and the APIC timer's vectors are ours: our entry
 *     notes where the interrupt came and goes on to the kernel's.
 * ST2 step_quiet(true) masks the tick and the serial line, so that nobody else comes in between.
 *
 * Context: one thread; guest only. */
#pragma once

#include <kernel/core/irq.h>
#include <kernel/lib/types.h>

#define STEP_MAX_BOUNDARIES 65536u

/* Where the last interrupt came, before the entry code did anything about it; the handler may read and, to
 * undo a rewind, change the frame's ip. */
struct step_arrival {
	uint32_t ip;
	uint32_t *frame_ip; /* the same on the interrupted stack, by now perhaps rewound */
	uint32_t boundary;  /* counted in ticks; right when is_counted */
	bool is_counted;
};
extern struct step_arrival step_arrival;

/* Connects `handler` to the APIC timer. Result: NULL, or why this machine cannot. */
const char *step_begin(irq_handler_t handler);
void step_end(void);

void step_quiet(bool quiet);

/* Does a tick of the time stamp counter last an instruction, and one of the APIC's as well? */
bool step_is_counting(void);

/* Single-steps through fn(). Result: its boundaries. In `may_interrupt` (STEP_MAX_BOUNDARIES bits, or NULL)
 * those are set at which an interrupt can come: not while they are off, nor right after sti. */
uint32_t step_trace(void (*fn)(void), uint8_t *may_interrupt);

/* Runs fn() with an interrupt at that boundary. Result: did it come? With the APIC it comes later, perhaps
 * after fn(), when they are off there; step_arrival tells. */
bool step_inject(void (*fn)(void), uint32_t boundary);
bool step_oneshot(void (*fn)(void), uint32_t boundary);

static inline bool step_bit(const uint8_t *bits, uint32_t i)
{
	return bits[i / 8] >> i % 8 & 1;
}

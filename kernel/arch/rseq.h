/* SPDX-License-Identifier: MIT */
/* Restartable sequences: short pieces of assembly that change per-CPU data without switching interrupts off.
 * An interrupt that finds one half done sets the interrupted code back to the sequence's start; what it did
 * so far must not have shown.
 *
 * Q1 A sequence lies in section .rseq, in slots of RSEQ_SLOT bytes, each aligned to its size. A slot's
 *    start is padding that leads to the entry.
 * Q2 Its only visible store, the commit, is the instruction that ends at offset RSEQ_COMMIT: interrupted
 *    below that offset it starts again, from there on it is done and goes on. A jump out of the slot before
 *    the commit gives the sequence up; nothing has happened.
 * Q3 Only the entry of a maskable interrupt from kernel code rewinds. Exceptions and NMI never do, so
 *    neither may use what sequences guard; registers a sequence was entered with are intact until its
 *    commit.
 *
 * Context of a sequence: any but exceptions and NMI. */
#pragma once

#include <kernel/arch/percpu.h>

#define RSEQ_SLOT   128
#define RSEQ_COMMIT 64

/* How many sequences this CPU has set back. */
static inline uint32_t rseq_nr_rewinds(void)
{
	return this_cpu_read(rseq_rewinds);
}

/* SPDX-License-Identifier: MIT */
/* The picture of memory: a cell for every so many pages, in the colour of who has most of them (mm/report/map.h), on
 * the terminal and, while things run, on the text screen; and as lines that programs read. Serves CONTRACT D8, D9.
 *
 * MA1 Looking takes no lock and allocates nothing, so it works after a panic and disturbs no allocator.
 * MA2 The live picture is drawn by a thread of its own, row by row, that sleeps four times as long as it drew (but
 *     0.4 s at most); so does the one that writes to the second serial line, after each look at all of memory. */
#pragma once

#include <kernel/lib/types.h>

/* In at most so many rows; letters in colours where a person looks. legend: what they mean, and how much each is. */
void map_print(unsigned int nr_rows, bool legend);

/* For programs, see tools/map-svg: lines that start with "map ". */
void map_dump(void);

/* The live picture, on the upper part of the screen. Result: is there a screen, and memory for the thread? Context: may
 * sleep. */
bool map_live_set(bool on);

/* What map_dump() says goes to the second serial line, now and each time that something changed. Result: is there such a
 * port, and memory for the thread? Context: may sleep. */
bool map_serial_start(void);

/* Nothing is drawn or written until resumed: what is measured has the CPU to itself. Nests not. */
void map_live_pause(bool pause);

/* SPDX-License-Identifier: MIT */
/* What the prompt holds: each thing that a command allocated has a handle, #1 on, and only what has one can be
 * freed, so that a slip of the finger cannot take memory from the kernel.
 *
 * H1 Handle n is in slot (n - 1) % NR_HANDLES or was freed; a slot in use is never given to another.
 *
 * Context of all: the monitor's thread alone. */
#pragma once

#include <kernel/lib/types.h>

#define NR_HANDLES 64u

struct page;

struct held {
	unsigned int number; /* 0: the slot is free */
	struct page *page;   /* of alloc, else NULL */
	unsigned int order;
	void *object; /* of kmalloc; of alloc: its address, NULL in high memory */
};

/* A slot with the next handle; NULL, and a message, when all are in use. */
struct held *held_new(const char *command);

/* Nothing was given out after all: the number is the next one's. */
void held_cancel(struct held *held);

/* What it stood for was freed. */
void held_forget(struct held *held);

/* The slot of a handle or of an address that a handle stands for; else NULL, and a message. */
struct held *held_find(const char *command, const char *word);

/* Slot i of NR_HANDLES, in use or not. */
const struct held *held_at(unsigned int i);

/* The address that a handle in use stands for; else a message. */
bool handle_to_address(const char *command, unsigned int number, uintptr_t *addr);

/* An address of the 32-bit address space, or the one behind a handle; else a message. */
bool word_to_address(const char *command, const char *word, uintptr_t *addr);

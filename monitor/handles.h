/* SPDX-License-Identifier: MIT */
/* What the prompt holds: each thing that a command allocated has a handle, #1 on, and only what has one can be
 * freed, so that a slip of the finger cannot take memory from the kernel.
 *
 * H1 Handle n is in slot (n - 1) % NR_HANDLES or was freed; a slot in use is never given to another.
 *
 * Context of all: the monitor's thread alone. */
#pragma once

#include <kernel/lib/types.h>
#include <mm/pages/gfp.h>

#define NR_HANDLES 64u

struct kmem_cache;
struct page;

/* By the call that gave it, which says how it goes back. */
enum held_kind {
	HELD_PAGES,
	HELD_OBJECT,
	HELD_AREA,
	HELD_DEVICE,
	HELD_WINDOW,
	HELD_CACHED,
	HELD_USER,
	NR_HELD_KINDS
};

struct held {
	unsigned int number; /* 0: the slot is free */
	enum held_kind kind;
	gfp_t gfp;
	unsigned int order;	  /* of pages */
	struct page *page;	  /* of pages, a window, a user page; else NULL */
	struct kmem_cache *cache; /* of an object from a cache */
	void *object;		  /* its address; NULL for high memory without a window */
};

/* A slot with the next handle; NULL, and a message, when all are in use. */
struct held *held_new(const char *command, enum held_kind kind);

/* Nothing was given out after all: the number is the next one's. */
void held_cancel(struct held *held);

/* Gives back what it stands for, and forgets it. */
void held_release(struct held *held);

/* The slot of a handle or of an address that a handle stands for; else NULL, and a message. */
struct held *held_find(const char *command, const char *word);

/* The same, of that kind only; another one gets a message that names the command to use. */
struct held *held_find_kind(const char *command, const char *word, enum held_kind kind);

/* The slot of the n-th handle in order of numbers, n from 0; NULL: there are no more. */
struct held *held_at(unsigned int n);

/* Is anything held of this cache? */
bool held_uses_cache(const struct kmem_cache *cache);

/* The command that gave a thing of that kind, and the one that takes it back. */
const char *held_giver(enum held_kind kind);
const char *held_taker(enum held_kind kind);

/* The address that a handle in use stands for; else a message. */
bool handle_to_address(const char *command, unsigned int number, uintptr_t *addr);

/* An address of the 32-bit address space, the one behind a handle, or a symbol's; else a message. */
bool word_to_address(const char *command, const char *word, uintptr_t *addr);

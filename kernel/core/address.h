/* SPDX-License-Identifier: MIT */
/* What lies at an address, in one phrase: for fault reports, and for people who ask (`whatis`). Whoever owns
 * a part of the kernel's gigabyte adds a describer for it; the first that knows the address answers. Serves
 * CONTRACT D1.
 *
 * A phrase reads well after "that is" and after "0xfe000000:", names the owner, has no capital and no full
 * stop: "in the guard page below the stack of thread init", "12 bytes past the vmalloc area of 65536 bytes by
 * f+0x12". */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

#define ADDRESS_PHRASE_MAX     224 /* bytes, with the NUL */
#define ADDRESS_MAX_DESCRIBERS 8

/* Writes the phrase for addr to buf, cut to size. Result: false when it knows nothing of this address, buf
 * then unchanged. Called in the middle of a fault, perhaps on another stack and under any lock: it takes no
 * lock, allocates nothing, does not sleep, and touches only what is mapped. Context: any. */
typedef bool (*address_describer_t)(uintptr_t addr, char *buf, size_t size);

/* Asked after those that were added before. Boot; more than ADDRESS_MAX_DESCRIBERS panic. */
void address_add_describer(address_describer_t describe);

/* Result: false when nobody knows the address; buf is then empty. Context: any. */
bool address_describe(uintptr_t addr, char *buf, size_t size);

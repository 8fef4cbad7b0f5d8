/* SPDX-License-Identifier: MIT */
/* The first 8237 of a PC: channels 0 to 3, bytes. It has 16 address bits and a page register with 8 more beside it, which
 * nothing carries into: so a transfer lies below 16 MiB and within 64 KiB. Serves CONTRACT P11.
 *
 * Lock: the chip's flip-flop is shared by all channels, so setting one up is done under a lock. Context of all functions: any.
 */
#pragma once

#include <linux/compiler.h>

#include <linux/types.h>

#define ISADMA_NR_CHANNELS 4u
#define ISADMA_END	   (16u << 20)

/* Lets the device on this channel move `size` bytes from or to that physical address, when it asks for them. Result: 0;
 * -EINVAL: no such channel, size 0, or an address the chip cannot make, and nothing changed. */
int isadma_start(unsigned int channel, uint64_t addr, size_t size, bool to_memory) MUST_CHECK;

/* No transfer any more. Result: bytes that were left. */
size_t isadma_stop(unsigned int channel);

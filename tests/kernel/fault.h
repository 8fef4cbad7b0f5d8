/* SPDX-License-Identifier: MIT */
/* Touching what must not be touched, and surviving it. Guest: fault.c. Host: tests/host/fake_fault.c. */
#pragma once

#include <kernel/lib/types.h>

/* Does a read of the byte, or a write to it, fault at that very address? The byte is changed by a write that
 * does not. */
bool read_faults(const void *addr);
bool write_faults(void *addr);

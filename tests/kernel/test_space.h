/* SPDX-License-Identifier: MIT */
/* What a program would read or write, and the CPU note of it, without one. Guest and host. */
#pragma once

#include <mm/aspace/aspace.h>
#include <tests/kernel/test_file.h>

/* The byte there, faulted in first. Result: -1: it would be killed. */
int space_read(struct aspace *aspace, uintptr_t addr);
bool space_write(struct aspace *aspace, uintptr_t addr, uint8_t byte);

/* Writes what mkswap does: the whole file is a swap disk. Result: true. */
bool fake_swap_sign(struct fake_file *disk);

/* SPDX-License-Identifier: MIT */
/* Port I/O. Inline, from <arch/io.h>: inb inw inl (port) and outb outw outl (port, value), in this order of
 * arguments. */
#pragma once

#include <arch/io.h>

/* SPDX-License-Identifier: MIT */
/* The inline half of the smallest port, docs/porting.md: one CPU, no threads, no high memory, no programs. A port_inline.h
 * that defines irqflags_t, irq_save(), irq_restore(), irqs_disabled() and port_direct_map() includes it at its end. */
#pragma once

#include <mm/kit/no_highmem.h>
#include <mm/kit/no_programs.h>
#include <mm/kit/no_threads.h>
#include <mm/kit/one_cpu.h>

#include <mm/kit/common.h>

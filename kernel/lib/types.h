/* SPDX-License-Identifier: MIT */
/* The integer types of the tree. A physical address never fits a pointer (PAE), so it has a type of its own.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t paddr_t; /* physical address, bytes */
typedef uint32_t pfn_t;	  /* physical page number: paddr_t >> PAGE_SHIFT */

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ul
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define KIB(n)	   ((n) << 10)
#define MIB(n)	   ((n) << 20)
#define GIB(n)	   ((uint64_t)(n) << 30)

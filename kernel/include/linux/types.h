/* SPDX-License-Identifier: MIT */
/* The books' names for integer types. */
#pragma once

#include <kernel/lib/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

typedef uint8_t __u8;
typedef uint16_t __u16;
typedef uint32_t __u32;
typedef uint64_t __u64;

typedef paddr_t phys_addr_t;
typedef long ssize_t;
typedef int64_t loff_t;

/* SPDX-License-Identifier: MIT */
/* Pointers that carry an error number: the last 4095 addresses are nobody's. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/types.h>

#define MAX_ERRNO 4095

static inline void *ERR_PTR(long error)
{
	return (void *)error;
}

static inline long PTR_ERR(const void *ptr)
{
	return (long)ptr;
}

static inline bool IS_ERR(const void *ptr)
{
	return unlikely((uintptr_t)ptr >= (uintptr_t)-MAX_ERRNO);
}

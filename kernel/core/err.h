/* SPDX-License-Identifier: MIT */
/* Error numbers, and pointers that carry one: the last 4095 addresses are nobody's. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

#define EINTR	  4
#define EIO	  5
#define EAGAIN	  11
#define ENOMEM	  12
#define EFAULT	  14
#define EBUSY	  16
#define ENODEV	  19
#define EINVAL	  22
#define ENOTTY	  25
#define EFBIG	  27
#define ENOSPC	  28
#define ETIMEDOUT 110

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

/* SPDX-License-Identifier: MIT */
/* Error numbers, and pointers that carry one: the last 4095 addresses are nobody's. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

#define EPERM	  1
#define ENOENT	  2
#define EINTR	  4
#define EIO	  5
#define ENXIO	  6
#define E2BIG	  7
#define EAGAIN	  11
#define ENOMEM	  12
#define EACCES	  13
#define EFAULT	  14
#define EBUSY	  16
#define EEXIST	  17
#define ENODEV	  19
#define EINVAL	  22
#define ENOTTY	  25
#define EFBIG	  27
#define ENOSPC	  28
#define ERANGE	  34
#define ENOSYS	  38
#define EOVERFLOW 75
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

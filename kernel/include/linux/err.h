/* SPDX-License-Identifier: MIT */
/* Error pointers, under the names the books use. */
#pragma once

#include <kernel/core/err.h>

#define IS_ERR_OR_NULL(ptr)  (!(ptr) || IS_ERR(ptr))
#define ERR_CAST(ptr)	     ((void *)(uintptr_t)(ptr))
#define PTR_ERR_OR_ZERO(ptr) (IS_ERR(ptr) ? (int)PTR_ERR(ptr) : 0)

/* SPDX-License-Identifier: MIT */
/* Elements in reserve, under the name the books use. */
#pragma once

#include <linux/slab.h>
#include <mm/objects/mempool.h>

/* The older one has the flags as a third argument. */
#define MEMPOOL_FOURTH(a, b, c, form, ...) form
#define mempool_resize(...)		   MEMPOOL_FOURTH(__VA_ARGS__, mempool_resize_gfp, (mempool_resize), )(__VA_ARGS__)

/* SPDX-License-Identifier: MIT */
/* Memory contiguous for the CPU only, under the name the books use. */
#pragma once

#include <linux/gfp.h>
#include <mm/mapped/vmalloc.h>

#define VMALLOC_START	   vmalloc_space.start
#define VMALLOC_END	   vmalloc_space.end
#define vmalloc_32(size)   (__vmalloc)(size, GFP_KERNEL) /* low memory lies below 4 GiB */
#define vmalloc_user(size) vzalloc(size)

/* SPDX-License-Identifier: MIT */
/* kmalloc and object caches under the name the books use; brings <linux/gfp.h>. */
#pragma once

#include <linux/cache.h>
#include <linux/gfp.h>
#include <linux/oldnames.h>
#include <linux/overflow.h>
#include <mm/mapped/vmalloc.h>
#include <mm/objects/kmalloc.h>
#include <mm/objects/slab.h>

#define ARCH_KMALLOC_MINALIGN SLAB_MIN_ALIGN
#define ARCH_SLAB_MINALIGN    SLAB_MIN_ALIGN
#define SLAB_ACCOUNT	      0u /* nothing is accounted */

/* The caller's place is in every report anyway. */
#define kmalloc_track_caller(size, gfp) kmalloc(size, gfp)

/* A cache of structs of one type, under the type's name. */
#define KMEM_CACHE(type, flags)                                                                              \
	(kmem_cache_create)(#type, sizeof(struct type), _Alignof(struct type), flags, NULL)

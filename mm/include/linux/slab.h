/* SPDX-License-Identifier: MIT */
/* kmalloc and object caches under the name the books use; brings <linux/gfp.h>. */
#pragma once

#include <linux/gfp.h>
#include <linux/oldnames.h>
#include <mm/objects/kmalloc.h>
#include <mm/objects/slab.h>

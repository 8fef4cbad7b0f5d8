/* SPDX-License-Identifier: MIT */
/* Memory and strings, and copies of them, under the name the books use. */
#pragma once

#include <kernel/lib/string.h>
#include <mm/objects/kmalloc.h>

/* All memory is alike here: a constant is copied too. */
#define kstrdup_const(s, gfp) kstrdup(s, gfp)
#define kfree_const(s)	      kfree(s)

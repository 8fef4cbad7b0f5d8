/* SPDX-License-Identifier: MIT */
/* Memory contiguous for the CPU only, under the name the books use. */
#pragma once

#include <linux/gfp.h>
#include <mm/mapped/vmalloc.h>

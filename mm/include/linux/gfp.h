/* SPDX-License-Identifier: MIT */
/* Pages and flags under the name the books use. */
#pragma once

#include <linux/numa.h>
#include <linux/oldnames.h>
#include <mm/pages/gfp.h>
#include <mm/pages/page_alloc.h>

#define GFP_HIGHUSER_MOVABLE GFP_HIGHUSER /* pages of programs are movable anyway */
#define GFP_TEMPORARY	     (GFP_KERNEL | __GFP_RECLAIMABLE)

/* Low memory lies below 4 GiB; nothing is accounted; the background reclaimer is woken in any case. */
#define __GFP_DMA32	     GFP_NOWAIT
#define GFP_DMA32	     GFP_NOWAIT
#define __GFP_ACCOUNT	     GFP_NOWAIT
#define GFP_KERNEL_ACCOUNT   GFP_KERNEL
#define __GFP_KSWAPD_RECLAIM GFP_NOWAIT

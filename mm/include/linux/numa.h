/* SPDX-License-Identifier: MIT */
/* Memory near a processor, under the names the books use: numa_node_id(), page_to_nid(), for_each_online_node(),
 * alloc_pages_node(), kmem_cache_alloc_node(), kmalloc_node() and kmalloc_array_node() come from the headers below.
 * Row G22. */
#pragma once

#include <mm/mapped/vmalloc.h>
#include <mm/objects/kmalloc.h>
#include <mm/pages/page_alloc.h>

#define kzalloc_node(size, gfp, node)		 kmalloc_node(size, (gfp) | __GFP_ZERO, node)
#define kcalloc_node(n, size, gfp, node)	 kmalloc_array_node(n, size, (gfp) | __GFP_ZERO, node)
#define kmem_cache_zalloc_node(cache, gfp, node) kmem_cache_alloc_node(cache, (gfp) | __GFP_ZERO, node)
#define vmalloc_node(size, node)		 __vmalloc(size, GFP_KERNEL | __GFP_HIGHMEM | __GFP_NODE(node))
#define vzalloc_node(size, node)		 __vmalloc(size, GFP_KERNEL | __GFP_HIGHMEM | __GFP_ZERO | __GFP_NODE(node))
#define kvmalloc_node(size, gfp, node)		 kvmalloc(size, (gfp) | __GFP_NODE(node))
#define kvzalloc_node(size, gfp, node)		 kvzalloc(size, (gfp) | __GFP_NODE(node))

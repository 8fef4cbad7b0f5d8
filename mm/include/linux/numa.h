/* SPDX-License-Identifier: MIT */
/* Memory near a processor, under the names the books use. There is one node: which one is asked for is looked at, not
 * honoured. Row G22. */
#pragma once

#include <mm/mapped/vmalloc.h>
#include <mm/objects/kmalloc.h>
#include <mm/pages/page_alloc.h>

#define NUMA_NO_NODE				 (-1)
#define numa_node_id()				 0

#define alloc_pages_node(node, gfp, order)	 ((void)(node), alloc_pages(gfp, order))
#define kmalloc_node(size, gfp, node)		 ((void)(node), kmalloc(size, gfp))
#define kzalloc_node(size, gfp, node)		 ((void)(node), kzalloc(size, gfp))
#define kmalloc_array_node(n, size, gfp, node)	 ((void)(node), kmalloc_array(n, size, gfp))
#define kcalloc_node(n, size, gfp, node)	 ((void)(node), kcalloc(n, size, gfp))
#define kmem_cache_alloc_node(cache, gfp, node)	 ((void)(node), kmem_cache_alloc(cache, gfp))
#define kmem_cache_zalloc_node(cache, gfp, node) ((void)(node), kmem_cache_zalloc(cache, gfp))
#define vmalloc_node(size, node)		 ((void)(node), vmalloc(size))
#define vzalloc_node(size, node)		 ((void)(node), vzalloc(size))
#define kvmalloc_node(size, gfp, node)		 ((void)(node), kvmalloc(size, gfp))
#define kvzalloc_node(size, gfp, node)		 ((void)(node), kvzalloc(size, gfp))

/* SPDX-License-Identifier: MIT */
/* Without a table of what calls ask for: to the checkers an object of kmalloc's is as large as its class. */
#include <mm/port.h>

void *object_pop_sized(struct kmem_cache *cache, gfp_t gfp, size_t size)
{
	(void)size;
	return gfp_has(gfp, __GFP_WAIT) ? object_pop_wait(cache, gfp) : object_pop(cache, gfp);
}

size_t port_size_of_call(const void *return_address)
{
	(void)return_address;
	return 0;
}

void port_index_sized_calls(void)
{
}

/* SPDX-License-Identifier: MIT */
/* The names of caches, for slab_cache.c and tests only. All functions: slab.lock held; the steps they take
 * grow with the logarithm of the number of caches. */
#pragma once

#include <mm/objects/slab_internal.h>

/* For cache->name_hash; needs no lock. */
uint32_t slab_name_hash(const char *name);

/* Forget all; the lock that those who call hold from now on. Context: boot. */
void slab_names_reset(const struct port_lock *lock);

/* The cache of that name, or NULL. */
struct kmem_cache *slab_name_find(const char *name);

/* name and name_hash are set. Result: false: a cache of that name is there already, and nothing was changed. */
bool slab_name_add(struct kmem_cache *cache);

/* Is it this very cache that bears its name? `cache` may be anything that can be read. */
bool slab_name_is_known(const struct kmem_cache *cache);

/* It is known. */
void slab_name_remove(struct kmem_cache *cache);

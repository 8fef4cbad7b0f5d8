/* SPDX-License-Identifier: MIT */
/* The names of caches: a tree by the bits of a name's hash, the highest first. A cache at depth d shares its
 * first d bits with all below it, so any cache that has none below may take its place. With 2000 caches a
 * name is found in about a dozen steps, and in no more than 32 unless two names have one hash.
 * Lock: slab.lock, the caller's. */
#include <mm/objects/slab_names.h>

#include <kernel/lib/assert.h>
#include <kernel/lib/string.h>

static struct kmem_cache *names_root;
static const struct port_lock *names_lock; /* (C) slab.lock */

uint32_t slab_name_hash(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash * 2654435769u; /* the last letters reach the highest bits */
}

static struct kmem_cache **next_place(struct kmem_cache *cache, uint32_t *hash)
{
	unsigned int bit = *hash >> 31;

	*hash <<= 1;
	return &cache->below[bit];
}

/* Where a cache of that name is, or would be. */
static struct kmem_cache **place_of_name(uint32_t hash, const char *name)
{
	struct kmem_cache **place = &names_root;
	uint32_t left = hash;

	ASSERT(port_lock_is_held(names_lock));
	while (*place && ((*place)->name_hash != hash || strcmp((*place)->name, name) != 0))
		place = next_place(*place, &left);
	return place;
}

/* Where that cache is; *result is NULL: in the tree is no such cache. Its name alone is looked at. */
static struct kmem_cache **place_of_cache(const struct kmem_cache *cache)
{
	struct kmem_cache **place = &names_root;
	uint32_t left = cache->name_hash;

	ASSERT(port_lock_is_held(names_lock));
	while (*place && *place != cache)
		place = next_place(*place, &left);
	return place;
}

void slab_names_reset(const struct port_lock *lock)
{
	names_lock = lock;
	names_root = NULL;
}

struct kmem_cache *slab_name_find(const char *name)
{
	return *place_of_name(slab_name_hash(name), name);
}

bool slab_name_add(struct kmem_cache *cache)
{
	struct kmem_cache **place = place_of_name(cache->name_hash, cache->name);

	if (*place)
		return false;
	cache->below[0] = cache->below[1] = NULL;
	*place = cache;
	ASSERT(*place_of_cache(cache) == cache);
	return true;
}

bool slab_name_is_known(const struct kmem_cache *cache)
{
	return *place_of_cache(cache) != NULL;
}

void slab_name_remove(struct kmem_cache *cache)
{
	struct kmem_cache **place = place_of_cache(cache), **lowest = place, *last;

	BUG_ON(!*place);
	while ((*lowest)->below[0] || (*lowest)->below[1])
		lowest = &(*lowest)->below[(*lowest)->below[0] == NULL];
	last = *lowest;
	*lowest = NULL;
	if (last == cache)
		return;
	last->below[0] = cache->below[0];
	last->below[1] = cache->below[1];
	*place = last;
}

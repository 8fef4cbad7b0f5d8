/* SPDX-License-Identifier: MIT */
/* kmalloc: memory by the byte. Serves CONTRACT K1-K7. <linux/slab.h> is its face.
 *
 * Classes: steps of 8 bytes up to 128, then four per doubling up to 16 KiB; above that exactly the pages
 * needed, up to KMALLOC_MAX_SIZE. A class of a power of two is aligned to its size. Each class exists twice:
 * for ordinary memory and for the DMA zone.
 */
#pragma once

#include <mm/objects/slab.h>

#define KMALLOC_MAX_SIZE       ((size_t)PAGE_SIZE << 10) /* 4 MiB: a block of MAX_PAGE_ORDER */
#define KMALLOC_MAX_CACHE_SIZE 16384u
#define KMALLOC_SMALL_MAX      128u
#define NR_KMALLOC_SMALL       16u
#define NR_KMALLOC_CLASSES     44u

/* What kmalloc(0) returns: may be freed, faults when touched. */
#define ZERO_SIZE_PTR	    ((void *)16)
#define ZERO_OR_NULL_PTR(p) ((uintptr_t)(p) <= (uintptr_t)ZERO_SIZE_PTR)

/* Class of 1 <= size <= KMALLOC_MAX_CACHE_SIZE. Above 128 the top three bits of size - 1 name it: the
 * doubling, and the quarter of the doubling. */
static ALWAYS_INLINE unsigned int kmalloc_class(size_t size)
{
	uint32_t last = (uint32_t)size - 1;
	unsigned int doubling;

	if (last < KMALLOC_SMALL_MAX)
		return last >> 3;
	doubling = 31u - (unsigned int)__builtin_clz(last);
	return NR_KMALLOC_SMALL + (doubling - 7) * 4 + (last >> (doubling - 2) & 3);
}

/* The cache of each class, [is DMA][class]: what the inline fast path asks. Before kmalloc_init() one that
 * refuses. (C) */
extern struct kmem_cache *kmalloc_caches[2][NR_KMALLOC_CLASSES];

/* What takes kmalloc's memory back: described below, named here for the analyzer. */
void kfree(const void *object);
void kfree_s(const void *object, size_t size);
void kfree_sensitive(const void *object);
void *krealloc(const void *object, size_t new_size, gfp_t gfp) MUST_CHECK;
#define KFREED FREED_BY(kfree, 1) FREED_BY(kfree_s, 1) FREED_BY(kfree_sensitive, 1) FREED_BY(krealloc, 1)

/* kmalloc for a size or flags that the compiler does not know. */
void *kmalloc_any(size_t size, gfp_t gfp) MUST_CHECK KFREED;

/* The whole of kmalloc, for callers that name theirs. */
void *kmalloc_slow(size_t size, gfp_t gfp, const void *caller) MUST_CHECK;

/* The same for a size alone that it does not know: the most common flags are not passed on. */
void *kmalloc_kernel(size_t size) MUST_CHECK KFREED;
void *kmalloc_atomic(size_t size) MUST_CHECK KFREED;

/* Physically contiguous memory of at least `size` bytes, aligned to 8, powers of two to their size; not
 * cleared. NULL when there is none. size > KMALLOC_MAX_SIZE and impossible flags: NULL at once with one
 * rate-limited warning (K7);
 * __GFP_HIGHMEM: one warning, then low memory (K6); 0: ZERO_SIZE_PTR.
 * Context: any with GFP_ATOMIC or GFP_NOWAIT; process context, no lock held, with __GFP_WAIT. Rows K1, K5. */
MUST_CHECK static ALWAYS_INLINE void *kmalloc(size_t size, gfp_t gfp)
{
	if (__builtin_constant_p(size) && size - 1 < KMALLOC_MAX_CACHE_SIZE && __builtin_constant_p(gfp) &&
	    !gfp_has(gfp, ~(GFP_OBJECT_BITS | __GFP_DMA)))
		return object_pop_sized(kmalloc_caches[gfp_has(gfp, __GFP_DMA)][kmalloc_class(size)], gfp,
					size);
	if (__builtin_constant_p(gfp) && gfp == GFP_KERNEL)
		return kmalloc_kernel(size);
	if (__builtin_constant_p(gfp) && gfp == GFP_ATOMIC)
		return kmalloc_atomic(size);
	return kmalloc_any(size, gfp);
}

void *kzalloc(size_t size, gfp_t gfp) MUST_CHECK KFREED;

/* The same from a node first (NUMA_NO_NODE: the CPU's own); with __GFP_THISNODE from no other. Row G22. */
void *kmalloc_node(size_t size, gfp_t gfp, int node) MUST_CHECK KFREED;
void *kmalloc_array_node(size_t n, size_t size, gfp_t gfp, int node) MUST_CHECK KFREED;

/* n * size bytes; NULL when the product overflows. Row K2. */
void *kmalloc_array(size_t n, size_t size, gfp_t gfp) MUST_CHECK KFREED;
void *kcalloc(size_t n, size_t size, gfp_t gfp) MUST_CHECK KFREED;

/* Gives memory back. NULL and ZERO_SIZE_PTR: nothing happens. What is no memory of kmalloc's, or lies inside an
 * object, is reported and left alone. A second free: above 16 KiB as well, until the pages are somebody's again;
 * of an object as kmem_cache_free() says. */
void kfree(const void *object);

/* The same by a caller who knows the size it asked for (0: it does not). A size of another class is reported,
 * and the object freed as what it is (K3). */
void kfree_s(const void *object, size_t size);

/* kfree that clears first (K4). */
void kfree_sensitive(const void *object);

/* Usable bytes of an object, 0 for NULL and ZERO_SIZE_PTR, 0 with a report for what is no object. */
size_t ksize(const void *object);

/* Resize, moving when the class changes, or to where __GFP_DMA wants it; contents up to the smaller size are
 * kept, what lies beyond a smaller size is lost. With __GFP_ZERO what is new is zeros: from the size asked for
 * last, by whatever call. One is not known: what kmalloc() without __GFP_ZERO was asked for, up to 16 KiB. All
 * ksize() bytes of such an object count as its owner's, and stay as they are; who wants zeros begins with
 * kzalloc(). NULL when there is no memory: the old object is untouched. krealloc(p, 0) frees and gives
 * ZERO_SIZE_PTR. */
void *krealloc(const void *object, size_t new_size, gfp_t gfp) MUST_CHECK;

/* The same for n * new_size bytes; NULL, and the old object untouched, when the product overflows. */
void *krealloc_array(void *object, size_t n, size_t new_size, gfp_t gfp) MUST_CHECK;

/* Copies of memory and of a string, of at most max characters of it, of so many with a NUL behind; NULL for NULL. */
void *kmemdup(const void *src, size_t size, gfp_t gfp) MUST_CHECK KFREED;
char *kstrdup(const char *s, gfp_t gfp) MUST_CHECK KFREED;
char *kstrndup(const char *s, size_t max, gfp_t gfp) MUST_CHECK KFREED;
char *kmemdup_nul(const char *s, size_t len, gfp_t gfp) MUST_CHECK KFREED;

/* Formatted text in memory of its own. args is walked twice. */
char *kasprintf(gfp_t gfp, const char *fmt, ...) PRINTF(2, 3) MUST_CHECK KFREED;
char *kvasprintf(gfp_t gfp, const char *fmt, va_list args) PRINTF(2, 0) MUST_CHECK KFREED;

/* Bytes kmalloc(size) really takes: the class, or whole pages. size <= KMALLOC_MAX_SIZE. */
size_t kmalloc_size_roundup(size_t size);

/* Is it one of kmalloc's caches? */
bool kmalloc_owns(const struct kmem_cache *cache);

/* From now on slow paths of kmalloc's caches know the size that was asked for. */
void kmalloc_note_sizes(void);

/* The size that a call to kmalloc, whose return address is `caller`, asked for, where nobody passed it on; of
 * another cache its objects' size. */
size_t kmalloc_size_of_call(const struct kmem_cache *cache, const void *caller);

/* Brings the classes up; called once by mm_init_allocators() after slab_init(). */
void kmalloc_init(void);

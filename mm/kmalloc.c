/* SPDX-License-Identifier: MIT */
/* kmalloc over the slab layer (up to 16 KiB) and over exact pages (above). Which of the two an address
 * belongs to is read off its page: slab_cache, or the flag PAGE_LARGE of a block's head. No lock of its own.
 */
#include <mm/kmalloc.h>

#include <kernel/lib/align.h>
#include <kernel/lib/bitops.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/slab_internal.h>

static struct kmem_cache caches[2][NR_KMALLOC_CLASSES]; /* [is DMA][class] */

/* --- size classes --- */

/* Class of 1 <= size <= KMALLOC_MAX_CACHE_SIZE. Above 128 the top three bits of size - 1 name it: the
 * doubling, and the quarter of the doubling. */
static inline unsigned int size_class(size_t size)
{
	uint32_t last = (uint32_t)size - 1;
	unsigned int doubling;

	if (last < KMALLOC_SMALL_MAX)
		return last >> 3;
	doubling = bit_highest(last);
	return NR_KMALLOC_SMALL + (doubling - 7) * 4 + (last >> (doubling - 2) & 3);
}

static uint32_t class_size(unsigned int class)
{
	unsigned int quarter = class - NR_KMALLOC_SMALL;

	if (class < NR_KMALLOC_SMALL)
		return (class + 1) * 8;
	return (5 + quarter % 4) << (5 + quarter / 4);
}

STATIC_ASSERT(NR_KMALLOC_CLASSES == NR_KMALLOC_SMALL + 4 * 7, "seven doublings from 128 to 16384");

size_t kmalloc_size_roundup(size_t size)
{
	if (size == 0)
		return 0;
	if (size > KMALLOC_MAX_CACHE_SIZE)
		return ALIGN_UP(size, PAGE_SIZE);
	return class_size(size_class(size));
}

void kmalloc_init(void)
{
	char name[CACHE_NAME_MAX];

	for (unsigned int dma = 0; dma < 2; dma++)
		for (unsigned int class = 0; class < NR_KMALLOC_CLASSES; class ++) {
			uint32_t size = class_size(class);

			snprintf(name, sizeof(name), "%skmalloc-%u", dma ? "dma-" : "", size);
			slab_cache_init(&caches[dma][class], name, size, 0, dma ? SLAB_CACHE_DMA : 0, NULL);
			caches[dma][class].built_in = true;
		}
}

/* --- allocation --- */

static COLD void *refuse(size_t size, gfp_t gfp, const void *caller, const char *why)
{
	static struct ratelimit limit;
	char flags[96], code[64];

	if (ratelimit_ok(&limit))
		port_print(PORT_WARN,
			   "%s: impossible kmalloc of %zu bytes by %s: %s (mode:%#x(%s)); the limit is %zu "
			   "bytes",
			   port_task_name(), size, port_code_name(caller, code, sizeof(code)), why,
			   (__force unsigned int)gfp, gfp_names(gfp, flags, sizeof(flags)), KMALLOC_MAX_SIZE);
	return NULL;
}

static gfp_t without_highmem(gfp_t gfp, const void *caller)
{
	static struct ratelimit limit;
	char code[64];

	if (ratelimit_ok(&limit))
		port_print(PORT_WARN,
			   "kmalloc with __GFP_HIGHMEM by %s: high memory has no address; served from low "
			   "memory",
			   port_code_name(caller, code, sizeof(code)));
	return gfp & ~__GFP_HIGHMEM;
}

static NOINLINE void *alloc_large(size_t size, gfp_t gfp, const void *caller)
{
	struct page *page;

	if (size > KMALLOC_MAX_SIZE)
		return refuse(size, gfp, caller, "too large");
	page = page_alloc_exact(DIV_ROUND_UP(size, PAGE_SIZE), gfp & ~__GFP_MOVABLE, PAGE_LARGE);
	return page ? page_address(page) : NULL;
}

/* Everything behind the public names, which pass on who called them. */
static void *kmalloc_for(size_t size, gfp_t gfp, const void *caller)
{
	if (unlikely(gfp_is_impossible(gfp)))
		return refuse(size, gfp, caller, gfp_why_impossible(gfp));
	if (unlikely(gfp_has(gfp, __GFP_HIGHMEM)))
		gfp = without_highmem(gfp, caller);
	if (unlikely(size == 0))
		return ZERO_SIZE_PTR;
	if (unlikely(size > KMALLOC_MAX_CACHE_SIZE))
		return alloc_large(size, gfp, caller);
	return slab_alloc(&caches[gfp_has(gfp, __GFP_DMA)][size_class(size)], gfp, caller);
}

void *kmalloc(size_t size, gfp_t gfp)
{
	return kmalloc_for(size, gfp, RETURN_ADDRESS());
}

void *kzalloc(size_t size, gfp_t gfp)
{
	return kmalloc_for(size, gfp | __GFP_ZERO, RETURN_ADDRESS());
}

void *kmalloc_array(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return kmalloc_for(bytes, gfp, RETURN_ADDRESS());
}

void *kcalloc(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return kmalloc_for(bytes, gfp | __GFP_ZERO, RETURN_ADDRESS());
}

/* --- freeing --- */

static COLD void report_no_object(const void *object, const void *caller, const char *doing)
{
	char state[96], code[64];

	if (virt_is_direct(object))
		page_describe(virt_to_page(object), state, sizeof(state));
	else
		snprintf(state, sizeof(state), "outside the direct map");
	port_print(PORT_ERR, "BUG: %s of %#lx by %s: no object starts there (page is %s); nothing changed",
		   doing, (unsigned long)object, port_code_name(caller, code, sizeof(code)), state);
}

static inline bool is_large(const struct page *page, const void *object)
{
	return page->state == PAGE_LARGE && IS_ALIGNED((uintptr_t)object, PAGE_SIZE);
}

static void kfree_for(const void *object, const void *caller)
{
	struct page *page;

	if (unlikely(ZERO_OR_NULL_PTR(object)))
		return;
	page = likely(virt_is_direct(object)) ? virt_to_page(object) : NULL;
	if (likely(page && page->slab_cache))
		slab_free(page->slab_cache, page, (void *)object, caller);
	else if (page && is_large(page, object))
		page_free_exact(page);
	else
		report_no_object(object, caller, "kfree");
}

void kfree(const void *object)
{
	kfree_for(object, RETURN_ADDRESS());
}

static size_t ksize_for(const void *object, const void *caller)
{
	struct page *page;

	if (ZERO_OR_NULL_PTR(object))
		return 0;
	page = virt_is_direct(object) ? virt_to_page(object) : NULL;
	if (page && page->slab_cache && !slab_why_bad_object(page->slab_cache, page->slab, object))
		return page->slab_cache->object_size;
	if (page && is_large(page, object))
		return page->private << PAGE_SHIFT;
	report_no_object(object, caller, "ksize");
	return 0;
}

size_t ksize(const void *object)
{
	return ksize_for(object, RETURN_ADDRESS());
}

void kfree_s(const void *object, size_t size)
{
	const void *caller = RETURN_ADDRESS();
	size_t usable;
	char code[64];

	if (size && !ZERO_OR_NULL_PTR(object)) {
		usable = ksize_for(object, caller);
		if (usable == 0)
			return;
		if (size > KMALLOC_MAX_SIZE || kmalloc_size_roundup(size) != usable)
			port_print(PORT_ERR,
				   "BUG: kfree_s of %#lx by %s with size %zu, but the object has %zu bytes; "
				   "freed as that",
				   (unsigned long)object, port_code_name(caller, code, sizeof(code)), size,
				   usable);
	}
	kfree_for(object, caller);
}

void kfree_sensitive(const void *object)
{
	const void *caller = RETURN_ADDRESS();
	size_t usable = ksize_for(object, caller);

	if (usable) {
		memset((void *)object, 0, usable);
		barrier();
		kfree_for(object, caller);
	}
}

/* --- copies --- */

void *krealloc(const void *object, size_t new_size, gfp_t gfp)
{
	const void *caller = RETURN_ADDRESS();
	size_t usable = ksize_for(object, caller);
	void *moved;

	if (!ZERO_OR_NULL_PTR(object) && usable == 0)
		return NULL;
	if (new_size == 0) {
		kfree_for(object, caller);
		return ZERO_SIZE_PTR;
	}
	if (usable && new_size <= KMALLOC_MAX_SIZE && kmalloc_size_roundup(new_size) == usable)
		return (void *)object;
	moved = kmalloc_for(new_size, gfp, caller);
	if (moved && usable) {
		memcpy(moved, object, MIN(usable, new_size));
		kfree_for(object, caller);
	}
	return moved;
}

void *kmemdup(const void *src, size_t size, gfp_t gfp)
{
	void *copy = src ? kmalloc_for(size, gfp, RETURN_ADDRESS()) : NULL;

	if (!ZERO_OR_NULL_PTR(copy))
		memcpy(copy, src, size);
	return copy;
}

char *kstrdup(const char *s, gfp_t gfp)
{
	size_t size = s ? strlen(s) + 1 : 0;
	char *copy = s ? kmalloc_for(size, gfp, RETURN_ADDRESS()) : NULL;

	if (copy)
		memcpy(copy, s, size);
	return copy;
}

/* SPDX-License-Identifier: MIT */
/* kmalloc over the slab layer (up to 16 KiB) and over exact pages (above). Which of the two an address
 * belongs to is read off its page: slab_cache, or the state PAGE_LARGE of a block's head. No lock of its own.
 *
 * What __GFP_ZERO of a krealloc must clear begins where the bytes asked for so far end, which nobody tells it:
 * K2 of a large object its page says (index); in an object of a class that kmalloc_slow() or krealloc() sized
 * zeros lie behind them. The fast path leaves no trace of a size: there all of ksize() counts as asked for. */
#include <mm/objects/kmalloc.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/bitops.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/objects/above.h>
#include <mm/objects/slab_debug.h>
#include <mm/objects/slab_internal.h>

static struct kmem_cache early_cache; /* of no objects: whoever comes before kmalloc_init() is told so */

struct kmem_cache *kmalloc_caches[2][NR_KMALLOC_CLASSES] = {
	[0 ... 1] = {[0 ... NR_KMALLOC_CLASSES - 1] = &early_cache},
};

/* --- size classes --- */

#define TABLED_SIZE 4096u

/* Sizes up to which a request whose size the compiler does not know is no more than a pop, from the table, and at
 * all. 0 while somebody must know the size: then each goes through kmalloc_slow(). */
static size_t tabled_size = TABLED_SIZE, popped_size = KMALLOC_MAX_CACHE_SIZE;

static struct {
	const char *start, *end; /* (C) of the memory that holds kmalloc's caches */
} kmalloc_memory;

/* The cache of sizes (i * 8, i * 8 + 8]: shorter than working out the class. (C) */
static struct kmem_cache *cache_of_size[TABLED_SIZE >> 3] = {[0 ...(TABLED_SIZE >> 3) - 1] = &early_cache};

static uint32_t class_size(unsigned int class)
{
	unsigned int quarter = class - NR_KMALLOC_SMALL;

	ASSERT(class < NR_KMALLOC_CLASSES);
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
	return class_size(kmalloc_class(size));
}

/* DMA memory is short, and nobody asks for it often. */
#define DMA_STACK_CAPACITY 4u

static uint32_t class_capacity(unsigned int dma, unsigned int class)
{
	return dma ? DMA_STACK_CAPACITY : slab_stack_capacity(class_size(class));
}

/* One piece of memory for all caches with their stacks; on a machine too small for that, without. */
static char *alloc_caches(bool *with_stacks)
{
	size_t bare = 2 * NR_KMALLOC_CLASSES * slab_cache_bytes(0), bytes = 0;
	char *memory;

	for (unsigned int class = 0; class < NR_KMALLOC_CLASSES; class ++)
		bytes += slab_cache_bytes(class_capacity(0, class)) +
			 slab_cache_bytes(class_capacity(1, class));
	memory = alloc_pages_exact(bytes, GFP_NOWAIT | __GFP_NOWARN);
	*with_stacks = memory != NULL;
	if (!memory)
		memory = alloc_pages_exact(bare, GFP_ATOMIC | __GFP_NOWARN);
	if (!memory)
		port_refuse("no memory for the caches of kmalloc, expected %zu bytes", bare);
	return memory;
}

/* K1; and who has whole cache lines of bytes has these lines alone, with notes between the objects, too. */
static uint32_t class_align(uint32_t size)
{
	if (IS_POWER_OF_2(size))
		return size;
	return size % CACHE_LINE_BYTES ? 0 : CACHE_LINE_BYTES;
}

static void init_class(unsigned int dma, unsigned int class, struct kmem_cache *cache, uint32_t slots)
{
	uint32_t size = class_size(class);
	char name[CACHE_NAME_MAX];

	snprintf(name, sizeof(name), "%skmalloc-%u", dma ? "dma-" : "", size);
	(void)slab_cache_init(cache, slots, name, size, class_align(size), dma ? SLAB_CACHE_DMA : 0, NULL);
	ASSERT(cache->object_size == size && kmalloc_class(size) == class); /* K1 */
	cache->built_in = true;
	kmalloc_caches[dma][class] = cache;
}

void kmalloc_init(void)
{
	bool with_stacks;
	char *memory = alloc_caches(&with_stacks);

	kmalloc_memory.start = memory;
	for (unsigned int dma = 0; dma < 2; dma++)
		for (unsigned int class = 0; class < NR_KMALLOC_CLASSES; class ++) {
			uint32_t slots = with_stacks ? class_capacity(dma, class) : 0;

			init_class(dma, class, (struct kmem_cache *)(void *)memory, slots);
			memory += slab_cache_bytes(slots);
		}
	for (unsigned int i = 0; i < ARRAY_SIZE(cache_of_size); i++)
		cache_of_size[i] = kmalloc_caches[0][kmalloc_class(i * 8 + 1)];
	ASSERT(cache_of_size[ARRAY_SIZE(cache_of_size) - 1]->object_size >= TABLED_SIZE); /* K1 */
	kmalloc_memory.end = memory;
	mm_watch_set(WATCH_EARLY, false);
}

bool kmalloc_owns(const struct kmem_cache *cache)
{
	return (const char *)cache >= kmalloc_memory.start && (const char *)cache < kmalloc_memory.end;
}

/* --- while the size matters --- */

void kmalloc_note_sizes(void)
{
	port_index_sized_calls();
	tabled_size = popped_size = 0;
}

size_t kmalloc_size_of_call(const struct kmem_cache *cache, const void *caller)
{
	size_t size = 0;

	if (kmalloc_owns(cache))
		size = port_size_of_call(caller);
	return size && size <= cache->object_size ? size : cache->object_size;
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

static NOINLINE void *alloc_large(size_t size, gfp_t gfp, const void *caller)
{
	struct page *page;

	if (size > KMALLOC_MAX_SIZE)
		return refuse(size, gfp, caller, "too large");
	page = page_alloc_exact(DIV_ROUND_UP(size, PAGE_SIZE), gfp & ~__GFP_MOVABLE, PAGE_LARGE, caller);
	if (!page)
		return NULL;
	ASSERT(page->private << PAGE_SHIFT >= size && !page->slab_cache && page->state == PAGE_LARGE);
	page->index = (uint32_t)size; /* K2 */
	return low_page_address(page);
}

/* K2 for an object of a class. */
static inline void clear_from(void *object, size_t from, size_t usable)
{
	ASSERT(from <= usable);
	memset((char *)object + from, 0, usable - from);
}

/* Every request that is more than a pop: impossible, large, cleared, from no zone kmalloc has. */
NOINLINE void *kmalloc_slow(size_t size, gfp_t gfp, const void *caller)
{
	struct kmem_cache *cache;
	void *object;

	if (gfp_is_impossible(gfp))
		return refuse(size, gfp, caller, gfp_why_impossible(gfp));
	gfp = page_want_address(gfp, caller);
	if (size == 0)
		return ZERO_SIZE_PTR;
	if (size > KMALLOC_MAX_CACHE_SIZE)
		return alloc_large(size, gfp, caller);
	cache = kmalloc_caches[gfp_has(gfp, __GFP_DMA)][kmalloc_class(size)];
	ASSERT(cache->object_size >= size || !cache->per_slab); /* K1; or it is too early, which is said */
	if (unlikely(mm_watch & WATCH_OBJECT))
		return slab_watch_alloc(cache, gfp_check_atomic(gfp), caller, size);
	object = likely(!gfp_names_node(gfp)) ? slab_pop_object(cache, gfp)
					      : slab_alloc_of_node(cache, gfp, caller);
	if (object)
		clear_from(object, gfp_has(gfp, __GFP_ZERO) ? 0 : size, kmalloc_size_roundup(size));
	return object;
}

/* The cache for a request that is no more than a pop, or NULL. */
static inline struct kmem_cache *plain_cache(size_t size)
{
	size_t last = size - 1;

	if (likely(last < tabled_size))
		return cache_of_size[last >> 3];
	return last < popped_size ? kmalloc_caches[0][kmalloc_class(size)] : NULL;
}

void *kmalloc_any(size_t size, gfp_t gfp)
{
	struct kmem_cache *cache = plain_cache(size);

	ASSERT(!cache || !cache->per_slab || cache->object_size >= size); /* K1 */
	if (unlikely(!cache || gfp_has(gfp, ~GFP_OBJECT_BITS)))
		return kmalloc_slow(size, gfp, RETURN_ADDRESS());
	return slab_pop_object(cache, gfp);
}

void *kmalloc_kernel(size_t size)
{
	size_t last = size - 1;

	if (likely(last < tabled_size))
		return slab_pop_object(cache_of_size[last >> 3], GFP_KERNEL);
	if (likely(last < popped_size))
		return slab_pop_object(kmalloc_caches[0][kmalloc_class(size)], GFP_KERNEL);
	return size > KMALLOC_MAX_CACHE_SIZE ? alloc_large(size, GFP_KERNEL, RETURN_ADDRESS())
					     : kmalloc_slow(size, GFP_KERNEL, RETURN_ADDRESS());
}

void *kmalloc_atomic(size_t size)
{
	size_t last = size - 1;

	if (likely(last < tabled_size))
		return object_pop_atomic(cache_of_size[last >> 3]);
	if (likely(last < popped_size))
		return object_pop_atomic(kmalloc_caches[0][kmalloc_class(size)]);
	return size > KMALLOC_MAX_CACHE_SIZE ? alloc_large(size, GFP_ATOMIC, RETURN_ADDRESS())
					     : kmalloc_slow(size, GFP_ATOMIC, RETURN_ADDRESS());
}

void *kzalloc(size_t size, gfp_t gfp)
{
	return kmalloc_slow(size, gfp | __GFP_ZERO, RETURN_ADDRESS());
}

void *kmalloc_node(size_t size, gfp_t gfp, int node)
{
	bool is_near = node == NUMA_NO_NODE || (unsigned int)node == numa_node_id();

	return kmalloc_slow(size, is_near ? gfp : gfp | __GFP_NODE(node), RETURN_ADDRESS());
}

void *kmalloc_array_node(size_t n, size_t size, gfp_t gfp, int node)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return kmalloc_slow(bytes, gfp | __GFP_NODE(node), RETURN_ADDRESS());
}

void *kmalloc_array(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return kmalloc_slow(bytes, gfp, RETURN_ADDRESS());
}

void *kcalloc(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return kmalloc_slow(bytes, gfp | __GFP_ZERO, RETURN_ADDRESS());
}

/* --- freeing --- */

static COLD void report_no_object(const void *object, const void *caller, const char *doing)
{
	char what[160], code[64];

	port_print(PORT_ERR, "BUG: %s of %#lx by %s: no object starts there (%s); nothing changed", doing,
		   (unsigned long)object, port_code_name(caller, code, sizeof(code)),
		   locate_phrase(object, what, sizeof(what)));
}

static inline bool is_large(const struct page *page, const void *object)
{
	return page->state == PAGE_LARGE && IS_ALIGNED((uintptr_t)object, PAGE_SIZE);
}

/* All that is not an object of a slab. */
static NOINLINE void kfree_slow_for(const void *object, const void *caller)
{
	struct page *page = virt_is_direct(object) ? virt_to_page(object) : NULL;

	if (likely(page && is_large(page, object)))
		page_free_exact(page);
	else if (is_guarded(object))
		guard_free(NULL, object, caller);
	else if (page && page->slab_cache)
		slab_report_bad_object(page->slab_cache, object, caller, "inside an object");
	else if (!ZERO_OR_NULL_PTR(object))
		report_no_object(object, caller, "kfree");
}

/* Reached by a tail jump, so that the return address is kfree's. */
static NOINLINE void kfree_slow(const void *object)
{
	kfree_slow_for(object, RETURN_ADDRESS());
}

/* Kept to the checks that are always on: the page is a slab's, the address starts an object; object_push sees
 * whether it is the one freed last. */
void kfree(const void *object)
{
	struct kmem_cache *cache;

	if (likely(port_has_descriptor(object))) {
		cache = virt_to_cache(object);
		if (likely(cache && object_is_whole(cache, object_offset(cache, (uintptr_t)object)))) {
			object_push((void *)object, cache);
			return;
		}
	}
	kfree_slow(object);
}

static bool is_live(const struct kmem_cache *cache, const struct page *slab, const void *object)
{
	return !slab_why_bad_object(cache, slab, object) && !slab_freed_last(cache, object) &&
	       (!cache_is_debugged(cache) || slab_debug_is_live(cache, object));
}

static size_t ksize_for(const void *object, const void *caller)
{
	struct page *page;

	if (ZERO_OR_NULL_PTR(object))
		return 0;
	if (is_guarded(object) && guard_usable(object))
		return guard_usable(object);
	page = virt_is_direct(object) ? virt_to_page(object) : NULL;
	if (page && page->slab_cache && is_live(page->slab_cache, page->slab, object))
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

/* The bytes of an object that hold what its owner wrote, as far as anybody knows (K2). */
static size_t bytes_asked_for(const void *object, size_t usable)
{
	const struct page *page;

	ASSERT(!usable || !ZERO_OR_NULL_PTR(object));
	if (is_guarded(object))
		return guard_asked_for(object);
	page = usable ? virt_to_page(object) : NULL;
	if (page && page->slab_cache)
		return slab_size_asked_for(page->slab_cache, object);
	return page && page->state == PAGE_LARGE ? page->index : usable;
}

/* What is its owner's: the slack too, unless it is a red zone. */
static size_t bytes_of_owner(const void *object, size_t usable)
{
	const struct kmem_cache *cache;

	if (is_guarded(object))
		return guard_asked_for(object);
	cache = virt_to_page(object)->slab_cache;
	ASSERT(!cache || usable == cache->object_size);
	return cache && cache->flags & SLAB_RED_ZONE ? slab_size_asked_for(cache, object) : usable;
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
	kfree(object);
}

void kfree_sensitive(const void *object)
{
	const void *caller = RETURN_ADDRESS();
	size_t usable = ksize_for(object, caller);

	if (usable) {
		memset((void *)object, 0, bytes_of_owner(object, usable));
		barrier();
		kfree(object);
	}
}

/* --- copies --- */

/* Of the same class, and where gfp wants it (G7)? A guarded object has the new size then. */
static bool may_stay(void *object, size_t usable, size_t new_size, gfp_t gfp, const void *caller)
{
	ASSERT(usable);
	if (new_size > KMALLOC_MAX_SIZE || kmalloc_size_roundup(new_size) != usable)
		return false;
	if (is_guarded(object))
		return !gfp_has(gfp, __GFP_DMA) && guard_resize(object, new_size, caller);
	return !gfp_has(gfp, __GFP_DMA) || zone_of_pfn(page_to_pfn(virt_to_page(object)))->id == ZONE_DMA;
}

static void note_size(void *object, size_t usable, size_t new_size, const void *caller)
{
	struct page *page = virt_to_page(object);

	ASSERT((page->slab_cache || page->state == PAGE_LARGE) && new_size <= usable); /* K2 */
	if (page->slab_cache && cache_is_debugged(page->slab_cache))
		slab_debug_resize(page->slab_cache, object, new_size, caller);
	else if (page->slab_cache)
		clear_from(object, new_size, usable);
	else
		page->index = (uint32_t)new_size;
}

static void *stay(void *object, size_t asked, size_t usable, size_t new_size, gfp_t gfp, const void *caller)
{
	ASSERT(new_size <= usable && asked <= usable); /* K2 */
	if (!is_guarded(object))
		note_size(object, usable, new_size, caller);
	if (new_size > asked && gfp_has(gfp, __GFP_ZERO))
		clear_from(object, asked, new_size);
	return object;
}

void *krealloc(const void *object, size_t new_size, gfp_t gfp)
{
	const void *caller = RETURN_ADDRESS();
	size_t usable = ksize_for(object, caller), asked = bytes_asked_for(object, usable);
	void *moved;

	ASSERT(asked <= usable); /* K2 */
	if (!ZERO_OR_NULL_PTR(object) && usable == 0)
		return NULL;
	if (new_size == 0) {
		kfree(object);
		return ZERO_SIZE_PTR;
	}
	if (usable && may_stay((void *)object, usable, new_size, gfp, caller))
		return stay((void *)object, asked, usable, new_size, gfp, caller);
	moved = kmalloc_slow(new_size, gfp, caller);
	if (moved && usable) {
		ASSERT(moved != object && !ZERO_OR_NULL_PTR(moved));
		memcpy(moved, object, MIN(asked, new_size));
		kfree(object);
	}
	return moved;
}

void *krealloc_array(void *object, size_t n, size_t new_size, gfp_t gfp)
{
	size_t bytes;

	return __builtin_mul_overflow(n, new_size, &bytes) ? NULL : krealloc(object, bytes, gfp);
}

void *kmemdup(const void *src, size_t size, gfp_t gfp)
{
	void *copy = src ? kmalloc_slow(size, gfp, RETURN_ADDRESS()) : NULL;

	if (!ZERO_OR_NULL_PTR(copy))
		memcpy(copy, src, size);
	return copy;
}

static char *text_copy(const char *s, size_t len, gfp_t gfp, const void *caller)
{
	char *copy = kmalloc_slow(len + 1, gfp, caller);

	if (copy) {
		memcpy(copy, s, len);
		copy[len] = '\0';
	}
	return copy;
}

char *kstrdup(const char *s, gfp_t gfp)
{
	return s ? text_copy(s, strlen(s), gfp, RETURN_ADDRESS()) : NULL;
}

char *kstrndup(const char *s, size_t max, gfp_t gfp)
{
	return s ? text_copy(s, strnlen(s, max), gfp, RETURN_ADDRESS()) : NULL;
}

char *kmemdup_nul(const char *s, size_t len, gfp_t gfp)
{
	return s ? text_copy(s, len, gfp, RETURN_ADDRESS()) : NULL;
}

static PRINTF(2, 0) char *text_print(gfp_t gfp, const char *fmt, va_list args, const void *caller)
{
	va_list again;
	size_t size;
	char *text;

	va_copy(again, args);
	size = (size_t)vsnprintf(NULL, 0, fmt, again) + 1;
	va_end(again);
	text = kmalloc_slow(size, gfp, caller);
	if (text)
		vsnprintf(text, size, fmt, args);
	return text;
}

char *kvasprintf(gfp_t gfp, const char *fmt, va_list args)
{
	return text_print(gfp, fmt, args, RETURN_ADDRESS());
}

char *kasprintf(gfp_t gfp, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = text_print(gfp, fmt, args, RETURN_ADDRESS());
	va_end(args);
	return text;
}

/* SPDX-License-Identifier: MIT */
/* What a test holds when a REQUIRE ends it because its request failed, as it was told to: given back by the frame, so
 * that what is left is what the called code lost. Included by test_util.h, last: the calls below note what they give
 * to a test's own code, while its requests fail. Caches and areas that are whole are found without that. */
#pragma once

#include <mm/objects/kmalloc.h>
#include <mm/objects/percpu.h>
#include <mm/pages/page_alloc.h>
#include <mm/pages/user_page.h>

/* From now on until held_give_back(), which gives back what was noted and is still out (mm/report/leak.h). */
void held_begin(void);
void held_give_back(void);

enum held_kind { HELD_OBJECT, HELD_PAGE, HELD_ADDRESS, HELD_PERCPU };

extern bool held_is_on;
void held_note_slow(enum held_kind kind, const void *what);

static inline void *note_held(enum held_kind kind, void *what)
{
	if (unlikely(held_is_on && what))
		held_note_slow(kind, what);
	return what;
}

#define HELD_OBJECT_OF(call)	   note_held(HELD_OBJECT, call)
#define HELD_ADDRESS_OF(call)	   ((unsigned long)note_held(HELD_ADDRESS, (void *)(call)))

#define kmalloc(...)		   HELD_OBJECT_OF((kmalloc)(__VA_ARGS__))
#define kzalloc(...)		   HELD_OBJECT_OF((kzalloc)(__VA_ARGS__))
#define kcalloc(...)		   HELD_OBJECT_OF((kcalloc)(__VA_ARGS__))
#define kmalloc_array(...)	   HELD_OBJECT_OF((kmalloc_array)(__VA_ARGS__))
#define krealloc(...)		   HELD_OBJECT_OF((krealloc)(__VA_ARGS__))
#define krealloc_array(...)	   HELD_OBJECT_OF((krealloc_array)(__VA_ARGS__))
#define kmemdup(...)		   HELD_OBJECT_OF((kmemdup)(__VA_ARGS__))
#define kmemdup_nul(...)	   ((char *)HELD_OBJECT_OF((kmemdup_nul)(__VA_ARGS__)))
#define kstrdup(...)		   ((char *)HELD_OBJECT_OF((kstrdup)(__VA_ARGS__)))
#define kstrndup(...)		   ((char *)HELD_OBJECT_OF((kstrndup)(__VA_ARGS__)))
#define kasprintf(...)		   ((char *)HELD_OBJECT_OF((kasprintf)(__VA_ARGS__)))
#define kmem_cache_alloc(...)	   HELD_OBJECT_OF((kmem_cache_alloc)(__VA_ARGS__))
#define kmem_cache_zalloc(...)	   HELD_OBJECT_OF((kmem_cache_zalloc)(__VA_ARGS__))
#define alloc_pages(...)	   ((struct page *)note_held(HELD_PAGE, (alloc_pages)(__VA_ARGS__)))
#define alloc_user_page()	   ((struct page *)note_held(HELD_PAGE, (alloc_user_page)()))
#define alloc_user_page_dirty(...) ((struct page *)note_held(HELD_PAGE, (alloc_user_page_dirty)(__VA_ARGS__)))
#define __get_free_pages(...)	   HELD_ADDRESS_OF((__get_free_pages)(__VA_ARGS__))
#define get_zeroed_page(...)	   HELD_ADDRESS_OF((get_zeroed_page)(__VA_ARGS__))
#define alloc_pages_exact(...)	   note_held(HELD_ADDRESS, (alloc_pages_exact)(__VA_ARGS__))
#define percpu_alloc(...)	   note_held(HELD_PERCPU, (percpu_alloc)(__VA_ARGS__))

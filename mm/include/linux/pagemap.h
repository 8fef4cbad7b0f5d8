/* SPDX-License-Identifier: MIT */
/* Pages of a page cache under the names the books use: one page each, held by references. What a file system is built of,
 * mappings, is ours. */
#pragma once

#include <linux/highmem.h>
#include <linux/mm.h>
#include <mm/cache/diskfile.h>
#include <mm/cache/pagecache.h>

#define PAGE_CACHE_SHIFT	 PAGE_SHIFT
#define PAGE_CACHE_SIZE		 PAGE_SIZE
#define PAGE_CACHE_MASK		 PAGE_MASK
#define PAGE_CACHE_ALIGN(addr)	 PAGE_ALIGN(addr)
#define page_cache_get(page)	 get_page(page)
#define page_cache_release(page) put_page(page)

/* SPDX-License-Identifier: MIT */
/* Windows on high memory. How many are taken is this CPU's and changes by one instruction; a window is
 * touched only by the context that took it, so an interrupt between any two of these instructions finds the
 * next one free and leaves it so. A page of low memory takes the short way in and the long way out. No lock.
 */
#include <mm/mapped/highmem.h>

#include <kernel/lib/assert.h>
#include <kernel/lib/string.h>

void *kmap_local_page(const struct page *page)
{
	pfn_t pfn = page_to_pfn(page);

	ASSERT(page_is_descriptor(page));
	if (pfn < lowmem_end_pfn)
		return port_direct_map() + ((size_t)pfn << PAGE_SHIFT);
	return port_kmap_push(pfn);
}

static COLD void unmap_no_window(const void *addr, const void *caller)
{
	char code[64];

	if (!virt_is_direct(addr) && !port_kmap_give(addr))
		port_print(
			PORT_ERR,
			"BUG: kunmap_local of %#lx by %s: expected the window mapped last; nothing changed",
			(unsigned long)addr, port_code_name(caller, code, sizeof(code)));
}

void kunmap_local(const void *addr)
{
	if (unlikely(!port_kmap_pop(addr)))
		unmap_no_window(addr, RETURN_ADDRESS());
}

void *kmap_atomic(const struct page *page)
{
	port_preempt_disable();
	return kmap_local_page(page);
}

void *kmap_atomic_numbered(const struct page *page, unsigned int number)
{
	void *window = NULL;

	ASSERT(page_is_descriptor(page));
	port_preempt_disable();
	if (page_to_pfn(page) >= lowmem_end_pfn && number < PORT_KMAP_NUMBERS)
		window = port_kmap_take(number, page_to_pfn(page));
	return window ? window : kmap_local_page(page);
}

void kunmap_atomic(const void *addr)
{
	kunmap_local(addr);
	port_preempt_enable();
}

void clear_highpage(const struct page *page)
{
	void *window = kmap_local_page(page);

	port_clear(window, PAGE_SIZE);
	kunmap_local(window);
}

void memcpy_to_page(const struct page *page, size_t offset, const void *src, size_t size_bytes)
{
	char *window = kmap_local_page(page);

	ASSERT(offset + size_bytes <= PAGE_SIZE);
	port_copy(window + offset, src, size_bytes);
	kunmap_local(window);
}

void memcpy_from_page(void *dst, const struct page *page, size_t offset, size_t size_bytes)
{
	const char *window = kmap_local_page(page);

	ASSERT(offset + size_bytes <= PAGE_SIZE);
	port_copy(dst, window + offset, size_bytes);
	kunmap_local(window);
}

void copy_highpage(const struct page *to, const struct page *from)
{
	char *dst = kmap_local_page(to);
	const char *src = kmap_local_page(from);

	ASSERT(to != from);
	port_copy(dst, src, PAGE_SIZE);
	kunmap_local(src);
	kunmap_local(dst);
}

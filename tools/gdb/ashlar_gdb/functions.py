# SPDX-License-Identifier: MIT
"""Convenience functions: what is inline in the kernel's headers, and names for its objects."""
import gdb

from . import commands, read, text as words


def pointer(type_name, address):
    return gdb.Value(address).cast(read.type_of(type_name).pointer())


address = read.number_of


class Function(gdb.Function):
    def __init__(self):
        super().__init__(self.name)


class Gfp(Function):
    """$gfp(FLAGS): allocation flags by name."""
    name = "gfp"

    def invoke(self, flags):
        return words.gfp_names(address(flags))


class VirtToPage(Function):
    """$virt_to_page(ADDRESS): the descriptor of a page of the direct map."""
    name = "virt_to_page"

    def invoke(self, virtual):
        if not read.is_direct(address(virtual)):
            raise commands.expected("an address of the direct map", hex(address(virtual)))
        return PfnToPage.of(address(virtual) - read.DIRECT_MAP >> read.PAGE_SHIFT)


class PfnToPage(Function):
    """$pfn_to_page(NUMBER): the descriptor of a page."""
    name = "pfn_to_page"

    @staticmethod
    def of(pfn):
        return read.variable("mem_map") + pfn

    def invoke(self, pfn):
        return self.of(int(pfn))


class PageToPfn(Function):
    """$page_to_pfn(PAGE): the number of a page."""
    name = "page_to_pfn"

    def invoke(self, page):
        return (address(page) - int(read.variable("mem_map"))) // read.type_of("struct page").sizeof


class PageAddress(Function):
    """$page_address(PAGE): its address in the direct map; 0 for high memory."""
    name = "page_address"

    def invoke(self, page):
        pfn = (address(page) - int(read.variable("mem_map"))) // read.type_of("struct page").sizeof
        low = pfn < int(read.variable("lowmem_end_pfn"))
        return pointer("void", read.DIRECT_MAP + (pfn << read.PAGE_SHIFT) if low else 0)


class PageHead(Function):
    """$page_head(PAGE): the head of the block it lies in, or 0."""
    name = "page_head"

    def invoke(self, page):
        head = read.pages().find_head(read.pages().pfn_of(address(page)))
        return pointer("struct page", 0) if head is None else PfnToPage.of(head)


class PageZone(Function):
    """$page_zone(PAGE): its zone."""
    name = "page_zone"

    def invoke(self, page):
        zone = read.zone_of_pfn(read.pages().pfn_of(address(page)))
        return zone.address if zone else pointer("struct zone", 0)


class VirtToPhys(Function):
    """$virt_to_phys(ADDRESS): where any kernel address is mapped to."""
    name = "virt_to_phys"

    def invoke(self, virtual):
        mapping = read.page_entry(address(virtual))
        if mapping is None:
            raise gdb.GdbError(f"{address(virtual):#x} is not mapped")
        return mapping[0]


class VirtToCache(Function):
    """$virt_to_cache(ADDRESS): the cache of the slab it lies in, or 0."""
    name = "virt_to_cache"

    def invoke(self, virtual):
        return VirtToPage().invoke(virtual)["slab_cache"]


class Cache(Function):
    """$cache_of(NAME): a cache of objects."""
    name = "cache_of"

    def invoke(self, name):
        return commands.find_cache(name.string()).address


class Thread(Function):
    """$thread_of(ID or NAME): a thread."""
    name = "thread_of"

    def invoke(self, name):
        is_text = name.type.strip_typedefs().code == gdb.TYPE_CODE_ARRAY
        return commands.find_thread(name.string() if is_text else str(int(name))).address


class Current(Function):
    """$current_thread(): the running thread."""
    name = "current_thread"

    def invoke(self):
        return read.percpu("current_thread")


for kind in Function.__subclasses__():
    kind()

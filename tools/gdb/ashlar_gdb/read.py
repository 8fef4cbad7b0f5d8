# SPDX-License-Identifier: MIT
"""Reading the kernel's memory from outside.

Structures are read by the names of their members, through DWARF, so a member may move. Links are never trusted: a list
is followed for as many steps as there can be members. What is large, the page descriptors, is read in one go and kept
until the machine runs on or memory is changed.
"""
import bisect
import struct

import gdb

PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT

# kernel/arch/mmu.h and kmap.h, whose macros DWARF does not have.
DIRECT_MAP = 0xC0000000
STACKS_START, STACKS_END = 0xFE000000, 0xFF000000
WINDOWS_START = 0xFF000000
WINDOW_STEP = 2 * PAGE_SIZE
PAGES_START = 0xFF600000
FIXMAP_START = 0xFFE00000
FIXMAP_APIC = FIXMAP_START + PAGE_SIZE
FIXMAP_TABLES = FIXMAP_START + 0x10000
PERCPU_START, PERCPU_UNIT = 0xFD000000, 1 << 20
KMAP_START, KMAP_STEP, KMAP_SLOTS = PERCPU_START + 0x80000, 2 * PAGE_SIZE, 16


def number_of(value):
    """What an expression means as an address: of a function or an array, where it lies."""
    kind = value.type.strip_typedefs().code
    if kind in (gdb.TYPE_CODE_FUNC, gdb.TYPE_CODE_ARRAY) and value.address is not None:
        value = value.address
    try:
        return int(value) & 0xffffffff
    except gdb.error:
        raise gdb.GdbError(f"expected a number or an address, got '{value}'") from None


def static(name, file_end):
    """The variable of that name in the one file whose path ends so."""
    for symbol in gdb.lookup_static_symbols(name):
        if symbol.symtab.filename.endswith(file_end):
            return symbol.value()
    raise gdb.GdbError(f"the kernel has no variable {name} in {file_end}")


def variable(name):
    symbol = gdb.lookup_global_symbol(name)
    if symbol is None:
        raise gdb.GdbError(f"the kernel has no variable {name}")
    return symbol.value()


def constant(name):
    """An enumerator."""
    symbol = gdb.lookup_symbol(name)[0]
    if symbol is None:
        raise gdb.GdbError(f"the kernel has no constant {name}")
    return int(symbol.value())


def address_of(name):
    """Of a symbol of the linker's or of the assembly's."""
    return int(gdb.parse_and_eval(f"(unsigned long)&'{name}'"))


def type_of(name):
    return gdb.lookup_type(name)


def member(kind, name):
    """(offset in bytes, type) of a member, which may lie in an anonymous struct or union."""
    for field in kind.strip_typedefs().fields():
        if field.name == name:
            return field.bitpos // 8, field.type
        if not field.name or field.is_base_class:
            try:
                offset, found = member(field.type, name)
            except gdb.GdbError:
                continue
            return field.bitpos // 8 + offset, found
    raise gdb.GdbError(f"{kind} has no member {name}")


def offset_of(type_name, *path):
    kind, total = type_of(type_name), 0
    for name in path:
        offset, kind = member(kind, name)
        total += offset
    return total


def memory(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size))


def word(address):
    return struct.unpack("<I", memory(address, 4))[0]


def is_readable(address):
    try:
        memory(address, 4)
    except gdb.MemoryError:
        return False
    return True


def at(type_name, address):
    """The object of that type at an address."""
    return gdb.Value(address).cast(type_of(type_name).pointer()).dereference()


def where(value):
    return int(value.address)


def text(value):
    """A char array or pointer up to its NUL, whatever bytes it holds."""
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
        return value.string(encoding="latin-1", length=256).split("\0")[0] if int(value) else ""
    raw = memory(where(value), value.type.sizeof)
    return raw.split(b"\0")[0].decode("latin-1")


def array_length(value):
    low, high = value.type.strip_typedefs().range()
    return high - low + 1


class Loop(Exception):
    """A list that leads nowhere, or never ends."""


def links(head, limit):
    """Addresses of the nodes of a list, at most `limit`; Loop when there are more or a link cannot be read."""
    node = first = where(head)
    before = node
    for _ in range(limit + 1):
        try:
            node = word(node)
            if node == first:
                return
            if word(node + 4) != before:
                raise Loop(f"the links of the node at {node:#x} disagree")
        except gdb.MemoryError:
            raise Loop(f"it leads to {node:#x}, which is not mapped") from None
        before = node
        yield node
    raise Loop("it never ends")


def members(head, type_name, *path, limit=10000):
    """The objects whose list_head at `path` stands in that list."""
    offset = offset_of(type_name, *path)
    for node in links(head, limit):
        yield at(type_name, node - offset)


def percpu(name):
    """CPU 0's copy: the segment's base is 0 there."""
    return variable("percpu_" + name)


# --- page descriptors ---

class Pages:
    """All of mem_map. `head[pfn]` and so on are the words of the descriptors."""

    def __init__(self):
        self.start = int(variable("mem_map"))
        self.nr = int(variable("mem_map_pages"))
        self.bytes = type_of("struct page").sizeof
        self.lowmem_end = int(variable("lowmem_end_pfn"))
        raw = memory(self.start, self.nr * self.bytes) if self.start else b""
        self.words = memoryview(raw).cast("I")
        self.raw = raw
        for name in ("head", "refcount", "slab_cache", "freelist", "slab", "private", "mapping", "index"):
            setattr(self, name, self.column(name))
        self.next = self.column("links", 0)
        self.prev = self.column("links", 4)

    def column(self, name, extra=0):
        offset = offset_of("struct page", name) + extra
        return self.words[offset // 4::self.bytes // 4].tolist()

    def half(self, pfn, name):
        offset = pfn * self.bytes + offset_of("struct page", name)
        return struct.unpack_from("<H", self.raw, offset)[0]

    def state(self, pfn):
        return self.head[pfn] & 0xff

    def order(self, pfn):
        return self.head[pfn] >> 8 & 0xff

    def lists(self, pfn):
        return self.head[pfn] >> 16 & 0xff

    def references(self, pfn):
        return self.refcount[pfn] - (1 << 32) if self.refcount[pfn] >> 31 else self.refcount[pfn]

    def pfn_of(self, address):
        """The page number of a descriptor's address, or None."""
        pfn, rest = divmod(address - self.start, self.bytes)
        return pfn if rest == 0 and 0 <= pfn < self.nr else None

    def pfn_of_node(self, node):
        return self.pfn_of(node - offset_of("struct page", "links"))

    def find_head(self, pfn):
        """The head of the block that holds the page, or None."""
        for order in range(nr_orders()):
            head = pfn & ~((1 << order) - 1)
            if self.state(head):
                return head if self.order(head) >= order else None
        return None


_pages = None


def forget(_event=None):
    global _pages
    _pages = None


def pages():
    global _pages
    if _pages is None:
        _pages = Pages()
    return _pages


gdb.events.cont.connect(forget)
gdb.events.memory_changed.connect(forget)
gdb.events.exited.connect(forget)


def nr_orders():
    return array_length(at("struct block_lists", 0)["list"])


def is_direct(address):
    return 0 <= address - DIRECT_MAP < int(variable("lowmem_bytes"))


def nr_nodes():
    return int(variable("node_map")["nr_nodes"])


def node_of(pfn):
    """The node whose a page number is: of the last run that starts at it or below."""
    runs = variable("node_map")
    return next(int(runs["run"][i]["node"]) for i in reversed(range(int(runs["nr"]))) if int(runs["run"][i]["start"]) <= pfn)


def zone_label(zone):
    """As the monitor has it."""
    return f"{int(zone['node'])}:{zone['name'].string()}" if nr_nodes() > 1 else zone["name"].string()


def zones():
    """Every zone that exists, with memory or without."""
    table = variable("zones")
    count = nr_nodes() * constant("NR_ZONES")
    return [table[i] for i in range(count)]


def zone_of_pfn(pfn):
    for zone in zones():
        if int(zone["start_pfn"]) <= pfn < int(zone["end_pfn"]):
            return zone
    return None


def caches():
    return members(static("slab", "objects/slab_cache.c")["caches"], "struct kmem_cache", "caches")


def stack_slots(stack):
    """What is parked in a per-CPU stack, the coldest first."""
    base = where(stack) + offset_of("struct pcpu_stack", "slot")
    bottom, count = int(stack["bottom"]), int(stack["count"])
    if not bottom <= count <= int(stack["capacity"]):
        return []
    return list(struct.unpack(f"<{count - bottom}I", memory(base + 4 * bottom, 4 * (count - bottom))))


def depot_slots(cache):
    """What lies in the depot of a cache, first page first: of that as many as leave the others full (D2)."""
    slots, found, left = PAGE_SIZE // 4, [], int(cache["depot"]["nr"])
    for node in links(cache["depot"]["pages"], -(-left // slots)):
        pfn = pages().pfn_of_node(node)
        if pfn is None:
            raise Loop("the list of its depot leads to no descriptor")
        nr = min((left - 1) % slots + 1, left)
        found += struct.unpack(f"<{nr}I", memory(DIRECT_MAP + (pfn << PAGE_SHIFT), 4 * nr))
        left -= nr
    return found


def threads():
    return members(static("threads", "core/thread.c")["all"], "struct thread", "all_link")


# --- page tables ---

def page_entry(address):
    """(physical address, page size) of what a kernel address maps to, or None."""
    directory = address_of("mmu_kernel_pd")
    entry = struct.unpack("<Q", memory(directory + 8 * (address >> 21 & 511), 8))[0]
    if not entry & 1:
        return None
    if entry & 0x80:
        return (entry & 0xffffffe00000) + (address & 0x1fffff), 1 << 21
    table = DIRECT_MAP + (entry & 0xfffff000)
    entry = struct.unpack("<Q", memory(table + 8 * (address >> 12 & 511), 8))[0]
    return ((entry & 0xfffffffff000) + (address & 0xfff), PAGE_SIZE) if entry & 1 else None


def table_entries(address):
    """The 512 entries of the page table around an address, or None."""
    directory = address_of("mmu_kernel_pd")
    entry = struct.unpack("<Q", memory(directory + 8 * (address >> 21 & 511), 8))[0]
    if not entry & 1 or entry & 0x80:
        return None
    return struct.unpack("<512Q", memory(DIRECT_MAP + (entry & 0xfffff000), PAGE_SIZE))


def physical_words(paddr, nr):
    """Of high memory, which no address of the kernel shows, QEMU is asked."""
    if is_direct(DIRECT_MAP + paddr):
        return struct.unpack(f"<{nr}I", memory(DIRECT_MAP + paddr, 4 * nr))
    said = gdb.execute(f"monitor xp /{nr}wx {paddr:#x}", to_string=True)
    return [int(word, 16) for line in said.splitlines() for word in line.partition(": ")[2].split()]


# --- programs ---

def programs():
    """Those that run: one that is over has no memory any more."""
    for program in members(static("programs", "user/program.c")["all"], "struct program", "link"):
        if int(program["thread"]):
            yield program


def _user_entry(aspace, address):
    """A program's entry for an address; 0 where it has no table."""
    entry = int(aspace["space"]["tables"]["top"][address >> 30])
    for shift in (21, 12):
        if not entry & 1:
            return 0
        table = DIRECT_MAP + (entry & 0xfffff000)
        entry = struct.unpack("<Q", memory(table + 8 * (address >> shift & 511), 8))[0]
    return entry


def user_entry(aspace, address):
    """(physical address, may it be written) of what a program's address maps to, by its own page tables, or None."""
    entry = _user_entry(aspace, address)
    return ((entry & 0xfffffffff000) + (address & 0xfff), bool(entry & 2)) if entry & 1 else None


USER_PROT_BITS, SWAP_OFFSET_BITS = 2, 28  # mm/port.h, mm/cache/swap.h


def user_slot(aspace, address):
    """(area of swap, page there) that a program's page was swapped out to, or None."""
    entry = _user_entry(aspace, address)
    slot = entry >> 32 + USER_PROT_BITS
    if entry & 1 or not slot:
        return None
    return variable("swap_state")["area"][slot >> SWAP_OFFSET_BITS], slot & (1 << SWAP_OFFSET_BITS) - 1


def swap_area_of(mapping):
    """The area whose swap cache it is, by address, or None."""
    areas = variable("swap_state")["area"]
    for i in range(array_length(areas)):
        if int(areas[i]["mapping"].address) == mapping:
            return areas[i]
    return None


# --- code addresses ---

_symbols = None


def _load_symbols():
    """The kernel's own table, so that names come out as it prints them."""
    count = int(gdb.parse_and_eval("*(unsigned int *)&ksym_count"))
    addresses = struct.unpack(f"<{count}I", memory(address_of("ksym_addresses"), 4 * count))
    offsets = struct.unpack(f"<{count}I", memory(address_of("ksym_name_offsets"), 4 * count))
    names = memory(address_of("ksym_names"), offsets[-1] + 256 if count else 0)
    return addresses, offsets, names


def code_name(address):
    global _symbols
    if _symbols is None:
        _symbols = _load_symbols()
    addresses, offsets, names = _symbols
    nr = bisect.bisect_right(addresses, address)
    if nr == 0 or (nr == len(addresses) and address - addresses[-1] >= 65536):
        return f"0x{address:08x}"
    name = names[offsets[nr - 1]:].split(b"\0")[0].decode()
    return f"{name}+0x{address - addresses[nr - 1]:x}"


# --- locks ---

def held_locks():
    """Names of mm's locks that somebody holds now: what they guard may be between two states."""
    held = []
    candidates = [zone["lock"] for zone in zones() if int(zone["managed"])]
    candidates += [variable("kmap_pool")["lock"]]
    candidates += [static(name, file_end)["lock"] for name, file_end in
                   (("slab", "objects/slab_cache.c"), ("wait", "reclaim/wait.c"), ("vm", "mapped/vmarea.c"))]
    try:
        candidates += [cache["lock"] for cache in caches()]
    except Loop:
        pass
    for lock in candidates:
        if int(lock["owner"]):
            held.append(text(lock["name"]))
    return held

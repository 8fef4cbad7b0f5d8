# SPDX-License-Identifier: MIT
"""The kernel's state in words: the lines that its monitor and its /proc files print, and phrases about addresses."""
import gdb

from . import read
from .read import PAGE_SHIFT, PAGE_SIZE, text


def gfp_names(flags):
    left, names = int(flags), []
    table = read.static("names", "pages/gfp.c")
    for i in range(read.array_length(table)):
        bits = int(table[i]["bits"])
        if left & bits == bits and left:
            names.append(table[i]["name"].string())
            left &= ~bits
    if left:
        names.append(f"{left:#x}")
    return "|".join(names) or "GFP_NOWAIT"


def names_of(table, file_end):
    """The texts of a table of the kernel's."""
    array = read.static(table, file_end)
    return [array[i].string() if int(array[i]) else "" for i in range(read.array_length(array))]


# --- tables ---

def count_blocks(zone):
    """Free blocks, [mobility][order]."""
    rows = []
    for mobility in range(read.constant("NR_MOBILITY")):
        lists = zone["lists"][mobility]["list"]
        rows.append([sum(1 for _ in read.links(lists[order], int(zone["managed"]) + 1))
                     for order in range(read.nr_orders())])
    return rows


def buddyinfo():
    for zone in read.zones():
        if not int(zone["managed"]):
            continue
        counts = [sum(column) for column in zip(*count_blocks(zone))]
        yield f"Node {int(zone['node'])}, zone {text(zone['name']):>8} " + "".join(f"{n:6} " for n in counts)


def zoneinfo():
    for zone in read.zones():
        if not int(zone["present"]):
            continue
        mark = [int(zone["wmark"][i]) for i in range(3)]
        keep = ", ".join(str(int(zone["protection"][i])) for i in range(3))
        yield f"Node {int(zone['node'])}, zone {text(zone['name']):>8}"
        yield f"  pages free     {int(zone['nr_free'])}"
        for name, pages in zip(("min", "low", "high"), mark):
            yield f"        {name:<8} {pages}"
        yield f"        spanned  {int(zone['end_pfn']) - int(zone['start_pfn'])}"
        yield f"        present  {int(zone['present'])}"
        yield f"        managed  {int(zone['managed'])}"
        yield f"        protection: ({keep})"
        yield f"  start_pfn:           {int(zone['start_pfn'])}"


def slabinfo():
    yield "slabinfo - version: 2.1"
    yield ("# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables "
           "<limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>")
    for c in read.caches():
        yield (f"{text(c['name']):<17} {int(c['nr_in_use']) - int(c['stack']['count']):6} {int(c['nr_objects']):6} "
               f"{int(c['stride']):6} {int(c['per_slab']):4} {1 << int(c['order']):4} : tunables    0    0    0 : "
               f"slabdata {int(c['nr_slabs']) - int(c['nr_empty']):6} {int(c['nr_slabs']):6}      0")


def areas():
    """All areas of vmalloc's space, the lowest first, as struct vm_area."""
    tree = read.static("vm", "mapped/vmarea.c")["areas"]
    offset, end = read.offset_of("struct vm_area", "span"), read.where(tree["end"])
    node, above, found = int(tree["root"]), [], []
    for _ in range(4 * (int(tree["nr"]) + 2)):
        if node:
            above.append(node)
            node = int(read.at("struct area", node)["left"])
        elif above:
            node = above.pop()
            if node != end:
                found.append(read.at("struct vm_area", node - offset))
            node = int(read.at("struct area", node)["right"])
        else:
            return found
    raise read.Loop("the tree of areas never ends")


KINDS = ("vmalloc", "vmap", "ioremap")


def area_mapped_end(area):
    return int(area["span"]["end"]) - PAGE_SIZE


def vmallocinfo():
    freed = read.constant("AREA_FREED")
    for area in areas():
        start, end, kind = int(area["span"]["start"]), int(area["span"]["end"]), int(area["kind"])
        line = f"0x{start:08x}-0x{end:08x} {end - start:7}"
        if int(area["state"]) == freed:
            yield line + " unpurged vm_area"
            continue
        where = (f"phys=0x{int(area['paddr']):08x}" if KINDS[kind] == "ioremap"
                 else f"pages={(area_mapped_end(area) - start) >> read.PAGE_SHIFT}")
        yield f"{line} {read.code_name(int(area['caller']))} {where} {KINDS[kind]}"


STACK_PAINT = 0x57AC57AC  # kernel/core/thread.c


def ps():
    names = names_of("state_names", "core/thread.c")
    current = int(read.percpu("current_thread"))
    yield "  id  state          stack left  most of      ticks  switches  name"
    for t in read.threads():
        stack, running = int(t["stack"]), read.where(t) == current
        left = (stack_pointer() if running else int(t["sp"])) - stack if stack else 0
        state = "running" if running else "ready" if int(t["state"]) == 0 else names[int(t["state"])]
        yield (f"{int(t['id']):4}  {state:<13} {left:11} {stack_most(t):5} {int(t['stack_bytes']):<5} "
               f"{int(t['nr_ticks']):7} "
               f"{int(t['nr_switches']):9}  {text(t['name'])}")


def stack_most(thread):
    size = int(thread["stack_bytes"]) & ~3
    words = memoryview(read.memory(int(thread["stack"]), size)).cast("I") if size else []
    return size - 4 * next((i for i, word in enumerate(words) if word != STACK_PAINT), len(words))


def stack_pointer():
    return int(gdb.newest_frame().read_register("esp"))


def dmesg():
    """The log's lines, the oldest first."""
    state = read.static("printk_state", "core/printk.c")
    size, log = state["log"].type.sizeof, read.memory(read.where(state["log"]), state["log"].type.sizeof)
    position, end, header = int(state["first"]), int(state["last"]), read.type_of("struct record").sizeof
    len_at = read.offset_of("struct record", "len")
    ring = log + log
    while 0 < (end - position) % (1 << 32) <= size:
        at = position % size
        length = int.from_bytes(ring[at + len_at:at + len_at + 2], "little")
        yield ring[at + header:at + header + length].decode("latin-1").rstrip("\n")
        position = (position + header + length) % (1 << 32)


# --- phrases ---

def page_phrase(pfn):
    pages, names = read.pages(), names_of("state_names", "pages/page.c")

    def state(n):
        return names[pages.state(n)] if pages.state(n) < len(names) else "corrupt"

    head = pages.find_head(pfn)
    if pages.state(pfn):
        return f"head of a block of order {pages.order(pfn)}, {state(pfn)}, {pages.references(pfn)} references"
    if head is not None:
        return f"inside a block of order {pages.order(head)}, {state(head)}, that starts at pfn {head:#x}"
    return "never handed out"


def file_phrase(pfn):
    """Of a page of a file: whose, which, its flags; else nothing."""
    pages = read.pages()
    if pages.state(pfn) != read.constant("PAGE_FILE"):
        return ""
    names, flags = names_of("page_flag_names", "monitor/show.c"), pages.head[pfn] >> 24
    area = read.swap_area_of(pages.mapping[pfn])
    whose = f"mapping 0x{pages.mapping[pfn]:08x}" if area is None else f"swap disk {text(area['name'])}"
    return (f", page {pages.index[pfn]} of {whose}:"
            + "".join(f" {name}" for i, name in enumerate(names) if flags >> i & 1))


def node_phrase(pfn):
    """Which node's a page is, where there are several."""
    return f", node {read.node_of(pfn)}" if read.nr_nodes() > 1 else ""


def page_line(pfn):
    pages, zone = read.pages(), read.zone_of_pfn(pfn)
    line = f"page 0x{pfn:x} at physical 0x{pfn << read.PAGE_SHIFT:x}, "
    low = pfn < pages.lowmem_end
    line += f"address 0x{read.DIRECT_MAP + (pfn << read.PAGE_SHIFT):08x}" if low else "no address of its own"
    line += node_phrase(pfn) + f", zone {text(zone['name']) if zone else 'none'}: {page_phrase(pfn)}"
    if low and pages.slab_cache[pfn]:
        line += f", cache {text(read.at('struct kmem_cache', pages.slab_cache[pfn])['name'])}"
    return line + file_phrase(pfn)


def slab_objects(cache, first):
    """[start, end) of the numbers of the objects that the slab holds, and the address of number 0."""
    pages = read.pages()
    base, size = read.DIRECT_MAP + (first << read.PAGE_SHIFT), PAGE_SIZE << pages.order(first)
    stride, mask = int(cache["stride"]), int(cache["slab_mask"])
    window = base & ~mask
    if pages.order(first) == int(cache["order"]):
        return 0, int(cache["per_slab"]), window
    return -(-(base - window) // stride), min((base - window + size) // stride, int(cache["per_slab"])), window


def free_list(cache, first):
    """Objects on a slab's free list; Loop when it leads out of the slab."""
    pages, stride, link = read.pages(), int(cache["stride"]), int(cache["link_offset"])
    base, size = read.DIRECT_MAP + (first << read.PAGE_SHIFT), PAGE_SIZE << pages.order(first)
    start, end, window = slab_objects(cache, first)
    bump, object_, found = pages.half(first, "bump"), pages.freelist[first], []
    while object_:
        number, rest = divmod(object_ - window, stride)
        if not base <= object_ < base + size or rest or not start <= number < min(bump, end):
            raise read.Loop(f"free list leads to {object_:#x}")
        if len(found) > end - start:
            raise read.Loop("free list never ends")
        found.append(object_)
        object_ = read.word(object_ + link)
    return found


def object_phrase(address, pfn):
    pages = read.pages()
    cache = read.at("struct kmem_cache", pages.slab_cache[pfn])
    first = pages.pfn_of(pages.slab[pfn])
    if first is None:
        return f"slab of cache {text(cache['name'])}, whose first page is lost"
    start, end, window = slab_objects(cache, first)
    index, offset = divmod(address - window, int(cache["stride"]))
    object_ = address - offset
    if not start <= index < end:
        return f"slab of cache {text(cache['name'])}, behind its last object"
    try:
        free = object_ in free_list(cache, first)
    except read.Loop as loop:
        return f"slab of cache {text(cache['name'])}, whose {loop}"
    state = ("never handed out" if index >= pages.half(first, "bump") else "free" if free else
             "free (parked per CPU)" if object_ in read.stack_slots(cache["stack"]) else
             "free (parked in the depot)" if object_ in read.depot_slots(cache) else "handed out")
    return (f"object {index} of a slab of cache {text(cache['name'])} ({int(cache['object_size'])} bytes), "
            f"at offset {offset}: {state}")


def _image_phrase(address):
    for symbol, name in (("boot_stack_guard", "boot stack"), ("double_fault_stack_guard", "double-fault stack")):
        if address & ~(PAGE_SIZE - 1) == read.address_of(symbol):
            return f"in the guard page below the {name}"
    if address < PAGE_SIZE:
        return f"in page 0: a NULL pointer and an offset of {address}"
    for part, phrase in (("text", "kernel text, "), ("rodata", "kernel image, read-only data"),
                         ("data", "kernel image, data")):
        if read.address_of(f"__{part}_start") <= address < read.address_of(f"__{part}_end"):
            return phrase + (read.code_name(address) if part == "text" else "")
    return None


def _stack_phrase(address):
    if not read.STACKS_START <= address < read.STACKS_END:
        return None
    for t in read.threads():
        start, size = int(t["stack"]), int(t["stack_bytes"])
        top, name, end = start + size, text(t["name"]), (start + size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1)
        if not start or start < read.STACKS_START:
            continue
        if start - PAGE_SIZE <= address < start:
            return f"in the guard page below the stack of thread {name}"
        if start <= address < top:
            return f"stack of thread {int(t['id'])}, {name}, {top - address} bytes below its top"
        if top <= address < end:
            return f"in the struct of thread {int(t['id'])}, {name}"
        if end <= address < end + PAGE_SIZE:
            return f"{address - end} bytes past the stack of thread {name}"
    return "in the area of stacks, where no thread has one"


def _area_phrase(area):
    freed = int(area["state"]) in (read.constant("AREA_FREED"), read.constant("AREA_DEFERRED"))
    return (("freed " if freed else "") + f"{KINDS[int(area['kind'])]} area of {int(area['size_bytes'])} bytes by "
            + read.code_name(int(area["caller"]))
            + (f", freed by {read.code_name(int(area['freed_by']))}" if freed else ""))


def _vmalloc_phrase(address):
    space = read.variable("vmalloc_space")
    if not int(space["start"]) - PAGE_SIZE <= address < int(space["end"]):
        return None
    below = above = None
    for area in areas():
        if int(area["span"]["start"]) <= address:
            below = area
        elif above is None:
            above = area
    before = int(above["span"]["start"]) - address if above else PAGE_SIZE + 1
    past = PAGE_SIZE
    if below:
        start, size, end = int(below["span"]["start"]), int(below["size_bytes"]), area_mapped_end(below)
        past = address - end
        if address < start + size:
            return f"offset {address - start} of {_area_phrase(below)}"
        if address < end or (past < PAGE_SIZE and past < before):
            return (f"{address - start - size} bytes past {_area_phrase(below)}"
                    + (" (rest of its last page)" if address < end else " (vmalloc guard page)"))
    if before <= PAGE_SIZE:
        return f"{before} bytes before {_area_phrase(above)} (vmalloc guard page)"
    return "space for vmalloc, in no area"


def _window(kind, slot, pfn, offset, is_mapped):
    past = f"{offset - PAGE_SIZE} bytes past " if offset >= PAGE_SIZE else ""
    if is_mapped:
        return f"{past}{kind} window {slot}, which shows pfn {pfn:#x}"
    if pfn is not None:
        return f"{past}stale {kind} window {slot}, last mapped pfn {pfn:#x}"
    return f"{past}{kind} window {slot}, never mapped"


NO_PFN = 0xffffffff


def _window_phrase(address):
    pool = read.variable("kmap_pool")
    slot, offset = divmod(address - read.WINDOWS_START, read.WINDOW_STEP)
    if 0 <= slot < int(pool["nr"]):
        window = pool["window"][slot]
        pfn = int(window["pfn"])
        return _window("kmap", slot, None if pfn == NO_PFN else pfn, offset, int(window["count"]) != 0)
    cpu, offset = divmod(address - read.PERCPU_START, read.PERCPU_UNIT)
    slot, offset = divmod(offset - read.KMAP_START + read.PERCPU_START, read.KMAP_STEP)
    if 0 <= cpu < int(read.static("smp", "kernel/core/smp.c")["nr"]) and 0 <= slot < read.KMAP_SLOTS:
        entry = local_window(slot, cpu)
        return _window("kmap_local", slot, entry >> 12 if entry & 0xffffffff else None, offset, entry & 1)
    return None


def local_window(slot, cpu=0):
    """The page table entry of a window of kmap_local_page()."""
    address = read.KMAP_START + cpu * read.PERCPU_UNIT + slot * read.KMAP_STEP
    entry = read.FIXMAP_TABLES + 8 * (address - read.PERCPU_START >> read.PAGE_SHIFT)
    low, high = read.word(entry), read.word(entry + 4)
    return low | (high & 0xff) << 32


def _elsewhere_phrase(address):
    lowmem = int(read.variable("lowmem_bytes"))
    if 0 <= address - read.DIRECT_MAP - lowmem < 8 << 20:
        return f"{address - read.DIRECT_MAP - lowmem} bytes past the end of the direct map of {lowmem >> 20} MiB"
    if address < read.DIRECT_MAP:
        return "nothing, below the kernel"
    mapping = read.page_entry(address)
    if mapping is None:
        return "nothing, not mapped"
    if address & ~(PAGE_SIZE - 1) == read.FIXMAP_APIC:
        return f"fixmap, registers of the local APIC at physical 0x{mapping[0]:x}"
    kind = ("fixmap" if address >= read.FIXMAP_START else
            "window on the page descriptors, read-only" if address >= read.PAGES_START else "nothing we know")
    return f"{kind}, mapped to physical 0x{mapping[0]:x}"


BOUNCE_GROUP_SLOTS = 16
DIRECTIONS = ("both ways", "to the device", "from the device", "no way")


def bounce_phrase(address):
    """As mm/dma/bounce.c:dma_bounce_describe()."""
    pool = read.variable("dma_bounce")
    offset = address - read.DIRECT_MAP - int(pool["start"])
    if not 0 <= offset < int(pool["bytes"]):
        return None
    slot = offset >> PAGE_SHIFT
    for first in range(slot, slot - slot % BOUNCE_GROUP_SLOTS - 1, -1):
        mapping = pool["slot"][first]
        if int(mapping["nr"]) > slot - first:
            return (f"slot {slot} of the bounce pool, at offset {offset - (first << PAGE_SHIFT)} of "
                    f"{int(mapping['size'])} bytes {DIRECTIONS[int(mapping['direction'])]} for "
                    f"{text(mapping['dev']['name'])}, buffer at physical {int(mapping['from']):#x}")
    return f"slot {slot} of the bounce pool, free"


def _direct_phrase(address):
    if not read.is_direct(address):
        return None
    pfn = address - read.DIRECT_MAP >> read.PAGE_SHIFT
    if bounced := bounce_phrase(address):
        return bounced + node_phrase(pfn)
    if read.pages().slab_cache[pfn]:
        return object_phrase(address, pfn) + node_phrase(pfn)
    return f"direct map, page 0x{pfn:x} + 0x{address & PAGE_SIZE - 1:x}: {page_phrase(pfn)}{file_phrase(pfn)}{node_phrase(pfn)}"


def whatis_line(address):
    for phrase in (_image_phrase, _stack_phrase, _vmalloc_phrase, _window_phrase, _direct_phrase, _elsewhere_phrase):
        found = phrase(address)
        if found:
            return f"0x{address:08x}: {found}"
    return None

# SPDX-License-Identifier: MIT
"""The validator from outside: the numbered invariants of mm/README.md, on a machine that stands still, however it came
to. It needs nothing of the kernel's code, so it works after a panic and in the middle of an allocator. Each check stands
alone: one that cannot be made, because a structure is no longer what it was, says so and counts as a violation."""
import gdb

from . import read
from .read import Loop, text
from .text import area_mapped_end, areas, free_list, slab_objects

MAX_LINES = 20


class Report:
    def __init__(self):
        self.lines = []

    def __call__(self, line):
        self.lines.append(line)


# --- zones and free lists ---

def check_free_block(report, zone, pfn, order, mobility):
    pages = read.pages()
    where = int(zone["index"]) << 2 | mobility
    expected = read.constant("PAGE_FREE") | order << 8 | where << 16
    start, end = int(zone["start_pfn"]), int(zone["end_pfn"])
    if pages.head[pfn] != expected:
        report(f"B4 pfn {pfn:#x}: head {pages.head[pfn]:#x}, expected {expected:#x}")
    if pfn & (1 << order) - 1:
        report(f"B1 pfn {pfn:#x} of order {order} is not aligned")
    if not start <= pfn <= end - (1 << order):
        report(f"B4 pfn {pfn:#x} order {order} is outside zone {read.zone_label(zone)}")
    elif block_mobility(zone)[(pfn >> read.nr_orders() - 1) - int(zone["first_block"])] != mobility:
        report(f"B6 pfn {pfn:#x} is on the list of mobility {mobility}")
    if order < read.nr_orders() - 1 and pages.head[pfn ^ 1 << order] == pages.head[pfn]:
        report(f"B2 pfn {pfn:#x} and its buddy of order {order} are both free")


_mobility = {}


def block_mobility(zone):
    start, shift = int(zone["block_mobility"]), read.nr_orders() - 1
    if start not in _mobility:
        count = (int(zone["end_pfn"]) - 1 >> shift) - int(zone["first_block"]) + 1
        _mobility[start] = read.memory(start, count)
    return _mobility[start]


def pages_in_list(report, zone, mobility, order):
    pages, lists, count = read.pages(), zone["lists"][mobility], 0
    try:
        for node in read.links(lists["list"][order], int(zone["managed"])):
            pfn = pages.pfn_of_node(node)
            if pfn is None:
                report(f"B4 free list {read.zone_label(zone)}/{mobility}/{order} leads to no descriptor")
                break
            check_free_block(report, zone, pfn, order, mobility)
            count += 1
    except Loop as loop:
        report(f"B4 free list {read.zone_label(zone)}/{mobility}/{order}: {loop}")
    if (count != 0) != bool(int(lists["nonempty"]) >> order & 1):
        report(f"B5 zone {read.zone_label(zone)} mobility {mobility} order {order}: "
               f"bit {int(lists['nonempty']) >> order & 1}, blocks {count}")
    return count << order


def pages_by_heads(report, zone):
    """Free pages by looking at each descriptor: finds blocks that no list holds, and marks inside blocks."""
    pages, free, mobility = read.pages(), 0, block_mobility(zone)
    head, end, top = pages.head, int(zone["end_pfn"]), read.nr_orders() - 1
    is_free, is_allocated = read.constant("PAGE_FREE"), read.constant("PAGE_ALLOCATED")
    pfn, index, first_block = int(zone["start_pfn"]), int(zone["index"]), int(zone["first_block"])
    while pfn < end:
        word = head[pfn]
        state, order = word & 0xff, word >> 8 & 0xff
        if not state:
            pfn += 1
            continue
        expected = index << 2 | mobility[(pfn >> top) - first_block]
        if word >> 16 & 0xff != expected:
            report(f"B6 pfn {pfn:#x}, {state}: belongs to lists {word >> 16 & 0xff:#x}, expected {expected:#x}")
        if state >= is_allocated and pages.references(pfn) < 1:
            report(f"A1 pfn {pfn:#x} is allocated with {pages.references(pfn)} references")
        behind = min(pfn + (1 << order if order <= top else 1), end)
        if state == is_free:
            free += behind - pfn
        if any(w & 0xff for w in head[pfn + 1:behind]):
            for inside in range(pfn + 1, behind):
                if head[inside] & 0xff:
                    report(f"A2 pfn {inside:#x} inside a block has state {head[inside] & 0xff}")
        pfn = behind
    return free


def check_zone(report, zone):
    free = sum(pages_in_list(report, zone, mobility, order) for mobility in range(read.constant("NR_MOBILITY"))
               for order in range(read.nr_orders()))
    name, counted = read.zone_label(zone), int(zone["nr_free"])
    heads = pages_by_heads(report, zone)
    managed, present = int(zone["managed"]), int(zone["present"])
    spanned = int(zone["end_pfn"]) - int(zone["start_pfn"])
    if not free == heads == counted:
        report(f"B3 zone {name}: {free} pages in lists, {heads} by their heads, {counted} counted")
    if not counted <= managed <= present <= spanned:
        report(f"Z1 zone {name}: free {counted} managed {managed} present {present} spanned {spanned}")


def check_zones(report):
    _mobility.clear()
    for zone in read.zones():
        if int(zone["managed"]):
            check_zone(report, zone)


# --- per-CPU lists ---

def page_stacks():
    """(zone, mobility, order, struct pcpu_stack) of all that there are."""
    table = read.variable("pcp_of_block")
    for zone in read.zones():
        if not int(zone["managed"]):
            continue
        for mobility in range(read.constant("NR_MOBILITY")):
            for order in range(read.array_length(table)):
                stack = table[order][int(zone["index"]) << 2 | mobility]
                if int(stack):
                    yield zone, mobility, order, stack.dereference()


def check_page_stacks(report):
    pages, parked = read.pages(), read.constant("PAGE_PERCPU")
    for zone, mobility, order, stack in page_stacks():
        name = f"{read.zone_label(zone)}/{mobility}/{order}"
        bottom, count, capacity = (int(stack[x]) for x in ("bottom", "count", "capacity"))
        if not bottom <= count <= capacity or int(stack["limit"]) not in (0, capacity):
            report(f"C2 list {name}: bottom {bottom} count {count} limit {int(stack['limit'])} capacity {capacity}")
        for slot in read.stack_slots(stack):
            pfn = pages.pfn_of(slot)
            if pfn is None:
                report(f"C1 list {name} holds {slot:#x}, which is no descriptor")
            elif pages.head[pfn] & 0xffff != parked | order << 8 or pages.references(pfn) != 1:
                report(f"C1 list {name}: pfn {pfn:#x} has state {pages.state(pfn)}, order {pages.order(pfn)}, "
                       f"{pages.references(pfn)} references")


# --- slabs ---

def check_slab(report, cache, first, on_full):
    pages, name = read.pages(), text(cache["name"])
    start, end, _ = slab_objects(cache, first)
    in_use, bump = pages.half(first, "in_use"), pages.half(first, "bump")
    if pages.state(first) != read.constant("PAGE_SLAB") or pages.order(first) > int(cache["order"]) or end <= start:
        report(f"S4 cache {name} slab {first:#x} is no block of order {int(cache['order'])} or below")
        return
    try:
        free = len(free_list(cache, first))
    except (Loop, gdb.MemoryError) as loop:
        report(f"S1 cache {name} slab {first:#x}: {loop}")
    else:
        if start + in_use + free != bump or bump > end:
            report(f"S1 cache {name} slab {first:#x}: in use {in_use}, free {free}, "
                   f"handed out {bump - start} of {end - start}")
    if on_full != (in_use == end - start):
        report(f"S2 cache {name} slab {first:#x}: in use {in_use}, on the wrong list")
    for pfn in range(first, first + (1 << pages.order(first))):
        if pages.slab_cache[pfn] != read.where(cache) or pages.pfn_of(pages.slab[pfn]) != first:
            report(f"S4 cache {name} pfn {pfn:#x} does not name its slab")


def check_cache(report, cache):
    pages, name, nr_slabs = read.pages(), text(cache["name"]), int(cache["nr_slabs"])
    found = {"nr_slabs": 0, "nr_pages": 0, "nr_objects": 0, "nr_in_use": 0, "nr_empty": 0}
    for which in ("partial", "full"):
        try:
            for node in read.links(cache[which], nr_slabs):
                first = pages.pfn_of_node(node)
                if first is None:
                    report(f"S2 cache {name}: a list leads to no descriptor")
                    break
                check_slab(report, cache, first, which == "full")
                in_use = pages.half(first, "in_use")
                if which == "partial" and in_use and found["nr_empty"]:
                    report(f"S2 cache {name} slab {first:#x}: in use, behind an empty one")
                start, end, _ = slab_objects(cache, first)
                found["nr_slabs"] += 1
                found["nr_pages"] += 1 << min(pages.order(first), read.nr_orders())
                found["nr_objects"] += end - start
                found["nr_in_use"] += in_use
                found["nr_empty"] += in_use == 0
        except Loop as loop:
            report(f"S2 cache {name}, its {which} slabs: {loop}")
    for what, count in found.items():
        if count != int(cache[what]):
            report(f"S3 cache {name}: {count} {what[3:]} in its slabs, {int(cache[what])} counted")
    return found["nr_pages"]


def check_parked(report, cache):
    """S5, D1: what is parked is an object of the cache, and handed out as far as its slab knows; D2, D4 of its depot."""
    pages, name, seen = read.pages(), text(cache["name"]), set()
    stack, depot = cache["stack"], cache["depot"]
    if int(stack["count"]) > int(stack["capacity"]) or int(stack["limit"]) not in (0, int(stack["capacity"])):
        report(f"S5 cache {name}: count {int(stack['count'])} limit {int(stack['limit'])} "
               f"capacity {int(stack['capacity'])}")
    if int(depot["nr"]) > int(depot["room"]):
        report(f"D4 cache {name}: {int(depot['nr'])} objects in its depot, room for {int(depot['room'])}")
    try:
        in_depot = read.depot_slots(cache)
    except (Loop, gdb.MemoryError, IndexError) as wrong:
        report(f"D2 cache {name}: {wrong}")
        in_depot = []
    else:
        if len(in_depot) != int(depot["nr"]):
            report(f"D2 cache {name}: {len(in_depot)} objects in the pages of its depot, {int(depot['nr'])} counted")
    for object_ in [*read.stack_slots(stack), *in_depot]:
        pfn = object_ - read.DIRECT_MAP >> read.PAGE_SHIFT
        if not read.is_direct(object_) or pages.slab_cache[pfn] != read.where(cache):
            report(f"S5 cache {name} parks {object_:#x}, which is none of its objects")
        elif object_ in seen:
            report(f"S5 cache {name} parks {object_:#x} twice")
        seen.add(object_)


def check_caches(report):
    in_caches = 0
    try:
        for cache in read.caches():
            in_caches += check_cache(report, cache)
            check_parked(report, cache)
    except Loop as loop:
        report(f"S3 the list of caches: {loop}")
    pages = read.pages()
    marked = pages.nr - pages.slab_cache.count(0)
    if marked != in_caches:
        report(f"S4 {marked} pages name a cache, the caches hold {in_caches}")


# --- permanent windows ---

NO_PFN, NO_WINDOW = 0xffffffff, 0xffff


class Windows:
    def __init__(self):
        self.pool = read.variable("kmap_pool")
        self.nr = int(self.pool["nr"])
        fields, size = ("pfn", "count", "epoch", "next"), read.type_of("struct kmap_window").sizeof
        self.base, self.size = int(self.pool["window"]), size
        raw = read.memory(self.base, self.nr * size) if self.nr else b""
        for name in fields:
            offset, kind = read.member(read.type_of("struct kmap_window"), name)
            setattr(self, name, [int.from_bytes(raw[i * size + offset:i * size + offset + kind.sizeof], "little")
                                 for i in range(self.nr)])

    def of_list(self, report, which):
        found = []
        offset = read.offset_of("struct kmap_window", "links")
        try:
            for node in read.links(self.pool[which], self.nr):
                index, rest = divmod(node - offset - self.base, self.size)
                if rest or not 0 <= index < self.nr:
                    report("H2 a list of windows leads to no window")
                    break
                found.append(index)
        except Loop as loop:
            report(f"H2 the list of {which} windows: {loop}")
        return found

    def of_chain(self, report, chain, start):
        found, i = [], start
        while i != NO_WINDOW:
            if i >= self.nr or len(found) > self.nr:
                report(f"H5 chain {chain} leads to no window or never ends")
                break
            if self.pfn[i] & self.nr - 1 != chain:
                report(f"H5 window {i} of pfn {self.pfn[i]:#x} is in chain {chain}")
            found.append(i)
            i = self.next[i]
        if len({self.pfn[i] for i in found}) != len(found):
            report(f"H5 two windows of chain {chain} have the same page")
        return found


def is_mapped(slot):
    entries = read.table_entries(read.WINDOWS_START + slot * read.WINDOW_STEP)
    address = read.WINDOWS_START + slot * read.WINDOW_STEP
    return bool(entries and entries[address >> read.PAGE_SHIFT & 511] & 1)


def check_windows(report):
    w = Windows()
    if not w.nr:
        return
    clean, stale = w.of_list(report, "clean"), w.of_list(report, "stale")
    for i in clean + stale:
        if w.count[i]:
            report(f"H2 window {i} is on a list and in use")
    for i, is_stale in [(i, False) for i in clean] + [(i, True) for i in stale]:
        if (w.epoch[i] == int(w.pool["epoch"])) != is_stale:
            report(f"H3 window {i} is on the wrong list")
    for i in range(w.nr):
        if is_mapped(i) != (w.count[i] != 0):
            report(f"H2 window {i} is {'mapped' if is_mapped(i) else 'not mapped'} with a count of {w.count[i]}")
    in_use = sum(1 for count in w.count if count)
    if (len(clean) + len(stale) + in_use, in_use, len(stale)) != (w.nr, int(w.pool["nr_in_use"]),
                                                                 int(w.pool["nr_stale"])):
        report(f"H2 {len(clean)} windows clean, {len(stale)} stale, {in_use} in use; expected {w.nr} in all, "
               f"{int(w.pool['nr_stale'])} stale, {int(w.pool['nr_in_use'])} in use")
    chains = read.memory(int(w.pool["chain"]), 2 * w.nr)
    chained = [w.of_chain(report, i, int.from_bytes(chains[2 * i:2 * i + 2], "little")) for i in range(w.nr)]
    shown = w.nr - w.pfn.count(NO_PFN)
    if sum(map(len, chained)) != shown:
        report(f"H5 {sum(map(len, chained))} windows in chains, {shown} showed a page")
    if clean + stale and any(True for _ in read.links(w.pool["waiters"], 10000)):
        report(f"H4 somebody waits for a window, {len(clean + stale)} are free")


# --- reserves and waiters ---

def check_reserves(report):
    pages, allocated = read.pages(), read.constant("PAGE_ALLOCATED")
    for reserve in read.members(read.static("reserves", "reclaim/reserve.c"), "struct reserve", "all"):
        name, nr = text(reserve["name"]), 0
        for node in read.links(reserve["pages"], int(reserve["wanted"])):
            pfn = pages.pfn_of_node(node)
            if pfn is None:
                report(f"RS1 reserve {name}: the list leads to no descriptor")
                break
            if pages.head[pfn] & 0xffff != allocated or pages.references(pfn) != 1:
                report(f"RS1 reserve {name}: pfn {pfn:#x} is no page of its own")
            nr += 1
        if nr != int(reserve["nr"]):
            report(f"RS1 reserve {name}: {nr} pages, counted {int(reserve['nr'])}, wanted {int(reserve['wanted'])}")


def waiters():
    return list(read.members(read.static("wait", "reclaim/wait.c")["queue"], "struct mem_waiter", "link"))


def check_waiters(report):
    queue, counted = waiters(), int(read.variable("wait_nr_waiters"))
    if len(queue) > counted:
        report(f"W1 {len(queue)} waiters are in the queue, {counted} counted")
    if not queue:
        return
    for zone in read.zones():
        parked = sum(int(s["count"]) - int(s["bottom"]) for z, _, _, s in page_stacks()
                     if read.where(z) == read.where(zone))
        if int(zone["managed"]) and (not int(zone["slow"]) or parked):
            report(f"W3 zone {read.zone_label(zone)} parks pages while somebody waits")
    for cache in read.caches():
        if int(cache["stack"]["limit"]) or int(cache["stack"]["count"]) or int(cache["depot"]["nr"]):
            report(f"W3 cache {text(cache['name'])} parks objects while somebody waits")


# --- areas ---

def check_tree(report):
    vm = read.static("vm", "mapped/vmarea.c")
    tree, below, nr = vm["areas"], int(vm["areas"]["start"]), 0

    def walk(address, depth):
        """Height and largest gap of the subtree."""
        nonlocal below, nr
        if not address:
            return 0, 0
        if depth > 48 or nr > int(tree["nr"]) + 1:
            raise Loop("VM3: the tree is too high")
        node = read.at("struct area", address)
        left = walk(int(node["left"]), depth + 1)
        start, end, gap = int(node["start"]), int(node["end"]), int(node["gap"])
        if start < below or end < start or gap != start - below:
            report(f"VM1: the area at {start:#x} overlaps the one below, or its gap is not the distance to it")
        below, nr = end, nr + 1
        right = walk(int(node["right"]), depth + 1)
        largest, height = max(gap, left[1], right[1]), 1 + max(left[0], right[0])
        if int(node["largest"]) != largest:
            report(f"VM2: the area at {start:#x} does not know the largest gap of its subtree")
        if int(node["height"]) != height or abs(left[0] - right[0]) > 1:
            report(f"VM3: the tree is not balanced at the area at {start:#x}")
        return height, largest

    walk(int(tree["root"]), 0)
    if nr != int(tree["nr"]) + 1 or below != int(tree["end"]["start"]):
        report("VM1: areas are missing")


def nr_mapped(start, end):
    count, address = 0, start
    while address < end:
        stop = min(end, (address & ~0x1fffff) + 0x200000)
        entries = read.table_entries(address)
        if entries:
            count += sum(entry & 1 for entry in entries[address >> 12 & 511:(address >> 12 & 511) + (stop - address >> 12)])
        address = stop
    return count


def check_area(report, area):
    start, mapped_end, end = int(area["span"]["start"]), area_mapped_end(area), int(area["span"]["end"])
    mapped, state = nr_mapped(start, mapped_end), int(area["state"])
    if nr_mapped(mapped_end, end):
        report(f"VM4: a guard page of the area at {start:#x} is mapped")
    if state == read.constant("AREA_FREED"):
        if mapped:
            report(f"VM4: a page of the freed area at {start:#x} is mapped")
    elif state != read.constant("AREA_GROWING") and mapped != mapped_end - start >> 12:
        report(f"VM4: a page of the area at {start:#x} is not mapped")
    elif state == read.constant("AREA_LIVE") and int(area["kind"]) == read.constant("AREA_VMALLOC"):
        first = read.page_entry(start)
        if not first or read.pages().private[first[0] >> 12] != read.where(area):
            report(f"VM6: the first page of the area at {start:#x} does not know it")


def check_areas(report):
    check_tree(report)
    used, freed = 0, read.constant("AREA_FREED")
    for area in areas():
        check_area(report, area)
        if int(area["state"]) != freed:
            used += int(area["span"]["end"]) - int(area["span"]["start"])
    counted = int(read.static("vm", "mapped/vmarea.c")["used_bytes"])
    if used != counted:
        report(f"VM5: {used} bytes in areas, {counted} counted")


CHECKS = (
    ("zones", check_zones), ("per-CPU lists", check_page_stacks), ("caches", check_caches), ("windows", check_windows),
    ("reserves", check_reserves), ("waiters", check_waiters), ("areas", check_areas),
)


def is_up():
    """Are descriptors and caches there? From the end of mm_init_allocators() on."""
    return bool(read.pages().nr and int(read.static("slab", "objects/slab_cache.c")["caches"]["next"]))


def run():
    """Lines, one for each violation. Wants is_up()."""
    report = Report()
    for name, check in CHECKS:
        try:
            check(report)
        except (gdb.error, gdb.GdbError, Loop) as problem:
            report(f"{name}: cannot be checked: {problem}")
    return report.lines

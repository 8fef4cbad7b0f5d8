# SPDX-License-Identifier: MIT
"""Commands that look: `mm ...`, `ps`, `dmesg`, `bt-thread`."""
import gdb

from . import check, read, text as words
from .read import text


NOT_UP = "the kernel is not up yet, there is nothing to show"


def expected(what, got):
    return gdb.GdbError(f"expected {what}, got '{got}'")


class Command(gdb.Command):
    """A command that prints the lines of lines(argument)."""

    def __init__(self, name):
        super().__init__(name, gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        nr = 0
        try:
            for nr, line in enumerate(self.lines(argument.strip()), 1):
                gdb.write(line + "\n")
            if not nr and not check.is_up():
                raise gdb.GdbError(NOT_UP)
        except read.Loop as loop:
            if not check.is_up():
                raise gdb.GdbError(NOT_UP) from None
            raise gdb.GdbError(f"a list is corrupt: {loop}; see `mm check`") from None
        except gdb.MemoryError as error:
            raise gdb.GdbError(f"{error} (is the kernel up? `start-kernel` runs to its first line)") from None
        except gdb.error as error:  # an expression that means nothing
            raise gdb.GdbError(str(error)) from None


class Mm(gdb.Command):
    """What the memory manager holds, read from outside: on a crashed kernel, too. `help mm` lists the reports."""

    def __init__(self):
        super().__init__("mm", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def invoke(self, argument, from_tty):
        if argument:
            raise expected("a report that `help mm` lists", argument)
        gdb.execute("help mm")


class Zones(Command):
    """Each zone: pages and watermarks, as /proc/zoneinfo."""

    def lines(self, _):
        return words.zoneinfo()


class Buddyinfo(Command):
    """Free blocks of each order, as /proc/buddyinfo."""

    def lines(self, _):
        return words.buddyinfo()


class Nodes(Command):
    """Each node: its memory, how far it is from each, and what its zones served, as numastat."""

    def lines(self, _):
        distance, local = read.variable("node_map")["distance"], int(read.variable("node_map")["local"])
        for node in range(read.nr_nodes()):
            pages = sum(int(zone["managed"]) for zone in read.zones() if int(zone["node"]) == node)
            far = " ".join(str(int(distance[node][to])) for to in range(read.nr_nodes()))
            served = read.variable("nodes")[node]["nr"]
            counts = ", ".join(f"{name} {int(served[read.constant('NODE_' + name.upper())])}"
                               for name in ("hit", "miss", "foreign", "local", "other"))
            yield f"node {node}: {pages * 4} KiB, distances {far}; {counts}" + ("; near this processor" if node == local else "")


class Slabinfo(Command):
    """Each cache of objects, as /proc/slabinfo."""

    def lines(self, _):
        return words.slabinfo()


class Vmalloc(Command):
    """Each area of vmalloc, vmap and ioremap, as /proc/vmallocinfo."""

    def lines(self, _):
        return words.vmallocinfo()


class Cache(Command):
    """mm cache NAME: a cache, its slabs and what is parked."""

    def lines(self, name):
        cache = find_cache(name)
        stack, depot, pages = cache["stack"], cache["depot"], read.pages()
        yield (f"{text(cache['name'])}: objects of {int(cache['object_size'])} bytes, {int(cache['stride'])} apart, "
               f"aligned to {int(cache['align'])}; slabs of {1 << int(cache['order'])} pages hold "
               f"{int(cache['per_slab'])}; flags {int(cache['flags']):#x}")
        yield (f"{int(cache['nr_in_use'])} of {int(cache['nr_objects'])} objects in use, "
               f"{int(stack['count']) + int(depot['nr'])} of them parked (room for {int(stack['capacity'])}"
               f"{'' if int(stack['limit']) else ', closed: slow mode'}; {int(depot['nr'])} in the depot, room for "
               f"{int(depot['room'])}); "
               f"{int(cache['nr_slabs'])} slabs, {int(cache['nr_empty'])} empty")
        for which in ("partial", "full"):
            for node in read.links(cache[which], int(cache["nr_slabs"])):
                pfn = pages.pfn_of_node(node)
                if pfn is None:
                    raise read.Loop(f"its {which} slabs lead to no descriptor")
                start, end, _ = words.slab_objects(cache, pfn)
                yield (f"  {which:<7} slab at 0x{read.DIRECT_MAP + (pfn << 12):08x}, order {pages.order(pfn)}: "
                       f"{pages.half(pfn, 'in_use')} of {end - start} in use, "
                       f"{end - pages.half(pfn, 'bump')} never handed out")

    def complete(self, start, word):
        return [text(cache["name"]) for cache in read.caches() if text(cache["name"]).startswith(start)]


def find_cache(name):
    for cache in read.caches():
        if text(cache["name"]) == name:
            return cache
    raise expected("the name of a cache, see `mm slabinfo`", name)


def pfn_of(argument):
    """The page that an expression means: a struct page *, a page number, an address."""
    if not argument:
        raise expected("a page number, an address or a struct page *", argument)
    value, pages = gdb.parse_and_eval(argument), read.pages()
    number = read.number_of(value)
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_PTR and kind.target().strip_typedefs().name == "page":
        pfn = pages.pfn_of(number)
    elif number < pages.nr:
        pfn = number
    elif read.is_direct(number):
        pfn = number - read.DIRECT_MAP >> read.PAGE_SHIFT
    else:
        pfn = pages.pfn_of(number)
    if pfn is None:
        raise expected(f"a struct page *, a page number below {pages.nr:#x} or an address of the direct map", argument)
    return pfn


class Page(Command):
    """mm page EXPRESSION: what a page is, by its number, an address in it or its descriptor."""

    def lines(self, argument):
        yield words.page_line(pfn_of(argument))


class Whatis(Command):
    """mm whatis EXPRESSION: what lies at an address."""

    def lines(self, argument):
        if not argument:
            raise expected("an address", argument)
        yield words.whatis_line(read.number_of(gdb.parse_and_eval(argument)))


class Pcp(Command):
    """What each zone parks per CPU: the lists that hold something or are closed."""

    def lines(self, _):
        names, nr, parked = ("unmovable", "movable", "reclaimable"), 0, 0
        yield "zone     mobility     order  count  limit  capacity"
        for zone, mobility, order, stack in check.page_stacks():
            count, limit, capacity = (int(stack[x]) for x in ("count", "limit", "capacity"))
            count -= int(stack["bottom"])
            nr, parked = nr + (capacity != 0), parked + (count << order)
            if capacity and (count or not limit):
                yield (f"{read.zone_label(zone):<8} {names[mobility]:<12} {order:5} {count:6} {limit:6} {capacity:9}"
                       + ("" if limit else "  closed"))
        yield f"{nr} lists, {parked} pages parked"


class Waiters(Command):
    """Who waits for memory now, and the last waits."""

    def lines(self, _):
        queue = check.waiters()
        yield f"{len(queue)} in the queue, {int(read.variable('wait_nr_waiters'))} counted"
        for waiter in queue:
            thread = waiter["thread"].cast(read.type_of("struct thread").pointer())
            yield (f"  {text(thread['name'])} wants order {int(waiter['order'])}, {words.gfp_names(waiter['gfp'])}, "
                   f"since {int(waiter['since_ms'])} ms" + (", slept" if int(waiter["has_slept"]) else ""))
        state = read.static("wait", "reclaim/wait.c")
        log, logged = state["log"], int(state["nr_logged"])
        size = read.array_length(log)
        for n in range(max(0, logged - size), logged):
            record = log[n % size]
            served = f"served by {text(record['woken_by'])}" if int(record["was_served"]) else "gave up"
            yield (f"  {text(record['task'])} waited for order {int(record['order'])}, "
                   f"{words.gfp_names(record['gfp'])}, {int(record['since_ms'])} to {int(record['until_ms'])} ms: "
                   + served)


class Kmap(Command):
    """The windows on high memory that show a page, permanent ones and this CPU's."""

    def lines(self, _):
        windows = check.Windows()
        yield (f"kmap: {windows.nr} windows, {int(windows.pool['nr_in_use'])} in use, "
               f"{int(windows.pool['nr_stale'])} stale")
        for i in range(windows.nr):
            if windows.count[i]:
                yield (f"  0x{read.WINDOWS_START + i * read.WINDOW_STEP:08x} shows pfn {windows.pfn[i]:#x}, "
                       f"mapped {windows.count[i]} times")
        top = (int(read.percpu("kmap_top")) - read.KMAP_START) // read.KMAP_STEP
        yield f"kmap_local: {top} of {read.KMAP_SLOTS} in use"
        for slot in range(top):
            yield (f"  0x{read.KMAP_START + slot * read.KMAP_STEP:08x} shows pfn "
                   f"{words.local_window(slot) >> 12:#x}")


class Owners(Command):
    """Memory by who asked for it, the most first. Kept with page_owner=on."""

    def lines(self, _):
        owner = read.static("owner", "report/owner.c")
        if not int(owner["record"]):
            raise gdb.GdbError("this kernel keeps no owners: boot it with page_owner=on")
        pages, blocks = {}, {}
        for i in range(int(owner["nr_tracks"])):
            track = owner["track"][i]
            if live := int(track["live_pages"]):
                caller = int(track["frame"][0])
                pages[caller] = pages.get(caller, 0) + live
                blocks[caller] = blocks.get(caller, 0) + int(track["live_blocks"])
        yield "   pages       bytes  blocks  taken by"
        for caller in sorted(pages, key=pages.get, reverse=True):
            name = read.code_name(caller) if caller else "calls that are not known"
            yield f"{pages[caller]:8} {pages[caller] << read.PAGE_SHIFT:11} {blocks[caller]:7}  {name}"


class Disks(Command):
    """Each disk: its command under way, its queue by arrival, each with its requests."""

    MAX_COMMANDS = 128

    def requests(self, command, what):
        ops = ("read", "write", "flush")
        yield (f"  {what}: {ops[int(command['op'])]} of {int(command['nr_sectors'])} sectors at "
               f"{int(command['sector'])}" + (", by itself" if int(command["is_single"]) else ""))
        for request in read.members(command["requests"], "struct blk_request", "link", limit=self.MAX_COMMANDS):
            yield (f"    request {int(request['number'])} at 0x{read.where(request):08x}: {int(request['nr_sectors'])} "
                   f"sectors at {int(request['sector'])}, tick {int(request['arrived'])}, for "
                   f"{read.code_name(int(request['done']))}")

    def lines(self, _):
        disks = read.static("blk", "core/blkdev.c")["disk"]
        for i in range(read.array_length(disks)):
            if not int(disks[i]):
                break
            disk = disks[i].dereference()
            stat = disk["stat"]
            yield (f"{text(disk['name'])}: {int(disk['nr_sectors'])} sectors, {int(disk['nr_handed_out'])} requests of the "
                   f"pool handed out, {int(stat['nr_in_flight'])} in flight, {int(stat['nr_commands'])} commands so far, "
                   f"{int(stat['nr_errors'])} errors")
            if int(disk["under_way"]):
                yield from self.requests(disk["under_way"].dereference(), "under way")
            for command in read.members(disk["queue"], "struct blk_command", "link", limit=self.MAX_COMMANDS):
                yield from self.requests(command, "queued")


class Swaps(Command):
    """Each swap disk, as /proc/swaps, with what it keeps of pages that are in memory, and slots that are bad."""

    STATES = ("none", "begins", "on", "being given up")

    def lines(self, _):
        areas = read.variable("swap_state")["area"]
        for i in range(read.array_length(areas)):
            area = areas[i]
            if not int(area["state"]):
                continue
            nr, nr_free, nr_bad = int(area["nr_pages"]) - 1, int(area["nr_free"]), int(area["nr_bad"])
            yield (f"{text(area['name'])}: {self.STATES[int(area['state'])]}, {nr - nr_bad} slots, {nr - nr_bad - nr_free} in use, "
                   f"{nr_bad} bad, {int(area['mapping']['nr_pages'])} pages in the swap cache")


class Dma(Command):
    """The bounce pool and its mappings; the caches of DMA pools are in `mm slabinfo` as dma-NAME."""

    def lines(self, _):
        pool = read.variable("dma_bounce")
        nr = int(pool["bytes"]) >> read.PAGE_SHIFT
        yield (f"bounce pool: {nr * 4} KiB at 0x{int(pool['start']):x}, {int(pool['nr_used']) * 4} KiB in use, "
               f"{int(pool['max_used']) * 4} KiB at most; {int(pool['nr_mapped'])} buffers bounced, "
               f"{int(pool['nr_refused'])} refused")
        for slot in range(nr):
            if int(pool["slot"][slot]["nr"]):
                yield "  " + words.bounce_phrase(read.DIRECT_MAP + int(pool["start"]) + (slot << read.PAGE_SHIFT))
        for cache in read.caches():
            if text(cache["name"]).startswith("dma-"):
                yield (f"pool {text(cache['name'])[4:]}: {int(cache['nr_in_use'])} blocks of "
                       f"{int(cache['object_size'])} bytes in use or parked, {int(cache['nr_slabs'])} slabs")


class Check(Command):
    """The validator from outside: every invariant of mm/README.md, on a stopped or crashed kernel."""

    def lines(self, _):
        if not check.is_up():
            yield "check: mm is not up yet, there is nothing to check"
            return
        found = check.run()
        held = read.held_locks() if found else []
        yield from found[:check.MAX_LINES]
        if held:
            yield f"note: {', '.join(held)} locked: what that guards may be between two states"
        yield f"check: {len(found)} violations"


class Ps(Command):
    """The threads."""

    def lines(self, _):
        return words.ps()


class Dmesg(Command):
    """The kernel's log, out of its memory."""

    def lines(self, _):
        return words.dmesg()


# --- programs ---

class Programs(Command):
    """The programs that run, with what they hold."""

    def lines(self, _):
        yield "  id  resident kB  swapped kB  tables kB   faults    major  program"
        for program in read.programs():
            aspace = program["aspace"]
            resident, swapped, tables = (int(aspace[x]) * 4 for x in ("nr_resident", "nr_swapped", "nr_tables"))
            faults, major = (int(aspace[x]) for x in ("nr_faults", "nr_major"))
            yield (f"{int(program['id']):4}  {resident:11}  {swapped:10}  {tables:9}  {faults:7}  {major:7}  "
                   + text(program["thread"]["name"]))


USER_END = 0xc0000000
USER_WORDS = 16


class User(Command):
    """mm user PID ADDRESS: where a program's address lies in memory, by its own page tables, and the words there."""

    def lines(self, argument):
        pid, _, where = argument.partition(" ")
        found = [program for program in read.programs() if pid == str(int(program["id"]))]
        if not found:
            raise expected("the number of a program, see `mm programs`, and an address", argument)
        address = read.number_of(gdb.parse_and_eval(where)) if where else USER_END
        if address >= USER_END:
            raise expected(f"an address below {USER_END:#x}", where)
        name, entry = text(found[0]["thread"]["name"]), read.user_entry(found[0]["aspace"], address)
        if entry is None:
            slot = read.user_slot(found[0]["aspace"], address)
            yield (f"0x{address:08x} of {name} ({pid}): "
                   + (f"page {slot[1]} of swap disk {text(slot[0]['name'])}" if slot else "nothing there yet"))
            return
        paddr, may_write = entry
        yield f"0x{address:08x} of {name} ({pid}): physical 0x{paddr:x}, {'writable' if may_write else 'read-only'}"
        yield words.page_line(paddr >> read.PAGE_SHIFT)
        paddr &= ~3
        found = read.physical_words(paddr, min(USER_WORDS, (read.PAGE_SIZE - paddr % read.PAGE_SIZE) // 4))
        for at in range(0, len(found), 4):
            yield f"{(address & ~3) + at * 4:08x}: " + " ".join(f"{word:08x}" for word in found[at:at + 4])


# --- other threads ---

class Registers:
    """The registers, put back when it is over."""

    NAMES = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eip")

    def __enter__(self):
        self.level = gdb.selected_frame().level()
        gdb.newest_frame().select()
        self.saved = [(name, int(gdb.parse_and_eval(f"${name}")) & 0xffffffff) for name in self.NAMES]
        return self

    def __exit__(self, *_):
        gdb.newest_frame().select()
        for name, value in self.saved:
            gdb.execute(f"set ${name} = {value:#x}", to_string=True)
        gdb.execute(f"frame {self.level}", to_string=True)


def find_thread(argument):
    for thread in read.threads():
        if argument in (str(int(thread["id"])), text(thread["name"])):
            return thread
    try:
        value = gdb.parse_and_eval(argument)
        if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
            return read.at("struct thread", int(value))
    except gdb.error:
        pass
    raise expected("the number or name of a thread, see `ps`", argument)


class BtThread(Command):
    """bt-thread ID|NAME: the backtrace of a thread, wherever it sleeps."""

    def lines(self, argument):
        thread = find_thread(argument)
        yield f"thread {int(thread['id'])}, {text(thread['name'])}"
        if read.where(thread) == int(read.percpu("current_thread")):
            yield from gdb.execute("bt", to_string=True).rstrip("\n").split("\n")
            return
        with Registers():
            # Where context_switch() left it: see switch.asm.
            gdb.execute(f"set $esp = {int(thread['sp']):#x}", to_string=True)
            gdb.execute(f"set $eip = {read.address_of('context_switch.resume'):#x}", to_string=True)
            lines = gdb.execute("bt", to_string=True).rstrip("\n").split("\n")
        yield from lines


Mm()
for kind in (Zones, Nodes, Buddyinfo, Slabinfo, Cache, Page, Whatis, Pcp, Waiters, Vmalloc, Kmap, Owners, Disks, Swaps, Dma, Programs, User,
             Check):
    kind("mm " + kind.__name__.lower())
for kind, name in ((Ps, "ps"), (Dmesg, "dmesg"), (BtThread, "bt-thread")):
    kind(name)

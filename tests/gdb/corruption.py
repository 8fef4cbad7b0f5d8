# SPDX-License-Identifier: MIT
# words: selftest=none demo=none lowmem=32M panic=halt
# machine: -m 64M
# What is planted from outside, one fault at a time, `mm check` finds and names, on a healthy and on a crashed kernel.
import os
import re
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from frame import Machine, names, run, scenario, tap, until  # noqa: E402


def check():
    """The ids that mm check names; how many violations."""
    lines = run("mm check")
    return sorted({match.group(1) for match in (re.match(r"([A-Z]+\d+)\b", line) for line in lines) if match}), lines


def value(expression):
    return int(gdb.parse_and_eval(expression)) & 0xffffffff


def plant(name, place, content, ids):
    """Changes one object in memory, looks, and puts it back."""
    gdb.execute(f"set $place = &({place})")
    gdb.execute("set $kept = *$place")
    gdb.execute(f"set var *$place = {content}")
    found, lines = check()
    gdb.execute("set var *$place = $kept")
    tap.ok(found == sorted(ids), f"{name}: {' '.join(ids)}", f"found {' '.join(found)}", *lines)


def faults():
    mobility = next(m for m in range(3) if value(f"zones[1].lists[{m}].nonempty") >> 10 & 1)
    free_list = f"zones[1].lists[{mobility}].list[10].next"
    gdb.execute(f"set $free = (struct page *)((char *){free_list} - (int)&((struct page *)0)->links)")
    gdb.execute("set $cache = $virt_to_page($object)->slab_cache")
    gdb.execute("set $slab = $virt_to_page($object)->slab")
    gdb.execute("set $windows = (struct kmap_window *)kmap_pool.window")
    gdb.execute("set $area = (struct vm_area *)$area_page->private")
    plant("a zone that lost count", "zones[1].nr_free", "*$place + 1", ["B3"])
    plant("a zone that counts too much", "zones[1].managed", "zones[1].present + 1", ["Z1"])
    plant("a bit of an empty list", f"zones[1].lists[{mobility}].nonempty", "*$place ^ 0x400", ["B5"])
    plant("a free list that leads nowhere", free_list, "(struct list_head *)0x1234", ["B3", "B4", "B5"])
    plant("a free list that leads out of the descriptors", free_list, "(struct list_head *)&zones", ["B3", "B4", "B5"])
    plant("a free list that runs in a circle", "$free->links.next", "&$free->links", ["B3", "B4"])
    plant("a free block that is marked allocated", "$free->state", "3", ["A1", "B3", "B4"])
    plant("a mark inside a free block", "$free[5].state", "3", ["A2"])
    plant("a pageblock of another mobility",
          "zones[1].block_mobility[($page_to_pfn($free) >> 10) - zones[1].first_block]", "(*$place + 1) % 3", ["B6"])
    plant("an allocated page without references", "$virt_to_page($large)->refcount", "0", ["A1"])
    plant("a free object's link overwritten", "*(unsigned *)$slab->freelist", "0xdeadbeef", ["S1"])
    plant("a slab that counts one object too many", "$slab->in_use", "*$place + 1", ["S1", "S3"])
    plant("a page that forgot its cache", "$slab->slab_cache", "0", ["S4", "S5"])
    plant("a cache that lost count", "$cache->nr_empty", "*$place + 1", ["S3"])
    plant("an object parked twice", "$cache->stack.slot[0]", "$cache->stack.slot[1]", ["S5"])
    plant("a list per CPU with more than it has", "$cache->stack.count", "5000", ["S5"])
    plant("a depot that counts what lies in no page of it", "$cache->depot.nr", "*$place + 1", ["D2", "D4"])
    plant("a depot that leads nowhere", "$cache->depot.pages.next", "(struct list_head *)8", ["D2"])
    plant("a window on a list and in use", "$windows[3].count", "1", ["H2"])
    plant("a window of the wrong age", "$windows[3].epoch", "kmap_pool.epoch", ["H3"])
    plant("an area that forgot its gap", "$area->span.gap", "*$place + 4096", ["VM1", "VM2"])
    plant("an area that its page does not know", "$area_page->private", "0", ["VM6"])


def prepare(machine):
    """An object with free ones beside it, two parked, a large block and an area; at the prompt, in its thread."""
    machine.type("\n")
    until("line_begin")
    for i in range(6):
        run("kcall kmalloc_any, 40, 0x20")
        run(f"set $o{i} = $")
    run("kcall slab_keep_closed, $virt_to_page($o0)->slab_cache, 1")
    run("kcall kfree, $o1")
    run("kcall slab_keep_closed, $virt_to_page($o0)->slab_cache, 0")
    run("kcall kfree, $o2")
    run("kcall kfree, $o3")
    run("kcall kmalloc_any, 40, 0x20")
    run("kcall kfree, $")
    run("set $object = $o0")
    run("kcall kmalloc_any, 100000, 0x20")
    run("set $large = $")
    run("kcall vmalloc, 5000")
    run("set $area_start = $")
    run("set $area_page = $pfn_to_page($virt_to_phys($area_start) >> 12)")


def corruption():
    machine = Machine()
    machine.boot()
    prepare(machine)
    found, lines = check()
    tap.ok(lines == ["check: 0 violations"], "nothing is wrong before", *lines)
    faults()
    found, lines = check()
    tap.ok(lines == ["check: 0 violations"], "nothing is wrong after all is put back", *lines)

    # A crash: the next echo is an instruction that does not exist. And a fault, which nobody puts back.
    run("set var *(unsigned short *)run_echo = 0x0b0f")
    run("set var $slab->in_use = 77")
    gdb.execute("break-panic")
    machine.type("echo\n")
    gdb.execute("continue", to_string=True)
    tap.ok(names()[0] == "panic_stop", "a panic hits the breakpoint", *names())
    tap.ok("<exception" in " ".join(names()) and "run_echo" in names() and names()[-1] == "context_first",
           "its backtrace goes through the exception to the thread's start", *run("bt"))
    found, lines = check()
    tap.ok("S1" in found and any("in use 77" in line for line in lines),
           "mm check finds on the crashed kernel what was planted", *lines)
    tap.ok(any("PANIC: invalid opcode" in line for line in run("dmesg")), "dmesg reads the report", *run("dmesg")[-5:])


scenario(corruption)

# SPDX-License-Identifier: MIT
# words: selftest=none demo=none lowmem=256M
# GDB's answers are the monitor's, word for word.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from frame import Machine, run, scenario, tap, until  # noqa: E402

ADDRESSES = ("0x10 0x8000 0xc0000000 0xc0100000 0xc0130000 0xc8000000 0xd0000010 0xd0800000 0xd0802000 0xd0900000 "
             "0xf0000000 0xfe000010 0xfe001000 0xfe001f00 0xfe002ff8 0xfe003010 0xff000000 0xff001010 0xff600000 "
             "0xffe10000 0xffffffff").split()
PAGES = "0 1 0x100 0x1000 0x2345 0x8000 0xffff 0x10000 0x1ffff".split()


def columns(lines, *which):
    return [[line.split()[i] for i in which] for line in lines]


def tables():
    machine = Machine()
    tap.ok(until("mm_init_allocators"), "the machine stops where mm is half made")
    tap.equal(run("mm check"), ["check: mm is not up yet, there is nothing to check"], "mm check says so there")
    for command in ("mm slabinfo", "mm cache kmalloc-64"):
        tap.equal(run(command), ["error: the kernel is not up yet, there is nothing to show"], f"so does {command}")
    tap.ok(machine.boot(), "Ctrl-C stops the machine at its prompt")
    machine.type("\n")
    tap.ok(until("line_begin"), "a breakpoint stops it, too")
    areas = [run(f"kcall vmalloc, {size}") for size in (100000, 4096, 5000)]
    tap.ok(all(line[0].startswith("$") for line in areas), "kcall calls a function of the kernel", *areas)
    run("kcall vfree, $")
    machine.ask("kmalloc 100", "kmalloc 5000", "alloc 3", "kmalloc 20000", "alloc 0 HIGHMEM", "kfree #2")
    handles = [line.split("address ")[1][:10] for line in machine.ask("handles")[0] if "address" in line]
    addresses = [*ADDRESSES, *handles, str(int(handles[0], 16) + 50)]
    pages = [*handles, *PAGES]
    pairs = [("mm buddyinfo", "buddyinfo"), ("mm zones", "zoneinfo"), ("mm slabinfo", "slabinfo"),
             ("mm vmalloc", "vmallocinfo"), ("dmesg", "dmesg")]
    pairs += [(f"mm whatis {address}", f"whatis {address}") for address in addresses]
    pairs += [(f"mm page {page}", f"page {page}") for page in pages]
    answers = machine.ask(*(theirs for _, theirs in pairs), "validate", "ps")
    for (ours, theirs), expected in zip(pairs, answers):
        tap.equal(run(ours), expected, f"{ours} says what {theirs} says")
    tap.equal(run("kcall"), ["error: expected a function of the kernel, then its arguments, with commas"], "kcall alone")
    tap.equal(run("mm whatis kmalloc_any"), run("mm whatis &kmalloc_any"), "a function means its address")
    tap.equal(run('output $gfp("x")'), ["error: expected a number or an address, got '\"x\"'"], "a text means none, in one line")
    # Nothing but the monitor ran in between: numbers, sizes and names of the threads.
    tap.equal(columns(run("ps"), 0, 3, -1), columns(answers[-1], 0, 3, -1), "ps lists the threads that ps lists")
    tap.equal(run("mm check"), ["check: 0 violations"], "mm check finds nothing wrong with a healthy kernel")
    tap.equal(answers[-2], ["validate: 0 violations"], "... nor does the kernel's own validator")
    tap.ok(len(run("mm vmalloc")) == 3, "there were areas to compare", *run("mm vmalloc"))


scenario(tables)

# SPDX-License-Identifier: MIT
# words: selftest=none demo=none panic=halt
# machine: -m 64M -smp 4
# Other CPUs: one that never answers is named and left out; two that panic at once make one report, and all stand still.
import os
import re
import sys
import time

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from frame import Machine, scenario, tap, until  # noqa: E402

NOBODY = 0x55
OTHERS = (3, 4)  # threads of GDB; 2 is the CPU left out
TEXT = "(const char *)&ksym_names"


def place(thread):
    gdb.execute(f"thread {thread}", to_string=True)
    return gdb.newest_frame().name()


def cpus():
    machine = Machine()
    gdb.execute("hbreak cpu_start", to_string=True)
    gdb.execute("continue", to_string=True)
    gdb.execute(f"set $eax = {NOBODY:#x}")
    gdb.execute("delete")
    tap.ok(machine.boot(), "the machine comes to its prompt")
    said = [line for line in machine.log().split("\n") if "processor" in line]
    tap.ok(any("APIC number 1 did not come within 2 s: it is left out" in line for line in said)
           and any("processors: 3 run" in line for line in said), "one that does not come is named and left out", *said)

    machine.type("test smp\n")
    tap.ok(until("smp_call", "$_thread != 1"), "other CPUs run")  # two that ask each other: a CPU that waits would stay there
    for thread in OTHERS:
        gdb.execute(f"thread {thread}", to_string=True)
        for register, value in (("eax", TEXT), ("edx", TEXT), ("ecx", thread), ("eip", "(unsigned)assert_failed")):
            gdb.execute(f"set ${register} = {value}")
    before = len(machine.log())
    start = time.time()
    machine.run_until(lambda log: log.count("PANIC") and time.time() - start > 2)
    after = machine.log()[before:]
    tap.ok(after.count("PANIC: ") == 1 and "PANIC in panic" not in after, "two that panic at once make one report",
           *after.split("\n"))
    tap.ok(re.search(r"in thread idle/[123], context: .*, CPU [123]", after) is not None,
           "it says which CPU it was", *after.split("\n"))
    places = [place(thread) for thread in (1, *OTHERS)]
    tap.equal(places, ["cpu_halt"] * 3, "all stand still")


scenario(cpus)

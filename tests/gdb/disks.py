# SPDX-License-Identifier: MIT
# words: selftest=none demo=none
# machine: -m 64M -blockdev driver=null-co,node-name=null,size=1048576,read-zeroes=on -device ide-hd,drive=null,bus=ide.0,unit=0
# A disk in the middle of a command: its queue and its requests, the bounce pool, and what lies at their addresses.
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from frame import Machine, run, scenario, tap, until  # noqa: E402


def disks():
    machine = Machine()
    machine.boot()
    idle = run("mm disks")
    tap.ok(len(idle) == 1 and re.match(r"ide0: 2048 sectors, 0 requests .* 0 in flight", idle[0]), "a disk at rest", *idle)
    machine.type("sum ide0\n")
    tap.ok(until("ide_wait_answer"), "the machine stops while the disk works")
    busy = run("mm disks")
    tap.ok(len(busy) >= 3 and re.match(r"  under way: read of \d+ sectors at 0", busy[1]), "what is under way is shown", *busy)
    request = re.match(r"    request \d+ at (0x\w+): \d+ sectors at 0, tick \d+, for \w+", busy[2])
    tap.ok(request, "... with its requests, and for whom they are", *busy)
    said = run(f"mm whatis {request[1]}")
    tap.ok(len(said) == 1 and "blk_request" in said[0] and "handed out" in said[0], "whatis knows a request", *said)
    pool = run("mm dma")
    start = re.match(r"bounce pool: \d+ KiB at (0x\w+), 0 KiB in use", pool[0])
    tap.ok(start, "the bounce pool is shown", *pool)
    address = int(start[1], 16) + 0xc0003000
    tap.equal(run(f"mm whatis {address:#x}"), [f"0x{address:08x}: slot 3 of the bounce pool, free"], "... and known by address")
    answers = machine.ask(f"whatis {address:#x}", "")  # behind that of sum
    tap.equal(answers[1], [f"0x{address:08x}: slot 3 of the bounce pool, free"], "the prompt says so")


scenario(disks)

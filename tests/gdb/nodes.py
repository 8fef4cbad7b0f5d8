# SPDX-License-Identifier: MIT
# words: selftest=none demo=none
# machine: -m 64M -object memory-backend-ram,id=n0,size=48M -object memory-backend-ram,id=n1,size=16M -numa node,nodeid=0,memdev=n0 -numa node,nodeid=1,memdev=n1 -numa dist,src=0,dst=1,val=31 -numa dist,src=1,dst=0,val=31
# Two nodes: whose memory is where, and what GDB says of it is what the kernel says.
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from frame import Machine, run, scenario, tap  # noqa: E402

FAR = 56 << 20 >> 12  # a page number of node 1


def nodes():
    machine = Machine()
    tap.ok(machine.boot(), "a machine of two nodes stops at its prompt")
    lines = run("mm nodes")
    counts = r"; hit [0-9]+, miss 0, foreign 0, local [0-9]+, other 0"
    tap.ok(len(lines) == 2 and re.match(rf"node 0: [0-9]+ KiB, distances 10 31{counts}; near this processor$", lines[0])
           and re.match(rf"node 1: [0-9]+ KiB, distances 31 10{counts}$", lines[1]), "mm nodes has a line for each", *lines)
    for gdb_words, words in ((f"mm page {FAR:#x}", f"page {FAR:#x}"), (f"mm whatis {0xc0000000 + (FAR << 12):#x}", f"whatis {0xc0000000 + (FAR << 12):#x}")):
        mine, (its,) = run(gdb_words), machine.ask(words)
        tap.ok(len(mine) == 1 and ", node 1" in mine[0] and mine == its, f"{gdb_words} says what the kernel says", *mine, *its)
    tap.equal(run("mm check")[-1:], ["check: 0 violations"], "mm check finds nothing")


scenario(nodes)

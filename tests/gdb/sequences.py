# SPDX-License-Identifier: MIT
# words: selftest=none demo=none
# machine: -m 64M
# rseq-step lets an interrupt into a restartable sequence, at each of its instructions: before the commit it is set back.
import os
import sys
import time

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from frame import Machine, names, run, scenario, tap, until  # noqa: E402

STACK = "((struct kmem_cache *)$edx)->stack"
FAST = f"($eflags & 0x200) && {STACK}.count < {STACK}.limit"


def pc():
    return int(gdb.newest_frame().pc())


def interrupt(machine, left, start, commit):
    """Goes to one of the instructions that are left, and lets an interrupt in before it."""
    until("*&object_push", FAST)
    while pc() not in left and pc() != commit:
        gdb.execute("stepi", to_string=True)
    before = pc()
    rewinds = int(gdb.parse_and_eval("percpu_rseq_rewinds"))
    # Keys pressed while the machine stands: the serial line's interrupt waits. One key alone waits for more.
    machine.type(" " * 16)
    time.sleep(0.05)
    lines = [line for _ in range(2) for line in run("rseq-step")]
    rewound = int(gdb.parse_and_eval("percpu_rseq_rewinds")) - rewinds
    is_set_back = any("set back to its start" in line for line in lines)
    if before in left:
        left.remove(before)
        tap.ok(is_set_back == (before != commit) and (rewound > 0) == (before != commit),
               f"interrupted at +{before - start} it {'goes on' if before == commit else 'is set back'}", *lines)


def sequences():
    machine = Machine()
    machine.boot()
    lines = run("rseq-step")
    tap.ok("expected to stand in a restartable sequence" in lines[0], "elsewhere rseq-step says where to go", *lines)
    machine.type("test slab\n")
    until("*&object_push", FAST)
    start, commit = pc(), int(gdb.parse_and_eval("(unsigned)&'object_push.commit'"))
    lines = run("rseq-step")
    tap.ok("=>" in lines[-1] and start - 14 <= pc() <= commit, "it shows the instruction to come", *lines)
    until("*&object_push", FAST)
    left = [pc()]
    while left[-1] != commit:
        gdb.execute("stepi", to_string=True)
        left.append(pc())
    for _ in range(3 * len(left)):
        if left:
            interrupt(machine, left, start, commit)
    tap.ok(not left, "every instruction of the sequence was interrupted", *map(hex, left))
    tap.ok(names()[-1] == "context_first", "and the backtrace is whole", *names())


scenario(sequences)

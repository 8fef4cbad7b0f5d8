# SPDX-License-Identifier: MIT
# words: selftest=none demo=none output=terminal panic=halt
# machine: -m 64M
# The prompt after a panic: readers only, and nothing that a reader meets in a damaged kernel ends more than that reader.
import os
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import frame  # noqa: E402
from frame import Machine, run, scenario, tap  # noqa: E402

SLAB = "'mm/objects/slab_cache.c'::slab"


def has(lines, text):
    return any(text in line for line in lines)


def ask(machine, command, text, name):
    answer = machine.ask(command)[0]
    tap.ok(has(answer, text), name, *answer)


def prompt():
    machine = Machine()
    machine.boot()
    machine.ask("alloc 3")
    frame.PROMPT = "panic> "
    machine.type("wrong lock-twice\n")
    tap.ok(machine.run_until(lambda log: log.endswith(frame.PROMPT)), "a panic ends at a prompt")
    log = machine.log()
    tap.ok("PANIC: lock wrong" in log or "PANIC: spinlock wrong" in log, "after the reason", log[-800:])
    tap.ok("in thread monitor, context: spinlock" in log, "the thread and the context", log[-800:])
    tap.ok("reboot or poweroff leaves" in log, "and the ways to leave")
    ask(machine, "whatis panic_stop", "kernel text, panic_stop", "whatis reads")
    ask(machine, "page #1", "head of a block of order 3, allocated", "page knows the handles")
    ask(machine, "ps", "running", "ps reads")
    ask(machine, "bt monitor", "wrong_lock_twice", "bt of the thread that panicked is the panic's")
    ask(machine, "map", "Normal", "map reads")
    ask(machine, "alloc 0", "expected a command that `help` lists, got 'alloc'", "what changes memory is not there")
    saved = run(f"output/x {SLAB}.caches.next")[0]
    gdb.execute(f"set var {SLAB}.caches.next = 0x10")
    ask(machine, "slabinfo -u", "the command met exception 14 at 0x", "a page fault ends the command")
    gdb.execute(f"set var {SLAB}.caches.next = {saved}")
    ask(machine, "zones", "Normal", "and the prompt is back")
    gdb.execute(f"set var {SLAB}.lock.owner = 1")
    ask(machine, "slabinfo -u", "the command came no further: lock slab", "a lock that is held ends the command")
    gdb.execute(f"set var {SLAB}.lock.owner = 0")
    ask(machine, "slabinfo kmalloc-64", "kmalloc-64", "and hangs nothing")
    for _ in range(5):
        gdb.execute(f"set var {SLAB}.lock.owner = 1")
        machine.ask("slabinfo -u")
    gdb.execute(f"set var {SLAB}.lock.owner = 0")
    ask(machine, "echo still here", "still here", "however often")
    machine.type("poweroff\n")
    ended = run("continue")
    tap.ok(not gdb.selected_inferior().threads(), "poweroff leaves", *ended)


scenario(prompt)

# SPDX-License-Identifier: MIT
# words: selftest=slab demo=none
# machine: -m 64M
# A backtrace ends where the thread began, from every context and at every instruction of the code between contexts.
import os
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from frame import OUTERMOST, PROMPT, Machine, names, run, scenario, tap, until  # noqa: E402

REGISTERS = ("eip", "esp", "ebp", "ebx", "esi", "edi")
STACK = "((struct kmem_cache *)$edx)->stack"
ALL_REGISTERS = (*REGISTERS, "eax", "ecx", "edx", "eflags")


def registers(frame, which=REGISTERS):
    return {name: int(frame.read_register(name)) & 0xffffffff for name in which}


def pc():
    return int(gdb.newest_frame().pc())


def address(symbol):
    return int(gdb.parse_and_eval(f"(unsigned)&'{symbol}'"))


def reaches(location, name, *wanted):
    """Runs there; the backtrace has the wanted names in that order and ends at an outermost frame."""
    there, found = until(location), names()
    rest = iter(found)
    tap.ok(there and all(any(have.startswith(want) for have in rest) for want in wanted) and found[-1] in OUTERMOST,
           name, f"wanted {', '.join(wanted)} and an end; found {', '.join(found)}")


def steps(name, is_over, expected, which, limit=200):
    """Steps by instruction; at each the frame that was there when it began looks the same."""
    bad, nr = [], 0
    while not is_over() and nr < limit:
        frame = gdb.newest_frame()
        caller = frame if pc() == expected["eip"] else frame.older()
        found = registers(caller, which) if caller else {}
        if found != expected:
            bad.append(f"at {pc():#x} ({names()[0]}): {found}")
        gdb.execute("stepi", to_string=True)
        nr += 1
    tap.ok(not bad and 0 < nr < limit, f"{name}, {nr} instructions", f"expected {expected}", *bad[:5])


def step_through_trap(vector, handler, name):
    until(f"*&'trap_entry.vector_{vector}'")
    expected = registers(gdb.newest_frame().older(), ALL_REGISTERS)
    steps(f"the entry of {name} finds what it interrupted", lambda: pc() == address(handler), expected, ALL_REGISTERS)
    return expected


def step_through_return():
    until("trap_return")
    expected = registers(gdb.newest_frame().older(), ALL_REGISTERS)
    steps("so does the return", lambda: pc() == expected["eip"], expected, ALL_REGISTERS)


def step_through_sequence(symbol, is_fast):
    if not until(f"*&'{symbol}'", is_fast):
        tap.ok(False, f"{symbol} is reached")
        return
    start = pc()
    expected = registers(gdb.newest_frame().older())
    steps(f"{symbol} finds its caller", lambda: not start <= pc() < start + 64 - start % 64 + 16, expected, REGISTERS)


def step_through_switch():
    until("context_switch")
    bad, nr, end = [], 0, address("context_first")
    while address("context_switch") <= pc() < end:
        found = names()
        if len(found) < 2 or found[-1] not in OUTERMOST:
            bad.append(f"at {pc():#x}: {found}")
        gdb.execute("stepi", to_string=True)
        nr += 1
    tap.ok(not bad and nr > 10, f"a switch finds one thread's frames or the other's, {nr} instructions", *bad)


def unwinding():
    reaches("_start", "the first instruction has no caller", "_start")
    reaches("start_memory", "at boot", "start_memory", "start", "kernel_main", "higher_half")
    reaches("pit_tick", "in a hard interrupt", "pit_tick", "irq_handle", "<interrupt 0x20>")
    reaches("softirq_run_pending", "in a softirq", "softirq_run_pending", "irq_handle", "<interrupt 0x20>")
    reaches("slab_alloc_slow", "in an allocator's slow path", "slab_alloc_slow")
    step_through_sequence("object_pop_kernel_sequence", f"{STACK}.count > 0")
    step_through_sequence("object_push", f"{STACK}.count < {STACK}.limit")
    step_through_sequence("page_push", "((struct pcpu_stack *)$edx)->count < ((struct pcpu_stack *)$edx)->limit")
    step_through_trap(32, "trap_interrupt", "an interrupt")
    step_through_return()
    machine = Machine()
    machine.boot()
    machine.type("\n")  # wakes the monitor: who is idle does not switch
    step_through_switch()
    machine.type("test trap\ntest trap\ntest trap\n")
    reaches("trap_handle", "in an exception", "trap_handle", "<exception", "thread_begin")
    reaches("double_fault_handle", "in a double fault, on its own stack", "double_fault_handle", "double_fault_entry",
            "recurse", "recurse", "trap_context_call", "thread_begin")
    step_through_trap(14, "trap_handle", "a page fault")
    machine.run_until(lambda log: log.count(PROMPT) == 5 and log.endswith(PROMPT))
    found = names()
    tap.ok("idle_run" in found and found[-1] == "context_first", "in the idle thread", *found)
    before = run("info registers")
    for line in run("ps")[1:]:
        number, name = line.split()[0], line.split()[-1]
        found = names(number)
        tap.ok(found[-1] in OUTERMOST and len(found) > 3, f"bt-thread {number}, {name}", *run(f"bt-thread {number}"))
    tap.equal(run("info registers"), before, "bt-thread leaves the registers as they were")


scenario(unwinding)

# SPDX-License-Identifier: MIT
# words: selftest=none demo=none panic=halt
# machine: -m 64M
# One breakpoint meets every panic, whatever it came from, and none that a test expects.
import os
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from frame import PROMPT, Machine, names, run, scenario, tap, until  # noqa: E402

REGISTERS = "eax ebx ecx edx esi edi ebp esp eflags eip".split()
TEXT = "(const char *)&ksym_names"


def meets(name, *wanted):
    found = names()
    rest = iter(found)
    tap.ok(found[0] == "panic_stop" and all(want in rest for want in wanted) and found[-1] == "context_first",
           f"the breakpoint meets {name}", f"wanted {', '.join(wanted)}; found {', '.join(found)}")


def panics():
    machine = Machine()
    machine.boot()
    run("break-panic")
    machine.type("test trap,irq\n")
    is_back = machine.run_until(lambda log: log.count(PROMPT) == 2 and log.endswith(PROMPT))
    tap.ok(is_back and names()[0] != "panic_stop", "no panic that a test expects meets the breakpoint", *names())

    machine.type("\n")
    until("line_begin")
    saved = [(name, int(gdb.parse_and_eval("$" + name)) & 0xffffffff) for name in REGISTERS]

    def again():
        for name, number in saved:
            gdb.execute(f"set ${name} = {number:#x}")
        gdb.execute("set var panic_state.depth = 0")

    run(f"print panic({TEXT})")
    meets("panic()", "panic", "line_begin")
    again()
    run(f"kcall assert_failed, {TEXT}, {TEXT}, 1")
    meets("a failed assertion", "panic_at", "assert_failed", "line_begin")
    again()
    for name, code, wanted in (
            ("an invalid opcode", "0f 0b", ("<exception 6: invalid opcode>", "run_echo", "monitor_thread")),
            ("a page fault", "a1 00 00 00 00", ("<exception 14: page fault>", "run_echo", "monitor_thread")),
            ("a stack overflow", "90 50 eb fd", ("double_fault_entry", "run_echo"))):
        gdb.selected_inferior().write_memory(int(gdb.parse_and_eval("(unsigned)run_echo")), bytes.fromhex(code))
        machine.type("echo\n")
        gdb.execute("continue", to_string=True)
        if name == "a stack overflow":
            # Its pushes are no function's: what called it is not to be found.
            found = names()
            tap.ok(found[0] == "panic_stop" and found[found.index("double_fault_entry") + 1] == "run_echo",
                   f"the breakpoint meets {name}", *found)
        else:
            meets(name, *wanted)
            again()


scenario(panics)

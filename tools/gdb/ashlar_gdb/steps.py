# SPDX-License-Identifier: MIT
"""Running: `start-kernel`, `break-panic`, `rseq-step`."""
import gdb

from . import read

SLOT, COMMIT = 128, 64  # kernel/arch/rseq.h


class StartKernel(gdb.Command):
    """Runs to the first line of C."""

    def __init__(self):
        super().__init__("start-kernel", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        gdb.execute("tbreak kernel_main")
        gdb.execute("continue")


class BreakPanic(gdb.Command):
    """A breakpoint that every panic hits, its report printed: failed assertions and exceptions too."""

    def __init__(self):
        super().__init__("break-panic", gdb.COMMAND_BREAKPOINTS)

    def invoke(self, argument, from_tty):
        gdb.execute("break panic_stop")


def pc():
    return int(gdb.newest_frame().pc())


def in_sequence(address):
    return read.address_of("__rseq_start") <= address < read.address_of("__rseq_end")


class RseqStep(gdb.Command):
    """rseq-step [N]: N instructions of a restartable sequence, with interrupts let in between.

    QEMU keeps interrupts out while it steps (maint packet qqemu.sstep); this command lets them in, runs through
    the handler of one that comes, and says where the sequence goes on: where it was, or set back to its start."""

    def __init__(self):
        super().__init__("rseq-step", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        count = int(gdb.parse_and_eval(argument)) if argument else 1
        if not in_sequence(pc()):
            raise gdb.GdbError("expected to stand in a restartable sequence: try `break object_push`")
        gdb.execute("maint packet Qqemu.sstep=1", to_string=True)
        try:
            for _ in range(count):
                if not self.step():
                    break
        finally:
            gdb.execute("maint packet Qqemu.sstep=7", to_string=True)

    def step(self):
        """Result: is it still in a sequence?"""
        before, sp = pc(), int(gdb.parse_and_eval("$esp")) & 0xffffffff
        gdb.execute("stepi", to_string=True)
        if in_sequence(pc()):
            gdb.execute("x/i $pc")
            return True
        if gdb.newest_frame().type() != gdb.SIGTRAMP_FRAME:
            gdb.execute("frame")
            return False
        self.through_handler(before, sp)
        return in_sequence(pc())

    def through_handler(self, before, sp):
        slot = before & -SLOT
        name = read.code_name(before)
        gdb.write(f"interrupted before {name}, offset {before - slot} of its slot (commit at {COMMIT})\n")
        stops = [gdb.Breakpoint(f"*{address:#x}", internal=True, temporary=True)
                 for address in {before, slot}]
        for stop in stops:
            stop.silent = True
            stop.condition = f"$esp == {sp:#x}"
        gdb.execute("continue", to_string=True)
        for stop in stops:
            if stop.is_valid():
                stop.delete()
        if pc() == slot and before != slot:
            gdb.write("set back to its start:\n")
        elif pc() == before:
            gdb.write("goes on where it was:\n")
        gdb.execute("x/i $pc")


class Kcall(gdb.Command):
    """kcall FUNCTION [, ARGUMENT]...: calls a function of the kernel where it stands, and prints the result.

    GDB's own `call` puts arguments on the stack, the kernel expects the first three in eax, edx and ecx."""

    def __init__(self):
        super().__init__("kcall", gdb.COMMAND_RUNNING, gdb.COMPLETE_SYMBOL)

    def invoke(self, argument, from_tty):
        function, *arguments = (part.strip() for part in argument.split(","))
        if len(arguments) > 3:
            raise gdb.GdbError("expected at most three arguments: more lie on the stack")
        if not function:
            raise gdb.GdbError("expected a function of the kernel, then its arguments, with commas")
        function = gdb.parse_and_eval(function)
        values = [int(gdb.parse_and_eval(part)) & 0xffffffff for part in arguments]
        gdb.newest_frame().select()
        saved = [(name, int(gdb.parse_and_eval("$" + name)) & 0xffffffff) for name in ("eax", "edx", "ecx")]
        try:
            for (name, _), value in zip(saved, values):
                gdb.execute(f"set ${name} = {value:#x}", to_string=True)
            result = function.type.target() if function.type.code == gdb.TYPE_CODE_PTR else function.type
            address = int(function.address or function)
            gdb.execute(f"print (({result.target()} (*)(void)){address:#x})()")
        finally:
            for name, value in saved:
                gdb.execute(f"set ${name} = {value:#x}", to_string=True)


for command in (StartKernel, BreakPanic, RseqStep, Kcall):
    command()

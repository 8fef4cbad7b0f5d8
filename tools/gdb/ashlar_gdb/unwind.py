# SPDX-License-Identifier: MIT
"""Backtraces through what C does not describe. Interrupts, exceptions, switches and restartable sequences describe
themselves (kernel/arch/i386/cfi.inc); here are the two things that need more: the double fault, whose interrupted state
lies in the CPU's task segment, and names for the frames of traps."""
import gdb
from gdb.FrameDecorator import FrameDecorator
from gdb.unwinder import Unwinder, register_unwinder

from . import read, text as words


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class DoubleFault(Unwinder):
    """The task switch left every register in the CPU's own task segment."""

    REGISTERS = ("eip", "esp", "ebp", "eax", "ebx", "ecx", "edx", "esi", "edi", "eflags")

    def __init__(self):
        super().__init__("ashlar double fault")
        self.start = self.end = None

    def __call__(self, pending):
        if self.start is None:
            self.start = read.address_of("double_fault_entry")
            self.end = read.address_of("trap_context_call")
        pc = int(pending.read_register("eip")) & 0xffffffff
        if not self.start <= pc < self.end:
            return None
        info = pending.create_unwind_info(FrameId(pending.read_register("esp"), pending.read_register("eip")))
        tss = read.static("percpu_segments", "i386/segments.c")["tss"]
        for name in self.REGISTERS:
            info.add_saved_register(name, tss[name].cast(pending.read_register(name).type))
        return info


class TrapFrame(FrameDecorator):
    """Says which vector, where GDB would say <signal handler called>."""

    def function(self):
        frame = self.inferior_frame()
        older = frame.older()
        names = words.names_of("exception_names", "i386/trap.c")
        if older is None:
            return super().function()
        # eip, cs and eflags lie below the interrupted stack pointer, the vector and error code below them.
        below = 20 if not int(older.read_register("cs")) & 3 else 28
        try:
            vector = read.word((int(older.read_register("esp")) & 0xffffffff) - below)
        except gdb.MemoryError:
            return "<trap>"
        if vector < len(names) and names[vector]:
            return f"<exception {vector}: {names[vector]}>"
        return f"<interrupt 0x{vector:x}>" if vector < 256 else "<trap>"

    def filename(self):
        return None

    def line(self):
        return None


class TrapFilter:
    name, enabled, priority = "ashlar traps", True, 100

    def filter(self, frames):
        for decorator in frames:
            is_trap = decorator.inferior_frame().type() == gdb.SIGTRAMP_FRAME
            yield TrapFrame(decorator) if is_trap else decorator


def register():
    register_unwinder(None, DoubleFault(), replace=True)
    gdb.frame_filters[TrapFilter.name] = TrapFilter()


register()

# SPDX-License-Identifier: MIT
# GDB for Ashlar: `source tools/gdb/ashlar.py`, with the kernel's symbols loaded, before or after `target remote`.
# `make debug` and `make attach` do so. docs/debugging.md tells what it gives.
import os
import sys

import gdb

for setting in ("confirm off", "pagination off", "disassemble-next-line auto", "print pretty on", "architecture i386",
                "print demangle off"):
    gdb.execute("set " + setting, to_string=True)
gdb.execute("handle SIGINT nopass", to_string=True)

# The kernel's memory is read page by page and kept until the machine runs on; the devices' never.
for line in ("set dcache line-size 4096", "set dcache size 4096", "set mem inaccessible-by-default off",
             "mem 0xc0000000 0xffe00000 rw cache"):
    gdb.execute(line, to_string=True)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from ashlar_gdb import commands, functions, printers, steps, unwind  # noqa: E402, F401

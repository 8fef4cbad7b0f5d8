# SPDX-License-Identifier: MIT
# GDB for Ashlar: `source tools/gdb/ashlar.py`, with the kernel's symbols loaded. `make debug` and `make attach` do so.
import gdb

for setting in ("confirm off", "pagination off", "disassemble-next-line auto", "print pretty on", "architecture i386",
                "print demangle off"):
    gdb.execute("set " + setting)
gdb.execute("handle SIGINT nopass", to_string=True)

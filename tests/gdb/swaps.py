# SPDX-License-Identifier: MIT
# words: selftest=none demo=none lowmem=16M mem=16M swap=ide0 run="hog 24 &"
# machine: -m 64M -drive file=$BUILD/swap.img,format=raw,if=none,id=swap -device ide-hd,drive=swap,bus=ide.0,unit=0
# before: truncate -s 64M $BUILD/swap.img; mkswap $BUILD/swap.img
# A program larger than memory: where its pages are that are not there, as GDB and the monitor say it.
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from frame import Machine, run, scenario, tap  # noqa: E402

MAPPED, MIB = 0x40000000, 1 << 20


def swaps():
    machine = Machine()
    tap.ok(machine.boot(), "the machine stops at its prompt, a program behind it")
    for _ in range(200):
        if re.search(r", [1-9][0-9]{3,} in use", "".join(run("mm swaps"))):
            break
        machine.ask("swaps")
    lines = run("mm swaps")
    tap.ok(len(lines) == 1 and re.match(r"ide0: on, 16383 slots, [0-9]+ in use, 0 bad, [0-9]+ pages in the swap cache$", lines[0]),
           "mm swaps counts its slots", *lines)
    hog = run("mm programs")[1].split()[0]
    there = [run(f"mm user {hog} {MAPPED + n * MIB // 4:#x}")[0] for n in range(24 * 4)]
    out = [line for line in there if re.search(r": page [0-9]+ of swap disk ide0$", line)]
    tap.ok(out and len(out) + sum("physical" in line for line in there) >= 24, "mm user says of a page that it is on the disk", *there)
    slots = [int(line.split(": page ")[1].split()[0]) for line in out]
    tap.ok(len(set(slots)) == len(slots) and 0 not in slots, "... each at a place of its own", *out)


scenario(swaps)

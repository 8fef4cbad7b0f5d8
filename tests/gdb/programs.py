# SPDX-License-Identifier: MIT
# words: selftest=none demo=none run="hog 1 &"
# Programs as GDB shows them: what they hold, their memory by their own page tables, where they are.
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from frame import Machine, run, scenario, tap  # noqa: E402

TEXT, MAPPED = 0x08048000, 0x40000000


def pattern(seed, n):
    """As user/programs/lib.h has it."""
    x = ((n + 1) * 2654435761 ^ seed * 40503) & 0xffffffff
    return x ^ x >> 15


def words_of(lines):
    return [int(word, 16) for line in lines[2:] for word in line.split(": ")[1].split()]


def programs():
    machine = Machine()
    tap.ok(machine.boot(), "the machine stops at its prompt, a program behind it")
    answers = machine.ask("run peek sleep 1000000 &", "ps", "whatis 0x08048010", "whatis 0x40000008", "whatis 0x30000000")
    start = [line.split()[-1] for line in answers[1]].index("program")
    theirs = answers[1][start:]
    found = run("mm programs")
    tap.ok(len(found) == 3, "mm programs lists both", *found)
    tap.equal([line.split()[::5] for line in found], [line.split()[::5] for line in theirs], "... those that ps lists")
    hog, peek = (line.split()[0] for line in found[1:])
    said = [re.sub(r": (no page|page 0x[0-9a-f]+)$", ": page", line) for line in answers[2]]  # peek may not have begun
    tap.equal(said, [f"0x08048010: hog ({hog}): its text, read-only, 16 bytes in: page",
                     f"            peek ({peek}): its text, read-only, 16 bytes in: page"], "whatis says it for each program")
    tap.ok(answers[3][0].startswith(f"0x40000008: hog ({hog}): its mapping, 8 bytes in: page 0x"), "... and what is one's alone", *answers[3])
    tap.ok("bytes past its" in answers[4][0], "... and what is nobody's", *answers[4])

    text = [run(f"mm user {pid} {TEXT:#x}") for pid in (hog, peek)]
    tap.ok(all(words_of(lines)[0] == 0x464c457f for lines in text), "a program's text begins with its ELF header", *text[0])
    tap.ok("read-only" in text[0][0], "... which may not be written", text[0][0])
    tap.ok(text[0][0].split("physical")[1] != text[1][0].split("physical")[1], "... each with a page of its own")
    mapped = run(f"mm user {hog} {MAPPED:#x}")
    tap.equal(words_of(mapped), [pattern(int(hog) + 7, n) for n in range(16)], "hog's memory holds what only hog knows")
    tap.ok("writable" in mapped[0], "... and may write", mapped[0])
    tap.equal(run(f"mm user {peek} {MAPPED:#x}"), [f"0x40000000 of peek ({peek}): nothing there yet"], "nobody else has it there")
    tap.equal(run("mm swaps"), [], "without a swap disk mm swaps lists none")
    tap.equal(run("mm user 9999 0"), ["error: expected the number of a program, see `mm programs`, and an address, got '9999 0'"],
              "a program that is none is said to be")
    tap.equal(run(f"mm user {hog} 0xc0000000"), ["error: expected an address below 0xc0000000, got '0xc0000000'"],
              "the kernel's is no program's")
    # hog may be anywhere, in ring 3 for the most part; peek sleeps in its call.
    for pid, wanted in ((hog, ("trap_", "0x0804")), (peek, ("call_sleep",))):
        frames = run(f"bt-thread {pid}")
        tap.ok(any(word in line for word in wanted for line in frames) and len(frames) < 40
               and not any("corrupt" in line or "Cannot access" in line for line in frames), f"bt-thread {pid} ends where it came in", *frames)
    tap.equal(run("mm check"), ["check: 0 violations"], "mm check finds nothing wrong")


scenario(programs)

# SPDX-License-Identifier: MIT
# words: selftest=none demo=none page_owner=on
# Who has the pages, said by GDB as the monitor says it; and an expression that means nothing is one line.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from frame import Machine, run, scenario, tap  # noqa: E402


def owners():
    machine = Machine()
    machine.boot()
    machine.ask("alloc 3", "alloc 0", "vmalloc 20000")
    answer = machine.ask("owners 1000")[0]
    tap.ok(len(answer) > 4, "there are owners to compare", *answer)
    tap.equal(run("mm owners"), answer, "mm owners says what owners says")
    said = run("mm whatis no_such_thing")
    tap.ok(len(said) == 1 and "no_such_thing" in said[0], "what means nothing is said in a line", *said)


scenario(owners)

# SPDX-License-Identifier: MIT
"""The frame of the scenarios, which run inside GDB: TAP into a file, and a machine that is talked to at its prompt while
GDB lets it run. To stop it a thread sends GDB the signal of Ctrl-C."""
import os
import re
import signal
import threading
import time

import gdb

BUILD = os.environ["BUILD"]
PROMPT = "ashlar> "
LIMIT = float(os.environ.get("GDB_TEST_LIMIT", "60"))



class Tap:
    def __init__(self):
        self.file = open(os.path.join(BUILD, "tap"), "w", encoding="utf-8")
        self.nr = 0

    def ok(self, passed, name, *why):
        self.nr += 1
        print(f"{'ok' if passed else 'not ok'} {self.nr} - {name}", file=self.file, flush=True)
        for line in why if not passed else ():
            for part in str(line).split("\n"):
                print(f"# {part}", file=self.file, flush=True)

    def equal(self, found, expected, name):
        self.ok(found == expected, name, "expected:", *expected if isinstance(expected, list) else [expected],
                "found:", *found if isinstance(found, list) else [found])

    def done(self):
        print(f"1..{self.nr}", file=self.file, flush=True)


tap = Tap()


def run(command):
    """What a GDB command prints, as lines; an error is a line, too."""
    try:
        return gdb.execute(command, to_string=True).splitlines()
    except gdb.error as error:
        return [f"error: {error}"]


class Machine:
    """The machine at its prompt."""

    def __init__(self):
        self.log_path = os.path.join(BUILD, "debug.log")
        self.tty = os.open(os.readlink(os.path.join(BUILD, "debug.tty")), os.O_RDWR | os.O_NOCTTY)
        threading.Thread(target=self.drain, daemon=True).start()

    def drain(self):
        """The log has it all; the terminal must not fill up."""
        try:
            while os.read(self.tty, 4096):
                pass
        except OSError:
            pass

    def log(self):
        with open(self.log_path, encoding="latin-1", newline="") as file:
            return re.sub(r"[\r\a\0]", "", file.read())

    def run_until(self, is_enough):
        """Lets the machine run until is_enough() of its log; stops it as Ctrl-C does. Result: was it enough?"""
        result = []

        def watch():
            end = time.time() + LIMIT
            while time.time() < end and not result:
                if is_enough(self.log()):
                    result.append(True)
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGINT)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            gdb.execute("continue", to_string=True)
        except KeyboardInterrupt:
            pass
        watcher.join()
        return bool(result)

    def boot(self):
        """To the first prompt."""
        return self.run_until(lambda log: log.endswith(PROMPT))

    def type(self, text):
        os.write(self.tty, text.encode())

    def ask(self, *commands):
        """The monitor's answers, a list of lines each; the machine stands still afterwards."""
        before = len(self.log())
        self.type("".join(command + "\n" for command in commands))

        def is_enough(log):
            return log.endswith(PROMPT) and log[before:].count(PROMPT) >= len(commands)

        if not self.run_until(is_enough):
            return [["no answer"] for _ in commands]
        answers = self.log()[before:].split(PROMPT)
        return [answer.rstrip("\n").split("\n")[1:] for answer in answers[:len(commands)]]


def until(location, condition=""):
    """Runs to a place, once. Result: is it there?"""
    stop = gdb.Breakpoint(location, internal=True, temporary=True)
    stop.silent = True
    if condition:
        stop.condition = condition
    gdb.execute("continue", to_string=True)
    there = not stop.is_valid()
    if stop.is_valid():
        stop.delete()
    return there


def names(thread=None):
    """Names of the frames, innermost first; of a trap its kind."""
    lines = run("bt" if thread is None else f"bt-thread {thread}")
    found = []
    for line in lines:
        match = re.match(r"#\d+ +(?:0x[0-9a-f]+ in )?(<[^>]*>|[^ ]+)", line)
        if match:
            found.append(match.group(1))
    return found


OUTERMOST = ("context_first", "higher_half", "_start")


def scenario(function):
    """Runs it, whatever happens inside."""
    try:
        function()
    except BaseException as problem:  # an exit of GDB is no pass
        import traceback
        tap.ok(False, f"the scenario runs to its end: {problem!r}", traceback.format_exc())
    tap.done()

# SPDX-License-Identifier: MIT
"""A machine in QEMU with a screen: its serial line, its keyboard and photographs of its screen. For tests and for
`make screenshots`. Environment: QEMU, BUILD (build), ASHLAR_ELF (build/ashlar.elf)."""
import json
import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
import time

KEYS = {' ': 'spc', '\n': 'ret', '\b': 'backspace', '\t': 'tab', '-': 'minus', '=': 'equal', '.': 'dot', ',': 'comma',
        '/': 'slash', ';': 'semicolon', "'": 'apostrophe', '\\': 'backslash', '[': 'bracket_left', ']': 'bracket_right',
        '`': 'grave_accent', '\x03': 'ctrl-c', '\x12': 'ctrl-r'}
SHIFTED = dict(zip('!@#$%^&*()_+|:"<>?{}~', '1234567890-=\\;\',./[]`'))


class Machine:
    """Ends with its `with` block, whatever happens there."""

    def __init__(self, words, mem='64M', extra=(), vga='std'):
        self.dir = tempfile.mkdtemp()
        self.said = ''
        elf = os.environ.get('ASHLAR_ELF', 'build/ashlar.elf')
        self.process = subprocess.Popen(
            [os.environ.get('QEMU', 'qemu-system-i386'), '-accel', 'tcg', '-cpu', 'max', '-nodefaults', '-vga', vga,
             '-display', 'none', '-no-reboot', '-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04', '-m', mem,
             '-kernel', elf, '-append', words, '-serial', 'stdio',
             '-qmp', f'unix:{self.dir}/qmp,server=on,wait=off', *extra],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.monitor = None

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir)

    # --- the serial line ---

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait(self, pattern, seconds=30):
        """The match of the pattern in what was said since the last one; None when it did not come in time."""
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.said, re.S)
            if found:
                self.said = self.said[found.end():]
                return found
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                return None
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return None
            self.said += data.decode('latin-1').replace('\r', '')

    def command(self, text, seconds=30):
        """Its answer, up to the next prompt."""
        self.send(text + '\n')
        found = self.wait(re.escape(text) + r'\n(.*?)ashlar> $', seconds)
        return found and found.group(1)

    # --- the rest of the machine ---

    def qmp(self, execute, **arguments):
        if not self.monitor:
            link = socket.socket(socket.AF_UNIX)
            link.settimeout(30)
            link.connect(f'{self.dir}/qmp')
            self.monitor = link.makefile('rw')
            self.monitor.readline()
            self.qmp('qmp_capabilities')
        self.monitor.write(json.dumps({'execute': execute, 'arguments': arguments}) + '\n')
        self.monitor.flush()
        while True:
            answer = json.loads(self.monitor.readline())
            if 'error' in answer:
                raise RuntimeError(f"{execute}: {answer['error']['desc']}")
            if 'return' in answer:
                return answer['return']

    def type(self, text):
        """On the keyboard, key by key."""
        for c in text:
            key = KEYS.get(c, c)
            if c in SHIFTED:
                key = 'shift-' + KEYS.get(SHIFTED[c], SHIFTED[c])
            elif c.isupper():
                key = 'shift-' + c.lower()
            keys = [{'type': 'qcode', 'data': {'ctrl': 'ctrl', 'shift': 'shift'}.get(k, k)} for k in key.split('-')]
            self.qmp('send-key', keys=keys, **{'hold-time': 20})
            time.sleep(0.04)

    def photograph(self, file=None):
        """The screen: width, height, bytes of red, green and blue. file: as PNG, too."""
        if file:
            self.qmp('screendump', filename=os.path.abspath(file), format='png')
        name = f'{self.dir}/screen.ppm'
        self.qmp('screendump', filename=name)
        with open(name, 'rb') as picture:
            kind, size, most = picture.readline(), picture.readline(), picture.readline()
            assert kind == b'P6\n' and most == b'255\n'
            width, height = map(int, size.split())
            return width, height, picture.read()


class Screen:
    """A photograph as 80 by 25 cells."""

    def __init__(self, width, height, pixels):
        self.width, self.height, self.pixels = width, height, pixels

    def colour(self, row, column):
        """The one that most pixels of the cell have."""
        wide, high = self.width // 80, self.height // 25
        seen = {}
        for y in range(row * high, row * high + high):
            at = (y * self.width + column * wide) * 3
            for x in range(at, at + wide * 3, 3):
                pixel = self.pixels[x:x + 3]
                seen[pixel] = seen.get(pixel, 0) + 1
        return max(seen, key=seen.get)

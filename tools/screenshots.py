# SPDX-License-Identifier: MIT
"""screenshots.py DIRECTORY: map.png, a photograph of the screen, and memory.svg, memory over time, each of a machine that
runs now. `make screenshots`."""
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'tests', 'screen'))
from machine import Machine  # noqa: E402

WORDS = 'selftest=none map=on output=terminal'


def photograph(directory):
    with Machine(WORDS + ' lowmem=96M', mem='128M') as machine:
        machine.wait('ashlar> ')
        for command in ('repeat 40 user', 'vmalloc 9000000', 'repeat 5 alloc 9', 'repeat 6 kmalloc 500000', 'scull write 9000000',
                        'repeat 7 alloc 8 dma', 'vmalloc 5000000', 'free #42', 'free #43', 'zones', 'alloc 10 dma'):
            machine.command(command)
        time.sleep(3)
        machine.photograph(os.path.join(directory, 'map.png'))


STORY = (('alloc 9',) * 6 + ('vmalloc 12000000', 'scull write 8000000', 'vmalloc 9000000', 'scull trim', 'free #2', 'free #4')
         + ('scull hog',) + ('',) * 8 + ('scull stop', 'vfree #7') + ('scull write 15000000', 'free all', 'scull trim', 'drain'))


def film(directory):
    log = []
    with Machine(WORDS, mem='64M', extra=('-icount', 'shift=2,sleep=on')) as machine:
        machine.wait('ashlar> ')
        for command in STORY:
            log.append(machine.command('map --dump'))
            if command:
                machine.command(command)
            time.sleep(0.25)
        log.append(machine.command('map --dump'))
    svg = subprocess.run([os.path.join(HERE, 'map-svg')], input=''.join(log), text=True, check=True, capture_output=True)
    with open(os.path.join(directory, 'memory.svg'), 'w', encoding='utf-8') as out:
        out.write(svg.stdout)


photograph(sys.argv[1])
film(sys.argv[1])

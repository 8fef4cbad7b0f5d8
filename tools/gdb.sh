#!/bin/sh
# SPDX-License-Identifier: MIT
# gdb.sh KERNEL.elf TARGET: GDB with the kernel's symbols and commands (tools/gdb/), attached to HOST:PORT or to a socket.
# GDB_BATCH=FILE runs that file instead of giving a prompt.
set -eu

kernel=$1 target=$2
case $target in
*:*) ;;
*) [ -S "$target" ] || { echo "gdb.sh: no machine to attach to, expected one started by make run" >&2; exit 1; } ;;
esac
set -- -q -nx "$kernel" -ex "source $(dirname "$0")/gdb/ashlar.py" -ex "target remote $target"
[ -z "${GDB_BATCH:-}" ] || exec gdb -batch "$@" -x "$GDB_BATCH" </dev/null

# In the foreground by itself: Ctrl-C must not reach make.
[ ! -t 0 ] || set -m
gdb "$@"

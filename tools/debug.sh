#!/bin/sh
# SPDX-License-Identifier: MIT
# debug.sh KERNEL.elf COMMAND-LINE [QEMU option ...]: QEMU stopped at its first instruction, GDB attached with symbols.
# The serial line goes to build/debug.log. GDB_BATCH=FILE runs that file instead of giving a prompt.
# QEMU ends with GDB.
set -eu

kernel=$1 append=$2
shift 2
dir=$(mktemp -d)
socket=$dir/gdb
log=build/debug.log

"${QEMU:-qemu-system-i386}" -accel tcg -nodefaults -vga std -display none -serial "file:$log" -no-reboot \
	-device isa-debug-exit,iobase=0xf4,iosize=0x04 -m "${MEM:-512M}" -smp "${SMP:-1}" \
	-S -gdb "unix:$socket,server=on,wait=off" -kernel "$kernel" -append "$append" "$@" </dev/null &
qemu=$!
# Ctrl-C belongs to GDB.
trap 'kill "$qemu" 2>/dev/null || :; wait "$qemu" 2>/dev/null || :; rm -rf "$dir"' EXIT
trap : INT

tries=0
until [ -S "$socket" ]; do
	tries=$((tries + 1))
	if [ "$tries" -gt 100 ] || ! kill -0 "$qemu" 2>/dev/null; then
		echo "debug.sh: QEMU did not start" >&2
		exit 1
	fi
	sleep 0.05
done

echo "serial line: $log"
set -- -q -nx "$kernel" -ex "source tools/gdb/ashlar.gdb" -ex "target remote $socket"
if [ -n "${GDB_BATCH:-}" ]; then
	gdb -batch "$@" -x "$GDB_BATCH" </dev/null
else
	gdb "$@"
fi

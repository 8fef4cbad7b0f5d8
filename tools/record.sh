#!/bin/sh
# SPDX-License-Identifier: MIT
# record.sh KERNEL.elf COMMAND-LINE: a machine on this terminal (or a pipe) of which QEMU records all that reaches it, so that
# `make debug REPLAY=1` runs it again, the same at every instruction, and backwards. One CPU, no disk. It is over when the
# kernel powers off or panics; Ctrl-C ends it, too. Environment: QEMU, MEM, BUILD (build), where the files record.* go.
set -eu

kernel=$1 append=$2
build=${BUILD:-build}
if [ "${SMP:-1}" != 1 ]; then
	echo "record.sh: QEMU records machines of one CPU only, expected SMP=1" >&2
	exit 1
fi
rm -f "$build/record.bin" "$build/record.qcow2"
# Holds the snapshot of the start, from which GDB goes forward when it wants to go back.
qemu-img create -q -f qcow2 "$build/record.qcow2" 1M
cp "$kernel" "$build/record.elf"
printf '%s\n' "${MEM:-128M}" "$append" >"$build/record.words"
trap : INT
status=0
"${QEMU:-qemu-system-i386}" -accel tcg -nodefaults -vga std -display none -no-reboot \
	-device isa-debug-exit,iobase=0xf4,iosize=0x04 -m "${MEM:-128M}" -kernel "$build/record.elf" -append "$append" \
	-chardev stdio,id=serial -serial chardev:serial \
	-icount "shift=3,rr=record,rrfile=$build/record.bin,rrsnapshot=start" \
	-drive "file=$build/record.qcow2,if=none,format=qcow2,id=rr" || status=$?
# An end by isa-debug-exit is one, whatever the kernel thought of it.
case $status in
0 | 33 | 35) ;;
*) echo "record.sh: QEMU ended with status $status" >&2; exit 1 ;;
esac
echo "recorded in $build/record.bin; make debug REPLAY=1 runs it again"

#!/bin/sh
# SPDX-License-Identifier: MIT
# run-qemu.sh [QEMU option ...]: the PC we run on, serial line on standard input and output.
# Environment: QEMU, MEM, SMP, CPU, GUI=1 for a window. The CPU is the most QEMU emulates: its plainer ones reach 4 GiB. Status 0: the kernel left with success (QEMU status 33), or, in a
# terminal, powered the machine off.
set -u

display="-display none"
[ "${GUI:-0}" = 1 ] && display=
# shellcheck disable=SC2086
"${QEMU:-qemu-system-i386}" -accel tcg -cpu "${CPU:-max}" -nodefaults -vga std $display -serial stdio -no-reboot \
	-device isa-debug-exit,iobase=0xf4,iosize=0x04 -m "${MEM:-512M}" -smp "${SMP:-1}" "$@"
status=$?

case $status in
33) exit 0 ;;
0) [ -t 0 ] && exit 0 ;;
esac
case $status in
0) echo "QEMU: the machine was reset or powered off before the kernel reported success" >&2; exit 1 ;;
35) echo "QEMU: the kernel reported failure" >&2 ;;
37) echo "QEMU: the kernel refused this machine" >&2 ;;
*) echo "QEMU: ended with status $status, expected 33" >&2 ;;
esac
exit "$status"

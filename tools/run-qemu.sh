#!/bin/sh
# SPDX-License-Identifier: MIT
# run-qemu.sh [QEMU option ...]: the PC we run on, serial line on standard input and output.
# Environment: QEMU, MEM, SMP, NODES, among which both are shared out, CPU, GUI=1 for a window, LEAD. The CPU is the most
# QEMU emulates: its plainer ones reach only 4 GiB. Status 0: the kernel left with success (QEMU status 33), or, in a
# terminal, powered the machine off. When standard input is no terminal, it is followed by the line `poweroff`: the
# guest cannot see the end of a pipe.
set -u

# In KiB, so that what cannot boot is refused here and not in GRUB's editor.
mem_kib() {
	case $1 in
	*[0-9]G) echo "$((${1%G} << 20))" ;;
	*[0-9]K) echo "${1%K}" ;;
	*[0-9]M) echo "$((${1%M} << 10))" ;;
	*) echo "$(($1 << 10))" ;;
	esac
}

case ${MEM:=512M} in
*[!0-9KMG]* | *[KMG]?* | [KMG] | ?????????*) kib=0 ;;
*) kib=$(mem_kib "$MEM") ;;
esac
if [ "$kib" -lt 8192 ] || [ "$kib" -gt 62914560 ]; then
	echo "MEM=$MEM: expected 8M to 60G, such as 64M" >&2
	exit 2
fi

if [ "${GUI:-0}" = 1 ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
	echo "GUI=1: expected a graphical session, found neither DISPLAY nor WAYLAND_DISPLAY" >&2
	exit 2
fi

case ${NODES:=1} in
[1-8]) ;;
*)
	echo "NODES=$NODES: expected 1 to 8" >&2
	exit 2
	;;
esac

# Options for so many nodes; the last takes what is left over.
nodes() {
	node=0 size=$((kib / NODES / 1024 * 1024))
	while [ "$NODES" -gt 1 ] && [ "$node" -lt "$NODES" ]; do
		[ $((node + 1)) = "$NODES" ] && size=$((kib - node * size))
		echo "-object memory-backend-ram,id=n$node,size=${size}K -numa node,nodeid=$node,memdev=n$node"
		node=$((node + 1))
	done
}

run() {
	display="-display none"
	[ "${GUI:-0}" = 1 ] && display="-display gtk"
	nodes=$(nodes)
	# shellcheck disable=SC2086
	"${QEMU:-qemu-system-i386}" -accel tcg -cpu "${CPU:-max}" -nodefaults -vga std $display $serial $reboot \
		-device isa-debug-exit,iobase=0xf4,iosize=0x04 -m "$MEM" -smp "${SMP:-1}" $nodes "$@"
}

# The first LEAD bytes are for whoever reads the port before the kernel does: a boot loader looks for keys. NUL is no
# character to the monitor.
feed() {
	head -c "${LEAD:-64}" /dev/zero
	exec cat - /dev/fd/4 <&3
}

serial="-serial stdio" reboot=-no-reboot
if [ -t 0 ] && [ -t 1 ]; then
	# Ctrl-C is the guest's; Ctrl-A x ends QEMU. A reboot is one.
	serial="-chardev stdio,id=tty,signal=off,mux=on -serial chardev:tty -mon chardev=tty" reboot=
	run "$@"
	status=$?
	[ $status = 0 ] && exit 0
else
	tmp=$(mktemp -d) || exit 1
	trap 'kill "$feeder" 2>/dev/null; rm -rf "$tmp"' EXIT
	trap 'exit 130' INT TERM
	mkfifo "$tmp/serial"
	printf '\npoweroff\n' >"$tmp/last"
	exec 3<&0
	feed >"$tmp/serial" 4<"$tmp/last" &
	feeder=$!
	run "$@" <"$tmp/serial" 3<&-
	status=$?
fi

case $status in
33) exit 0 ;;
0) echo "QEMU: the machine was reset or powered off before the kernel reported success" >&2; exit 1 ;;
35) echo "QEMU: the kernel reported failure" >&2 ;;
37) echo "QEMU: the kernel refused this machine" >&2 ;;
*) echo "QEMU: ended with status $status, expected 33" >&2 ;;
esac
exit "$status"

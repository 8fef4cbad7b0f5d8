#!/bin/sh
# SPDX-License-Identifier: MIT
# debug.sh KERNEL.elf COMMAND-LINE [QEMU option ...]: QEMU stopped at its first instruction, GDB attached with symbols,
# the kernel's serial line on a terminal of its own (tools/prompt.sh opens it) and in build/debug.log.
# Environment: GDB_BATCH=FILE runs that file in GDB and ends. GDB_PORT=N starts no GDB but waits for one, or for an editor,
# at that port, and shows the serial line here. REPLAY=1 runs what record.sh recorded, instead of a new
# machine. BUILD is where files go (build). QEMU ends with GDB, or with this script.
set -eu

kernel=$1 append=$2
shift 2
here=$(dirname "$0")
dir=$(mktemp -d)
build=${BUILD:-build}
log=$build/debug.log
qemu=
stop() {
	[ -z "$qemu" ] || kill -KILL "$qemu" 2>/dev/null || :
	wait 2>/dev/null || :
	rm -rf "$dir"
}
trap stop EXIT
# Not of TERM and HUP: a shell that waits for GDB would heed them when GDB ends. They end the shell, and that ends QEMU.
trap 'exit 130' INT

target=$dir/gdb
gdbstub=unix:$target,server=on,wait=off
if [ -n "${GDB_PORT:-}" ]; then
	target=localhost:$GDB_PORT
	gdbstub=tcp:127.0.0.1:$GDB_PORT
fi

set -- -smp "${SMP:-1}" "$@"
mem=${MEM:-512M}
if [ -n "${REPLAY:-}" ]; then
	[ -s "$build/record.bin" ] || { echo "debug.sh: nothing was recorded, expected $build/record.bin from make record" >&2; exit 1; }
	kernel=$build/record.elf
	{ read -r mem && read -r append; } <"$build/record.words"
	set -- -icount "shift=3,rr=replay,rrfile=$build/record.bin,rrsnapshot=start" \
		-drive "file=$build/record.qcow2,if=none,format=qcow2,id=rr"
fi

# A session of its own: Ctrl-C in this terminal is for GDB, which stops the machine. It dies with this shell whatever
# becomes of the shell: by KILL, for while it goes backwards it heeds nothing else.
setpriv --pdeathsig KILL setsid "${QEMU:-qemu-system-i386}" -accel tcg -nodefaults -vga std -display none -no-reboot \
	-device isa-debug-exit,iobase=0xf4,iosize=0x04 -m "$mem" -kernel "$kernel" -append "$append" \
	-chardev "pty,id=serial,logfile=$log" -serial chardev:serial -S -gdb "$gdbstub" "$@" </dev/null >"$dir/out" &
qemu=$!

tries=0
until tty=$(sed -n 's/^char device redirected to \([^ ]*\).*/\1/p' "$dir/out") && [ -n "$tty" ] &&
	{ [ -n "${GDB_PORT:-}" ] || [ -S "$target" ]; }; do
	tries=$((tries + 1))
	if [ "$tries" -gt 200 ] || ! kill -0 "$qemu" 2>/dev/null; then
		echo "debug.sh: QEMU did not start" >&2
		exit 1
	fi
	sleep 0.05
done
ln -sfn "$tty" "$build/debug.tty"

if [ -n "${GDB_PORT:-}" ]; then
	echo "waiting for a debugger: make attach GDB_PORT=$GDB_PORT, or target remote $target; Ctrl-] ends the machine"
	"$here/prompt.sh" "$tty" || :
else
	echo "the kernel's prompt: make prompt in another terminal (it is $tty); a copy of what it says: $log"
	status=0
	"$here/gdb.sh" "$kernel" "$target" || status=$?
	exit "$status"
fi

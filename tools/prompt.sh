#!/bin/sh
# SPDX-License-Identifier: MIT
# prompt.sh [TERMINAL]: the serial line of a machine that `make debug` runs, on this terminal. Each key goes to the kernel,
# Ctrl-C too; Ctrl-] leaves. Ends when the machine does.
set -eu

tty=${1:-build/debug.tty}
[ -c "$tty" ] || { echo "prompt.sh: no machine, expected one started by make debug" >&2; exit 1; }
reader= writer= saved=
restore() {
	# shellcheck disable=SC2086
	kill $reader $writer 2>/dev/null || :
	[ -z "$saved" ] || stty "$saved"
}
trap restore EXIT
trap 'exit 0' INT TERM HUP
if [ -t 0 ]; then
	saved=$(stty -g)
	stty raw -echo isig intr '^]' quit undef susp undef
fi
if [ -t 1 ]; then
	printf 'the serial line of %s: Enter brings the prompt; Ctrl-] leaves\r\n' "$tty"
fi
exec 3<&0
cat "$tty" 2>/dev/null &
reader=$!
cat <&3 >"$tty" 2>/dev/null &
writer=$!
wait "$reader" || :

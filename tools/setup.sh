#!/bin/sh
# SPDX-License-Identifier: MIT
# setup.sh NEED...: what `make` needs is here, or is installed. Costs a few milliseconds when all is there.
#
# A NEED is PACKAGE=WITNESS: a Debian package, and the command or (absolute path) the file that shows it is there.
# As root, or where sudo works, missing packages are installed; else the one command to run is printed.
set -eu

missing=
for need in "$@"; do
	package=${need%%=*} witness=${need#*=}
	case $witness in
	/*) [ -e "$witness" ] || missing="$missing $package" ;;
	*) command -v "$witness" >/dev/null 2>&1 || missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

tell() {
	echo "Missing:$missing" >&2
	echo "$1" >&2
	echo "    ${2}apt-get update && ${2}apt-get install -y --no-install-recommends$missing" >&2
	exit 1
}

command -v apt-get >/dev/null 2>&1 ||
	tell "This is not a Debian system; on Debian or Ubuntu one would run:" "sudo "

as_root=
if [ "$(id -u)" != 0 ]; then
	as_root="sudo "
	command -v sudo >/dev/null 2>&1 || tell "No root here and no sudo; as root run:" ""
	sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; } || tell "sudo needs a password; run:" "sudo "
fi

echo "Installing with apt-get:$missing" >&2
# shellcheck disable=SC2086
if ! { ${as_root}env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
	${as_root}env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing; } >&2; then
	tell "apt-get failed; its messages are above. To try again:" "$as_root"
fi

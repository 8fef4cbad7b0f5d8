#!/bin/sh
# SPDX-License-Identifier: MIT
# make-iso.sh KERNEL.elf OUT.iso [ENTRY [APPEND]]: a bootable CD with GRUB.
# ENTRY: 0 Multiboot 2, 1 Multiboot 1. APPEND: words for the kernel command line.
# Nothing is made when OUT.iso already holds just that.
set -eu

kernel=$1 out=$2 entry=${3:-0} append=${4:-}
root=$(dirname "$0")/..
tree=$out.d

# What is in double quotes GRUB passes on as it is, but for these two.
case $(printf '%s' "$append" | sed 's/"[^"\\$]*"//g') in
*[\;\&\|\'\"\<\>\{\}\$\\]*)
	echo "make-iso.sh: APPEND holds a character that GRUB's menu cannot pass on: $append" >&2
	exit 1
	;;
esac

mkdir -p "$tree/boot/grub"
escaped=$(printf '%s' "$append" | sed 's/[#@&]/\\&/g')
sed "s@\@ENTRY\@@$entry@; s@\@APPEND\@@$escaped@" "$root/iso/grub.cfg" >"$out.cfg"
if [ -f "$out" ] && [ -z "$(find "$kernel" -newer "$out")" ] && cmp -s "$out.cfg" "$tree/boot/grub/grub.cfg"; then
	exit 0
fi
mv "$out.cfg" "$tree/boot/grub/grub.cfg"
# GRUB loads every section it finds, and 8 MiB have no room for what only a debugger reads.
"${STRIP:-strip}" --strip-debug -o "$tree/boot/ashlar.elf" "$kernel"
if ! grub-mkrescue -d /usr/lib/grub/i386-pc --fonts= --locales= --themes= -o "$out" "$tree" >"$out.log" 2>&1; then
	rm -f "$out"
	cat "$out.log" >&2
	exit 1
fi

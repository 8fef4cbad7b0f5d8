#!/bin/sh
# SPDX-License-Identifier: MIT
# symbols.sh: `nm` output on standard input, the kernel's symbol table as NASM source on standard output.
# Functions of the higher half only, without NASM's local labels, sorted, each address once;
# names of tests, which are sentences, cut to 20 characters;
# and the ends of the text, so that what lies behind is not taken for the last function. Empty input, empty table.
# kernel/core/ksym.h describes what is made.
set -eu

LC_ALL=C sort | awk '
	BEGIN { count = 0 }
	$3 ~ /\./ && $3 !~ /\.(part|isra|constprop|cold)(\.|$)/ { next }
	$3 ~ /^__(init_)?text_end$/ { $2 = "T" }
	($2 == "t" || $2 == "T") && $1 >= "c0000000" && $1 != last {
		last = $1
		address[count] = $1
		name[count++] = $3 ~ /^t_/ ? substr($3, 1, 20) : $3
	}
	END {
		offset = 0
		print "section .ksym progbits alloc noexec nowrite align=4"
		print "global ksym_count, ksym_addresses, ksym_name_offsets, ksym_names"
		print "ksym_count: dd " count
		print "ksym_addresses:"
		for (i = 0; i < count; i++)
			print "\tdd 0x" address[i]
		print "ksym_name_offsets:"
		for (i = 0; i < count; i++) {
			print "\tdd " offset
			offset += length(name[i]) + 1
		}
		print "ksym_names:"
		for (i = 0; i < count; i++)
			print "\tdb \"" name[i] "\", 0"
	}'

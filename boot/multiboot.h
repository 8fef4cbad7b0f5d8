/* SPDX-License-Identifier: MIT */
/* Numbers of the Multiboot 1 and 2 specifications that boot/multiboot.c and its tests share; nobody else
 * needs them. Offsets are in bytes from the start of the structure; all fields are 32-bit little endian
 * unless they say so. */
#pragma once

#define MB1_MAGIC 0x2badb002u
#define MB2_MAGIC 0x36d76289u

/* Multiboot 1: the information structure. */
#define MB1_FLAGS	    0
#define MB1_MEM_LOWER	    4 /* KiB from 0 */
#define MB1_MEM_UPPER	    8 /* KiB from 1 MiB */
#define MB1_CMDLINE	    16
#define MB1_MODS_COUNT	    20
#define MB1_MODS_ADDR	    24
#define MB1_MMAP_LENGTH	    44
#define MB1_MMAP_ADDR	    48
#define MB1_LOADER_NAME	    64
#define MB1_READ_BYTES	    68	/* all that we look at */
#define MB1_STRUCT_BYTES    120 /* all that a loader may have written */

#define MB1_HAS_MEM	    (1u << 0)
#define MB1_HAS_CMDLINE	    (1u << 2)
#define MB1_HAS_MODS	    (1u << 3)
#define MB1_HAS_MMAP	    (1u << 6)
#define MB1_HAS_LOADER_NAME (1u << 9)

/* A memory map entry: `size`, which does not count itself, then base (64), length (64), type. */
#define MB1_ENTRY_SIZE_MIN 20

#define MB1_MODULE_BYTES   16 /* start, end, string, reserved */

/* Multiboot 2: total size, reserved, then tags: type, size (with these 8 bytes), data; each starts at a
 * multiple of 8. */
#define MB2_HEADER_BYTES   8
#define MB2_TAG_BYTES	   8
#define MB2_TAG_ALIGN	   8

#define MB2_TAG_END	   0
#define MB2_TAG_CMDLINE	   1
#define MB2_TAG_LOADER	   2
#define MB2_TAG_MODULE	   3  /* start, end, string */
#define MB2_TAG_MEM	   4  /* mem_lower, mem_upper */
#define MB2_TAG_MMAP	   6  /* entry size, version, entries: base (64), length (64), type, reserved */
#define MB2_TAG_RSDP_OLD   14 /* ACPI 1.0's root pointer, copied */
#define MB2_TAG_RSDP	   15 /* the same of ACPI 2.0 or later */

#define MB2_ENTRY_SIZE_MIN 24

/* Longest memory map or information structure that is believed. */
#define MB_SIZE_MAX (1u << 20)

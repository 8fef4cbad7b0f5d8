/* SPDX-License-Identifier: MIT */
/* What a static ELF file of a program asks for, checked: nothing it says is believed before it was compared with the
 * file's size, a program's addresses and what came before. Serves CONTRACT R8; PRG-03.
 *
 * EL1 segments are ascending and apart by whole pages; each lies in [USER_START, limit).
 * EL2 none is both writable and executable; what it has of the file lies in the file, at the same offset within a page.
 * EL3 the entry lies in what of an executable segment comes from the file.
 *
 * No state, no allocation; guest and host. */
#pragma once

#include <kernel/lib/types.h>

#define ELF_HEAD_BYTES	 4096u /* of the file, in which all headers lie */
#define ELF_MAX_SEGMENTS 8u

struct elf_segment {
	uint32_t start;	     /* of its first page */
	uint32_t size_bytes; /* whole pages */
	uint32_t first_page; /* of the file, there */
	uint32_t file_bytes; /* from there on; behind them 0 */
	bool is_writable, is_executable;
};

struct elf_image {
	uint32_t entry;
	uint32_t end; /* of the last segment */
	unsigned int nr;
	struct elf_segment segment[ELF_MAX_SEGMENTS];
};

/* head: the first head_bytes of a file of file_bytes, ELF_HEAD_BYTES unless the file is shorter. Result: NULL; or what
 * is wrong, in words that follow the file's name and "is": then image is not to be used. */
const char *elf_parse(const void *head, size_t head_bytes, uint64_t file_bytes, uint32_t limit,
		      struct elf_image *image);

/* SPDX-License-Identifier: MIT */
/* The files that the kernel brings along: a ustar archive in its image, made by the Makefile of the programs. Each is
 * known by its name alone, and is read as any file is, through its mapping; nothing is ever written. */
#pragma once

#include <linux/pagemap.h>

#define ARCHIVE_MAX_FILES 24u

struct archive_file {
	char name[32];
	const char *bytes; /* in the image */
	size_t size_bytes;
	struct mapping mapping;
};

/* Context: boot. */
void archive_init(void);

/* NULL: there is none of that name; at: none so far back. */
struct archive_file *archive_find(const char *name);
struct archive_file *archive_at(unsigned int n);

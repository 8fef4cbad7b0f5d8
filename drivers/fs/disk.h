/* SPDX-License-Identifier: MIT */
/* Disks as files: "ide0" is one long file, opened by that name (vfs.h). All who have it open, and the file system on it, share
 * its pages. */
#pragma once

#include <kernel/core/vfs.h>

struct mapping;

/* Context: boot. */
void disk_init(void);

/* Pages of programs go to that disk when memory is short. Result: 0; an error, with one line. Context: process, may sleep. */
int disk_swap_on(const char *name) MUST_CHECK;

/* The pages of a disk that is open. */
struct mapping *disk_mapping(struct inode *disk);

/* Writes what is dirty and has the disk forget nothing of what it was given. Tells the error of a writing since *seen. Context:
 * process, may sleep. */
int disk_sync(struct inode *disk, unsigned int *seen) MUST_CHECK;

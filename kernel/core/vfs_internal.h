/* SPDX-License-Identifier: MIT */
/* Between vfs.c and vfs_names.c alone. */
#pragma once

#include <kernel/core/vfs.h>

/* With a reference: the root of what hangs over that directory (NULL: the first), or NULL. Context: any. */
struct inode *vfs_root_over(const struct inode *covered);

bool vfs_is_mounted(const struct blk_device *dev);

/* A disk of that name as a file, with a reference; NULL: there is none; or ERR_PTR(). */
struct inode *vfs_disk_open(const char *name);

/* What vfs_add_known() was given by that name, with a reference; NULL: nothing. */
struct inode *vfs_known_open(const char *name);

/* With a reference. Links are followed. Result: 0 or an error. */
int vfs_find(const char *path, struct inode **found);

/* The same as vfs_open() wants it. */
int vfs_find_or_create(const char *path, unsigned int flags, uint32_t mode, struct inode **found);

void vfs_stat_of(struct inode *inode, struct vfs_stat *stat);

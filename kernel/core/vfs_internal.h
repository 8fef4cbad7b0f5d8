/* SPDX-License-Identifier: MIT */
/* Between vfs.c, vfs_names.c and vfs_rename.c alone. */
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

/* --- vfs_names.c, for vfs_rename.c --- */

struct vfs_walk {
	struct inode *dir;     /* with a reference */
	struct vfs_name last;  /* in path; len 0: the directory itself */
	bool wants_dir;	       /* a slash follows the last name */
	unsigned int nr_links; /* followed */
	const char *rest;      /* of the path */
	char path[VFS_PATH_MAX];
};

/* To the directory of a name that is about to be made or taken away. Result: 0 or an error; vfs_walk_stop() must follow. */
int vfs_walk_to_change(struct vfs_walk *walk, const char *path);
void vfs_walk_stop(struct vfs_walk *walk);

/* "." and ".." are the directory's own. */
bool vfs_is_own_name(const struct vfs_name *name);

/* May this be taken away, or be put in something's place? */
int vfs_check_victim(const struct inode *victim, bool is_dir);

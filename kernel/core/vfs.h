/* SPDX-License-Identifier: MIT */
/* The contract of a file system: what it offers, and how files are opened by name. Serves CONTRACT R2, R7.
 *
 * A file system registers a type; vfs_mount() has it read a disk and hang its root over a directory, the first over "/". Names
 * are looked up from there: "/home/f" and "home/f" are the same. A name without '/' that is a disk's ("ide0") is that disk
 * itself, as one long file, mounted or not; so are the names that vfs_add_known() was given. Errors and limits are Linux's; the longest path is VFS_PATH_MAX.
 *
 * V1 An inode stays while somebody has a reference; of each there is one in memory.
 * V2 The inode's mutex is held in every operation that changes the file or the directory, and in those that read a directory;
 *    both directories' for a rename, the one of the lower address first, and then those of nothing else.
 * V3 An error of writing is told once to each open file whose fsync comes after it.
 * V4 One thread is inside a file system once: a second entry, by way of reclaim for one, is a BUG in every build.
 *
 * Locks, in this order: vfs.mounting; inodes' mutexes; pages'; a file system's own. vfs.lock stands alone, interrupts off.
 * Nothing here allocates. */
#pragma once

#include <kernel/core/atomic.h>
#include <kernel/core/mutex.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/list.h>
#include <kernel/lib/types.h>

struct blk_device;
struct file;
struct inode;
struct mapping;
struct mount;
struct sink;

#define VFS_NAME_MAX	 255u
#define VFS_PATH_MAX	 1024u /* with its end */
#define VFS_MAX_MOUNTS	 4u
#define VFS_MAX_SYMLINKS 8u
#define VFS_WRITE_MAX	 65536u /* bytes that one operation writes: between two of them others may */
#define VFS_CURSOR_WORDS 4u

/* The kind of a file and who may do what, as on the disk. */
#define S_IFMT	    0170000u
#define S_IFLNK	    0120000u
#define S_IFREG	    0100000u
#define S_IFBLK	    0060000u
#define S_IFDIR	    0040000u
#define S_IFCHR	    0020000u

#define O_RDONLY    0u
#define O_WRONLY    1u
#define O_RDWR	    2u
#define O_ACCMODE   3u
#define O_CREAT	    0100u
#define O_EXCL	    0200u
#define O_TRUNC	    01000u
#define O_APPEND    02000u
#define O_DIRECTORY 0200000u

#define SEEK_SET    0
#define SEEK_CUR    1
#define SEEK_END    2

/* A part of a path, not terminated. */
struct vfs_name {
	const char *text;
	unsigned int len; /* 1 to VFS_NAME_MAX */
};

struct vfs_entry {
	uint32_t number; /* of its inode */
	uint32_t kind;	 /* S_IFxxx, or 0 where the directory does not say */
	unsigned int len;
	char name[VFS_NAME_MAX + 1];
};

struct vfs_stat {
	uint32_t number, mode, nr_links;
	uint64_t size_bytes, disk_bytes;
	uint32_t mtime; /* seconds since 1970, as far as a machine without a clock knows */
};

struct vfs_space {
	uint32_t block_bytes;
	uint64_t nr_blocks, nr_free;
	uint32_t nr_inodes, nr_free_inodes;
};

/* What a file system does with an inode. An operation that its kind has not may be NULL: -EINVAL, or what Linux says. Context:
 * process, may sleep; V2. Results: 0 or an error, unless said otherwise. */
struct inode_ops {
	/* --- of a directory --- */

	/* With a reference. -ENOENT: there is none. */
	int (*lookup)(struct inode *dir, const struct vfs_name *name, struct inode **found);

	/* A file or a directory (S_IFxxx and permissions), or a link to that text; the name is not there. With a reference. */
	int (*create)(struct inode *dir, const struct vfs_name *name, uint32_t mode, const char *text,
		      struct inode **made);
	int (*link)(struct inode *dir, const struct vfs_name *name, struct inode *target);

	/* `victim` is what the name is; a directory is empty, or the result -ENOTEMPTY. */
	int (*unlink)(struct inode *dir, const struct vfs_name *name, struct inode *victim);

	/* `moved` becomes known by the other name, in place of `victim`, which may be NULL. */
	int (*rename)(struct inode *from, const struct vfs_name *old_name, struct inode *moved,
		      struct inode *to, const struct vfs_name *new_name, struct inode *victim);

	/* Its permissions become those of `mode`. */
	void (*set_mode)(struct inode *dir, uint32_t mode);

	/* The entry at *pos or behind it; *pos then follows it. Result: 1; 0: there is none; an error. */
	int (*readdir)(struct inode *dir, uint64_t *pos, struct vfs_entry *entry);

	/* --- of a file --- */

	/* Bytes, or an error. read: without the mutex. */
	long (*read)(struct inode *inode, struct file *file, uint64_t pos, void *to, size_t size_bytes);
	long (*write)(struct inode *inode, uint64_t pos, const void *from, size_t size_bytes);
	int (*truncate)(struct inode *inode, uint64_t size_bytes);

	/* Before each VFS_WRITE_MAX bytes that are written, without the mutex: waits while memory holds too much that is not on its
	 * disk. NULL: it never does. */
	int (*throttle)(struct inode *inode);

	/* All of it is on the disk, for good. The error of a writing since *seen is told: V3. */
	int (*fsync)(struct inode *inode, unsigned int *seen);

	/* --- of all --- */

	uint64_t (*size)(struct inode *inode);
	void (*stat)(struct inode *inode, struct vfs_stat *stat); /* the rest is filled in */

	/* The text of a link, not terminated, cut to size. Bytes, or an error. */
	long (*readlink)(struct inode *inode, char *text, size_t size_bytes);

	/* How many errors of writing there were. */
	unsigned int (*errors)(struct inode *inode);

	/* Its pages, as mm/cache has them: what can be shown in a program's memory. NULL: it cannot. */
	struct mapping *(*mapping)(struct inode *inode);

	/* One reference is given back. */
	void (*put)(struct inode *inode);
};

/* The part of an inode that is the same in every file system. (C) constant  (M) mutex */
struct inode {
	const struct inode_ops *ops; /* (C) */
	struct mount *mount;	     /* (C) NULL: a disk itself */
	uint32_t number;	     /* (C) */
	uint32_t mode;		     /* (C) its kind  (M) permissions */
	uint32_t nr_links;	     /* the file system's */
	struct mutex mutex;
	atomic_t nr_refs;
};

struct fs_type {
	const char *name; /* (C) "ext2" */

	/* Reads what is on mount->dev; makes mount->root, with a reference, and mount->fs. It may set is_read_only. 1: it is none of
	 * this type, and nothing was said; an error has cost one line. */
	int (*mount)(struct mount *mount);

	/* Everything is on the disk and marked as no longer in use; -EBUSY, when somebody has an inode beside the root. */
	int (*unmount)(struct mount *mount);

	/* The same whoever has what, and from then on it is read only: the machine is about to go. */
	void (*freeze)(struct mount *mount);
	int (*sync)(struct mount *mount);
	void (*space)(struct mount *mount, struct vfs_space *space);
	struct list_head link; /* vfs.lock */
};

/* (C) constant while mounted. (L) vfs.lock */
struct mount {
	const struct fs_type *type; /* (C) NULL: the place is free (L) */
	struct blk_device *dev;	    /* (C) */
	struct inode *disk;	    /* (C) dev itself, as a file, with a reference */
	struct inode *root;	    /* (C) */
	struct inode *covered;	    /* (C) the directory it hangs over, with a reference; NULL: the first */
	void *fs;		    /* (C) the type's */
	bool is_read_only;
	char where[32]; /* (C) for people, cut */
};

/* An open file, in memory of whoever opens it; one thread at a time uses it. */
struct file {
	struct inode *inode; /* NULL: closed */
	unsigned int flags;
	uint64_t pos;
	unsigned int seen; /* errors of writing that were told: V3 */
	uint32_t cursor
		[VFS_CURSOR_WORDS]; /* how its reader goes through it: the operations' own, 0 at first */
};

/* --- for file systems --- */

/* `type` stays. Context: boot. */
void vfs_register(struct fs_type *type);

/* How a disk becomes a file: the inode, with a reference, or ERR_PTR(); and how all that are one get what was written to them.
 * Context: boot. */
void vfs_set_disks(struct inode *(*open)(struct blk_device *dev), int (*sync)(void));

/* A file that is known by its name alone, as a disk is: a device that is no disk, what the image brings along. It stays,
 * and its first reference is the caller's. Context: boot. */
struct vfs_known {
	const char *name;
	struct inode *inode;
	struct list_head link;
};
void vfs_add_known(struct vfs_known *known);

void inode_init(struct inode *inode, const struct inode_ops *ops, struct mount *mount, uint32_t number,
		uint32_t mode);

/* V4, around everything that a file system does. Context: process. */
void vfs_enter(void);
void vfs_leave(void);
bool vfs_is_inside(void);

/* --- inodes --- */

/* For who has a reference. */
static inline struct inode *inode_get(struct inode *inode)
{
	atomic_inc(&inode->nr_refs);
	return inode;
}

static inline void inode_put(struct inode *inode)
{
	inode->ops->put(inode);
}

static inline bool inode_is_dir(const struct inode *inode)
{
	return (inode->mode & S_IFMT) == S_IFDIR;
}

/* --- open files. Context of all from here on: process, may sleep; no page locked. Results: 0 or an error --- */

/* mode: permissions of a new file. */
int vfs_open(struct file *file, const char *path, unsigned int flags, uint32_t mode) MUST_CHECK;
void vfs_close(struct file *file);

/* Bytes, 0 at the end; or an error. */
long vfs_read(struct file *file, void *to, size_t size_bytes) MUST_CHECK;
long vfs_write(struct file *file, const void *from, size_t size_bytes) MUST_CHECK;

/* The new position, or an error. */
int64_t vfs_lseek(struct file *file, int64_t offset, int whence);
int vfs_fsync(struct file *file) MUST_CHECK;
int vfs_ftruncate(struct file *file, uint64_t size_bytes) MUST_CHECK;
void vfs_fstat(struct file *file, struct vfs_stat *stat);

/* The next entry of a directory. Result: 1; 0: there is no more; an error. */
int vfs_readdir(struct file *file, struct vfs_entry *entry) MUST_CHECK;

/* --- names --- */

int vfs_stat(const char *path, struct vfs_stat *stat) MUST_CHECK; /* of a link itself */
int vfs_mkdir(const char *path, uint32_t mode) MUST_CHECK;
int vfs_rmdir(const char *path) MUST_CHECK;
int vfs_unlink(const char *path) MUST_CHECK;
int vfs_link(const char *old_path, const char *new_path) MUST_CHECK;
int vfs_symlink(const char *text, const char *path) MUST_CHECK;
int vfs_rename(const char *old_path, const char *new_path) MUST_CHECK;
long vfs_readlink(const char *path, char *text, size_t size_bytes) MUST_CHECK;

/* --- file systems --- */

/* Tries every type. path: a directory, or "/" when nothing is mounted there. */
int vfs_mount(const char *disk, const char *path, bool is_read_only) MUST_CHECK;
int vfs_unmount(const char *path) MUST_CHECK;

/* All file systems, and disks that are open as files: the first error. */
int vfs_sync(void);
int vfs_space(const char *path, struct vfs_space *space) MUST_CHECK;

/* All is on the disks, as for good: the machine is about to go. */
void vfs_freeze(void);

/* The n-th mount, or NULL. A look. */
const struct mount *vfs_mount_at(unsigned int n);

/* "No such file or directory": of an error, positive or negative. Context: any. */
const char *error_text(int error);

/* SPDX-License-Identifier: MIT */
/* Between the files of ext2 alone: what is on the disk, what is in memory of it, and who calls whom. The order on the disk is
 * in README.md; X1 … X6 there are meant by comments here.
 *
 * Locks: an inode's mutex, a page's lock, fs->mutex (F), a page's lock of the disk. Everything that is (F) is used between
 * ext2_lock() and ext2_unlock(), where a thread is inside the file system (vfs.h, V4) and what it allocates is NOFS. */
#pragma once

#include <drivers/fs/disk.h>
#include <kernel/core/blkdev.h>
#include <kernel/core/vfs.h>
#include <kernel/lib/compiler.h>
#include <linux/pagemap.h>

/* --- on the disk, little-endian as the CPU is --- */

#define EXT2_MAGIC	       0xef53u
#define EXT2_SUPER_AT	       1024u
#define EXT2_ROOT	       2u
#define EXT2_NR_DIRECT	       12u
#define EXT2_NR_POINTERS       15u
#define EXT2_MAX_LINKS	       32000u
#define EXT2_INODE_BYTES       128u
#define EXT2_FAST_LINK	       60u /* texts below this lie in the inode */
#define EXT2_STATE_CLEAN       1u
#define EXT2_STATE_ERRORS      2u
#define EXT2_FLAG_INDEX	       0x1000u /* of an inode: a directory with a tree of hashes over it */

#define EXT2_INCOMPAT_FILETYPE 2u
#define EXT2_INCOMPAT_RECOVER  4u
#define EXT2_RO_SPARSE	       1u
#define EXT2_RO_LARGE_FILE     2u

struct ext2_super {
	uint32_t nr_inodes, nr_blocks, nr_reserved, nr_free_blocks, nr_free_inodes, first_data_block;
	uint32_t log_block_size, log_frag_size, blocks_per_group, frags_per_group, inodes_per_group;
	uint32_t mount_time, write_time;
	uint16_t nr_mounts, max_mounts, magic, state, on_error, minor_revision;
	uint32_t check_time, check_interval, creator, revision;
	uint16_t reserved_uid, reserved_gid;
	uint32_t first_inode;
	uint16_t inode_bytes, group_here;
	uint32_t compat, incompat, ro_compat;
	uint8_t uuid[16], label[16], last_mounted[64];
	uint32_t algorithms;
	uint8_t prealloc, prealloc_dir;
	uint16_t nr_reserved_gdt;
	uint8_t unused[56];
	uint32_t make_time;
	uint8_t rest[756];
};

struct ext2_desc {
	uint32_t block_bitmap, inode_bitmap, inode_table;
	uint16_t nr_free_blocks, nr_free_inodes, nr_dirs, flags;
	uint8_t rest[12];
};

struct ext2_raw {
	uint16_t mode, uid;
	uint32_t size, atime, ctime, mtime, dtime;
	uint16_t gid, nr_links;
	uint32_t nr_sectors, flags, os1;
	uint32_t block[EXT2_NR_POINTERS];
	uint32_t generation, acl, size_high, fragment;
	uint8_t os2[12];
};

struct ext2_entry {
	uint32_t number;
	uint16_t rec_bytes;
	uint8_t name_bytes, type;
	char name[];
};

#define EXT2_ENTRY_HEAD 8u

/* --- in memory --- */

struct ext2_group {
	uint32_t block_bitmap, inode_bitmap, inode_table;
	uint32_t nr_free_blocks, nr_free_inodes, nr_dirs;
	bool is_changed;			 /* not as on the disk */
	bool has_freed_blocks, has_freed_inodes; /* X4: what becomes free with the next commit */
};

#define EXT2_NR_BUCKETS 64u
#define EXT2_MAX_UNUSED 256u
#define EXT2_WINDOW	32u /* blocks that are cleared on the disk at once */

struct ext2_fs {
	struct mount *mount;  /* (C) */
	struct mapping *disk; /* (C) its pages */
	struct mutex mutex;
	unsigned int scope;					   /* (F) of its owner, to be restored */
	struct ext2_super super;				   /* (F) */
	unsigned int block_shift, pointer_shift;		   /* (C) of a block in bytes, in pointers */
	uint32_t block_bytes, inode_bytes, nr_groups, first_inode; /* (C) */
	uint64_t max_bytes;					   /* (C) of a file */
	struct ext2_group *group;				   /* (F) */
	uint8_t *freed_blocks, *freed_inodes;			   /* (F) bitmaps: X4 */
	uint32_t nr_freed_blocks, nr_freed_inodes;		   /* (F) */
	uint32_t window, nr_window; /* (F) X3: blocks of nobody, cleared on the disk */
	uint32_t next_group;	    /* (F) where blocks were found last */
	bool is_changed;	    /* (F) something was written to pages of the disk since the last order */
	bool is_super_changed;	    /* (F) beside its counts */
	bool was_clean;		    /* (C) when it was mounted */
	bool is_damaged;	    /* (F) and it was said */
	bool is_going;		    /* (F) unmounted: what could not be written is given up */
	uint32_t epoch;		    /* (F) orders so far: X1 */
	unsigned int seen;	    /* (F) errors of writing of the disk */
	uint32_t first_second;	    /* (C) since 1970, when it was mounted */
	unsigned long first_tick;   /* (C) */
	void *buffer;		    /* (F) a block of a directory */
	uint32_t buffered;	    /* (F) which; 0: none */
	struct list_head bucket[EXT2_NR_BUCKETS]; /* (F) inodes in memory, by number */
	struct list_head dirty;			  /* (F) those that are not as on the disk */
	struct list_head unused;	   /* (F) those without a reference, who was used last behind */
	unsigned int nr_inodes, nr_unused; /* (F) */
	struct thread *committer;
	struct list_head link; /* of all */
};

struct ext2_inode {
	struct inode inode;
	struct ext2_fs *fs;	/* (C) */
	struct mapping mapping; /* of a file; its size is the file's */
	struct ext2_raw raw;	/* (F) */
	bool is_dirty;		/* (F) in fs->dirty */
	bool is_in_use;		/* (F) the disk may say that it is in use: X1, X2 */
	bool is_nameless;	/* (F) X1: it is not to be written */
	bool is_new;		/* (F) what follows the first 128 bytes on the disk is another's */
	uint32_t named;		/* (F) epoch in which it got a name: X1 */
	struct list_head hash, dirty_link, unused;
};

static inline struct ext2_inode *ext2_of(struct inode *inode)
{
	return container_of(inode, struct ext2_inode, inode);
}

static inline uint64_t ext2_block_pos(const struct ext2_fs *fs, uint32_t block)
{
	return (uint64_t)block << fs->block_shift;
}

/* Blocks that so many bytes need. */
static inline uint32_t ext2_blocks_of(const struct ext2_fs *fs, uint64_t size_bytes)
{
	return (uint32_t)((size_bytes + fs->block_bytes - 1) >> fs->block_shift);
}

static inline bool ext2_is_file(const struct ext2_inode *ei)
{
	return (ei->inode.mode & S_IFMT) == S_IFREG;
}

/* --- ext2_super.c --- */

/* V4, and counted (ext2.h). */
void ext2_enter(void);
void ext2_leave(void);
void ext2_lock(struct ext2_fs *fs);
void ext2_unlock(struct ext2_fs *fs);

/* One line, the first time; then the file system is read only. Result: -EUCLEAN. */
int ext2_damaged(struct ext2_fs *fs, const char *fmt, ...) PRINTF(2, 3);

/* Bytes of the disk, through its pages. Result: 0 or an error. Context of these and all below: (F). */
int ext2_read_bytes(struct ext2_fs *fs, uint64_t pos, void *to, size_t size_bytes);
int ext2_write_bytes(struct ext2_fs *fs, uint64_t pos, const void *from, size_t size_bytes);

/* What was written before is on the disk before anything that is written later. */
int ext2_order(struct ext2_fs *fs);

/* Everything that operations have done so far is on the disk, but the contents of files. */
int ext2_commit(struct ext2_fs *fs);

uint32_t ext2_now(const struct ext2_fs *fs);

/* --- ext2_alloc.c --- */

/* May a pointer name that block? */
bool ext2_is_data(const struct ext2_fs *fs, uint32_t block);

/* Cleared on the disk: X3. It may commit. -ENOSPC. */
int ext2_new_block(struct ext2_fs *fs, uint32_t *block);
int ext2_free_block(struct ext2_fs *fs, uint32_t block);
int ext2_new_number(struct ext2_fs *fs, uint32_t near, bool is_dir, uint32_t *number);
int ext2_free_number(struct ext2_fs *fs, uint32_t number, bool is_dir);

/* What was freed may be used again; the counts go to the disk's pages. */
int ext2_release_freed(struct ext2_fs *fs);
int ext2_give_window_back(struct ext2_fs *fs);
uint32_t ext2_nr_free_blocks(const struct ext2_fs *fs);
uint32_t ext2_nr_free_inodes(const struct ext2_fs *fs);

/* --- ext2_blocks.c --- */

/* The n-th block of a file; 0: it has none. */
int ext2_find_block(struct ext2_inode *ei, uint32_t n, uint32_t *block);

/* The same, made where it has none. */
int ext2_make_block(struct ext2_inode *ei, uint32_t n, uint32_t *block);

/* `block`, which is nobody's, becomes the n-th. */
int ext2_set_block(struct ext2_inode *ei, uint32_t n, uint32_t block);

/* It has no blocks from the n-th on. */
int ext2_cut(struct ext2_inode *ei, uint32_t n);

/* --- ext2_inode.c --- */

/* With a reference. */
int ext2_get(struct ext2_fs *fs, uint32_t number, struct ext2_inode **found);

/* One that the disk does not know yet, nor any name: with a reference, and in no list of what is to be written. */
int ext2_new(struct ext2_inode *dir, uint32_t mode, struct ext2_inode **made);

/* Takes the only reference of one that ext2_new() made and that got no name. */
void ext2_undo_new(struct ext2_inode *ei);

void ext2_mark_dirty(struct ext2_inode *ei);

/* A name of it is in the pages of a directory. */
void ext2_gain_name(struct ext2_inode *ei);
int ext2_write_inode(struct ext2_inode *ei);
int ext2_write_dirty(struct ext2_fs *fs);

/* The inode's count of names fell: the disk knows before one of them goes (X2). */
int ext2_lose_name(struct ext2_inode *ei);

/* Contents of all files are on the disk. Context: no lock. */
int ext2_write_files(struct ext2_fs *fs);

/* All that nobody has a reference to go, written. Result: do others remain beside the root? Context: no lock. */
bool ext2_forget_unused(struct ext2_fs *fs);

/* Some that nobody has a reference to, that are written and of whose files there are no pages. Result: how many. */
size_t ext2_drop_empty(struct ext2_fs *fs, size_t nr);
void ext2_put(struct inode *inode);
uint64_t ext2_size(struct inode *inode);
void ext2_stat(struct inode *inode, struct vfs_stat *stat);
int ext2_inode_init(void);

/* --- ext2_file.c --- */

extern const struct inode_ops ext2_file_ops;
extern const struct mapping_ops ext2_mapping_ops;
int ext2_fsync(struct inode *inode, unsigned int *seen);

/* --- ext2_dir.c --- */

/* Where an entry is: in the block of a directory that fs->buffer holds. */
struct ext2_place {
	uint32_t n; /* block of the directory */
	uint32_t block;
	unsigned int offset, before; /* of it, and of the entry in front; the same when it is the first */
	uint32_t number;
};

int ext2_dir_find(struct ext2_inode *dir, const struct vfs_name *name, struct ext2_place *place);
int ext2_dir_add(struct ext2_inode *dir, const struct vfs_name *name, struct ext2_inode *target);
int ext2_dir_remove(struct ext2_inode *dir, const struct ext2_place *place);
int ext2_dir_replace(struct ext2_inode *dir, const struct ext2_place *place, struct ext2_inode *target);

/* The old name of `moved` goes and the new one comes, or is moved's from now on, in one write; -EXDEV: one block has no room
 * for both. */
int ext2_dir_rename(struct ext2_inode *dir, const struct vfs_name *old_name, const struct vfs_name *new_name,
		    struct ext2_inode *moved);
int ext2_dir_is_empty(struct ext2_inode *dir);

/* The first block of a new one: "." and "..". */
int ext2_dir_begin(struct ext2_inode *dir, const struct ext2_inode *parent);
int ext2_readdir(struct inode *inode, uint64_t *pos, struct vfs_entry *entry);

/* --- ext2_names.c --- */

extern const struct inode_ops ext2_dir_ops, ext2_link_ops, ext2_other_ops;

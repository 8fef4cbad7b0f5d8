/* SPDX-License-Identifier: MIT */
/* Mounting, commits, and the disk underneath. */
#include <drivers/fs/ext2.h>
#include <drivers/fs/ext2_internal.h>

#include <kernel/core/module.h>
#include <kernel/core/panic.h>
#include <kernel/core/printk.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <linux/sched/mm.h>
#include <linux/shrinker.h>
#include <linux/slab.h>

#define COMMIT_TICKS (5 * HZ)

STATIC_ASSERT(sizeof(struct ext2_super) == 1024, "the superblock is as on the disk");
STATIC_ASSERT(sizeof(struct ext2_desc) == 32, "a group's descriptor is as on the disk");
STATIC_ASSERT(sizeof(struct ext2_raw) == EXT2_INODE_BYTES, "an inode is as on the disk");

static struct {
	struct mutex mutex;
	struct list_head all;		  /* mounted; mutex */
	atomic_t nr_calls[NR_BLK_BEHALF]; /* by enum reclaim_for, which is the same */
} ext2 = {.mutex = MUTEX_INIT(ext2.mutex), .all = LIST_HEAD_INIT(ext2.all)};

/* --- who is inside --- */

struct ext2_calls ext2_calls(void)
{
	struct ext2_calls calls;

	for (unsigned int i = 0; i < NR_BLK_BEHALF; i++)
		calls.nr_for[i] = (uint32_t)atomic_read(&ext2.nr_calls[i]);
	return calls;
}

void ext2_enter(void)
{
	vfs_enter();
	atomic_inc(&ext2.nr_calls[scope_reclaims_for()]);
}

void ext2_leave(void)
{
	vfs_leave();
}

void ext2_lock(struct ext2_fs *fs)
{
	unsigned int scope;

	ext2_enter();
	scope = memalloc_nofs_save();
	mutex_lock(&fs->mutex);
	fs->scope = scope;
}

void ext2_unlock(struct ext2_fs *fs)
{
	unsigned int scope = fs->scope;

	mutex_unlock(&fs->mutex);
	memalloc_nofs_restore(scope);
	ext2_leave();
}

/* --- the disk --- */

int ext2_damaged(struct ext2_fs *fs, const char *fmt, ...)
{
	char text[160];
	va_list args;

	if (!fs->is_damaged) {
		va_start(args, fmt);
		(void)vsnprintf(text, sizeof(text), fmt, args);
		va_end(args);
		pr_err("ext2: %s: %s; read only from here on, e2fsck repairs it", fs->mount->dev->name, text);
	}
	fs->is_damaged = true;
	fs->mount->is_read_only = true;
	return -EUCLEAN;
}

static int all_or_error(long nr, size_t wanted)
{
	if (nr == (long)wanted)
		return 0;
	return nr < 0 ? (int)nr : -EIO;
}

int ext2_read_bytes(struct ext2_fs *fs, uint64_t pos, void *to, size_t size_bytes)
{
	return all_or_error(pagecache_read(fs->disk, NULL, pos, to, size_bytes), size_bytes);
}

int ext2_write_bytes(struct ext2_fs *fs, uint64_t pos, const void *from, size_t size_bytes)
{
	if (fs->is_damaged)
		return -EUCLEAN;
	fs->is_changed = true;
	return all_or_error(pagecache_write(fs->disk, pos, from, size_bytes), size_bytes);
}

int ext2_order(struct ext2_fs *fs)
{
	int error;

	if (!fs->is_changed)
		return 0;
	fs->is_changed = false;
	error = disk_sync(fs->mount->disk, &fs->seen);
	if (error)
		fs->is_changed = true;
	else
		fs->epoch++;
	return error;
}

int ext2_commit(struct ext2_fs *fs)
{
	int error;

	if (fs->is_damaged)
		return -EUCLEAN;
	if (fs->mount->is_read_only)
		return 0;
	error = ext2_order(fs); /* names and blocks before inodes */
	if (!error)
		error = ext2_write_dirty(fs);
	if (!error)
		error = ext2_order(fs); /* inodes before what they gave up is used again */
	return error ? error : ext2_release_freed(fs);
}

uint32_t ext2_now(const struct ext2_fs *fs)
{
	return fs->first_second + (uint32_t)((jiffies - fs->first_tick) / HZ);
}

/* --- mounting: what the superblock must say --- */

static int wrong(const struct ext2_fs *fs, const char *what, uint64_t found, const char *wanted)
{
	pr_err("ext2: %s: %s %llu, expected %s: not mounted", fs->mount->dev->name, what, found, wanted);
	return -EUCLEAN;
}

static int check_features(struct ext2_fs *fs)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {{0x1, "compression"},  {0x8, "journal_dev"},  {0x10, "meta_bg"},
		     {0x40, "extents"},	    {0x80, "64bit"},	   {0x100, "mmp"},
		     {0x200, "flex_bg"},    {0x400, "ea_inode"},   {0x1000, "dirdata"},
		     {0x2000, "csum_seed"}, {0x4000, "large_dir"}, {0x8000, "inline_data"},
		     {0x10000, "encrypt"}};
	uint32_t unknown = fs->super.incompat & ~(EXT2_INCOMPAT_FILETYPE | EXT2_INCOMPAT_RECOVER);
	const char *name = "one without a name";

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (unknown & names[i].bit)
			name = names[i].name;
	if (unknown) {
		pr_err("ext2: %s: feature %s (0x%x), expected none but filetype: not mounted",
		       fs->mount->dev->name, name, unknown);
		return -EINVAL;
	}
	unknown = fs->super.ro_compat & ~(EXT2_RO_SPARSE | EXT2_RO_LARGE_FILE);
	if (unknown && !fs->mount->is_read_only)
		pr_warn("ext2: %s: features 0x%x are not known for writing: mounted read only",
			fs->mount->dev->name, unknown);
	if (fs->super.incompat & EXT2_INCOMPAT_RECOVER && !fs->mount->is_read_only)
		pr_warn("ext2: %s: its journal was not replayed: mounted read only", fs->mount->dev->name);
	if (unknown || fs->super.incompat & EXT2_INCOMPAT_RECOVER)
		fs->mount->is_read_only = true;
	return 0;
}

static int check_sizes(struct ext2_fs *fs)
{
	const struct ext2_super *super = &fs->super;
	uint32_t bits = super->log_block_size <= 2 ? 8u * (1024u << super->log_block_size) : 0;

	if (super->revision > 1)
		return wrong(fs, "revision", super->revision, "0 or 1");
	if (!bits)
		return wrong(fs, "logarithm of a block", super->log_block_size, "0 to 2");
	if (super->first_data_block != (super->log_block_size == 0))
		return wrong(fs, "first block", super->first_data_block,
			     "1 for blocks of 1024 bytes, else 0");
	if (!super->blocks_per_group || super->blocks_per_group > bits || super->blocks_per_group % 8)
		return wrong(fs, "blocks per group", super->blocks_per_group,
			     "a multiple of 8 that a block has bits for");
	if (!super->inodes_per_group || super->inodes_per_group > bits || super->inodes_per_group % 8)
		return wrong(fs, "inodes per group", super->inodes_per_group,
			     "a multiple of 8 that a block has bits for");
	if (super->nr_blocks <= super->first_data_block ||
	    (uint64_t)super->nr_blocks << (10 + super->log_block_size) > mapping_size(fs->disk) ||
	    super->nr_blocks > INT32_MAX)
		return wrong(fs, "blocks", super->nr_blocks, "as many as the disk has, or fewer");
	if (super->revision && (super->inode_bytes < EXT2_INODE_BYTES || super->inode_bytes > bits / 8 ||
				super->inode_bytes & (super->inode_bytes - 1)))
		return wrong(fs, "bytes of an inode", super->inode_bytes, "a power of 2 from 128 to a block");
	if (super->revision && (super->first_inode < 11 || super->first_inode > super->inodes_per_group))
		return wrong(fs, "first inode", super->first_inode, "11 or more, in the first group");
	return 0;
}

/* Bytes of the largest file: what pointers reach and 32 bits of sectors count. */
static uint64_t largest_file(const struct ext2_fs *fs)
{
	uint64_t p = 1ull << fs->pointer_shift, blocks = EXT2_NR_DIRECT + p + p * p + p * p * p;
	uint64_t tables = 1 + (1 + p) + (1 + p + p * p);
	uint64_t counted = ((1ull << 32) - 1) / (fs->block_bytes / BLK_SECTOR) - tables;

	return MIN(MIN(blocks, counted), (1ull << 32) - 1) << fs->block_shift;
}

static int understand(struct ext2_fs *fs)
{
	const struct ext2_super *super = &fs->super;
	int error = check_features(fs);

	if (!error)
		error = check_sizes(fs);
	if (error)
		return error;
	fs->block_shift = 10 + super->log_block_size;
	fs->block_bytes = 1u << fs->block_shift;
	fs->pointer_shift = fs->block_shift - 2;
	fs->inode_bytes = super->revision ? super->inode_bytes : EXT2_INODE_BYTES;
	fs->first_inode = super->revision ? super->first_inode : 11;
	fs->nr_groups = (super->nr_blocks - super->first_data_block + super->blocks_per_group - 1) /
			super->blocks_per_group;
	fs->max_bytes = largest_file(fs);
	fs->first_tick = jiffies;
	fs->first_second =
		MAX(MAX(super->write_time, super->mount_time), MAX(super->check_time, super->make_time));
	fs->first_second =
		MAX(fs->first_second, super->nr_inodes + 1); /* a time of deletion is no number of an inode */
	if ((uint64_t)fs->nr_groups * super->inodes_per_group != super->nr_inodes)
		return wrong(fs, "inodes", super->nr_inodes, "those of all groups together");
	return 0;
}

/* --- mounting: groups --- */

/* Its bitmaps and its part of the inodes lie in it. */
static bool is_inside(const struct ext2_fs *fs, uint32_t g, uint32_t first, uint32_t nr)
{
	uint32_t start = fs->super.first_data_block + g * fs->super.blocks_per_group;
	uint32_t end = start + MIN(fs->super.blocks_per_group, fs->super.nr_blocks - start);

	return first > fs->super.first_data_block && first >= start && first < end && nr <= end - first;
}

static int read_group(struct ext2_fs *fs, uint32_t g)
{
	uint32_t nr_table = ext2_blocks_of(fs, (uint64_t)fs->super.inodes_per_group * fs->inode_bytes);
	struct ext2_desc desc;
	int error = ext2_read_bytes(fs, ext2_block_pos(fs, fs->super.first_data_block + 1) + g * sizeof(desc),
				    &desc, sizeof(desc));

	if (error)
		return error;
	if (!is_inside(fs, g, desc.block_bitmap, 1) || !is_inside(fs, g, desc.inode_bitmap, 1) ||
	    !is_inside(fs, g, desc.inode_table, nr_table) || desc.block_bitmap == desc.inode_bitmap ||
	    desc.block_bitmap - desc.inode_table < nr_table ||
	    desc.inode_bitmap - desc.inode_table < nr_table)
		return wrong(fs, "bitmaps and inodes of group", g, "them in it, apart from each other");
	if (desc.nr_free_blocks > fs->super.blocks_per_group ||
	    desc.nr_free_inodes > fs->super.inodes_per_group)
		return wrong(fs, "free blocks or inodes of group", g, "no more than it has");
	fs->group[g] = (struct ext2_group){.block_bitmap = desc.block_bitmap,
					   .inode_bitmap = desc.inode_bitmap,
					   .inode_table = desc.inode_table,
					   .nr_free_blocks = desc.nr_free_blocks,
					   .nr_free_inodes = desc.nr_free_inodes,
					   .nr_dirs = desc.nr_dirs};
	return 0;
}

static int read_groups(struct ext2_fs *fs)
{
	int error = 0;

	fs->buffer = kmalloc(fs->block_bytes, GFP_KERNEL);
	fs->group = kvzalloc(fs->nr_groups * sizeof(*fs->group), GFP_KERNEL);
	fs->freed_blocks = kvzalloc(fs->nr_groups * (fs->super.blocks_per_group / 8), GFP_KERNEL);
	fs->freed_inodes = kvzalloc(fs->nr_groups * (fs->super.inodes_per_group / 8), GFP_KERNEL);
	if (!fs->buffer || !fs->group || !fs->freed_blocks || !fs->freed_inodes)
		return -ENOMEM;
	for (uint32_t g = 0; g < fs->nr_groups && !error; g++)
		error = read_group(fs, g);
	return error;
}

/* --- mounting --- */

static int write_super(struct ext2_fs *fs)
{
	fs->super.write_time = ext2_now(fs);
	return ext2_write_bytes(fs, EXT2_SUPER_AT, &fs->super, sizeof(fs->super));
}

/* Whoever finds it so after a power cut knows. */
static int mark_in_use(struct ext2_fs *fs)
{
	int error;

	fs->was_clean = fs->super.state & EXT2_STATE_CLEAN && !(fs->super.state & EXT2_STATE_ERRORS);
	if (!fs->was_clean)
		pr_warn("ext2: %s: was not unmounted or has errors, expected e2fsck before",
			fs->mount->dev->name);
	fs->super.state &= (uint16_t)~EXT2_STATE_CLEAN;
	fs->super.nr_mounts++;
	fs->super.mount_time = ext2_now(fs);
	error = write_super(fs);
	return error ? error : ext2_order(fs);
}

static int open_root(struct ext2_fs *fs)
{
	struct ext2_inode *root;
	int error = ext2_get(fs, EXT2_ROOT, &root);

	if (error)
		return error;
	fs->mount->root = &root->inode;
	if (!inode_is_dir(&root->inode))
		return wrong(fs, "the root is of mode", root->inode.mode, "a directory");
	return 0;
}

static int read_all(struct ext2_fs *fs)
{
	int error = ext2_read_bytes(fs, EXT2_SUPER_AT, &fs->super, sizeof(fs->super));

	if (error)
		return error;
	if (fs->super.magic != EXT2_MAGIC)
		return 1;
	error = understand(fs);
	if (!error)
		error = read_groups(fs);
	if (!error)
		error = open_root(fs);
	if (!error && !fs->mount->is_read_only)
		error = mark_in_use(fs);
	return error;
}

/* Long-lived changes reach the disk though nobody asks for it. */
static int commit_now_and_then(void *arg)
{
	struct ext2_fs *fs = arg;

	while (!kthread_should_stop()) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!kthread_should_stop())
			(void)schedule_timeout(COMMIT_TICKS);
		__set_current_state(TASK_RUNNING);
		ext2_lock(fs);
		(void)ext2_commit(fs);
		ext2_unlock(fs);
	}
	return 0;
}

static int start_committer(struct ext2_fs *fs)
{
	if (fs->mount->is_read_only)
		return 0;
	fs->committer = kthread_run(commit_now_and_then, fs, "ext2-%s", fs->mount->dev->name);
	if (!IS_ERR(fs->committer))
		return 0;
	fs->committer = NULL;
	return -ENOMEM;
}

static void free_fs(struct ext2_fs *fs)
{
	kfree(fs->buffer);
	kvfree(fs->group);
	kvfree(fs->freed_blocks);
	kvfree(fs->freed_inodes);
	kfree(fs);
}

static struct ext2_fs *new_fs(struct mount *mount)
{
	struct ext2_fs *fs = kzalloc(sizeof(*fs), GFP_KERNEL);

	if (!fs)
		return NULL;
	fs->mount = mount;
	fs->disk = disk_mapping(mount->disk);
	(void)mapping_error_since(fs->disk, &fs->seen);
	mutex_init_named(&fs->mutex, "ext2");
	list_init(&fs->dirty);
	list_init(&fs->unused);
	for (unsigned int i = 0; i < EXT2_NR_BUCKETS; i++)
		list_init(&fs->bucket[i]);
	fs->epoch = 1;
	return fs;
}

/* The root, and all that stands there unused, go; what they held is given up. */
static void drop_inodes(struct ext2_fs *fs)
{
	ext2_lock(fs);
	fs->is_going = true;
	ext2_unlock(fs);
	if (fs->mount->root)
		ext2_put(fs->mount->root);
	(void)ext2_forget_unused(fs);
}

static int ext2_mount(struct mount *mount)
{
	struct ext2_fs *fs = new_fs(mount);
	int error;

	if (!fs)
		return -ENOMEM;
	ext2_lock(fs);
	error = read_all(fs);
	ext2_unlock(fs);
	if (!error)
		error = start_committer(fs);
	if (error) {
		drop_inodes(fs);
		free_fs(fs);
		return error;
	}
	mount->fs = fs;
	mutex_lock(&ext2.mutex);
	list_add_tail(&fs->link, &ext2.all);
	mutex_unlock(&ext2.mutex);
	return 0;
}

/* --- leaving --- */

static int ext2_sync(struct mount *mount)
{
	struct ext2_fs *fs = mount->fs;
	int error = mount->is_read_only ? 0 : ext2_write_files(fs), problem;

	ext2_lock(fs);
	problem = ext2_commit(fs);
	if (!problem)
		problem = ext2_order(fs);
	ext2_unlock(fs);
	return error ? error : problem;
}

/* Blocks that were set aside are free again, and the superblock says that all is in order. */
static int finish(struct ext2_fs *fs)
{
	int error = ext2_commit(fs);

	if (!error)
		error = ext2_give_window_back(fs);
	if (!error)
		error = ext2_commit(fs);
	if (!error && fs->was_clean)
		fs->super.state |= EXT2_STATE_CLEAN;
	if (!error)
		error = write_super(fs);
	return error ? error : ext2_order(fs);
}

static void ext2_freeze(struct mount *mount)
{
	struct ext2_fs *fs = mount->fs;
	int error;

	if (mount->is_read_only)
		return;
	error = ext2_write_files(fs);
	ext2_lock(fs);
	if (!error)
		error = finish(fs);
	mount->is_read_only = true;
	ext2_unlock(fs);
	if (error)
		pr_err("ext2: %s: left without being marked clean: %s", mount->dev->name, error_text(error));
}

static int ext2_unmount(struct mount *mount)
{
	struct ext2_fs *fs = mount->fs;

	(void)ext2_sync(mount);
	if (ext2_forget_unused(fs) && fs->nr_inodes - fs->nr_unused > 1)
		return -EBUSY;
	if (atomic_read(&mount->root->nr_refs) > 1)
		return -EBUSY;
	mutex_lock(&ext2.mutex);
	list_del(&fs->link);
	mutex_unlock(&ext2.mutex);
	if (fs->committer)
		(void)kthread_stop(fs->committer);
	ext2_freeze(mount);
	drop_inodes(fs);
	free_fs(fs);
	return 0;
}

static void ext2_space(struct mount *mount, struct vfs_space *space)
{
	struct ext2_fs *fs = mount->fs;

	ext2_lock(fs);
	*space = (struct vfs_space){.block_bytes = fs->block_bytes,
				    .nr_blocks = fs->super.nr_blocks,
				    .nr_free = ext2_nr_free_blocks(fs),
				    .nr_inodes = fs->super.nr_inodes,
				    .nr_free_inodes = ext2_nr_free_inodes(fs)};
	ext2_unlock(fs);
}

/* --- memory is short --- */

static size_t count_unused(struct shrinker *shrinker, gfp_t gfp)
{
	struct ext2_fs *fs;
	size_t nr = 0;

	(void)shrinker;
	(void)gfp;
	if (!mutex_trylock(&ext2.mutex))
		return 0;
	list_for_each_entry(fs, &ext2.all, link)
		nr += READ_ONCE(fs->nr_unused);
	mutex_unlock(&ext2.mutex);
	return nr;
}

/* Reclaim only tries locks. */
static size_t shrink_unused(struct shrinker *shrinker, size_t nr, gfp_t gfp)
{
	struct ext2_fs *fs;
	size_t freed = 0;

	(void)shrinker;
	(void)gfp;
	if (!mutex_trylock(&ext2.mutex))
		return SHRINK_STOP;
	ext2_enter();
	list_for_each_entry(fs, &ext2.all, link) {
		if (freed >= nr || !mutex_trylock(&fs->mutex))
			continue;
		freed += ext2_drop_empty(fs, nr - freed);
		mutex_unlock(&fs->mutex);
	}
	ext2_leave();
	mutex_unlock(&ext2.mutex);
	return freed;
}

static struct shrinker ext2_shrinker = {
	.name = "ext2 inodes", .needs = __GFP_FS, .count = count_unused, .scan = shrink_unused};

static struct fs_type ext2_type = {
	.name = "ext2",
	.mount = ext2_mount,
	.unmount = ext2_unmount,
	.freeze = ext2_freeze,
	.sync = ext2_sync,
	.space = ext2_space,
};

static int ext2_init(void)
{
	int error = ext2_inode_init();

	if (error)
		return error;
	register_shrinker(&ext2_shrinker);
	vfs_register(&ext2_type);
	return 0;
}

MODULE_CALL(init, ext2_init);
MODULE_CALL(exit, vfs_freeze);

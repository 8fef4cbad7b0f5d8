/* SPDX-License-Identifier: MIT */
/* Renaming. One at a time: so which directory lies in which stays as it was found meanwhile.
 *
 * Where a file system cannot give a directory its other name in one step (-EXDEV), it moves entry by entry: a new directory comes
 * there, what is in the old one moves into it, level by level, and the old one goes. Each step is one that a power cut may follow.
 * Should one fail, what was moved moves back. The way through both trees is kept in the trees themselves, so it may be as deep as it
 * likes: a level whose old directory is empty is done, and ".." is where it goes on.
 *
 * Lock: renaming.mutex, before vfs.mounting and inodes' mutexes. */
#include <kernel/core/vfs_internal.h>

#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>

static struct {
	struct mutex mutex;
	struct vfs_walk from, to; /* more than a stack has room for */
	struct vfs_entry entry;
} renaming = {.mutex = MUTEX_INIT(renaming.mutex)};

static const struct vfs_name up = {"..", 2};

/* V2 */
static void lock_both(struct inode *a, struct inode *b)
{
	mutex_lock(&(a < b ? a : b)->mutex);
	if (a != b)
		mutex_lock(&(a < b ? b : a)->mutex);
}

static void unlock_both(struct inode *a, struct inode *b)
{
	mutex_unlock(&a->mutex);
	if (a != b)
		mutex_unlock(&b->mutex);
}

static int lookup(struct inode *dir, const struct vfs_name *name, struct inode **found)
{
	int error;

	mutex_lock(&dir->mutex);
	error = dir->ops->lookup(dir, name, found);
	mutex_unlock(&dir->mutex);
	return error;
}

/* --- entry by entry --- */

/* The place in both trees: the directory that is emptied, and its twin. */
struct move {
	struct inode *from, *to; /* with references */
	struct inode *top;	 /* from, at first */
	uint64_t pos;		 /* in from */
	bool is_changed;	 /* something went since pos was 0 */
};

static void go(struct move *move, struct inode *from, struct inode *to)
{
	inode_put(move->from);
	inode_put(move->to);
	move->from = from;
	move->to = to;
	move->pos = 0;
	move->is_changed = false;
}

/* One that is not the directory's own. Result: as readdir. */
static int next_entry(struct move *move, struct vfs_name *name)
{
	struct vfs_entry *entry = &renaming.entry;
	int result;

	for (;;) {
		mutex_lock(&move->from->mutex);
		result = move->from->ops->readdir(move->from, &move->pos, entry);
		mutex_unlock(&move->from->mutex);
		*name = (struct vfs_name){entry->name, entry->len};
		if (result < 0 || (result && !vfs_is_own_name(name)))
			return result;
		if (!result && !move->is_changed)
			return 0;
		if (!result)
			move->pos = 0;
		move->is_changed &= result != 0;
	}
}

/* The directory of that name in the new tree, made if it is not there. Both are locked. */
static int find_twin(struct move *move, const struct vfs_name *name, const struct inode *child,
		     struct inode **twin)
{
	struct inode *to = move->to;
	int error = to->ops->lookup(to, name, twin);

	if (error == -ENOENT)
		return to->ops->create(to, name, S_IFDIR | (child->mode & 07777u), NULL, twin);
	if (error || inode_is_dir(*twin))
		return error;
	inode_put(*twin);
	return -EEXIST;
}

/* It goes when it is empty: it was, or all of it has moved. Both are locked. Result: 0; 1: it is not, and *twin takes what is in it. */
static int move_directory(struct move *move, const struct vfs_name *name, struct inode *child,
			  struct inode **twin)
{
	int error = vfs_check_victim(child, true);

	if (!error)
		error = find_twin(move, name, child, twin);
	if (error)
		return error;
	error = move->from->ops->unlink(move->from, name, child);
	if (error == -ENOTEMPTY)
		return 1;
	inode_put(*twin);
	return error;
}

static int move_file(struct move *move, const struct vfs_name *name, struct inode *child)
{
	struct inode *other;
	int error = move->to->ops->lookup(move->to, name, &other);

	if (error == -ENOENT)
		return move->from->ops->rename(move->from, name, child, move->to, name, NULL);
	if (error)
		return error;
	if (other == child) /* it has both names: a move failed between them */
		error = move->from->ops->unlink(move->from, name, child);
	else
		error = -EEXIST;
	inode_put(other);
	return error;
}

static int move_entry(struct move *move, const struct vfs_name *name)
{
	struct inode *from = move->from, *to = move->to, *child, *twin = NULL;
	int error;

	lock_both(from, to);
	error = from->ops->lookup(from, name, &child);
	if (error) {
		unlock_both(from, to);
		return error == -ENOENT ? 0 : error; /* somebody was faster */
	}
	error = inode_is_dir(child) ? move_directory(move, name, child, &twin) : move_file(move, name, child);
	unlock_both(from, to);
	move->is_changed = true;
	if (error == 1)
		go(move, child, twin);
	else
		inode_put(child);
	return error == 1 ? 0 : error;
}

/* A level is done. */
static int go_up(struct move *move)
{
	struct inode *from, *to;
	int error = lookup(move->from, &up, &from);

	if (error)
		return error;
	error = lookup(move->to, &up, &to);
	if (error)
		inode_put(from);
	else
		go(move, from, to);
	return error;
}

/* All that is in one directory into another. */
static int move_contents(struct inode *from, struct inode *to)
{
	struct move move = {.from = inode_get(from), .to = inode_get(to), .top = from};
	int error = 0;

	while (!error) {
		struct vfs_name name;
		int result = next_entry(&move, &name);

		if (!result && move.from == move.top)
			break;
		error = result < 0 ? result : result ? move_entry(&move, &name) : go_up(&move);
	}
	inode_put(move.from);
	inode_put(move.to);
	return error;
}

static int take_away(struct inode *dir, const struct vfs_name *name, struct inode *victim)
{
	int error;

	mutex_lock(&dir->mutex);
	error = dir->ops->unlink(dir, name, victim);
	mutex_unlock(&dir->mutex);
	return error;
}

static int check_empty(struct inode *dir)
{
	struct move move = {.from = dir};
	struct vfs_name name;
	int result = next_entry(&move, &name);

	return result > 0 ? -ENOTEMPTY : result;
}

static void set_mode(struct inode *dir, uint32_t mode)
{
	mutex_lock(&dir->mutex);
	dir->ops->set_mode(dir, mode);
	mutex_unlock(&dir->mutex);
}

/* A new directory; or the empty one that is there, for if that went first, and the new one could not be made, none would be. */
static int begin_move(struct vfs_walk *to, const struct inode *moved, struct inode *victim,
		      struct inode **made)
{
	int error;

	if (victim) {
		error = check_empty(victim);
		if (error)
			return error;
		set_mode(victim, moved->mode);
		*made = inode_get(victim);
		return 0;
	}
	mutex_lock(&to->dir->mutex);
	error = to->dir->ops->create(to->dir, &to->last, S_IFDIR | (moved->mode & 07777u), NULL, made);
	mutex_unlock(&to->dir->mutex);
	return error;
}

/* What comes into the old one meanwhile moves, too. */
static int move_by_entries(struct vfs_walk *from, struct inode *moved, struct vfs_walk *to,
			   struct inode *victim)
{
	uint32_t mode = victim ? victim->mode : 0;
	struct inode *made;
	int error = begin_move(to, moved, victim, &made);

	if (error)
		return error;
	do {
		error = move_contents(moved, made);
		if (!error)
			error = take_away(from->dir, &from->last, moved);
	} while (error == -ENOTEMPTY);
	if (error) {
		(void)move_contents(made, moved);
		if (victim)
			set_mode(victim, mode);
		else
			(void)take_away(to->dir, &to->last, made);
	}
	inode_put(made);
	return error;
}

/* --- in one step --- */

static int rename_found(struct vfs_walk *from, struct inode *moved, struct vfs_walk *to, struct inode *victim)
{
	int error;

	if (moved == victim)
		return 0;
	if (!inode_is_dir(moved) && (from->wants_dir || to->wants_dir))
		return -ENOTDIR;
	error = vfs_check_victim(moved, inode_is_dir(moved));
	if (!error && victim)
		error = vfs_check_victim(victim, inode_is_dir(moved));
	if (!error && victim == from->dir)
		error = -ENOTEMPTY;
	return error ? error
		     : from->dir->ops->rename(from->dir, &from->last, moved, to->dir, &to->last, victim);
}

/* Does it lie in `moved`, or is it that itself? Result: 0; -EINVAL; an error. */
static int check_way_up(struct inode *dir, const struct inode *moved)
{
	int error = 0;

	inode_get(dir);
	while (!error && dir != moved && dir != dir->mount->root) {
		struct inode *parent;

		error = lookup(dir, &up, &parent);
		if (error)
			break;
		inode_put(dir);
		dir = parent;
	}
	if (!error && dir == moved)
		error = -EINVAL;
	inode_put(dir);
	return error;
}

/* No directory comes to lie in itself. */
static int check_ways(struct vfs_walk *from, struct vfs_walk *to)
{
	struct inode *moved;
	int error = lookup(from->dir, &from->last, &moved);

	if (error)
		return error;
	error = inode_is_dir(moved) ? check_way_up(to->dir, moved) : 0;
	inode_put(moved);
	return error;
}

static int rename_between(struct vfs_walk *from, struct vfs_walk *to)
{
	struct inode *moved = NULL, *victim = NULL;
	int error;

	if (vfs_is_own_name(&from->last) || vfs_is_own_name(&to->last))
		return -EBUSY;
	if (from->dir->mount != to->dir->mount)
		return -EXDEV;
	error = check_ways(from, to);
	if (error)
		return error;
	lock_both(from->dir, to->dir);
	error = from->dir->ops->lookup(from->dir, &from->last, &moved);
	if (!error) {
		error = to->dir->ops->lookup(to->dir, &to->last, &victim);
		if (!error || error == -ENOENT)
			error = rename_found(from, moved, to, error ? NULL : victim);
	}
	unlock_both(from->dir, to->dir);
	if (error == -EXDEV && inode_is_dir(moved))
		error = move_by_entries(from, moved, to, victim);
	if (victim)
		inode_put(victim);
	if (moved)
		inode_put(moved);
	return error;
}

int vfs_rename(const char *old_path, const char *new_path)
{
	int error;

	mutex_lock(&renaming.mutex);
	renaming.from.dir = renaming.to.dir = NULL;
	error = vfs_walk_to_change(&renaming.from, old_path);
	if (!error)
		error = vfs_walk_to_change(&renaming.to, new_path);
	if (!error)
		error = rename_between(&renaming.from, &renaming.to);
	vfs_walk_stop(&renaming.to);
	vfs_walk_stop(&renaming.from);
	mutex_unlock(&renaming.mutex);
	return error;
}

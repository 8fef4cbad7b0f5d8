/* SPDX-License-Identifier: MIT */
#include <tests/kernel/ext2_model.h>

#include <kernel/core/vfs.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <linux/slab.h>

#define CHUNK	 2048u
#define PATH_MAX MODEL_PATH_BYTES

static uint32_t below(struct model *model, uint32_t n)
{
	return random_below(&model->random, n);
}

static void path_of(const struct model *model, unsigned int n, char path[PATH_MAX])
{
	unsigned int dir = n % (MODEL_DIRS + 1);

	if (dir)
		(void)scnprintf(path, PATH_MAX, "%s/d%u/n%u", model->root, dir, n);
	else
		(void)scnprintf(path, PATH_MAX, "%s/n%u", model->root, n);
}

static void dir_path(const struct model *model, unsigned int dir, char path[PATH_MAX])
{
	(void)scnprintf(path, PATH_MAX, "%s/d%u", model->root, dir);
}

/* The call must end as the model says; without space it may fail so and change nothing. */
static bool agrees(struct model *model, const char *call, const char *path, long found, long wanted)
{
	if (found == wanted)
		return true;
	if (found == -ENOSPC || found == -ENOMEM) {
		model->nr_refused++;
		return false;
	}
	if (!model->wrong) {
		(void)scnprintf(model->text, sizeof(model->text), "step %u: %s %s: %ld, expected %ld",
				model->nr_done, call, path, found, wanted);
		model->wrong = model->text;
	}
	return false;
}

/* CRC-32, as zlib has it. */
static uint32_t sum_of(const char *data, uint32_t size)
{
	uint32_t sum = ~0u;

	for (uint32_t i = 0; i < size; i++) {
		sum ^= (uint8_t)data[i];
		for (unsigned int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? 0xedb88320u : 0);
	}
	return ~sum;
}

static struct model_file *file_of(struct model *model, unsigned int n)
{
	return model->name[n] < 0 ? NULL : &model->file[model->name[n]];
}

static void revoke(struct model *model, struct model_file *file)
{
	char path[PATH_MAX];

	if (!file || !file->is_confirmed)
		return;
	file->is_confirmed = false;
	for (unsigned int n = 0; n < MODEL_NAMES; n++)
		if (file_of(model, n) == file) {
			path_of(model, n, path);
			model->revoke(path);
		}
}

static void drop_name(struct model *model, unsigned int n)
{
	struct model_file *file = file_of(model, n);

	if (file && --file->nr_names == 0)
		file->size = 0;
	model->name[n] = -1;
}

static int free_file(const struct model *model)
{
	for (unsigned int i = 0; i < MODEL_FILES; i++)
		if (!model->file[i].nr_names)
			return (int)i;
	return -1;
}

static bool has_place(const struct model *model, unsigned int n)
{
	return n % (MODEL_DIRS + 1) == 0 || model->has_dir[n % (MODEL_DIRS + 1)];
}

/* --- operations; n is a name, path its path --- */

static void op_create(struct model *model, unsigned int n, const char *path)
{
	struct file file;
	bool may = has_place(model, n);
	int free = free_file(model);

	if (may && model->name[n] < 0 && free < 0)
		return;
	if (!agrees(model, "create", path, vfs_open(&file, path, O_RDWR | O_CREAT | O_EXCL, 0644),
		    !may		  ? -ENOENT
		    : model->name[n] >= 0 ? -EEXIST
					  : 0) ||
	    !may || model->name[n] >= 0)
		return;
	vfs_close(&file);
	model->name[n] = free;
	model->file[free].nr_names = 1;
	model->file[free].size = 0;
}

/* With the file open. Result: is it? */
static bool open_named(struct model *model, struct file *file, unsigned int n, const char *path,
		       unsigned int flags)
{
	long wanted = model->name[n] >= 0 ? 0 : -ENOENT;

	return agrees(model, "open", path, vfs_open(file, path, flags, 0), wanted) && !wanted;
}

static void fill_data(struct model *model, char *to, uint32_t nr)
{
	uint32_t word = random_next(&model->random);

	for (uint32_t i = 0; i < nr; i++)
		to[i] = (char)(word >> i % 4 * 8) + (char)(i / 4);
}

/* There was no space for all of it: from `from` on the file is what it was, or 0, up to its new end. */
static void read_back(struct model *model, struct model_file *f, const char *path, uint32_t from)
{
	struct vfs_stat stat;
	struct file file;

	model->nr_refused++;
	if (!agrees(model, "open", path, vfs_open(&file, path, O_RDONLY, 0), 0))
		return;
	vfs_fstat(&file, &stat);
	f->size = (uint32_t)stat.size_bytes;
	(void)vfs_lseek(&file, from, SEEK_SET);
	if (from < f->size)
		(void)agrees(model, "read", path, vfs_read(&file, f->data + from, f->size - from),
			     (long)(f->size - from));
	vfs_close(&file);
}

static void op_write(struct model *model, unsigned int n, const char *path)
{
	struct model_file *f = file_of(model, n);
	struct file file;
	uint32_t pos, nr = 1 + below(model, below(model, 4) ? 900 : 9000);
	long done;

	revoke(model, f);
	if (!open_named(model, &file, n, path, O_WRONLY))
		return;
	pos = below(model, 3) ? f->size : below(model, MODEL_MAX_FILE - 1);
	pos = MIN(pos, MODEL_MAX_FILE - 1);
	nr = MIN(nr, MODEL_MAX_FILE - pos);
	if (pos > f->size)
		memset(f->data + f->size, 0, pos - f->size);
	fill_data(model, f->data + pos, nr);
	(void)vfs_lseek(&file, pos, SEEK_SET);
	done = vfs_write(&file, f->data + pos, nr);
	vfs_close(&file);
	if ((done >= 0 && done < (long)nr) || done == -ENOSPC || done == -ENOMEM)
		read_back(model, f, path, pos + (done > 0 ? (uint32_t)done : 0));
	else if (agrees(model, "write", path, done, (long)nr))
		f->size = MAX(f->size, pos + nr);
}

static void op_truncate(struct model *model, unsigned int n, const char *path)
{
	struct model_file *f = file_of(model, n);
	struct file file;
	uint32_t size = below(model, 5) ? below(model, MODEL_MAX_FILE) : 0;

	revoke(model, f);
	if (!open_named(model, &file, n, path, O_RDWR))
		return;
	if (agrees(model, "truncate", path, vfs_ftruncate(&file, size), 0)) {
		if (size > f->size)
			memset(f->data + f->size, 0, size - f->size);
		f->size = size;
	}
	vfs_close(&file);
}

static void compare(struct model *model, unsigned int n, const char *path)
{
	struct model_file *f = file_of(model, n);
	struct file file;
	char *chunk;

	if (!open_named(model, &file, n, path, O_RDONLY))
		return;
	chunk = kmalloc(CHUNK, GFP_KERNEL);
	for (uint32_t pos = 0; chunk && pos <= f->size && !model->wrong; pos += CHUNK) {
		long wanted = (long)MIN(CHUNK, f->size - pos);

		if (!agrees(model, "read", path, vfs_read(&file, chunk, CHUNK), wanted) ||
		    memcmp(chunk, f->data + pos, (size_t)wanted) == 0)
			continue;
		(void)scnprintf(model->text, sizeof(model->text),
				"step %u: %s is not what was written, from %u on", model->nr_done, path, pos);
		model->wrong = model->text;
	}
	kfree(chunk);
	vfs_close(&file);
}

static void op_unlink(struct model *model, unsigned int n, const char *path)
{
	revoke(model, file_of(model, n));
	if (agrees(model, "unlink", path, vfs_unlink(path), model->name[n] >= 0 ? 0 : -ENOENT))
		drop_name(model, n);
}

static void op_link(struct model *model, unsigned int n, const char *path)
{
	unsigned int to = below(model, MODEL_NAMES);
	char other[PATH_MAX];
	long wanted = model->name[n] < 0 || !has_place(model, to) ? -ENOENT
		      : model->name[to] >= 0			  ? -EEXIST
								  : 0;

	path_of(model, to, other);
	if (!agrees(model, "link", path, vfs_link(path, other), wanted) || wanted)
		return;
	model->name[to] = model->name[n];
	file_of(model, n)->nr_names++;
}

static void op_rename(struct model *model, unsigned int n, const char *path)
{
	unsigned int to = below(model, MODEL_NAMES);
	char other[PATH_MAX];
	long wanted = model->name[n] < 0 || !has_place(model, to) ? -ENOENT : 0;

	path_of(model, to, other);
	revoke(model, file_of(model, n));
	if (has_place(model, to))
		revoke(model, file_of(model, to));
	if (!agrees(model, "rename", path, vfs_rename(path, other), wanted) || wanted ||
	    model->name[n] == model->name[to])
		return;
	drop_name(model, to);
	model->name[to] = model->name[n];
	model->name[n] = -1;
}

static void op_dir(struct model *model)
{
	unsigned int dir = 1 + below(model, MODEL_DIRS);
	bool is_empty = true;
	char path[PATH_MAX];

	dir_path(model, dir, path);
	for (unsigned int n = dir; n < MODEL_NAMES; n += MODEL_DIRS + 1)
		is_empty &= model->name[n] < 0;
	if (!model->has_dir[dir]) {
		if (agrees(model, "mkdir", path, vfs_mkdir(path, 0755), 0))
			model->has_dir[dir] = true;
	} else if (agrees(model, "rmdir", path, vfs_rmdir(path), is_empty ? 0 : -ENOTEMPTY) && is_empty) {
		model->has_dir[dir] = false;
	}
}

static void op_fsync(struct model *model, unsigned int n, const char *path)
{
	struct model_file *f = file_of(model, n);
	struct file file;

	if (!open_named(model, &file, n, path, O_RDWR))
		return;
	if (agrees(model, "fsync", path, vfs_fsync(&file), 0) && model->confirm) {
		f->is_confirmed = true;
		for (unsigned int i = 0; i < MODEL_NAMES; i++)
			if (file_of(model, i) == f) {
				char other[PATH_MAX];

				path_of(model, i, other);
				model->confirm(other, sum_of(f->data, f->size));
			}
	}
	vfs_close(&file);
}

void model_step(struct model *model)
{
	static void (*const ops[])(struct model *, unsigned int, const char *) = {
		op_create, op_create, op_write,	 op_write, op_write,  op_write, op_truncate,
		compare,   compare,   op_unlink, op_link,  op_rename, op_fsync,
	};
	unsigned int n = below(model, MODEL_NAMES), op = below(model, ARRAY_SIZE(ops) + 1);
	char path[PATH_MAX];

	path_of(model, n, path);
	if (op == ARRAY_SIZE(ops))
		op_dir(model);
	else
		ops[op](model, n, path);
	model->nr_done++;
}

void model_compare(struct model *model)
{
	char path[PATH_MAX];

	for (unsigned int n = 0; n < MODEL_NAMES; n++) {
		path_of(model, n, path);
		if (has_place(model, n))
			compare(model, n, path);
	}
}

bool model_path(const struct model *model, unsigned int n, char *path)
{
	path_of(model, n, path);
	return has_place(model, n) && model->name[n] >= 0;
}

bool model_begin(struct model *model, const char *root, uint32_t seed)
{
	*model = (struct model){.root = root};
	model->random.state = seed;
	for (unsigned int n = 0; n < MODEL_NAMES; n++)
		model->name[n] = -1;
	for (unsigned int i = 0; i < MODEL_FILES; i++) {
		model->file[i].data = kvmalloc(MODEL_MAX_FILE, GFP_KERNEL);
		if (!model->file[i].data)
			return false;
	}
	return vfs_mkdir(root, 0755) == 0;
}

void model_end(struct model *model)
{
	for (unsigned int i = 0; i < MODEL_FILES; i++)
		kvfree(model->file[i].data);
}

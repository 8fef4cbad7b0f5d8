/* SPDX-License-Identifier: MIT */
/* Bytes go through the program's buffer: no page of a program is touched while a lock of a file is held, whatever page
 * that is (XPT-01). The cost is a second copy. */
#include <user/files.h>

#include <asm/uaccess.h>
#include <kernel/core/console.h>
#include <kernel/core/vfs.h>
#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <user/program.h>

#define LARGEST_POS 0x7fffffff

static void hold(void *owner)
{
	(void)inode_get(owner);
}

static void release(void *owner)
{
	inode_put(owner);
}

/* Takes over the reference, if it can be shown. */
static int show(struct inode *inode, struct aspace_file *file)
{
	if (!inode->ops->mapping || (inode->mode & S_IFMT) != S_IFREG)
		return -ENODEV;
	*file = (struct aspace_file){
		.mapping = inode->ops->mapping(inode), .owner = inode, .hold = hold, .release = release};
	file->size_bytes = (size_t)MIN(inode->ops->size(inode), (uint64_t)SIZE_MAX);
	return 0;
}

int file_open_image(const char *path, struct aspace_file *image)
{
	struct file file;
	int error = vfs_open(&file, path, O_RDONLY, 0);

	if (error)
		return error;
	error = show(file.inode, image);
	if (error)
		vfs_close(&file);
	return error;
}

long copy_user_string(char *to, uint32_t from, size_t room)
{
	for (size_t nr = 0; nr < room; nr++) {
		if (get_user(to[nr], (const char __user *)(uintptr_t)from + nr))
			return -EFAULT;
		if (!to[nr])
			return (long)nr + 1;
	}
	return -E2BIG;
}

/* --- numbers --- */

/* NULL: no open file has it. */
static struct file *file_at(uint32_t number)
{
	uint32_t n = number - FILE_CONSOLE_END;
	struct file *file = n < PROGRAM_MAX_FILES ? &program_current()->files[n] : NULL;

	return file && file->inode ? file : NULL;
}

static bool is_console(uint32_t number)
{
	return number == 1 || number == 2;
}

long file_open(uint32_t path, uint32_t flags, uint32_t mode)
{
	struct program *program = program_current();
	long nr = copy_user_string(program->buffer, path, VFS_PATH_MAX);
	uint32_t n = 0;
	int error;

	if (nr < 0)
		return nr == -E2BIG ? -ENAMETOOLONG : nr;
	while (n < PROGRAM_MAX_FILES && program->files[n].inode)
		n++;
	if (n == PROGRAM_MAX_FILES)
		return -EMFILE;
	error = vfs_open(&program->files[n], program->buffer, flags, mode & 0777u);
	return error ? error : (long)(n + FILE_CONSOLE_END);
}

long file_close(uint32_t number)
{
	struct file *file = file_at(number);

	if (!file)
		return -EBADF;
	vfs_close(file);
	return 0;
}

void program_close_all(struct program *program)
{
	for (unsigned int n = 0; n < PROGRAM_MAX_FILES; n++)
		vfs_close(&program->files[n]);
}

/* --- bytes --- */

/* What could not be given to the program is not read either. */
static long read_part(struct file *file, void *buffer, uint32_t to, uint32_t size_bytes)
{
	long nr = vfs_read(file, buffer, size_bytes);
	unsigned long left =
		nr > 0 ? copy_to_user((void __user *)(uintptr_t)to, buffer, (unsigned long)nr) : 0;

	if (!left)
		return nr;
	file->pos -= left;
	return nr - (long)left ? nr - (long)left : -EFAULT;
}

static long write_part(struct file *file, void *buffer, uint32_t from, uint32_t size_bytes)
{
	uint32_t nr = size_bytes -
		      (uint32_t)copy_from_user(buffer, (const void __user *)(uintptr_t)from, size_bytes);

	if (!nr)
		return -EFAULT;
	if (file)
		return vfs_write(file, buffer, nr);
	console_sink()->write(console_sink(), buffer, nr);
	return (long)nr;
}

/* file NULL: the console. */
static long in_parts(long (*part)(struct file *file, void *buffer, uint32_t at, uint32_t size_bytes),
		     struct file *file, uint32_t at, uint32_t size_bytes)
{
	uint32_t done = 0;

	while (done < size_bytes && !READ_ONCE(current->is_killed)) {
		uint32_t wanted = MIN(size_bytes - done, (uint32_t)PAGE_SIZE);
		long nr = part(file, program_current()->buffer, at + done, wanted);

		if (nr < 0)
			return done ? (long)done : nr;
		done += (uint32_t)nr;
		if ((uint32_t)nr < wanted)
			break;
	}
	return (long)done;
}

static bool is_size(uint32_t at, uint32_t size_bytes)
{
	return size_bytes <= LARGEST_POS && user_range_is_good(at, size_bytes);
}

long file_read(uint32_t number, uint32_t to, uint32_t size_bytes)
{
	struct file *file = file_at(number);

	if (number == 0)
		return 0;
	if (!file)
		return -EBADF;
	return is_size(to, size_bytes) ? in_parts(read_part, file, to, size_bytes) : -EFAULT;
}

long file_write(uint32_t number, uint32_t from, uint32_t size_bytes)
{
	struct file *file = file_at(number);

	if (!file && !is_console(number))
		return -EBADF;
	return is_size(from, size_bytes) ? in_parts(write_part, file, from, size_bytes) : -EFAULT;
}

long file_lseek(uint32_t number, int32_t offset, int32_t whence)
{
	struct file *file = file_at(number);
	uint64_t before = file ? file->pos : 0;
	int64_t pos = file ? vfs_lseek(file, offset, whence) : -EBADF;

	if (pos <= LARGEST_POS)
		return (long)pos;
	file->pos = before;
	return -EOVERFLOW;
}

long file_fsync(uint32_t number)
{
	struct file *file = file_at(number);

	return file ? vfs_fsync(file) : -EBADF;
}

/* --- names --- */

long file_unlink(uint32_t path)
{
	char *text = program_current()->buffer;
	long nr = copy_user_string(text, path, VFS_PATH_MAX);

	if (nr < 0)
		return nr == -E2BIG ? -ENAMETOOLONG : nr;
	return vfs_unlink(text);
}

long file_readdir(uint32_t number, uint32_t to, uint32_t size_bytes)
{
	struct vfs_entry *entry = program_current()->buffer;
	struct file *file = file_at(number);
	int found = file ? vfs_readdir(file, entry) : -EBADF;

	STATIC_ASSERT(sizeof(*entry) <= PAGE_SIZE, "an entry fits the buffer");
	if (found <= 0)
		return found;
	if (entry->len >= size_bytes)
		return -ENAMETOOLONG;
	entry->name[entry->len] = '\0';
	return copy_to_user((void __user *)(uintptr_t)to, entry->name, entry->len + 1) ? -EFAULT : 1;
}

/* --- memory --- */

int file_of_number(uint32_t number, uint32_t first_page, size_t size_bytes, struct aspace_file *shown)
{
	const struct file *file = file_at(number);
	int error;

	if (!file)
		return -EBADF;
	if ((file->flags & O_ACCMODE) == O_WRONLY)
		return -EACCES;
	error = show(file->inode, shown);
	if (error)
		return error;
	hold(file->inode);
	shown->first_page = first_page;
	shown->size_bytes = size_bytes;
	return 0;
}

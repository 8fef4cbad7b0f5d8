/* SPDX-License-Identifier: MIT */
/* Commands for files and disks. A path without '/' that is a disk's name is the disk itself. What fails is said as the books' shells
 * say it: "cat: /x: No such file or directory". */
#include <kernel/core/blkdev.h>
#include <kernel/core/console.h>
#include <kernel/core/vfs.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/objects/kmalloc.h>
#include <monitor/parse.h>
#include <monitor/tables.h>

#define CHUNK	 PAGE_SIZE
#define PATH_MAX 512u

/* Result: was it all right? */
static bool done(const char *command, const char *path, long error)
{
	if (error >= 0)
		return true;
	say("%s: %s: %s\n", command, path, error_text((int)error));
	return false;
}

static bool open_file(const char *command, struct file *file, const char *path, unsigned int flags)
{
	return done(command, path, vfs_open(file, path, flags, 0644));
}

/* Off the stack. NULL: there was no memory, and it was said. */
static char *chunk_get(const char *command)
{
	char *chunk = kmalloc(CHUNK, GFP_KERNEL);

	if (!chunk)
		say("%s: no memory\n", command);
	return chunk;
}

static bool was_broken(const char *command)
{
	bool was = console_saw_break();

	if (was)
		say("%s: ^C\n", command);
	return was;
}

/* All of the file, a chunk after the other, to take(arg). Result: was all of it read and taken? */
static bool read_all(const char *command, const char *path, bool (*take)(void *arg, char *bytes, size_t nr),
		     void *arg)
{
	char *chunk = chunk_get(command);
	struct file file;
	long nr = 0;
	bool goes_on = chunk && open_file(command, &file, path, O_RDONLY);

	while (goes_on) {
		nr = vfs_read(&file, chunk, CHUNK);
		if (nr <= 0)
			break;
		goes_on = !was_broken(command) && take(arg, chunk, (size_t)nr);
	}
	if (goes_on)
		goes_on = done(command, path, nr);
	if (chunk)
		vfs_close(&file);
	kfree(chunk);
	return goes_on;
}

/* --- looking --- */

/* What a terminal would obey is a dot. */
static bool say_bytes(void *unused, char *bytes, size_t nr)
{
	(void)unused;
	for (size_t i = 0; i < nr; i++)
		if ((bytes[i] < ' ' && bytes[i] != '\n' && bytes[i] != '\t') || bytes[i] == 0x7f)
			bytes[i] = '.';
	say("%.*s", (int)nr, bytes);
	return true;
}

static void run_cat(unsigned int nr, char *word[])
{
	for (unsigned int i = 0; i < nr; i++)
		if (!read_all("cat", word[i], say_bytes, NULL))
			return;
}

struct sum {
	uint32_t sum;
	uint64_t nr_bytes;
};

/* CRC-32, as zlib and gzip have it. */
static bool add_bytes(void *arg, char *bytes, size_t nr)
{
	struct sum *sum = arg;

	for (size_t i = 0; i < nr; i++) {
		sum->sum ^= (uint8_t)bytes[i];
		for (unsigned int bit = 0; bit < 8; bit++)
			sum->sum = sum->sum >> 1 ^ (sum->sum & 1 ? 0xedb88320u : 0);
	}
	sum->nr_bytes += nr;
	return true;
}

static void run_sum(unsigned int nr, char *word[])
{
	struct sum sum = {.sum = ~0u};

	(void)nr;
	if (read_all("sum", word[0], add_bytes, &sum))
		say("%08x %llu %s\n", ~sum.sum, sum.nr_bytes, word[0]);
}

static const char *mode_text(uint32_t mode, char text[12])
{
	static const char kinds[] = "?pc?d?b?-?l?s???", flags[] = "rwxrwxrwx";

	text[0] = kinds[mode >> 12 & 15];
	for (unsigned int i = 0; i < 9; i++)
		text[i + 1] = mode >> (8 - i) & 1 ? flags[i] : '-';
	text[10] = '\0';
	return text;
}

static void say_line(const char *path, const char *name)
{
	struct vfs_stat stat;
	char mode[12], text[100];
	long nr = -EINVAL;

	if (!done("ls", path, vfs_stat(path, &stat)))
		return;
	if ((stat.mode & S_IFMT) == S_IFLNK)
		nr = vfs_readlink(path, text, sizeof(text));
	say("%s %3u %10llu  %s%s%.*s\n", mode_text(stat.mode, mode), stat.nr_links, stat.size_bytes, name,
	    nr > 0 ? " -> " : "", nr > 0 ? (int)nr : 0, text);
}

static void join(char path[PATH_MAX], const char *dir, const char *name)
{
	size_t len = strlen(dir);

	(void)scnprintf(path, PATH_MAX, "%s%s%s", dir, len && dir[len - 1] == '/' ? "" : "/", name);
}

static void list_dir(struct file *dir, const char *path)
{
	char *both = chunk_get("ls");
	struct vfs_entry *entry;
	int more;

	if (!both)
		return;
	entry = (struct vfs_entry *)(both + PATH_MAX);
	while ((more = vfs_readdir(dir, entry)) > 0 && !was_broken("ls")) {
		if (entry->name[0] == '.')
			continue;
		join(both, path, entry->name);
		say_line(both, entry->name);
	}
	(void)done("ls", path, more);
	kfree(both);
}

static void run_ls(unsigned int nr, char *word[])
{
	const char *path = nr ? word[0] : "/";
	struct file file;

	if (!open_file("ls", &file, path, O_RDONLY))
		return;
	if (inode_is_dir(file.inode))
		list_dir(&file, path);
	else
		say_line(path, path);
	vfs_close(&file);
}

static void run_stat(unsigned int nr, char *word[])
{
	struct vfs_stat stat;
	char mode[12];

	(void)nr;
	if (!done("stat", word[0], vfs_stat(word[0], &stat)))
		return;
	say("%s: inode %u, %s, %u links, %llu bytes, %llu on the disk, changed at second %u\n", word[0],
	    stat.number, mode_text(stat.mode, mode), stat.nr_links, stat.size_bytes, stat.disk_bytes,
	    stat.mtime);
}

static void run_df(unsigned int nr, char *word[])
{
	const struct mount *mount;
	struct vfs_space space;

	(void)nr;
	(void)word;
	if (!vfs_mount_at(0)) {
		say("df: nothing is mounted\n");
		return;
	}
	say("Filesystem   1K-blocks      Used Available Use%% Mounted on\n");
	for (unsigned int n = 0; (mount = vfs_mount_at(n)) != NULL; n++) {
		uint32_t all, left;

		if (!done("df", mount->where, vfs_space(mount->where, &space)))
			continue;
		all = (uint32_t)(space.nr_blocks * (space.block_bytes / 1024));
		left = (uint32_t)(space.nr_free * (space.block_bytes / 1024));
		say("%-10s %11u %9u %9u %3u%% %s\n", mount->dev->name, all, all - left, left,
		    all ? (all - left) / MAX(all / 100, 1u) : 0, mount->where);
	}
}

/* --- changing --- */

struct copy {
	struct file file;
	const char *path, *command;
};

static bool write_bytes(void *arg, char *bytes, size_t nr)
{
	struct copy *copy = arg;

	while (nr) {
		long part = vfs_write(&copy->file, bytes, nr);

		if (!done(copy->command, copy->path, part))
			return false;
		bytes += part;
		nr -= (size_t)part;
	}
	return true;
}

/* A directory stands for a file of the same name in it. */
static const char *target_of(const char *from, const char *to, char path[PATH_MAX])
{
	const char *name = from;
	struct vfs_stat stat;

	if (vfs_stat(to, &stat) || (stat.mode & S_IFMT) != S_IFDIR)
		return to;
	for (const char *p = from; *p; p++)
		if (*p == '/' && p[1])
			name = p + 1;
	join(path, to, name);
	return path;
}

static void run_cp(unsigned int nr, char *word[])
{
	char *path = chunk_get("cp");
	struct copy copy = {.command = "cp"};
	struct vfs_stat stat;

	(void)nr;
	if (!path)
		return;
	copy.path = target_of(word[0], word[1], path);
	if (done("cp", word[0], vfs_stat(word[0], &stat)) &&
	    done("cp", word[0], (stat.mode & S_IFMT) == S_IFDIR ? -EISDIR : 0) &&
	    open_file("cp", &copy.file, copy.path, O_WRONLY | O_CREAT | O_TRUNC)) {
		(void)read_all("cp", word[0], write_bytes, &copy);
		vfs_close(&copy.file);
	}
	kfree(path);
}

static void run_fill(unsigned int nr, char *word[])
{
	struct copy copy = {.path = word[0], .command = "fill"};
	char *chunk;
	uint64_t bytes, at;

	(void)nr;
	if (!parse_size(word[1], &bytes) || !bytes) {
		(void)expected("fill", "a number of bytes from 1 on", word[1]);
		return;
	}
	chunk = chunk_get("fill");
	if (chunk && open_file("fill", &copy.file, copy.path, O_WRONLY | O_CREAT)) {
		for (unsigned int i = 0; i < CHUNK; i++)
			chunk[i] = i % 64 == 63 ? '\n' : (char)('0' + i / 64 % 64);
		for (at = 0; at < bytes && !was_broken("fill"); at += CHUNK)
			if (!write_bytes(&copy, chunk, (size_t)MIN(bytes - at, (uint64_t)CHUNK)))
				break;
		vfs_close(&copy.file);
	}
	kfree(chunk);
}

static void run_mv(unsigned int nr, char *word[])
{
	char *path = chunk_get("mv");

	(void)nr;
	if (path)
		(void)done("mv", word[0], vfs_rename(word[0], target_of(word[0], word[1], path)));
	kfree(path);
}

static void run_rm(unsigned int nr, char *word[])
{
	for (unsigned int i = 0; i < nr; i++)
		(void)done("rm", word[i], vfs_unlink(word[i]));
}

static void run_mkdir(unsigned int nr, char *word[])
{
	for (unsigned int i = 0; i < nr; i++)
		(void)done("mkdir", word[i], vfs_mkdir(word[i], 0755));
}

static void run_rmdir(unsigned int nr, char *word[])
{
	for (unsigned int i = 0; i < nr; i++)
		(void)done("rmdir", word[i], vfs_rmdir(word[i]));
}

static void run_ln(unsigned int nr, char *word[])
{
	if (nr == 3 && strcmp(word[0], "-s") == 0)
		(void)done("ln", word[2], vfs_symlink(word[1], word[2]));
	else if (nr == 2)
		(void)done("ln", word[1], vfs_link(word[0], word[1]));
	else
		(void)expected("ln", "OLD NEW or -s TEXT NEW", word[0]);
}

static void run_sync(unsigned int nr, char *word[])
{
	int error = vfs_sync();

	(void)nr;
	(void)word;
	if (error)
		say("sync: %s\n", error_text(error));
}

/* --- file systems --- */

static void list_mounts(void)
{
	const struct mount *mount;

	if (!vfs_mount_at(0))
		say("mount: nothing is mounted, expected mount DISK PATH; diskstats has the disks\n");
	for (unsigned int n = 0; (mount = vfs_mount_at(n)) != NULL; n++)
		say("%s on %s type %s (%s)\n", mount->dev->name, mount->where, mount->type->name,
		    mount->is_read_only ? "ro" : "rw");
}

static void run_mount(unsigned int nr, char *word[])
{
	if (nr == 0)
		list_mounts();
	else if (nr == 1 || (nr == 3 && strcmp(word[2], "ro") != 0))
		(void)expected("mount", nr == 1 ? "DISK PATH" : "ro or nothing", word[nr - 1]);
	else
		(void)done("mount", word[0], vfs_mount(word[0], word[1], nr == 3));
}

static void run_umount(unsigned int nr, char *word[])
{
	(void)nr;
	(void)done("umount", word[0], vfs_unmount(word[0]));
}

const struct command file_commands[] = {
	{"mount", "[DISK PATH [ro]]", 0, 3, "hangs a disk's files over a directory; what hangs where",
	 run_mount},
	{"umount", "PATH", 1, 1, "writes all of it and takes it down", run_umount},
	{"df", "", 0, 0, "how full they are", run_df},
	{"sync", "", 0, 0, "writes what is not on the disks yet", run_sync},
	{"ls", "[PATH]", 0, 1, "a directory", run_ls},
	{"stat", "PATH", 1, 1, "what is known of a file", run_stat},
	{"cat", "PATH...", 1, WORDS_MAX, "what is in it; of a disk, too: ide0", run_cat},
	{"sum", "PATH", 1, 1, "its CRC-32 and its size", run_sum},
	{"fill", "PATH BYTES", 2, 2, "writes a pattern, from its start on", run_fill},
	{"cp", "FROM TO", 2, 2, "copies a file", run_cp},
	{"mv", "FROM TO", 2, 2, "another name, another directory", run_mv},
	{"ln", "[-s] OLD NEW", 2, 3, "one more name; -s: a name that stands for another", run_ln},
	{"rm", "PATH...", 1, WORDS_MAX, "takes names away", run_rm},
	{"mkdir", "PATH...", 1, WORDS_MAX, "directories", run_mkdir},
	{"rmdir", "PATH...", 1, WORDS_MAX, "takes empty ones away", run_rmdir},
	{.name = NULL},
};

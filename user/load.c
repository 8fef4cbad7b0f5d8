/* SPDX-License-Identifier: MIT */
/* From an ELF file to areas: each segment shows its part of the file, which comes page by page as it is touched. What a
 * segment has behind its part of the file is memory of nobody's, in an area of its own; only the page in which both meet
 * is the file's area's. */
#include <user/program.h>

#include <kernel/core/printk.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <linux/gfp.h>
#include <mm/cache/pagecache.h>
#include <user/elf.h>
#include <user/files.h>

static int map_part(struct aspace *aspace, uintptr_t start, size_t size_bytes, enum aspace_kind kind,
		    unsigned int prot, const struct aspace_file *file)
{
	int error = aspace_map(aspace, &start, size_bytes, kind, prot, file);

	if (!error && file)
		file->hold(file->owner);
	return error;
}

static int map_segment(struct aspace *aspace, const struct elf_segment *segment, struct aspace_file file)
{
	unsigned int prot = (segment->is_writable ? (unsigned int)ASPACE_WRITE : 0u) |
			    (segment->is_executable ? (unsigned int)ASPACE_EXEC : 0u);
	enum aspace_kind kind = segment->is_executable ? ASPACE_TEXT : ASPACE_DATA;
	size_t of_file = ALIGN_UP(segment->file_bytes, PAGE_SIZE);
	int error = 0;

	file.first_page = segment->first_page;
	file.size_bytes = segment->file_bytes;
	if (of_file)
		error = map_part(aspace, segment->start, of_file, kind, prot, &file);
	if (!error && of_file < segment->size_bytes)
		error = map_part(aspace, segment->start + of_file, segment->size_bytes - of_file, kind, prot,
				 NULL);
	return error;
}

static int map_image(struct program *program, const struct elf_image *image, const struct aspace_file *file)
{
	int error = 0;

	for (unsigned int i = 0; i < image->nr && !error; i++)
		error = map_segment(program->aspace, &image->segment[i], *file);
	program->entry = image->entry;
	aspace_set_heap(program->aspace, image->end);
	return error;
}

/* The head goes through the program's buffer, behind its arguments. */
static int load_file(struct program *program, const char *path, const struct aspace_file *file)
{
	unsigned long head = __get_free_page(GFP_KERNEL);
	struct elf_image image;
	const char *problem;
	long nr;
	int error;

	if (!head)
		return -ENOMEM;
	nr = pagecache_read(file->mapping, NULL, 0, (void *)(uintptr_t)head, ELF_HEAD_BYTES);
	problem = nr < 0 ? NULL
			 : elf_parse((void *)(uintptr_t)head, (size_t)nr, mapping_size(file->mapping),
				     ASPACE_IMAGE_END, &image);
	free_page(head);
	if (nr < 0)
		return (int)nr;
	error = problem ? -EACCES : map_image(program, &image, file);
	if (problem)
		pr_warn("%s is %s", path, problem);
	return error;
}

int program_load(struct program *program, const char *path)
{
	struct aspace_file file;
	int error = file_open_image(path, &file);

	if (error)
		return error;
	error = load_file(program, path, &file);
	file.release(file.owner);
	return error;
}

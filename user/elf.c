/* SPDX-License-Identifier: MIT */
/* The headers as the ELF specification of the i386 has them; read byte by byte where they need not be aligned. */
#include <user/elf.h>

#include <kernel/lib/align.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/string.h>

#define LOWEST		0x00010000u /* USER_START: page 0 and its neighbours stay nobody's */
#define TYPE_EXECUTABLE 2u
#define MACHINE_386	3u
#define SEGMENT_LOAD	1u
#define SEGMENT_DYNAMIC 2u
#define SEGMENT_INTERP	3u
#define FLAG_EXEC	1u
#define FLAG_WRITE	2u
#define FLAGS_BOTH	(FLAG_EXEC | FLAG_WRITE)

struct file_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version, entry, phoff, shoff, flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct program_header {
	uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
};

STATIC_ASSERT(sizeof(struct file_header) == 52 && sizeof(struct program_header) == 32,
	      "as the file has them");

static const char *check_file_header(const struct file_header *header, size_t head_bytes)
{
	static const uint8_t ident[7] = {0x7f, 'E', 'L', 'F',
					 1,    1,   1}; /* 32 bits, little-endian, version 1 */

	if (head_bytes < sizeof(*header))
		return "too short for an ELF file";
	if (memcmp(header->ident, ident, 4) != 0)
		return "not an ELF file";
	if (memcmp(header->ident, ident, sizeof(ident)) != 0 || header->machine != MACHINE_386 ||
	    header->version != 1)
		return "not for this machine";
	if (header->type != TYPE_EXECUTABLE)
		return "not a static program";
	if (header->phentsize != sizeof(struct program_header) || header->phnum == 0)
		return "without program headers that can be read";
	if (header->phoff > head_bytes ||
	    header->phnum > (head_bytes - header->phoff) / sizeof(struct program_header))
		return "cut short: its program headers are not in its first 4096 bytes";
	return NULL;
}

/* EL2, of the file alone. */
static const char *check_part(const struct program_header *segment, uint64_t file_bytes)
{
	if (segment->filesz > segment->memsz)
		return "lying: a segment has more bytes in the file than in memory";
	if (segment->offset > file_bytes || segment->filesz > file_bytes - segment->offset)
		return "cut short: a segment lies behind its end";
	if (segment->filesz && segment->offset % PAGE_SIZE != segment->vaddr % PAGE_SIZE)
		return "lying: a segment has another place within a page than the file gives it";
	if ((segment->flags & FLAGS_BOTH) == FLAGS_BOTH)
		return "unsafe: a segment can be written and executed";
	return NULL;
}

/* EL1. Result: NULL or what is wrong. */
static const char *add_segment(struct elf_image *image, const struct program_header *segment, uint32_t limit)
{
	uint64_t end = (uint64_t)segment->vaddr + segment->memsz;
	uint32_t start = ALIGN_DOWN(segment->vaddr, PAGE_SIZE), before = segment->vaddr - start;

	if (start < LOWEST || end > limit)
		return "lying: a segment is outside a program's addresses";
	if (image->nr && start < image->end)
		return "lying: its segments overlap, share a page or do not ascend";
	if (image->nr == ELF_MAX_SEGMENTS)
		return "of too many segments";
	image->end = (uint32_t)ALIGN_UP(end, (uint64_t)PAGE_SIZE);
	image->segment[image->nr++] = (struct elf_segment){
		.start = start,
		.size_bytes = image->end - start,
		.first_page = segment->filesz ? segment->offset / PAGE_SIZE : 0,
		.file_bytes = segment->filesz ? segment->filesz + before : 0,
		.is_writable = segment->flags & FLAG_WRITE,
		.is_executable = segment->flags & FLAG_EXEC,
	};
	return NULL;
}

static const char *take_segment(struct elf_image *image, const struct program_header *segment,
				uint64_t file_bytes, uint32_t limit)
{
	const char *problem;

	if (segment->type == SEGMENT_DYNAMIC || segment->type == SEGMENT_INTERP)
		return "not a static program";
	if (segment->type != SEGMENT_LOAD || segment->memsz == 0)
		return NULL;
	problem = check_part(segment, file_bytes);
	return problem ? problem : add_segment(image, segment, limit);
}

/* EL3 */
static bool has_entry(const struct elf_image *image)
{
	for (unsigned int i = 0; i < image->nr; i++)
		if (image->segment[i].is_executable &&
		    image->entry - image->segment[i].start < image->segment[i].file_bytes)
			return true;
	return false;
}

const char *elf_parse(const void *head, size_t head_bytes, uint64_t file_bytes, uint32_t limit,
		      struct elf_image *image)
{
	struct file_header header = {0};
	const char *problem;

	memcpy(&header, head, MIN(head_bytes, sizeof(header)));
	problem = check_file_header(&header, head_bytes);
	*image = (struct elf_image){.entry = header.entry};
	for (unsigned int i = 0; !problem && i < header.phnum; i++) {
		struct program_header segment;

		memcpy(&segment, (const char *)head + header.phoff + i * sizeof(segment), sizeof(segment));
		problem = take_segment(image, &segment, file_bytes, limit);
	}
	if (!problem && !image->nr)
		problem = "empty: no segment is loaded";
	return problem || has_entry(image) ? problem : "without an entry in its code";
}

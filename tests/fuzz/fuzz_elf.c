/* SPDX-License-Identifier: MIT */
/* ELF files of any content: what is accepted keeps EL1 to EL3, whatever it says. The first two bytes: how much longer the
 * file is than what was read of it. */
#include <stdlib.h>
#include <string.h>

#include <kernel/lib/align.h>
#include <kernel/lib/types.h>
#include <user/elf.h>

#define LOWEST 0x10000u
#define LIMIT  0x40000000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool ok)
{
	if (!ok)
		abort();
}

static void check_segment(const struct elf_image *image, unsigned int i, uint64_t file_bytes)
{
	const struct elf_segment *s = &image->segment[i];
	uint32_t below = i ? image->segment[i - 1].start + image->segment[i - 1].size_bytes : LOWEST;

	expect(s->start % PAGE_SIZE == 0 && s->size_bytes % PAGE_SIZE == 0 && s->size_bytes);
	expect(s->start >= below && s->size_bytes <= LIMIT - s->start);
	expect(s->file_bytes <= s->size_bytes);
	expect((uint64_t)s->first_page * PAGE_SIZE + s->file_bytes <= file_bytes || !s->file_bytes);
	expect(!s->is_writable || !s->is_executable);
}

static void check(const struct elf_image *image, uint64_t file_bytes)
{
	bool has_entry = false;

	expect(image->nr >= 1 && image->nr <= ELF_MAX_SEGMENTS);
	for (unsigned int i = 0; i < image->nr; i++) {
		check_segment(image, i, file_bytes);
		has_entry |= image->segment[i].is_executable &&
			     image->entry - image->segment[i].start < image->segment[i].file_bytes;
	}
	expect(has_entry);
	expect(image->end == image->segment[image->nr - 1].start + image->segment[image->nr - 1].size_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_image image;
	uint64_t more;
	void *head;

	if (size < 2)
		return 0;
	more = (uint64_t)(data[0] | data[1] << 8) << 8;
	size = MIN(size - 2, (size_t)ELF_HEAD_BYTES);
	head = malloc(size ? size : 1); /* ends where what was read ends */
	memcpy(head, data + 2, size);
	if (!elf_parse(head, size, size + more, LIMIT, &image))
		check(&image, size + more);
	free(head);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* ELF files that are good, and the ways in which one lies. Guest and host. */
#include <user/elf.h>

#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <tests/ktest.h>

#define TEXT	   0x08048000u
#define LIMIT	   0x40000000u
#define FILE_BYTES 10000u

struct elf_file {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version, entry, phoff, shoff, flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
	struct {
		uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
	} part[4];
};

static struct elf_image image;

/* Text and data, as the linker makes them. */
static struct elf_file good(void)
{
	return (struct elf_file){
		.ident = {0x7f, 'E', 'L', 'F', 1, 1, 1},
		.type = 2,
		.machine = 3,
		.version = 1,
		.entry = TEXT + 0x100,
		.phoff = 52,
		.ehsize = 52,
		.phentsize = 32,
		.phnum = 2,
		.part = {{1, 0x80, TEXT + 0x80, 0, 0x1f00, 0x1f00, 5, 4096},
			 {1, 0x1f80, TEXT + 0x2f80, 0, 0x100, 0x5000, 6, 4096}},
	};
}

static const char *parse(const struct elf_file *file)
{
	return elf_parse(file, sizeof(*file), FILE_BYTES, LIMIT, &image);
}

KTEST(elf, a_good_file_becomes_whole_pages, "R8 PRG-03")
{
	struct elf_file file = good();

	EXPECT_NULL(parse(&file));
	EXPECT_EQ(image.nr, 2);
	EXPECT_EQ(image.entry, TEXT + 0x100);
	EXPECT_EQ(image.segment[0].start, TEXT);
	EXPECT_EQ(image.segment[0].size_bytes, 0x2000);
	EXPECT_EQ(image.segment[0].first_page, 0);
	EXPECT_EQ(image.segment[0].file_bytes, 0x1f80);
	EXPECT(image.segment[0].is_executable && !image.segment[0].is_writable);
	EXPECT_EQ(image.segment[1].start, TEXT + 0x2000);
	EXPECT_EQ(image.segment[1].size_bytes, 0x6000);
	EXPECT_EQ(image.segment[1].first_page, 1);
	EXPECT_EQ(image.segment[1].file_bytes, 0x1080);
	EXPECT(!image.segment[1].is_executable && image.segment[1].is_writable);
	EXPECT_EQ(image.end, TEXT + 0x8000);
}

/* A good file but for one number. */
#define EXPECT_WRONG(change, says)                                                                           \
	do {                                                                                                 \
		struct elf_file file = good();                                                               \
		const char *problem;                                                                         \
		change;                                                                                      \
		problem = parse(&file);                                                                      \
		EXPECT(problem &&strstr(problem, says));                                                     \
		if (problem && !strstr(problem, says))                                                       \
			ktest_note("\"%s\", expected \"%s\"", problem, says);                                \
	} while (0)

KTEST(elf, what_is_no_program_for_this_machine_is_named, "R8 PRG-03")
{
	EXPECT_WRONG(file.ident[0] = 0, "not an ELF file");
	EXPECT_WRONG(file.ident[4] = 2, "not for this machine");
	EXPECT_WRONG(file.ident[5] = 2, "not for this machine");
	EXPECT_WRONG(file.machine = 62, "not for this machine");
	EXPECT_WRONG(file.version = 0, "not for this machine");
	EXPECT_WRONG(file.type = 1, "not a static program");
	EXPECT_WRONG(file.type = 3, "not a static program");
	EXPECT_WRONG(file.part[1].type = 2, "not a static program");
	EXPECT_WRONG(file.part[1].type = 3, "not a static program");
}

KTEST(elf, headers_that_lie_elsewhere_are_not_read, "R8 PRG-03")
{
	EXPECT_WRONG(file.phentsize = 31, "program headers");
	EXPECT_WRONG(file.phentsize = 0, "program headers");
	EXPECT_WRONG(file.phnum = 0, "program headers");
	EXPECT_WRONG(file.phnum = 5, "cut short");
	EXPECT_WRONG(file.phnum = 0xffff, "cut short");
	EXPECT_WRONG(file.phoff = sizeof(file), "cut short");
	EXPECT_WRONG(file.phoff = 0xffffffff, "cut short");
	EXPECT_WRONG(file.phoff = 0xfffffff0, "cut short");
}

KTEST(elf, a_file_cut_short_anywhere_is_refused, "R8 PRG-03")
{
	struct elf_file file = good();

	for (size_t bytes = 0; bytes < 52 + 2 * 32; bytes++)
		EXPECT(elf_parse(&file, bytes, bytes, LIMIT, &image));
	for (uint64_t bytes = 52 + 2 * 32; bytes < 0x1f80 + 0x100; bytes += 7)
		EXPECT(elf_parse(&file, sizeof(file), bytes, LIMIT, &image));
	EXPECT_NULL(elf_parse(&file, sizeof(file), 0x1f80 + 0x100, LIMIT, &image));
}

KTEST(elf, segments_that_lie_are_refused, "R8 PRG-03")
{
	EXPECT_WRONG(file.part[0].filesz = 0x1f01, "more bytes in the file");
	EXPECT_WRONG(file.part[1].offset = 0xffffff80, "behind its end");
	EXPECT_WRONG((file.part[1].filesz = 0xffffffff, file.part[1].memsz = 0xffffffff), "behind its end");
	EXPECT_WRONG(file.part[1].offset = 0x1f81, "another place within a page");
	EXPECT_WRONG(file.part[1].flags = 7, "written and executed");
	EXPECT_WRONG(file.part[1].vaddr = TEXT + 0x1f80, "overlap");
	EXPECT_WRONG(file.part[1].vaddr = TEXT - 0x1080, "overlap");
	EXPECT_WRONG(file.part[0].memsz = 0x2f00, "overlap");
	EXPECT_WRONG(file.part[0].memsz = 0xfffff000, "outside");
	EXPECT_WRONG(file.part[1].vaddr = LIMIT - 0x1080, "outside");
	EXPECT_WRONG(file.part[1].vaddr = 0xc0000f80, "outside");
	EXPECT_WRONG(file.part[1].memsz = 0xffffff00, "outside");
	EXPECT_WRONG(file.part[0].vaddr = 0x80, "outside");
}

KTEST(elf, without_a_way_in_it_is_no_program, "R8 PRG-03")
{
	EXPECT_WRONG(file.entry = 0, "entry");
	EXPECT_WRONG(file.entry = TEXT + 0x1f80, "entry");
	EXPECT_WRONG(file.entry = TEXT + 0x3000, "entry"); /* data */
	EXPECT_WRONG(file.entry = 0xc0100000, "entry");
	EXPECT_WRONG(file.part[0].flags = 4, "entry");
	EXPECT_WRONG((file.part[0].type = 0, file.part[1].type = 0), "empty");
	EXPECT_WRONG((file.part[0].memsz = file.part[0].filesz = 0, file.part[1].type = 0), "empty");
}

KTEST(elf, more_segments_than_there_is_room_for_are_refused, "R8 PRG-03")
{
	static struct {
		struct elf_file file;
		uint8_t more[32 * 8];
	} large;

	large.file = good();
	large.file.phnum = 9;
	for (unsigned int i = 0; i < 9; i++) {
		uint32_t part[8] = {1, 0, TEXT + i * 0x1000, 0, 0x200, 0x200, 5, 4096};

		memcpy((char *)&large + 52 + i * 32, part, 32);
	}
	large.file.phnum = 8;
	EXPECT_NULL(elf_parse(&large, sizeof(large), FILE_BYTES, LIMIT, &image));
	EXPECT_EQ(image.nr, 8);
	large.file.phnum = 9;
	EXPECT(elf_parse(&large, sizeof(large), FILE_BYTES, LIMIT, &image));
}

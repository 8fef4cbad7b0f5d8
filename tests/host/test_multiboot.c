/* SPDX-License-Identifier: MIT */
/* boot/multiboot.c fed with what loaders give and with what they should not. "Physical memory" is a block
 * whose copy is made to measure for each parse, so that ASan sees a byte too far; reach() grants exactly that
 * block. */
#include <boot/boot_info.h>

#include <boot/multiboot.h>
#include <stdlib.h>
#include <string.h>
#include <tests/ktest.h>

#define BASE	0x10000u /* physical address of the block */
#define MMAP_AT 0x100u	 /* offsets in it */
#define TEXT_AT 0x80u

static struct boot_info info;
static uint8_t block[1u << 18];
static size_t block_size;
static uint8_t *reachable;

static const void *reach(uint64_t phys, uint64_t size)
{
	if (phys < BASE || phys - BASE > block_size || size > block_size - (phys - BASE))
		return NULL;
	return reachable + (phys - BASE);
}

/* Parses the first `size` bytes of the block, at BASE. */
static const char *parse(uint32_t magic, size_t size)
{
	const char *refusal;

	block_size = size;
	reachable = malloc(size != 0 ? size : 1);
	memcpy(reachable, block, size);
	refusal = boot_info_parse(&info, magic, BASE, reach);
	free(reachable);
	return refusal;
}

static bool refused(const char *refusal, const char *part)
{
	return refusal != NULL && strstr(refusal, part) != NULL && strchr(refusal, '\n') == NULL;
}

static void put32(size_t at, uint32_t value)
{
	memcpy(block + at, &value, sizeof(value));
}

static void put64(size_t at, uint64_t value)
{
	memcpy(block + at, &value, sizeof(value));
}

static void mb1_start(uint32_t flags)
{
	memset(block, 0, sizeof(block));
	put32(MB1_FLAGS, flags);
	put32(MB1_MMAP_ADDR, BASE + MMAP_AT);
}

/* Result: where the next entry goes. */
static size_t mb1_entry(size_t at, uint32_t size, uint64_t base, uint64_t len, uint32_t type)
{
	put32(at, size);
	put64(at + 4, base);
	put64(at + 12, len);
	put32(at + 20, type);
	put32(MB1_MMAP_LENGTH, (uint32_t)(at + 4 + size - MMAP_AT));
	return at + 4 + size;
}

static bool entry_is(unsigned int i, uint64_t base, uint64_t len, uint32_t type)
{
	return i < info.nr_entries && info.entries[i].base == base && info.entries[i].len == len &&
	       info.entries[i].type == type;
}

KTEST(multiboot, wrong_magic_is_refused_by_its_value, "P10 D4")
{
	EXPECT(refused(parse(0x12345678, 0), "eax is 0x12345678, expected 0x2badb002 or 0x36d76289"));
	EXPECT(refused(parse(MB1_MAGIC, MB1_READ_BYTES - 1), "out of reach"));
	EXPECT(refused(parse(MB2_MAGIC, 7), "out of reach"));
}

KTEST(multiboot, no_map_and_no_size_is_refused, "MAP-01 P10")
{
	mb1_start(0);
	EXPECT(refused(parse(MB1_MAGIC, 256), "no memory map and no memory size"));
	mb1_start(MB1_HAS_MMAP);
	EXPECT(refused(parse(MB1_MAGIC, 256), "no memory map and no memory size"));
	mb1_start(MB1_HAS_MEM);
	EXPECT(refused(parse(MB1_MAGIC, 256), "no memory map and no memory size"));
	mb1_start(MB1_HAS_MMAP);
	put32(MB1_MMAP_ADDR, 0xfffffff0);
	put32(MB1_MMAP_LENGTH, 0xfffffff0);
	EXPECT(refused(parse(MB1_MAGIC, 256), "no memory map and no memory size"));
	mb1_start(MB1_HAS_MMAP);
	EXPECT(mb1_entry(MMAP_AT, 20, 0, 4096, 2) != 0 && refused(parse(MB1_MAGIC, 512), "no usable memory"));
}

KTEST(multiboot, sizes_are_believed_without_a_map, "MAP-01 P10")
{
	mb1_start(MB1_HAS_MEM);
	put32(MB1_MEM_LOWER, 639);
	put32(MB1_MEM_UPPER, 31 * 1024);
	EXPECT_NULL(parse(MB1_MAGIC, 256));
	EXPECT(entry_is(0, 0, 639 * 1024, 1) && entry_is(1, 1 << 20, 31 << 20, 1) && info.nr_entries == 2);
	EXPECT(strcmp(info.map_source, "mem_upper") == 0);
	put32(MB1_MEM_LOWER, 0xffffffff);
	put32(MB1_MEM_UPPER, 0xffffffff);
	EXPECT_NULL(parse(MB1_MAGIC, 256));
	EXPECT(entry_is(0, 0, 640 * 1024, 1) && entry_is(1, 1 << 20, (3ull << 30) - (1 << 20), 1));
}

KTEST(multiboot, map_alone_is_enough, "MAP-02 P10 D4")
{
	size_t at;

	mb1_start(0x44);
	at = mb1_entry(MMAP_AT, 20, 0, 0x9fc00, 1);
	at = mb1_entry(at, 24, 0xf0000, 0x10000, 2);
	at = mb1_entry(at, 20, 0x100000000ull, 0x40000000, 1);
	put32(MB1_CMDLINE, BASE + TEXT_AT);
	strcpy((char *)block + TEXT_AT, "k.elf mem=8M");
	EXPECT_NULL(parse(MB1_MAGIC, at));
	EXPECT(info.nr_entries == 3 && !info.damaged && !info.cmdline_cut &&
	       strcmp(info.map_source, "mmap") == 0);
	EXPECT(entry_is(0, 0, 0x9fc00, 1) && entry_is(1, 0xf0000, 0x10000, 2) &&
	       entry_is(2, 1ull << 32, 1 << 30, 1));
	EXPECT(strcmp(info.cmdline, "k.elf mem=8M") == 0 && strcmp(info.protocol, "Multiboot 1") == 0);
	EXPECT(info.loader_start == BASE && info.loader_end > BASE);
}

KTEST(multiboot, entry_size_of_any_value_ends_inside_the_map, "MAP-08 P10")
{
	static const struct {
		uint32_t size;
		unsigned int nr_entries;
	} cases[] = {{0, 1},   {3, 1},		{19, 1},	 {20, 2},	 {24, 2},
		     {255, 2}, {0x7fffffff, 1}, {0xfffffffc, 1}, {0xffffffff, 1}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t at, end;

		mb1_start(MB1_HAS_MMAP);
		at = mb1_entry(MMAP_AT, 20, 0x100000, 0x100000, 1);
		(void)mb1_entry(at, cases[i].size, 0x400000, 0x1000, 1);
		end = cases[i].nr_entries == 2 ? at + 4 + cases[i].size : at + 24;
		put32(MB1_MMAP_LENGTH, (uint32_t)(end - MMAP_AT));
		EXPECT_NULL(parse(MB1_MAGIC, end));
		EXPECT_EQ(info.nr_entries, cases[i].nr_entries);
		EXPECT_EQ(info.damaged, cases[i].nr_entries == 1);
	}
}

KTEST(multiboot, map_cut_at_any_byte_keeps_whole_entries, "MAP-08 P10")
{
	size_t at = MMAP_AT;

	mb1_start(MB1_HAS_MMAP);
	for (unsigned int i = 0; i < 3; i++)
		at = mb1_entry(at, 20, (i + 1) << 20, 1 << 20, 1);
	for (uint32_t length = 24; length <= 72; length++) {
		put32(MB1_MMAP_LENGTH, length);
		EXPECT_NULL(parse(MB1_MAGIC, MMAP_AT + length));
		EXPECT_EQ(info.nr_entries, length / 24);
		EXPECT_EQ(info.damaged, length % 24 != 0);
	}
	put32(MB1_MMAP_LENGTH, 73);
	EXPECT(refused(parse(MB1_MAGIC, at), "no memory map"));
}

/* Is addr inside an entry that is not usable? */
static bool is_reserved(uint64_t addr)
{
	for (unsigned int i = 0; i < info.nr_entries; i++) {
		const struct memmap_entry *e = &info.entries[i];

		if (e->type != MEMMAP_USABLE && addr >= e->base && addr - e->base < e->len)
			return true;
	}
	return false;
}

/* total entries; those for which is_odd differ in type. */
static void table_fill(unsigned int total, unsigned int reserved_at, uint32_t other_type)
{
	size_t at = MMAP_AT;

	mb1_start(MB1_HAS_MMAP);
	for (unsigned int i = 0; i < total; i++)
		at = mb1_entry(at, 20, (uint64_t)i << 20, 4096, i == reserved_at ? 7 : other_type);
	EXPECT_NULL(parse(MB1_MAGIC, at));
}

KTEST(multiboot, reserved_entry_is_never_forgotten_at_any_position, "MAP-10 P10")
{
	for (unsigned int position = 0; position<1000; position += position> 505 && position < 520 ? 1 : 37) {
		table_fill(1000, position, MEMMAP_USABLE);
		EXPECT_EQ(info.nr_entries, BOOT_MAX_ENTRIES);
		EXPECT_EQ(info.nr_entries_lost, 1000 - BOOT_MAX_ENTRIES);
		EXPECT(is_reserved((uint64_t)position << 20) &&
		       is_reserved(((uint64_t)position << 20) + 4095));
	}
}

KTEST(multiboot, table_of_exactly_full_size_loses_nothing, "MAP-10 P10")
{
	table_fill(129, 128, MEMMAP_USABLE);
	EXPECT(info.nr_entries == 129 && info.nr_entries_lost == 0);
	table_fill(BOOT_MAX_ENTRIES, 5, MEMMAP_USABLE);
	EXPECT(info.nr_entries == BOOT_MAX_ENTRIES && info.nr_entries_lost == 0);
	table_fill(BOOT_MAX_ENTRIES + 1, 5, MEMMAP_USABLE);
	EXPECT(info.nr_entries == BOOT_MAX_ENTRIES && info.nr_entries_lost == 1);
}

KTEST(multiboot, full_table_of_reserved_entries_widens_one, "MAP-10 P10")
{
	size_t at = MMAP_AT;

	mb1_start(MB1_HAS_MMAP);
	at = mb1_entry(at, 20, 1ull << 40, 4096, MEMMAP_USABLE);
	for (unsigned int i = 1; i < 1000; i++)
		at = mb1_entry(at, 20, (uint64_t)i << 20, i == 999 ? ~0ull : 4096, 2);
	EXPECT_NULL(parse(MB1_MAGIC, at));
	for (unsigned int i = 1; i < 1000; i++)
		EXPECT(is_reserved((uint64_t)i << 20));
	EXPECT(is_reserved(~0ull - 1));
	EXPECT_EQ(info.entries[0].base, 1ull << 40);
}

KTEST(multiboot, full_table_widens_the_nearest_reserved_entry, "MAP-10 P10")
{
	size_t at = MMAP_AT;

	mb1_start(MB1_HAS_MMAP);
	for (unsigned int i = 0; i < BOOT_MAX_ENTRIES; i++)
		at = mb1_entry(at, 20, (uint64_t)i << 20, 4096, i == 0 ? MEMMAP_USABLE : 2);
	at = mb1_entry(at, 20, (5 << 20) + 4096, 4096, 2);
	EXPECT_NULL(parse(MB1_MAGIC, at));
	EXPECT(entry_is(5, 5 << 20, 8192, 2));
	EXPECT(entry_is(4, 4 << 20, 4096, 2) && entry_is(6, 6 << 20, 4096, 2));
}

KTEST(multiboot, sizes_beside_a_map_are_not_believed, "MAP-02 P10")
{
	size_t at;

	mb1_start(MB1_HAS_MMAP | MB1_HAS_MEM);
	put32(MB1_MEM_LOWER, 640);
	put32(MB1_MEM_UPPER, 63 * 1024);
	at = mb1_entry(MMAP_AT, 20, 0x100000, 0x200000, 1);
	EXPECT_NULL(parse(MB1_MAGIC, at));
	EXPECT(info.nr_entries == 1 && entry_is(0, 0x100000, 0x200000, 1));
	EXPECT(strcmp(info.map_source, "mmap") == 0);
}

KTEST(multiboot, fields_whose_flag_is_off_are_not_read, "P10 D4")
{
	mb1_start(MB1_HAS_MEM);
	put32(MB1_MEM_UPPER, 1024);
	put32(MB1_MODS_ADDR, BASE + MMAP_AT);
	put32(MB1_MODS_COUNT, 3);
	put32(MB1_CMDLINE, BASE + TEXT_AT);
	strcpy((char *)block + TEXT_AT, "stale");
	EXPECT_NULL(parse(MB1_MAGIC, 1024));
	EXPECT(info.nr_modules == 0 && info.nr_modules_lost == 0);
	EXPECT(info.cmdline[0] == '\0' && !info.cmdline_cut);
}

KTEST(multiboot, texts_are_cut_and_said_so, "USR-02 D4")
{
	mb1_start(MB1_HAS_MEM | MB1_HAS_CMDLINE | MB1_HAS_LOADER_NAME);
	put32(MB1_MEM_UPPER, 1024);
	put32(MB1_CMDLINE, BASE + MMAP_AT);
	put32(MB1_LOADER_NAME, BASE + MMAP_AT);
	memset(block + MMAP_AT, 'x', 4096);
	EXPECT_NULL(parse(MB1_MAGIC, 8192));
	EXPECT(info.cmdline_cut && strlen(info.cmdline) == BOOT_CMDLINE_MAX - 1 && strlen(info.loader) == 63);
	block[MMAP_AT + BOOT_CMDLINE_MAX - 1] = '\0';
	EXPECT_NULL(parse(MB1_MAGIC, 8192));
	EXPECT(!info.cmdline_cut && strlen(info.cmdline) == BOOT_CMDLINE_MAX - 1);
	EXPECT_NULL(parse(MB1_MAGIC, MMAP_AT + 10));
	EXPECT(info.cmdline_cut && strcmp(info.cmdline, "xxxxxxxxxx") == 0);
	put32(MB1_CMDLINE, 0xffffffff);
	EXPECT_NULL(parse(MB1_MAGIC, 8192));
	EXPECT(info.cmdline_cut && info.cmdline[0] == '\0');
}

KTEST(multiboot, modules_are_kept_and_the_rest_counted, "D4 P10")
{
	mb1_start(MB1_HAS_MEM | MB1_HAS_MODS);
	put32(MB1_MEM_UPPER, 1024);
	put32(MB1_MODS_ADDR, BASE + MMAP_AT);
	put32(MB1_MODS_COUNT, 0xffffffff);
	for (unsigned int i = 0; i < 8; i++) {
		put32(MMAP_AT + i * 16, 0x200000 + i * 0x1000);
		put32(MMAP_AT + i * 16 + 4, i == 3 ? 0x1000 : 0x200800 + i * 0x1000);
		put32(MMAP_AT + i * 16 + 8, BASE + TEXT_AT);
	}
	strcpy((char *)block + TEXT_AT, "initrd");
	EXPECT_NULL(parse(MB1_MAGIC, 1024));
	EXPECT_EQ(info.nr_modules, 7);
	EXPECT_EQ(info.nr_modules_lost, 0xffffffff - 7);
	EXPECT(info.modules[0].start == 0x200000 && info.modules[0].end == 0x200800);
	EXPECT(strcmp(info.modules[6].name, "initrd") == 0);
	put32(MB1_MODS_ADDR, 0xfffffff8);
	EXPECT_NULL(parse(MB1_MAGIC, 1024));
	EXPECT(info.nr_modules == 0 && info.nr_modules_lost == 0xffffffff);
}

/* --- Multiboot 2 --- */

static size_t tag(size_t at, uint32_t type, uint32_t size, const void *data, size_t data_size)
{
	put32(at, type);
	put32(at + 4, size);
	memcpy(block + at + 8, data, data_size);
	return (at + size + 7) & ~(size_t)7;
}

static size_t text_tag(size_t at, uint32_t type, const char *text)
{
	return tag(at, type, (uint32_t)(8 + strlen(text) + 1), text, strlen(text) + 1);
}

static size_t mmap_tag(size_t at, uint32_t entry_size, unsigned int count)
{
	put32(at, MB2_TAG_MMAP);
	put32(at + 4, 16 + entry_size * count);
	put32(at + 8, entry_size);
	for (unsigned int i = 0; i < count; i++) {
		put64(at + 16 + i * entry_size, (uint64_t)(i + 1) << 20);
		put64(at + 24 + i * entry_size, 1 << 20);
		put32(at + 32 + i * entry_size, i % 2 + 1);
	}
	return (at + 16 + entry_size * count + 7) & ~(size_t)7;
}

static const char *mb2_parse_until(size_t end)
{
	put32(0, (uint32_t)end);
	return parse(MB2_MAGIC, end);
}

static size_t mb2_typical(void)
{
	static const uint32_t sizes[] = {640, 31 * 1024}, module[] = {0x300000, 0x301000, 0x00646f6d};
	size_t at = 8;

	memset(block, 0, sizeof(block));
	at = text_tag(at, MB2_TAG_CMDLINE, "selftest=all");
	at = text_tag(at, MB2_TAG_LOADER, "GRUB 2.06");
	at = text_tag(at, 9, "a tag that nobody knows");
	at = tag(at, MB2_TAG_MODULE, 20, module, sizeof(module));
	at = tag(at, MB2_TAG_MEM, 16, sizes, sizeof(sizes));
	return mmap_tag(at, 24, 3);
}

KTEST(multiboot, the_firmwares_root_pointer_is_passed_on_the_newer_of_two, "D4 P7")
{
	static const char old[20] = "RSD PTR old", recent[36] = "RSD PTR new", cut[4] = "RSD ";
	size_t at = tag(mb2_typical(), MB2_TAG_RSDP, 8 + sizeof(recent), recent, sizeof(recent));

	at = tag(at, MB2_TAG_RSDP_OLD, 8 + sizeof(old), old, sizeof(old));
	at = tag(at, MB2_TAG_RSDP, 8 + sizeof(cut), cut, sizeof(cut));
	at = tag(at, MB2_TAG_END, 8, "", 0);
	EXPECT_NULL(mb2_parse_until(at));
	EXPECT_EQ(info.rsdp_bytes, sizeof(recent));
	EXPECT(memcmp(info.rsdp, recent, sizeof(recent)) == 0);
	at = tag(mb2_typical(), MB2_TAG_END, 8, "", 0);
	EXPECT_NULL(mb2_parse_until(at));
	EXPECT_EQ(info.rsdp_bytes, 0);
}

KTEST(multiboot, second_version_is_read_tag_by_tag, "D4")
{
	size_t at = tag(mb2_typical(), MB2_TAG_END, 8, "", 0);

	EXPECT_NULL(mb2_parse_until(at));
	EXPECT(strcmp(info.cmdline, "selftest=all") == 0 && strcmp(info.loader, "GRUB 2.06") == 0);
	EXPECT(!info.damaged && !info.cmdline_cut && strcmp(info.protocol, "Multiboot 2") == 0);
	EXPECT(info.nr_entries == 3 && entry_is(0, 1 << 20, 1 << 20, 1) && entry_is(1, 2 << 20, 1 << 20, 2));
	EXPECT(info.nr_modules == 1 && info.modules[0].end == 0x301000 &&
	       strcmp(info.modules[0].name, "mod") == 0);
	EXPECT(strcmp(info.map_source, "mmap") == 0 && info.loader_end == BASE + at);
}

KTEST(multiboot, second_version_without_a_map_believes_the_sizes, "MAP-01 P10")
{
	static const uint32_t sizes[] = {640, 7 * 1024};

	memset(block, 0, sizeof(block));
	EXPECT_NULL(mb2_parse_until(tag(8, MB2_TAG_MEM, 16, sizes, sizeof(sizes))));
	EXPECT(entry_is(1, 1 << 20, 7 << 20, 1) && strcmp(info.map_source, "mem_upper") == 0);
	memset(block, 0, sizeof(block));
	EXPECT(refused(mb2_parse_until(16), "no memory map"));
	EXPECT(refused(mb2_parse_until(15), "claims 15 bytes"));
	put32(0, 0xffffffff);
	EXPECT(refused(parse(MB2_MAGIC, 64), "claims 4294967295 bytes"));
	put32(0, 65);
	EXPECT(refused(parse(MB2_MAGIC, 64), "65 bytes, is out of reach"));
}

KTEST(multiboot, entry_size_of_the_second_version_is_checked, "MAP-08 P10")
{
	static const uint32_t sizes[] = {0, 19, 20, 23, 24, 25, 40, 255};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		memset(block, 0, sizeof(block));
		if (sizes[i] >= 24) {
			EXPECT_NULL(mb2_parse_until(mmap_tag(8, sizes[i], 3)));
			EXPECT_EQ(info.nr_entries, 3);
		} else {
			EXPECT(mb2_parse_until(mmap_tag(8, sizes[i], 3)) != NULL && info.damaged);
		}
	}
}

KTEST(multiboot, tag_size_of_any_value_ends_inside_the_structure, "MAP-08 P10")
{
	static const uint32_t sizes[] = {0, 1, 7, 0x1000, 0x7fffffff, 0xfffffff8, 0xffffffff};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t at = mb2_typical();

		(void)tag(at, 9, sizes[i], "", 0);
		EXPECT_NULL(mb2_parse_until(at + 16));
		EXPECT(info.damaged && info.nr_entries == 3);
	}
	for (uint32_t size = 8; size < 20; size++) {
		size_t at = mb2_typical();

		for (uint32_t type = 1; type <= 6; type++)
			at = tag(at, type, size, "", 0);
		EXPECT_NULL(mb2_parse_until(at));
	}
}

KTEST(multiboot, what_follows_the_end_tag_is_not_read, "P10 D4")
{
	size_t at = tag(mb2_typical(), MB2_TAG_END, 8, "", 0);

	at = text_tag(at, MB2_TAG_CMDLINE, "too late");
	EXPECT_NULL(mb2_parse_until(at));
	EXPECT(strcmp(info.cmdline, "selftest=all") == 0 && !info.damaged);
}

KTEST(multiboot, half_an_entry_of_the_second_version_is_damage, "MAP-08 P10")
{
	size_t at;

	memset(block, 0, sizeof(block));
	at = mmap_tag(8, 24, 2);
	put32(8 + 4, 16 + 24 * 2 + 12);
	EXPECT_NULL(mb2_parse_until(at + 16));
	EXPECT(info.nr_entries == 2 && info.damaged);
}

KTEST(multiboot, texts_of_the_second_version_are_cut_and_said_so, "USR-02 D4")
{
	static char text[BOOT_CMDLINE_MAX + 1];
	size_t at = mb2_typical();

	EXPECT_NULL(mb2_parse_until(tag(at, MB2_TAG_CMDLINE, 8 + 5, "abcde", 5)));
	EXPECT(info.cmdline_cut && strcmp(info.cmdline, "abcde") == 0);
	memset(text, 'x', BOOT_CMDLINE_MAX);
	EXPECT_NULL(mb2_parse_until(text_tag(at, MB2_TAG_CMDLINE, text)));
	EXPECT(info.cmdline_cut && strnlen(info.cmdline, BOOT_CMDLINE_MAX) == BOOT_CMDLINE_MAX - 1);
}

/* SPDX-License-Identifier: MIT */
/* The only place that knows Multiboot. Reads what the loader left as a stranger's data: every field through a
 * bounded view, every string byte by byte, every loop over a length that was checked first.
 *
 * M1 Nothing is read outside what map() granted.
 * M2 Every loop ends, after MB_SIZE_MAX steps at most.
 * M3 What cannot be true ends the reading of its table: entries before it are kept, info->damaged is set.
 * M4 A table that is full drops usable memory and widens reserved memory, never the other way round.
 * M5 Without a map the sizes mem_lower and mem_upper are believed, up to 3 GiB: devices live above.
 *
 * Pure C over kernel/lib: hosts compile it in 32 and 64 bits, and fuzz it. Context: boot, once. */
#include <boot/boot_info.h>

#include <boot/multiboot.h>
#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>

#define LOWER_MAX_KIB 640u
#define UPPER_START   MIB(1ull)
#define UPPER_END_MAX GIB(3)

/* Bytes that may be read. */
struct view {
	const uint8_t *bytes;
	size_t size;
};

static struct {
	const void *(*map)(uint64_t phys, uint64_t size);
	char refusal[160];
} multiboot;

PRINTF(1, 2) static const char *refuse(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(multiboot.refusal, sizeof(multiboot.refusal), fmt, args);
	va_end(args);
	return multiboot.refusal;
}

/* False when the range is empty or out of reach; the view is then empty. */
static bool view_map(struct view *view, uint64_t phys, uint64_t size)
{
	view->bytes = size != 0 && size <= MB_SIZE_MAX ? multiboot.map(phys, size) : NULL;
	view->size = view->bytes != NULL ? (size_t)size : 0;
	return view->bytes != NULL;
}

/* The caller knows that the field lies inside the view. */
static uint32_t view_u32(const struct view *view, size_t offset)
{
	uint32_t value;

	memcpy(&value, view->bytes + offset, sizeof(value));
	return value;
}

static uint64_t view_u64(const struct view *view, size_t offset)
{
	return view_u32(view, offset) | (uint64_t)view_u32(view, offset + 4) << 32;
}

static struct view view_from(const struct view *view, size_t offset)
{
	return (struct view){view->bytes + offset, view->size - offset};
}

/* Copies a string of at most text->size bytes. False when it was cut, by `to` or by its own missing NUL. */
static bool string_copy(char *to, size_t to_size, const struct view *text)
{
	size_t len = strnlen((const char *)text->bytes, text->size);
	size_t copied = MIN(len, to_size - 1);

	memcpy(to, text->bytes, copied);
	to[copied] = '\0';
	return copied == len && len < text->size;
}

/* The same from a physical address; its length is unknown, so it is reached for byte by byte. */
static bool string_copy_phys(char *to, size_t to_size, uint64_t phys)
{
	size_t len = 0;
	struct view byte;

	while (view_map(&byte, phys + len, 1) && byte.bytes[0] != '\0' && len < to_size - 1)
		to[len++] = (char)byte.bytes[0];
	to[len] = '\0';
	return byte.size != 0 && byte.bytes[0] == '\0';
}

/* --- the table of entries --- */

/* End of an entry; one that wraps reaches to the end of the address space. */
static uint64_t entry_end(const struct memmap_entry *entry)
{
	return entry->len > UINT64_MAX - entry->base ? UINT64_MAX : entry->base + entry->len;
}

static struct memmap_entry entry_hull(const struct memmap_entry *a, const struct memmap_entry *b)
{
	uint64_t start = MIN(a->base, b->base);

	return (struct memmap_entry){start, MAX(entry_end(a), entry_end(b)) - start, a->type};
}

/* The entry that is not usable and grows least when it swallows `added`; NULL when all are usable. */
static struct memmap_entry *entry_to_widen(struct boot_info *info, const struct memmap_entry *added)
{
	struct memmap_entry *best = NULL;
	uint64_t best_growth = 0;

	for (unsigned int i = 0; i < info->nr_entries; i++) {
		struct memmap_entry *entry = &info->entries[i];
		uint64_t growth = entry_hull(entry, added).len - (entry_end(entry) - entry->base);

		if (entry->type == MEMMAP_USABLE || (best != NULL && growth >= best_growth))
			continue;
		best = entry;
		best_growth = growth;
	}
	return best;
}

static struct memmap_entry *entry_smallest(struct boot_info *info)
{
	struct memmap_entry *smallest = &info->entries[0];

	for (unsigned int i = 1; i < info->nr_entries; i++) {
		if (info->entries[i].len < smallest->len)
			smallest = &info->entries[i];
	}
	return smallest;
}

static void entry_add_to_full(struct boot_info *info, const struct memmap_entry *added)
{
	struct memmap_entry *entry;

	info->nr_entries_lost++;
	if (added->type == MEMMAP_USABLE || added->len == 0)
		return;
	entry = entry_to_widen(info, added);
	if (entry != NULL)
		*entry = entry_hull(entry, added);
	else
		*entry_smallest(info) = *added;
}

static void entry_add(struct boot_info *info, uint64_t base, uint64_t len, uint32_t type)
{
	struct memmap_entry added = {base, len, type};

	if (info->nr_entries < BOOT_MAX_ENTRIES)
		info->entries[info->nr_entries++] = added;
	else
		entry_add_to_full(info, &added);
}

/* base, length and type lie one behind the other in both protocols. */
static void entry_add_from(struct boot_info *info, const struct view *view, size_t offset)
{
	entry_add(info, view_u64(view, offset), view_u64(view, offset + 8), view_u32(view, offset + 16));
}

static void entries_from_sizes(struct boot_info *info, uint32_t lower_kib, uint32_t upper_kib)
{
	uint64_t upper_end = MIN(UPPER_START + (uint64_t)upper_kib * 1024, UPPER_END_MAX);

	if (upper_kib == 0)
		return;
	info->map_source = "mem_upper";
	if (lower_kib != 0)
		entry_add(info, 0, (uint64_t)MIN(lower_kib, LOWER_MAX_KIB) * 1024, MEMMAP_USABLE);
	entry_add(info, UPPER_START, upper_end - UPPER_START, MEMMAP_USABLE);
}

static const char *entries_check(const struct boot_info *info)
{
	if (info->nr_entries == 0)
		return refuse("the loader gave no memory map and no memory size, expected one of them");
	for (unsigned int i = 0; i < info->nr_entries; i++) {
		if (info->entries[i].type == MEMMAP_USABLE && info->entries[i].len != 0)
			return NULL;
	}
	return refuse("the loader's memory map has %u entries and no usable memory, expected some",
		      info->nr_entries);
}

/* Takes the next free place for a module, or NULL: it is counted as lost. */
static struct boot_module *module_add(struct boot_info *info, uint32_t start, uint32_t end)
{
	struct boot_module *module;

	if (end < start || info->nr_modules == BOOT_MAX_MODULES) {
		info->nr_modules_lost++;
		return NULL;
	}
	module = &info->modules[info->nr_modules++];
	module->start = start;
	module->end = end;
	return module;
}

/* --- Multiboot 1 --- */

static void mb1_read_mmap(struct boot_info *info, uint32_t addr, uint32_t length)
{
	struct view table;
	size_t at = 0;

	if (length == 0)
		return;
	info->damaged = !view_map(&table, addr, length);
	while (!info->damaged && at < table.size) {
		size_t left = table.size - at - MIN(table.size - at, 4);
		uint32_t size = left >= MB1_ENTRY_SIZE_MIN ? view_u32(&table, at) : 0;

		info->damaged = size < MB1_ENTRY_SIZE_MIN || size > left;
		if (info->damaged)
			return;
		info->map_source = "mmap";
		entry_add_from(info, &table, at + 4);
		at += 4 + size;
	}
}

static void mb1_read_modules(struct boot_info *info, uint32_t addr, uint32_t count)
{
	uint32_t tried = MIN(count, (uint32_t)BOOT_MAX_MODULES);
	struct view table;

	info->nr_modules_lost = count - tried;
	if (!view_map(&table, addr, (uint64_t)tried * MB1_MODULE_BYTES)) {
		info->nr_modules_lost = count;
		return;
	}
	for (size_t i = 0; i < tried; i++) {
		struct view entry = view_from(&table, i * MB1_MODULE_BYTES);
		struct boot_module *module = module_add(info, view_u32(&entry, 0), view_u32(&entry, 4));

		if (module != NULL && view_u32(&entry, 8) != 0)
			(void)string_copy_phys(module->name, sizeof(module->name), view_u32(&entry, 8));
	}
}

static void mb1_read_texts(struct boot_info *info, const struct view *mbi, uint32_t flags)
{
	if (flags & MB1_HAS_CMDLINE)
		info->cmdline_cut =
			!string_copy_phys(info->cmdline, sizeof(info->cmdline), view_u32(mbi, MB1_CMDLINE));
	if (flags & MB1_HAS_LOADER_NAME)
		(void)string_copy_phys(info->loader, sizeof(info->loader), view_u32(mbi, MB1_LOADER_NAME));
}

static const char *mb1_parse(struct boot_info *info, uint32_t addr)
{
	struct view mbi;
	uint32_t flags;

	if (!view_map(&mbi, addr, MB1_READ_BYTES))
		return refuse("the loader's information at 0x%x is out of reach, expected it in low memory",
			      addr);
	info->protocol = "Multiboot 1";
	info->loader_start = addr;
	info->loader_end = (paddr_t)addr + MB1_STRUCT_BYTES;
	flags = view_u32(&mbi, MB1_FLAGS);
	mb1_read_texts(info, &mbi, flags);
	if (flags & MB1_HAS_MODS)
		mb1_read_modules(info, view_u32(&mbi, MB1_MODS_ADDR), view_u32(&mbi, MB1_MODS_COUNT));
	if (flags & MB1_HAS_MMAP)
		mb1_read_mmap(info, view_u32(&mbi, MB1_MMAP_ADDR), view_u32(&mbi, MB1_MMAP_LENGTH));
	if (info->nr_entries == 0 && (flags & MB1_HAS_MEM))
		entries_from_sizes(info, view_u32(&mbi, MB1_MEM_LOWER), view_u32(&mbi, MB1_MEM_UPPER));
	return entries_check(info);
}

/* --- Multiboot 2 --- */

/* What basic meminfo said, kept until it is known whether there is a map. */
struct mb2_sizes {
	uint32_t lower_kib, upper_kib;
};

static void mb2_read_mmap(struct boot_info *info, const struct view *data)
{
	uint32_t entry_size = data->size >= 8 ? view_u32(data, 0) : 0;
	size_t at = 8;

	if (entry_size < MB2_ENTRY_SIZE_MIN) {
		info->damaged = true;
		return;
	}
	for (; data->size - at >= entry_size; at += entry_size) {
		info->map_source = "mmap";
		entry_add_from(info, data, at);
	}
	if (at != data->size)
		info->damaged = true;
}

static void mb2_read_module(struct boot_info *info, const struct view *data)
{
	struct boot_module *module;
	struct view name;

	if (data->size < 8) {
		info->damaged = true;
		return;
	}
	module = module_add(info, view_u32(data, 0), view_u32(data, 4));
	name = view_from(data, 8);
	if (module != NULL)
		(void)string_copy(module->name, sizeof(module->name), &name);
}

/* Of two the newer, which is the longer. */
static void mb2_read_rsdp(struct boot_info *info, const struct view *data)
{
	size_t size = MIN(data->size, sizeof(info->rsdp));

	if (size < info->rsdp_bytes)
		return;
	memcpy(info->rsdp, data->bytes, size);
	info->rsdp_bytes = (unsigned int)size;
}

static void mb2_read_tag(struct boot_info *info, struct mb2_sizes *sizes, uint32_t type,
			 const struct view *data)
{
	switch (type) {
	case MB2_TAG_CMDLINE:
		info->cmdline_cut = !string_copy(info->cmdline, sizeof(info->cmdline), data);
		break;
	case MB2_TAG_LOADER:
		(void)string_copy(info->loader, sizeof(info->loader), data);
		break;
	case MB2_TAG_MODULE:
		mb2_read_module(info, data);
		break;
	case MB2_TAG_MEM:
		if (data->size >= 8)
			*sizes = (struct mb2_sizes){view_u32(data, 0), view_u32(data, 4)};
		break;
	case MB2_TAG_MMAP:
		mb2_read_mmap(info, data);
		break;
	case MB2_TAG_RSDP_OLD:
	case MB2_TAG_RSDP:
		mb2_read_rsdp(info, data);
		break;
	default:
		break;
	}
}

static void mb2_read_tags(struct boot_info *info, struct mb2_sizes *sizes, const struct view *mbi)
{
	size_t at = MB2_HEADER_BYTES;

	while (at < mbi->size && mbi->size - at >= MB2_TAG_BYTES) {
		uint32_t type = view_u32(mbi, at), size = view_u32(mbi, at + 4);
		struct view data = {mbi->bytes + at + MB2_TAG_BYTES, size - MB2_TAG_BYTES};

		if (type == MB2_TAG_END)
			return;
		if (size < MB2_TAG_BYTES || size > mbi->size - at) {
			info->damaged = true;
			return;
		}
		mb2_read_tag(info, sizes, type, &data);
		at += ALIGN_UP((size_t)size, MB2_TAG_ALIGN);
	}
}

static const char *mb2_parse(struct boot_info *info, uint32_t addr)
{
	struct mb2_sizes sizes = {0, 0};
	uint32_t total;
	struct view mbi;

	if (!view_map(&mbi, addr, MB2_HEADER_BYTES))
		return refuse("the loader's information at 0x%x is out of reach, expected it in low memory",
			      addr);
	total = view_u32(&mbi, 0);
	if (total < MB2_HEADER_BYTES + MB2_TAG_BYTES || total > MB_SIZE_MAX)
		return refuse("the loader's information claims %u bytes, expected 16 to %u", total,
			      MB_SIZE_MAX);
	if (!view_map(&mbi, addr, total))
		return refuse("the loader's information at 0x%x, %u bytes, is out of reach, expected it in "
			      "low memory",
			      addr, total);
	info->protocol = "Multiboot 2";
	info->loader_start = addr;
	info->loader_end = (paddr_t)addr + total;
	mb2_read_tags(info, &sizes, &mbi);
	if (info->nr_entries == 0)
		entries_from_sizes(info, sizes.lower_kib, sizes.upper_kib);
	return entries_check(info);
}

const char *boot_info_parse(struct boot_info *info, uint32_t magic, uint32_t addr,
			    const void *(*map)(uint64_t phys, uint64_t size))
{
	memset(info, 0, sizeof(*info));
	info->map_source = "";
	multiboot.map = map;
	if (magic == MB1_MAGIC)
		return mb1_parse(info, addr);
	if (magic == MB2_MAGIC)
		return mb2_parse(info, addr);
	return refuse("not started by a Multiboot loader: eax is 0x%08x, expected 0x%08x or 0x%08x", magic,
		      MB1_MAGIC, MB2_MAGIC);
}

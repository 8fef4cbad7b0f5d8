/* SPDX-License-Identifier: MIT */
/* memmap FILE.map…: prints what the boot code makes of a firmware memory map: pages per zone and the usable
 * ranges. A map has one entry a line, "base len type"; # begins a comment line. Option --lowmem=SIZE sets the
 * end of the direct map (default 896M; suffixes K, M, G). Exit status: 0, or 2 after one line that says what
 * was wrong. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kernel/lib/align.h>
#include <kernel/lib/bug.h>
#include <mm/early/memmap.h>

#define MAX_ENTRIES 4096u
#define DMA_END	    MIB((uint64_t)16)
#define LOWMEM_MAX  MIB((uint64_t)896)
#define PAE_END	    GIB(64)
#define MAX_LINE    1024

static uint64_t lowmem_bytes = LOWMEM_MAX;

void assert_failed(const char *expr, const char *file, int line)
{
	fprintf(stderr, "memmap: %s:%d: %s\n", file, line, expr);
	abort();
}

NORETURN static void fail_usage(const char *found)
{
	fprintf(stderr, "memmap: %s; expected: memmap [--lowmem=SIZE] FILE.map...\n", found);
	exit(2);
}

NORETURN static void fail_line(const char *file, unsigned int line, const char *what)
{
	fprintf(stderr, "%s:%u: %s; expected \"base len type\"\n", file, line, what);
	exit(2);
}

/* A size like 896M or 0x377fe000, whole pages; 0 when it is none. */
static uint64_t parse_size(const char *text)
{
	static const char suffixes[] = "KMG";
	unsigned int shift = 0;
	const char *suffix;
	uint64_t size;
	char *end;

	errno = 0;
	size = strtoull(text, &end, 0);
	if (*end && (suffix = strchr(suffixes, *end))) {
		shift = 10 * (unsigned int)(suffix - suffixes + 1);
		end++;
	}
	if (errno || *end || end == text || *text == '-' || size > UINT64_MAX >> shift)
		return 0;
	return IS_ALIGNED(size << shift, PAGE_SIZE) ? size << shift : 0;
}

static void parse_option(const char *arg)
{
	if (strncmp(arg, "--lowmem=", 9) != 0)
		fail_usage("unknown option");
	lowmem_bytes = parse_size(arg + 9);
	if (lowmem_bytes == 0)
		fail_usage("--lowmem is no size in whole pages");
	lowmem_bytes = MIN(lowmem_bytes, LOWMEM_MAX);
}

/* Takes the next number off *text. */
static uint64_t parse_number(char **text, const char *file, unsigned int line)
{
	char *end;
	uint64_t value;

	*text += strspn(*text, " \t");
	errno = 0;
	value = strtoull(*text, &end, 0);
	if (**text == '-' || **text == '+' || end == *text || (*end && !strchr(" \t\r\n", *end)))
		fail_line(file, line, "not a number");
	if (errno)
		fail_line(file, line, "a number beyond 64 bits");
	*text = end;
	return value;
}

static struct memmap_entry parse_line(char *text, const char *file, unsigned int line)
{
	struct memmap_entry entry = {.base = parse_number(&text, file, line)};
	uint64_t type;

	entry.len = parse_number(&text, file, line);
	type = parse_number(&text, file, line);
	if (type > UINT32_MAX)
		fail_line(file, line, "a type beyond 32 bits");
	if (text[strspn(text, " \t\r\n")])
		fail_line(file, line, "more than three numbers");
	entry.type = (uint32_t)type;
	return entry;
}

static size_t read_map(const char *file, struct memmap_entry *entries)
{
	FILE *stream = fopen(file, "r");
	unsigned int line = 0;
	char text[MAX_LINE];
	size_t nr = 0;

	if (!stream) {
		fprintf(stderr, "memmap: cannot open %s: %s\n", file, strerror(errno));
		exit(2);
	}
	while (line++, fgets(text, sizeof(text), stream)) {
		const char *first = text + strspn(text, " \t\r\n");

		if (strlen(text) == sizeof(text) - 1)
			fail_line(file, line, "line too long");
		if (*first == '#' || *first == '\0')
			continue;
		if (nr == MAX_ENTRIES)
			fail_line(file, line, "more than 4096 entries");
		entries[nr++] = parse_line(text, file, line);
	}
	if (ferror(stream)) {
		fprintf(stderr, "memmap: cannot read %s: %s\n", file, strerror(errno));
		exit(2);
	}
	fclose(stream);
	return nr;
}

static void print_zone(const char *file, const char *name, const struct range_set *usable, uint64_t start,
		       uint64_t end)
{
	printf("%s zone %s present %llu\n", file, name,
	       (unsigned long long)memmap_pages_in(usable, start >> PAGE_SHIFT, end >> PAGE_SHIFT));
}

static void print_map(const char *file, const struct range_set *usable)
{
	uint64_t dma_end = MIN(DMA_END, lowmem_bytes);
	unsigned int i;

	print_zone(file, "DMA", usable, 0, dma_end);
	print_zone(file, "NORMAL", usable, dma_end, lowmem_bytes);
	print_zone(file, "HIGHMEM", usable, lowmem_bytes, MEMMAP_END);
	for (i = 0; i < usable->nr; i++)
		printf("%s range 0x%llx-0x%llx usable\n", file, (unsigned long long)usable->range[i].start,
		       (unsigned long long)usable->range[i].end - 1);
	if (usable->nr_lost > 0)
		fprintf(stderr, "%s: note: more than %u separate ranges: %u left out\n", file, RANGE_SET_MAX,
			usable->nr_lost);
	if (range_set_bytes_in(usable, PAE_END, MEMMAP_END) > 0)
		fprintf(stderr, "%s: note: RAM above 64 GiB is counted here, but PAE reaches 64 GiB\n", file);
}

int main(int argc, char **argv)
{
	static struct memmap_entry entries[MAX_ENTRIES];
	static struct range_set usable;
	int i, nr_files = 0;

	for (i = 1; i < argc; i++)
		if (argv[i][0] == '-')
			parse_option(argv[i]);
		else
			argv[1 + nr_files++] = argv[i];
	if (nr_files == 0)
		fail_usage("no map given");
	for (i = 1; i <= nr_files; i++) {
		memmap_build(&usable, entries, read_map(argv[i], entries));
		print_map(argv[i], &usable);
	}
	return 0;
}

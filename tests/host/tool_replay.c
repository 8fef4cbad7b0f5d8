/* SPDX-License-Identifier: MIT */
/* replay FILE…: replays allocation traces (plain or .gz) on mm/ in a fake machine of 1 GiB and prints what
 * they took. replay --pack FILE OUT: writes the form that the guest reads (tests/bench/trace.h).
 *
 * Lines of a trace: `k ID SIZE FLAGS` object, `f ID` free it, `p ID ORDER FLAGS` pages, `q ID` free them.
 * Flags: K GFP_KERNEL, A GFP_ATOMIC, h high memory, d DMA zone, s object of a dedicated cache (here: one
 * cache per size), z cleared (not done here: clearing is counted apart). Exit status: 0, or 2 after one line
 * that says what was wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kernel/lib/align.h>
#include <kernel/lib/bitops.h>
#include <mm/objects/kmalloc.h>
#include <mm/pages/page_alloc.h>
#include <tests/bench/trace.h>
#include <tests/host/host.h>
#include <tests/ktest.h>

#define MACHINE_MIB 1024
#define MAX_LINE    256
#define MAX_ID	    (1u << 24)

struct slot {
	uint32_t alloc_head, what; /* of the operation that filled it */
	bool is_live;
	void *object;
};

static struct {
	const char *file;
	unsigned int line;
	struct trace_header header;
	struct trace_word *op;
	size_t op_room;
	struct slot *slot; /* by id */
	uint64_t live_bytes, peak_bytes;
	uint64_t nr_of_op[TRACE_NR_OPS];
} trace;

/* No test runs here: messages of mm are shown under VERBOSE=1. */
bool ktest_report(int level, const char *text)
{
	(void)level, (void)text;
	return false;
}

/* --- reading --- */

NORETURN static void fail(const char *what)
{
	fprintf(stderr, "replay: %s: %s\n", trace.file, what);
	exit(2);
}

NORETURN static void fail_line(const char *what)
{
	fprintf(stderr,
		"%s:%u: %s; expected \"k ID SIZE FLAGS\", \"f ID\", \"p ID ORDER FLAGS\" or \"q ID\"\n",
		trace.file, trace.line, what);
	exit(2);
}

static void *grow(void *array, size_t nr, size_t size)
{
	array = realloc(array, nr * size);
	if (!array)
		fail("out of memory");
	return array;
}

static void add_op(uint32_t head, uint32_t what)
{
	if (trace.header.nr_ops == trace.op_room) {
		trace.op_room = MAX((size_t)1 << 16, trace.op_room * 2);
		trace.op = grow(trace.op, trace.op_room, sizeof(*trace.op));
	}
	trace.op[trace.header.nr_ops++] = (struct trace_word){head, what};
	trace.nr_of_op[TRACE_OP(head)]++;
}

static struct slot *slot_of(unsigned long id)
{
	if (id >= MAX_ID)
		fail_line("an id above 2^24");
	while (trace.header.nr_ids <= id) {
		if (IS_POWER_OF_2(trace.header.nr_ids) || trace.header.nr_ids == 0)
			trace.slot = grow(trace.slot, MAX(1, trace.header.nr_ids * 2), sizeof(*trace.slot));
		memset(&trace.slot[trace.header.nr_ids++], 0, sizeof(*trace.slot));
	}
	return &trace.slot[id];
}

static uint32_t cache_of_size(unsigned long size)
{
	struct trace_header *header = &trace.header;
	uint32_t i;

	for (i = 0; i < header->nr_caches; i++)
		if (header->cache_size[i] == size)
			return i;
	if (i == TRACE_MAX_CACHES)
		fail_line("more than 64 sizes of dedicated caches");
	header->cache_size[header->nr_caches++] = (uint32_t)size;
	return i;
}

static uint32_t bytes_of(uint32_t op, uint32_t what)
{
	if (op == TRACE_P)
		return (uint32_t)PAGE_SIZE << what;
	return op == TRACE_S ? trace.header.cache_size[what] : what;
}

static uint32_t flags_of(const char *text)
{
	if (text[strspn(text, "KAhdsz")])
		fail_line("unknown flag");
	return (strchr(text, 'A') ? TRACE_ATOMIC : 0u) | (strchr(text, 'h') ? TRACE_HIGHMEM : 0u) |
	       (strchr(text, 'd') ? TRACE_DMA : 0u);
}

static void read_alloc(char kind, unsigned long id, unsigned long what, const char *flags)
{
	bool dedicated = kind == 'k' && strchr(flags, 's') && what <= SLAB_MAX_OBJECT_BYTES - sizeof(void *);
	uint32_t op = kind == 'p' ? TRACE_P : dedicated ? TRACE_S : TRACE_K;
	struct slot *slot = slot_of(id);

	if (slot->is_live)
		fail_line("the id is live");
	if (what > (kind == 'p' ? MAX_PAGE_ORDER : KMALLOC_MAX_SIZE) || (kind == 'k' && what == 0))
		fail_line("impossible size or order");
	slot->alloc_head = TRACE_HEAD(id, flags_of(flags), op);
	slot->what = dedicated ? cache_of_size(what) : (uint32_t)what;
	slot->is_live = true;
	add_op(slot->alloc_head, slot->what);
	trace.live_bytes += bytes_of(op, slot->what);
	trace.peak_bytes = MAX(trace.peak_bytes, trace.live_bytes);
}

static void read_free(char kind, unsigned long id)
{
	struct slot *slot = slot_of(id);
	uint32_t op = TRACE_OP(slot->alloc_head);

	if (!slot->is_live || (kind == 'q') != (op == TRACE_P))
		fail_line("nothing of that kind is live under this id");
	slot->is_live = false;
	trace.live_bytes -= bytes_of(op, slot->what);
	add_op(TRACE_HEAD(id, 0, op + TRACE_F), op == TRACE_K ? 0 : slot->what);
}

static void read_line(const char *text)
{
	char kind, flags[16] = "";
	unsigned long id, what;
	int nr = sscanf(text, "%c %lu %lu %15s", &kind, &id, &what, flags);

	if (text[0] == '#' || text[strspn(text, " \t\r\n")] == '\0')
		return;
	if (nr == 4 && (kind == 'k' || kind == 'p'))
		read_alloc(kind, id, what, flags);
	else if (nr == 2 && (kind == 'f' || kind == 'q'))
		read_free(kind, id);
	else
		fail_line("not an operation");
}

/* gzip passes plain text through (-f), and gets the file as its standard input, so no name is quoted. */
static void read_trace(const char *file)
{
	char text[MAX_LINE];
	FILE *pipe;

	memset(&trace, 0, sizeof(trace));
	trace.file = file;
	if (!freopen(file, "r", stdin))
		fail("cannot be opened");
	pipe = popen("exec gzip -dcf", "r");
	if (!pipe)
		fail("cannot run gzip");
	while (trace.line++, fgets(text, sizeof(text), pipe))
		read_line(text);
	if (pclose(pipe) != 0)
		fail("gzip could not read it");
	trace.header.magic = TRACE_MAGIC;
	trace.header.peak_bytes = (uint32_t)MIN(trace.peak_bytes, (uint64_t)UINT32_MAX);
}

/* --- packing --- */

static int pack(const char *file, const char *out)
{
	FILE *stream;

	read_trace(file);
	trace.file = out;
	stream = fopen(out, "wb");
	if (!stream || fwrite(&trace.header, sizeof(trace.header), 1, stream) != 1 ||
	    fwrite(trace.op, sizeof(*trace.op), trace.header.nr_ops, stream) != trace.header.nr_ops ||
	    fclose(stream) != 0)
		fail("cannot be written");
	return 0;
}

/* --- replaying --- */

static struct {
	struct kmem_cache *cache[TRACE_MAX_CACHES];
	size_t free_before, min_free; /* pages */
	size_t nr_failed;
} machine;

static gfp_t gfp_of(uint32_t flags)
{
	return (flags & TRACE_ATOMIC ? GFP_ATOMIC : GFP_KERNEL) |
	       (flags & TRACE_DMA ? __GFP_DMA : GFP_NOWAIT) |
	       ((flags & (TRACE_DMA | TRACE_HIGHMEM)) == TRACE_HIGHMEM ? __GFP_HIGHMEM : GFP_NOWAIT);
}

static void *play_alloc(const struct trace_word *op)
{
	gfp_t gfp = gfp_of(TRACE_FLAGS(op->head));

	switch (TRACE_OP(op->head)) {
	case TRACE_K:
		return kmalloc(op->what, gfp);
	case TRACE_S:
		return kmem_cache_alloc(machine.cache[op->what], gfp);
	default:
		return alloc_pages(gfp, op->what);
	}
}

static void play_free(const struct trace_word *op, void *object)
{
	switch (TRACE_OP(op->head)) {
	case TRACE_F:
		kfree(object);
		return;
	case TRACE_G:
		kmem_cache_free(machine.cache[op->what], object);
		return;
	default:
		__free_pages(object, op->what);
	}
}

static void play(const struct trace_word *op)
{
	struct slot *slot = &trace.slot[TRACE_ID(op->head)];

	if (TRACE_OP(op->head) >= TRACE_F) {
		if (slot->object)
			play_free(op, slot->object);
		slot->object = NULL;
		return;
	}
	slot->object = play_alloc(op);
	machine.nr_failed += slot->object == NULL;
	machine.min_free = MIN(machine.min_free, nr_free_pages());
}

static void make_caches(void)
{
	char name[32];

	for (uint32_t i = 0; i < trace.header.nr_caches; i++) {
		snprintf(name, sizeof(name), "replay-%u", trace.header.cache_size[i]);
		machine.cache[i] = kmem_cache_create(name, trace.header.cache_size[i], 0, SLAB_PANIC, NULL);
	}
}

static unsigned int largest_free_order(void)
{
	const struct zone *zone;
	uint32_t orders = 1;

	for_each_zone(zone)
		for (unsigned int mobility = 0; mobility < NR_MOBILITY; mobility++)
			orders |= zone->lists[mobility].nonempty;
	return bit_highest(orders);
}

static void print_result(void)
{
	size_t demand = (size_t)(trace.peak_bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
	size_t peak = machine.free_before - machine.min_free;
	const uint64_t *nr = trace.nr_of_op;

	printf("%s operations %u (kmalloc %llu, of %u dedicated caches %llu, pages %llu)\n", trace.file,
	       trace.header.nr_ops, (unsigned long long)nr[TRACE_K], trace.header.nr_caches,
	       (unsigned long long)nr[TRACE_S], (unsigned long long)nr[TRACE_P]);
	printf("%s peak live bytes %llu (%zu pages demanded)\n", trace.file,
	       (unsigned long long)trace.peak_bytes, demand);
	printf("%s peak pages %zu\n", trace.file, peak);
	printf("%s overhead %+.2f %%\n", trace.file,
	       ((double)peak / (double)MAX(demand, (size_t)1) - 1) * 100);
	printf("%s largest free order left %u\n", trace.file, largest_free_order());
	if (machine.nr_failed)
		printf("%s failed allocations %zu\n", trace.file, machine.nr_failed);
}

static void replay(const char *file)
{
	read_trace(file);
	memset(&machine, 0, sizeof(machine));
	fake_machine_boot_pc(MACHINE_MIB);
	make_caches();
	machine.free_before = machine.min_free = nr_free_pages();
	for (uint32_t i = 0; i < trace.header.nr_ops; i++)
		play(&trace.op[i]);
	print_result();
	free(trace.op);
	free(trace.slot);
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "--pack") == 0)
		return pack(argv[2], argv[3]);
	if (argc < 2 || argv[1][0] == '-') {
		fprintf(stderr,
			"usage: replay FILE.trace[.gz]...\n       replay --pack FILE.trace[.gz] OUT\n");
		return 2;
	}
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	return 0;
}

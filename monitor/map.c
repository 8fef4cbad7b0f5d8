/* SPDX-License-Identifier: MIT */
/* mm says whose each block is; which of the handed-out pages are page tables, stacks or vmalloc's is read off the kernel's
 * page tables, row by row. Both look at what changes meanwhile: a page may be counted as what it was a moment ago. */
#include <monitor/map.h>

#include <drivers/serial_second.h>
#include <drivers/vga.h>
#include <kernel/arch/clock.h>
#include <kernel/arch/mmu.h>
#include <kernel/core/err.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <mm/report/map.h>
#include <monitor/keys.h>
#include <monitor/say.h>

#define LIVE_ROWS	 10u
#define LEGEND_COLUMNS	 6u
#define LIVE_LEGEND_ROWS ((NR_MAP_OWNERS + LEGEND_COLUMNS - 1) / LEGEND_COLUMNS)
#define LIVE_MS		 40u /* the shortest sleep between two rows */
#define SERIAL_MS	 80u /* ... between two looks for the serial line */
#define LONGEST_MS	 400u

/* How each owner looks: on the screen, and as a terminal's background, 8 to 15 the bright ones. */
static const struct {
	uint8_t glyph, colour, background;
} looks[NR_MAP_OWNERS] = {
	[MAP_OUTSIDE] = {0xdb, VGA_BRIGHT + VGA_BLACK, 8},
	[MAP_FREE_SMALL] = {0xb0, VGA_GREEN, 0},
	[MAP_FREE_MIDDLE] = {0xb1, VGA_GREEN, 2},
	[MAP_FREE_LARGE] = {0xdb, VGA_GREEN, 10},
	[MAP_PARKED] = {0xdb, VGA_BRIGHT + VGA_CYAN, 14},
	[MAP_SLAB] = {0xdb, VGA_BRIGHT + VGA_BROWN, 11},
	[MAP_LARGE] = {0xdb, VGA_BROWN, 3},
	[MAP_PAGES] = {0xdb, VGA_BRIGHT + VGA_RED, 9},
	[MAP_USER] = {0xdb, VGA_BRIGHT + VGA_BLUE, 12},
	[MAP_FILE] = {0xdb, VGA_BLUE, 4},
	[MAP_SWAP] = {0xb1, VGA_BRIGHT + VGA_BLUE, 5},
	[MAP_TABLE] = {0xdb, VGA_GREY, 7},
	[MAP_STACK] = {0xdb, VGA_BRIGHT + VGA_MAGENTA, 13},
	[MAP_VMALLOC] = {0xdb, VGA_CYAN, 6},
};

/* --- rows --- */

/* Pages of a row's cells that are mapped where it shows what they are. */
struct mapped {
	const struct map_row *row;
	uint16_t nr[NR_MAP_OWNERS - MAP_TABLE][MAP_COLUMNS];
};

static void mapped_add(struct mapped *mapped, enum map_owner owner, paddr_t paddr)
{
	pfn_t pfn = (pfn_t)(paddr >> PAGE_SHIFT), cell = (pfn - mapped->row->first) >> mapped->row->order;

	if (pfn >= mapped->row->first && cell < mapped->row->nr_cells && map_owner_of(pfn) == MAP_PAGES)
		mapped->nr[owner - MAP_TABLE][cell]++;
}

static void mapped_add_range(struct mapped *mapped, enum map_owner owner, uintptr_t start, uintptr_t end)
{
	struct mmu_mapping mapping;

	for (uintptr_t at = start; at < end; at += MMU_TABLE_SPAN) {
		paddr_t table = mmu_table(at);

		if (!table)
			continue;
		mapped_add(mapped, MAP_TABLE, table);
		for (uintptr_t page = at; page < at + MMU_TABLE_SPAN; page += PAGE_SIZE)
			if (mmu_lookup(page, &mapping))
				mapped_add(mapped, owner, mapping.paddr);
	}
}

static void move_pages(struct map_count *count, enum map_owner to, size_t nr)
{
	nr = MIN(nr, count->nr[MAP_PAGES]);
	count->nr[MAP_PAGES] -= nr;
	count->nr[to] += nr;
}

/* The owner of each cell; all pages of the row are added to `total`. */
static void look_at_row(const struct map_row *row, enum map_owner owner[MAP_COLUMNS], struct map_count *total)
{
	struct mapped mapped = {.row = row};
	struct map_count count;
	pfn_t first, end;

	mapped_add_range(&mapped, MAP_VMALLOC,
			 MMU_DIRECT_MAP_BASE + ALIGN_UP(lowmem_bytes, MMU_TABLE_SPAN) + MMU_VMALLOC_HOLE,
			 MMU_VMALLOC_END);
	mapped_add_range(&mapped, MAP_STACK, MMU_STACKS_START, MMU_STACKS_END);
	for (unsigned int cell = 0; cell < row->nr_cells; cell++) {
		memset(&count, 0, sizeof(count));
		map_cell_range(row, cell, &first, &end);
		map_count(&count, first, end);
		for (enum map_owner to = MAP_TABLE; to < NR_MAP_OWNERS; to++)
			move_pages(&count, to, mapped.nr[to - MAP_TABLE][cell]);
		owner[cell] = map_count_most(&count);
		for (enum map_owner o = 0; o < NR_MAP_OWNERS; o++)
			total->nr[o] += count.nr[o];
	}
}

static bool begins_zone(const struct map_row *row, unsigned int i)
{
	return i == 0 || row[i].zone != row[i - 1].zone;
}

/* "memory by the letter: 256 KiB of DMA, 1024 KiB of Normal" */
static void title_of(const struct map_row *row, unsigned int nr, char *text, size_t size)
{
	int len = scnprintf(text, size, "a cell is");
	char name[ZONE_LABEL_BYTES];

	for (unsigned int i = 0; i < nr; i++)
		if (begins_zone(row, i))
			len += scnprintf(text + len, size - (size_t)len, "%s %u KiB of %s", i ? "," : "",
					 (unsigned int)(PAGE_SIZE >> 10) << row[i].order,
					 zone_label(row[i].zone, name));
}

/* "Normal     16 " */
static void label_of(const struct map_row *row, unsigned int i, char *text, size_t size)
{
	char name[ZONE_LABEL_BYTES];

	(void)snprintf(text, size, "%-*s %5u ", node_map.nr_nodes > 1 ? 9 : 7,
		       begins_zone(row, i) ? zone_label(row[i].zone, name) : "", row[i].first >> 8);
}

/* --- on the terminal --- */

static void say_look(enum map_owner owner)
{
	if (keys_are_present())
		say("\033[%s;%um", looks[owner].background ? "30" : "32",
		    looks[owner].background + (looks[owner].background < 8 ? 40u : 92u));
}

static void say_plain(void)
{
	if (keys_are_present())
		say("\033[0m");
}

static void say_cells(const enum map_owner owner[MAP_COLUMNS], unsigned int nr)
{
	char run[MAP_COLUMNS + 1];
	unsigned int len = 0;

	for (unsigned int cell = 0; cell < nr; cell++) {
		run[len++] = map_owner_letter(owner[cell]);
		if (cell + 1 < nr && owner[cell + 1] == owner[cell])
			continue;
		run[len] = '\0';
		say_look(owner[cell]);
		say("%s", run);
		len = 0;
	}
	say_plain();
	say("\n");
}

/* Columns of 19. */
static void say_legend(const struct map_count *total)
{
	char size[16];

	for (enum map_owner owner = 0; owner < NR_MAP_OWNERS; owner++) {
		size_t pages = total->nr[owner], mib = pages >> 8;

		say_look(owner);
		say("%c", map_owner_letter(owner));
		say_plain();
		(void)snprintf(size, sizeof(size), mib > 9999 ? "%zuM" : "%zu.%zuM", mib,
			       (pages & 255) * 10 >> 8);
		say(" %-10s%7s%s", map_owner_name(owner), size,
		    owner % 4 == 3 || owner + 1 == NR_MAP_OWNERS ? "\n" : " ");
	}
}

void map_print(unsigned int nr_rows, bool legend)
{
	enum map_owner owner[MAP_COLUMNS] = {0};
	struct map_row row[MAP_ROWS_MAX];
	struct map_count total = {0};
	char text[VGA_COLUMNS];

	nr_rows = map_layout(row, nr_rows);
	if (legend) {
		title_of(row, nr_rows, text, sizeof(text));
		say("zone      MiB %s\n", text);
	}
	for (unsigned int i = 0; i < nr_rows; i++) {
		look_at_row(&row[i], owner, &total);
		label_of(row, i, text, sizeof(text));
		say("%s", text);
		say_cells(owner, row[i].nr_cells);
	}
	if (legend)
		say_legend(&total);
}

/* --- for programs --- */

/* All of the map, taken at one look. */
struct look {
	unsigned int nr_rows;
	struct map_row row[MAP_ROWS_MAX];
	char cells[MAP_ROWS_MAX][MAP_COLUMNS + 1];
	struct map_count total;
};

static void look_take(struct look *look)
{
	enum map_owner owner[MAP_COLUMNS] = {0};

	memset(look, 0, sizeof(*look));
	look->nr_rows = map_layout(look->row, MAP_ROWS_USUAL);
	for (unsigned int i = 0; i < look->nr_rows; i++) {
		look_at_row(&look->row[i], owner, &look->total);
		for (unsigned int cell = 0; cell < look->row[i].nr_cells; cell++)
			look->cells[i][cell] = map_owner_letter(owner[cell]);
	}
}

static void look_write(const struct look *look, uint64_t ms, struct sink *out)
{
	char name[ZONE_LABEL_BYTES];

	sink_printf(out, "map begin %llu ms\n", (unsigned long long)ms);
	for (unsigned int i = 0; i < look->nr_rows; i++) {
		const struct map_row *row = &look->row[i];

		sink_printf(out, "map row %s %u %u %s\n", zone_label(row->zone, name), row->first,
			    1u << row->order, look->cells[i]);
	}
	for (enum map_owner o = 0; o < NR_MAP_OWNERS; o++)
		sink_printf(out, "map pages %c %zu %s\n", map_owner_letter(o), look->total.nr[o],
			    map_owner_name(o));
	sink_printf(out, "map end\n");
}

void map_dump(void)
{
	struct look look;
	uint64_t ms = clock_now_ms();

	look_take(&look);
	look_write(&look, ms, monitor_out());
}

/* --- on the screen, live --- */

static struct {
	struct thread *thread; /* NULL: not made yet */
	bool is_on, is_paused;
} live;

/* MA2. What took long was not all work: others ran meanwhile, or an emulator stood still. */
static void sleep_after(uint64_t start_ms, unsigned int shortest_ms)
{
	unsigned int took_ms = (unsigned int)(clock_now_ms() - start_ms);

	msleep(MIN(MAX(took_ms * 4, shortest_ms), LONGEST_MS));
}

static void draw_text(unsigned int row, unsigned int column, const char *text)
{
	for (; *text; text++)
		vga_draw(row, column++, (uint8_t)*text, VGA_BRIGHT + VGA_GREY);
	while (column < VGA_COLUMNS)
		vga_draw(row, column++, ' ', VGA_GREY);
}

static void draw_row(const struct map_row *row, unsigned int i, struct map_count *total)
{
	enum map_owner owner[MAP_COLUMNS] = {0};
	char label[20];

	look_at_row(&row[i], owner, total);
	label_of(row, i, label, sizeof(label));
	draw_text(1 + i, 0, label);
	for (unsigned int cell = 0; cell < row[i].nr_cells; cell++)
		vga_draw(1 + i, (unsigned int)strlen(label) + cell, looks[owner[cell]].glyph,
			 looks[owner[cell]].colour);
}

static void draw_title(const struct map_row *row, unsigned int nr_rows, const struct map_count *total)
{
	size_t nr_free = total->nr[MAP_FREE_SMALL] + total->nr[MAP_FREE_MIDDLE] + total->nr[MAP_FREE_LARGE];
	char text[VGA_COLUMNS], cells[VGA_COLUMNS];

	title_of(row, nr_rows, cells, sizeof(cells));
	(void)snprintf(text, sizeof(text), "%zu MiB free; %s", nr_free >> 8, cells);
	draw_text(0, 0, text);
}

static void draw_legend(unsigned int from)
{
	for (enum map_owner owner = 0; owner < NR_MAP_OWNERS; owner++) {
		unsigned int row = from + owner / LEGEND_COLUMNS, column = owner % LEGEND_COLUMNS * 13;

		draw_text(row, column, "");
		draw_text(row, column + 2, map_owner_name(owner));
		vga_draw(row, column, looks[owner].glyph, looks[owner].colour);
	}
}

/* Sleeps in between (MA2). Result: was the picture drawn to its end? */
static bool draw_picture(void)
{
	struct map_row row[MAP_ROWS_MAX];
	struct map_count total = {0};
	unsigned int nr_rows = map_layout(row, LIVE_ROWS);

	for (unsigned int i = 0; i < nr_rows; i++) {
		uint64_t start_ms = clock_now_ms();

		draw_row(row, i, &total);
		sleep_after(start_ms, LIVE_MS);
		if (!READ_ONCE(live.is_on) || READ_ONCE(live.is_paused))
			return false;
	}
	draw_title(row, nr_rows, &total);
	return true;
}

static int live_thread(void *unused)
{
	struct map_row row[MAP_ROWS_MAX];

	(void)unused;
	for (;;) {
		while (!READ_ONCE(live.is_on) || READ_ONCE(live.is_paused))
			thread_park();
		draw_legend(1 + map_layout(row, LIVE_ROWS));
		(void)draw_picture();
	}
	return 0;
}

bool map_live_set(bool on)
{
	struct map_row row[MAP_ROWS_MAX];

	if (!vga_is_present() || 1 + map_layout(row, LIVE_ROWS) + LIVE_LEGEND_ROWS > VGA_ROWS)
		return false;
	if (on && !live.thread) {
		struct thread *thread = kthread_create(live_thread, NULL, "map");

		if (IS_ERR(thread))
			return false;
		live.thread = thread;
		wake_up_process(thread);
	}
	if (on != live.is_on)
		vga_set_picture(on ? 1 + map_layout(row, LIVE_ROWS) + LIVE_LEGEND_ROWS : 0);
	WRITE_ONCE(live.is_on, on);
	if (on)
		thread_unpark(live.thread);
	return true;
}

/* --- on the second serial line --- */

static struct thread *serial_thread;

/* Whenever something changed, all of it: who joins in later understands the next dump. */
static int serial_thread_run(void *out)
{
	static struct look look, told;

	for (;;) {
		uint64_t start_ms;

		while (READ_ONCE(live.is_paused))
			thread_park();
		start_ms = clock_now_ms();
		look_take(&look);
		if (memcmp(&look, &told, sizeof(look)) != 0)
			look_write(&look, start_ms, out);
		told = look;
		sleep_after(start_ms, SERIAL_MS);
	}
	return 0;
}

bool map_serial_start(void)
{
	struct sink *out = serial_second();
	struct thread *thread;

	if (!out || serial_thread)
		return out;
	thread = kthread_create(serial_thread_run, out, "map-serial");
	if (IS_ERR(thread))
		return false;
	serial_thread = thread;
	wake_up_process(thread);
	return true;
}

void map_live_pause(bool pause)
{
	WRITE_ONCE(live.is_paused, pause);
	if (!pause && live.thread)
		thread_unpark(live.thread);
	if (!pause && serial_thread)
		thread_unpark(serial_thread);
}

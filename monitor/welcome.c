/* SPDX-License-Identifier: MIT */
/* At most 80 columns. The picture is not to scale: the DMA zone would be a hair. */
#include <monitor/welcome.h>

#include <kernel/arch/cpu.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <mm/pages/page_alloc.h>
#include <mm/pages/zone.h>
#include <monitor/say.h>

#define PICTURE_COLUMNS 76u

struct picture {
	unsigned int nr_zones;
	char frame[PICTURE_COLUMNS + 2], floor[PICTURE_COLUMNS + 2], text[PICTURE_COLUMNS + 2],
		borders[PICTURE_COLUMNS + 8];
};

/* Written over what stands there, cut at the end. */
static void put(char *line, unsigned int column, const char *text)
{
	for (; *text && column <= PICTURE_COLUMNS; text++)
		line[column++] = *text;
}

static void put_centred(char *line, unsigned int from, unsigned int to, const char *text)
{
	unsigned int len = (unsigned int)strlen(text);

	put(line, from + (to - from > len ? (to - from - len) / 2 : 0), text);
}

static const char *mib(char buf[24], size_t pages)
{
	(void)snprintf(buf, 24, "%zu.%zu", pages >> 8, (pages & 255) * 10 >> 8);
	return buf;
}

/* Zones of a kind, of all nodes. */
struct zones_of_kind {
	size_t nr_free, present;
	pfn_t end_pfn;
	const char *name;
};

static struct zones_of_kind sum_zones(unsigned int id)
{
	struct zones_of_kind sum = {.name = zones[id].name};
	const struct zone *zone;

	for_each_zone(zone) {
		if (zone->id != id || !zone_has_memory(zone))
			continue;
		sum.nr_free += zone->nr_free + pcp_parked_pages(zone);
		sum.present += zone->present;
		sum.end_pfn = MAX(sum.end_pfn, zone->end_pfn);
	}
	return sum;
}

static void draw_zone(struct picture *picture, const struct zones_of_kind *zone, unsigned int from,
		      unsigned int to)
{
	char text[40], free[24], all[24];

	(void)snprintf(text, sizeof(text), " %s ", zone->name);
	put_centred(picture->frame, from + 1, to, text);
	(void)snprintf(text, sizeof(text), "%s of %s MiB free", mib(free, zone->nr_free),
		       mib(all, zone->present));
	put_centred(picture->text, from + 1, to, text);
	put(picture->frame, to, "+");
	put(picture->floor, to, "+");
	put(picture->text, to, "|");
	(void)snprintf(text, sizeof(text), "%u MiB", (zone->end_pfn + 255) >> 8);
	put(picture->borders, to - (unsigned int)strlen(text) + 1, text);
}

static unsigned int count_zones(void)
{
	unsigned int nr = 0;

	for (unsigned int id = 0; id < NR_ZONES; id++)
		nr += sum_zones(id).present != 0;
	return nr;
}

static void draw_zones(struct picture *picture)
{
	unsigned int nr = count_zones(), i = 0, from = 0;

	memset(picture, ' ', sizeof(*picture));
	memset(picture->frame, '-', PICTURE_COLUMNS);
	put(picture->frame, 0, "+");
	memcpy(picture->floor, picture->frame, sizeof(picture->floor));
	put(picture->text, 0, "|");
	put(picture->borders, 0, "0");
	for (unsigned int id = 0; id < NR_ZONES; id++) {
		const struct zones_of_kind zone = sum_zones(id);
		unsigned int to = PICTURE_COLUMNS * (i + 1) / MAX(nr, 1u);

		if (!zone.present)
			continue;
		i++;
		draw_zone(picture, &zone, from, to);
		from = to;
	}
	picture->frame[PICTURE_COLUMNS + 1] = picture->floor[PICTURE_COLUMNS + 1] = '\0';
	picture->text[PICTURE_COLUMNS + 1] = picture->borders[PICTURE_COLUMNS + 1] = '\0';
}

void welcome_print(const char *loader)
{
	struct picture picture;

	say("\nAshlar, a memory manager for small x86 kernels, and the kernel that proves it\n");
	say("%s, booted by %s\n\n", cpu_name(), loader);
	draw_zones(&picture);
	say("  %s\n", picture.frame);
	say("  %s\n", picture.text);
	say("  %s\n", picture.floor);
	say("  %s\n\n", picture.borders);
}

void welcome_print_hints(void)
{
	say("\n  tour      the rules of the books, each tried here and now\n"
	    "  demo      what happens when memory is short\n"
	    "  test      all self-tests          help      all commands\n"
	    "  Ctrl-C    ends what runs          poweroff, Ctrl-A x  end the machine\n\n");
}

/* SPDX-License-Identifier: MIT */
/* See owner.h. Tracks are found by the hash of what they say in a set of a few; a new one takes the place of the one
 * used longest ago that no page lives by. Track 0 stands for all that are not known.
 *
 * Lock: owner.lock, inside which no other is taken, for few pages at a time. */
#include <mm/report/owner.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/bitops.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/early/bootmem.h>
#include <mm/objects/slab_debug.h>

#define SET_WAYS      8u
#define MIN_TRACKS    512u
#define MAX_TRACKS    8192u
#define CHUNK_PAGES   32u /* under one lock */
#define MAX_CALLERS   256u
#define FRAMES_A_LINE 4u

/* (L) owner.lock */
struct track {
	const void *frame[OWNER_FRAMES]; /* the innermost first; NULL behind the last */
	char task[TRACK_TASK_MAX];
	uint32_t hash, live_pages, live_blocks; /* PO2 */
	uint32_t used;				/* the one used last has the highest, as far as 32 bits go */
	uint32_t generation;			/* PO1 */
};

/* (L) Names a track: PO1. */
struct track_name {
	uint32_t number : 16, generation : 16;
};

enum { WAS_TAKEN = 1, WAS_FREED = 2, IS_LIVE = 4, IS_HEAD = 8 };

/* (L) of a page */
struct record {
	struct track_name taken, freed;
	uint32_t taken_ms, freed_ms;
	gfp_t gfp;
	uint8_t order, is; /* what the enum above says */
};

static struct {
	struct port_lock lock;
	struct record *record; /* of each page; NULL: off (C) */
	struct track *track;   /* (C) */
	uint32_t nr_tracks;    /* a power of two (C) */
	uint32_t nr_uses;
	struct page_owner_caller *caller; /* whose turn it is, see page_owner_callers() */
} owner = {.lock = {.name = "page owner"}};

bool page_owner_init(bool wanted)
{
	uint32_t nr = MIN(MAX(1u << bit_highest(mem_map_pages / 8 + 1), MIN_TRACKS), MAX_TRACKS);
	char *memory = wanted ? alloc_bootmem_nopanic(mem_map_pages * sizeof(struct record) +
						      nr * sizeof(struct track) +
						      MAX_CALLERS * sizeof(struct page_owner_caller))
			      : NULL;

	owner.track = (struct track *)(void *)memory;
	owner.nr_tracks = nr;
	ASSERT(IS_POWER_OF_2(nr) && nr % SET_WAYS == 0);
	ASSERT(IS_POWER_OF_2(nr) && nr % SET_WAYS == 0);
	if (!memory) {
		owner.record = NULL;
		return false;
	}
	owner.caller = (struct page_owner_caller *)(void *)(memory + nr * sizeof(struct track));
	owner.record = (struct record *)(void *)(owner.caller + MAX_CALLERS);
	return true;
}

/* --- tracks --- */

/* Of all that comes before the hash. */
static uint32_t hash_of(const uint32_t *word)
{
	uint32_t hash = 0;

	for (unsigned int i = 0; i < offsetof(struct track, hash) / sizeof(*word); i++)
		hash = (hash ^ word[i]) * 0x9e3779b1u;
	return hash;
}

static NOINLINE void fill_in(struct track *track)
{
	struct object_track who;

	memset(track, 0, sizeof(*track));
	(void)port_backtrace(track->frame, OWNER_FRAMES);
	object_track_note(&who, NULL);
	memcpy(track->task, who.task, sizeof(track->task));
	track->hash = hash_of((const uint32_t *)track);
}

static bool is_same(const struct track *a, const struct track *b)
{
	return a->hash == b->hash && memcmp(a, b, offsetof(struct track, hash)) == 0;
}

/* Number of the track that says the same, or of a place for it; 0: there is none. */
static unsigned int find_locked(const struct track *wanted)
{
	unsigned int first = (wanted->hash >> 16) * SET_WAYS % owner.nr_tracks, place = 0;

	ASSERT(port_lock_is_held(&owner.lock) && first + SET_WAYS <= owner.nr_tracks);
	for (unsigned int i = MAX(first, 1u); i < first + SET_WAYS; i++) {
		const struct track *track = &owner.track[i];

		if (is_same(track, wanted))
			return i;
		if (!track->live_pages && (!place || (int32_t)(track->used - owner.track[place].used) < 0))
			place = i;
	}
	return place;
}

/* The track of who runs now, by which so many pages more live. */
static struct track_name use_track(size_t nr_pages)
{
	struct track wanted, *track;
	struct track_name name;
	irqflags_t flags;

	fill_in(&wanted);
	flags = port_lock_irqsave(&owner.lock);
	name.number = (uint16_t)find_locked(&wanted);
	track = &owner.track[name.number];
	if (name.number && !is_same(track, &wanted)) {
		ASSERT(!track->live_pages && !track->live_blocks); /* PO1: nobody lives by it */
		wanted.generation = track->generation + 1;
		*track = wanted;
	}
	track->used = ++owner.nr_uses;
	track->live_pages += (uint32_t)nr_pages;
	track->live_blocks += nr_pages != 0;
	ASSERT(track->live_blocks <= track->live_pages); /* PO2 */
	name.generation = (uint16_t)track->generation;
	port_unlock_irqrestore(&owner.lock, flags);
	return name;
}

/* --- records --- */

/* PO2 */
static void end_life_locked(struct record *record)
{
	struct track *track = &owner.track[record->taken.number];

	ASSERT(port_lock_is_held(&owner.lock) && record->taken.number < owner.nr_tracks);
	ASSERT(!(record->is & IS_LIVE) || record->taken.generation == (uint16_t)track->generation); /* PO1 */
	ASSERT(!(record->is & IS_LIVE) || track->live_pages);					    /* PO2 */
	ASSERT(!(record->is & IS_HEAD) || (record->is & IS_LIVE && track->live_blocks));
	track->live_pages -= (record->is & IS_LIVE) != 0;
	track->live_blocks -= (record->is & IS_HEAD) != 0;
	record->is &= (uint8_t) ~(IS_LIVE | IS_HEAD);
}

static void take_locked(struct record *record, const struct record *as, bool is_head)
{
	ASSERT(port_lock_is_held(&owner.lock) && as->taken.number < owner.nr_tracks);
	end_life_locked(record);
	record->taken = as->taken;
	record->taken_ms = as->taken_ms;
	record->gfp = as->gfp;
	record->order = as->order;
	record->is |= (uint8_t)(WAS_TAKEN | IS_LIVE | (is_head ? IS_HEAD : 0));
}

static void free_locked(struct record *record, const struct record *as)
{
	ASSERT(port_lock_is_held(&owner.lock) && as->freed.number < owner.nr_tracks);
	end_life_locked(record);
	record->freed = as->freed;
	record->freed_ms = as->freed_ms;
	record->is |= WAS_FREED;
}

void page_owner_taken(struct page *page, unsigned int order, gfp_t gfp)
{
	struct record as = {.taken = use_track((size_t)1 << order),
			    .taken_ms = (uint32_t)port_now_ms(),
			    .gfp = gfp,
			    .order = (uint8_t)order};
	struct record *head = &owner.record[page_to_pfn(page)], *end = head + (1u << order);

	ASSERT(owner.record && page_is_descriptor(page) && order <= MAX_PAGE_ORDER);
	for (struct record *record = head; record < end;) {
		irqflags_t flags = port_lock_irqsave(&owner.lock);

		for (unsigned int n = 0; n < CHUNK_PAGES && record < end; n++, record++)
			take_locked(record, &as, record == head);
		port_unlock_irqrestore(&owner.lock, flags);
	}
}

void page_owner_freed(struct page *page, size_t nr_pages)
{
	struct record as = {.freed = use_track(0), .freed_ms = (uint32_t)port_now_ms()};
	struct record *record = &owner.record[page_to_pfn(page)], *end = record + nr_pages;

	ASSERT(owner.record && page_to_pfn(page) + nr_pages <= mem_map_pages);
	while (record < end) {
		irqflags_t flags = port_lock_irqsave(&owner.lock);

		for (unsigned int n = 0; n < CHUNK_PAGES && record < end; n++, record++)
			free_locked(record, &as);
		port_unlock_irqrestore(&owner.lock, flags);
	}
}

/* --- what is known of a page --- */

static unsigned int nr_frames(const struct track *track)
{
	unsigned int nr = 0;

	while (nr < OWNER_FRAMES && track->frame[nr])
		nr++;
	return nr;
}

/* Who it was, and then the calls that led there. */
static unsigned int nr_lines(const struct track *track)
{
	return 1 + DIV_ROUND_UP(MAX(nr_frames(track), 1u) - 1, FRAMES_A_LINE);
}

static void print_frames(const struct track *track, unsigned int first, char *buf, size_t size)
{
	unsigned int end = MIN(nr_frames(track), first + FRAMES_A_LINE);
	size_t len = (size_t)scnprintf(buf, size, "  called by ");
	char code[64];

	for (unsigned int i = first; i < end; i++)
		len += (size_t)scnprintf(buf + len, size - len, "%s%s",
					 port_code_name(track->frame[i], code, sizeof(code)),
					 i + 1 < end ? ", " : "");
}

static void print_track(const struct track *track, const char *verb, uint32_t at_ms, char *buf, size_t size)
{
	struct object_track who = {.caller = track->frame[0], .at_ms = at_ms};

	memcpy(who.task, track->task, sizeof(who.task));
	if (who.caller)
		(void)object_track_text(&who, verb, buf, size);
	else
		(void)snprintf(buf, size, "%s at %u.%03u s by calls that are not known", verb, at_ms / 1000,
			       at_ms % 1000);
}

static void print_taken(const struct record *record, const struct track *track, char *buf, size_t size)
{
	char flags[96];
	size_t len;

	print_track(track, "taken", record->taken_ms, buf, size);
	len = strlen(buf);
	(void)scnprintf(buf + len, size - len, ", order %u, %s", record->order,
			gfp_names(record->gfp, flags, sizeof(flags)));
}

/* What is known of a page, as it was at one moment. */
struct knowledge {
	struct record record;
	struct track taken, freed;
};

/* PO1 */
static const struct track *track_of_locked(struct track_name name)
{
	const struct track *track = &owner.track[name.number];

	ASSERT(port_lock_is_held(&owner.lock) && name.number < owner.nr_tracks);
	return (uint16_t)track->generation == name.generation ? track : &owner.track[0];
}

static NOINLINE void look_up(pfn_t pfn, struct knowledge *known)
{
	irqflags_t flags = port_lock_irqsave(&owner.lock);

	ASSERT(pfn < mem_map_pages);
	known->record = owner.record[pfn];
	known->taken = *track_of_locked(known->record.taken);
	known->freed = *track_of_locked(known->record.freed);
	port_unlock_irqrestore(&owner.lock, flags);
}

bool page_owner_line(const struct page *page, unsigned int n, char *buf, size_t size)
{
	unsigned int nr_taken, nr_freed;
	struct knowledge known;

	if (!owner.record)
		return false;
	look_up(page_to_pfn(page), &known);
	nr_taken = known.record.is & WAS_TAKEN ? nr_lines(&known.taken) : 0;
	nr_freed = known.record.is & WAS_FREED ? nr_lines(&known.freed) : 0;
	if (n == 0 && nr_taken)
		print_taken(&known.record, &known.taken, buf, size);
	else if (n < nr_taken)
		print_frames(&known.taken, 1 + (n - 1) * FRAMES_A_LINE, buf, size);
	else if (n == nr_taken && nr_freed)
		print_track(&known.freed, "freed", known.record.freed_ms, buf, size);
	else if (n < nr_taken + nr_freed)
		print_frames(&known.freed, 1 + (n - nr_taken - 1) * FRAMES_A_LINE, buf, size);
	return n < nr_taken + nr_freed;
}

/* --- memory by caller --- */

/* The line of that caller, or of all others where there are too many; the last line is theirs. */
static struct page_owner_caller *line_of(const void *caller)
{
	struct page_owner_caller *line = owner.caller, *others = owner.caller + MAX_CALLERS - 1;

	if (!caller)
		return others;
	for (; line < others && line->caller; line++)
		if (line->caller == caller)
			return line;
	line->caller = line < others ? caller : NULL;
	return line;
}

static void add_up(void)
{
	memset(owner.caller, 0, MAX_CALLERS * sizeof(*owner.caller));
	for (uint32_t i = 0; i < owner.nr_tracks; i++) {
		irqflags_t flags = port_lock_irqsave(&owner.lock);
		struct page_owner_caller is = {owner.track[i].frame[0], owner.track[i].live_blocks,
					       owner.track[i].live_pages};
		struct page_owner_caller *line;

		port_unlock_irqrestore(&owner.lock, flags);
		if (!is.nr_pages)
			continue;
		line = line_of(is.caller);
		line->nr_blocks += is.nr_blocks;
		line->nr_pages += is.nr_pages;
	}
}

/* The most first, and nothing behind the last. */
static unsigned int sort(void)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < MAX_CALLERS; i++) {
		struct page_owner_caller line = owner.caller[i];
		unsigned int at = nr;

		if (!line.nr_pages)
			continue;
		for (; at && owner.caller[at - 1].nr_pages < line.nr_pages; at--)
			owner.caller[at] = owner.caller[at - 1];
		owner.caller[at] = line;
		nr++;
		ASSERT(at < nr && nr <= i + 1);
	}
	return nr;
}

const struct page_owner_caller *page_owner_callers(unsigned int *nr)
{
	*nr = 0;
	if (!owner.record)
		return NULL;
	add_up();
	*nr = sort();
	return owner.caller;
}

/* SPDX-License-Identifier: MIT */
/* Names of allocation flags, and the rate limit of the messages that show them. No lock: read-only tables,
 * and counters whose races cost a message at most. */
#include <mm/pages/gfp.h>

#include <kernel/lib/assert.h>
#include <kernel/lib/format.h>
#include <mm/port.h>

struct gfp_name {
	gfp_t bits;
	const char *name;
};

/* Compositions first, the widest first; then single bits. What one entry names, the next does not name again.
 */
static const struct gfp_name names[] = {
	{GFP_HIGHUSER, "GFP_HIGHUSER"},
	{GFP_USER, "GFP_USER"},
	{GFP_KERNEL, "GFP_KERNEL"},
	{GFP_NOFS, "GFP_NOFS"},
	{GFP_NOIO, "GFP_NOIO"},
	{GFP_ATOMIC, "GFP_ATOMIC"},
	{GFP_DMA, "GFP_DMA"},
	{__GFP_HIGHMEM, "__GFP_HIGHMEM"},
	{__GFP_MOVABLE, "__GFP_MOVABLE"},
	{__GFP_RECLAIMABLE, "__GFP_RECLAIMABLE"},
	{__GFP_IO, "__GFP_IO"},
	{__GFP_FS, "__GFP_FS"},
	{__GFP_COLD, "__GFP_COLD"},
	{__GFP_NOWARN, "__GFP_NOWARN"},
	{__GFP_REPEAT, "__GFP_REPEAT"},
	{__GFP_NOFAIL, "__GFP_NOFAIL"},
	{__GFP_NORETRY, "__GFP_NORETRY"},
	{__GFP_ZERO, "__GFP_ZERO"},
	{__GFP_COMP, "__GFP_COMP"},
	{__GFP_NO_GROW, "__GFP_NO_GROW"},
	{__GFP_THISNODE, "__GFP_THISNODE"},
	{__GFP_NOMEMALLOC, "__GFP_NOMEMALLOC"},
};

const char *gfp_names(gfp_t gfp, char *buf, size_t size)
{
	unsigned int left = (__force unsigned int)gfp;
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names) && left; i++) {
		unsigned int bits = (__force unsigned int)names[i].bits;

		if ((left & bits) == bits) {
			len += (size_t)scnprintf(buf + len, size - len, "%s%s", len ? "|" : "",
						 names[i].name);
			left &= ~bits;
		}
	}
	if (left & (__force unsigned int)GFP_NODE_BITS) {
		len += (size_t)scnprintf(buf + len, size - len, "%s__GFP_NODE(%u)", len ? "|" : "",
					 ((left & (__force unsigned int)GFP_NODE_BITS) >> GFP_NODE_SHIFT) -
						 1);
		left &= ~(__force unsigned int)GFP_NODE_BITS;
	}
	if (left)
		scnprintf(buf + len, size - len, "%s%#x", len ? "|" : "", left);
	else if (len == 0)
		scnprintf(buf, size, "GFP_NOWAIT");
	return buf;
}

const char *gfp_why_impossible(gfp_t gfp)
{
	if (gfp_has(gfp, ~GFP_KNOWN_BITS))
		return "unknown flag bits";
	if (gfp_zone_bits(gfp) == 3)
		return "two zones, __GFP_DMA and __GFP_HIGHMEM";
	if (gfp_mobility_bits(gfp) == 3)
		return "__GFP_MOVABLE and __GFP_RECLAIMABLE together";
	ASSERT(gfp_is_impossible(gfp));
	return "__GFP_NOFAIL without __GFP_WAIT";
}

static unsigned int ratelimit_generation = 1;

bool ratelimit_ok(struct ratelimit *limit)
{
	uint64_t now = port_now_ms();

	if (limit->generation != ratelimit_generation ||
	    now - limit->window_start_ms >= RATELIMIT_INTERVAL_MS) {
		limit->generation = ratelimit_generation;
		limit->window_start_ms = now;
		limit->printed = 0;
	}
	if (limit->printed >= RATELIMIT_BURST)
		return false;
	limit->printed++;
	ASSERT(limit->printed <= RATELIMIT_BURST);
	return true;
}

void ratelimit_reset_all(void)
{
	ratelimit_generation++;
}

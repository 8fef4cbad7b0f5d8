/* SPDX-License-Identifier: MIT */
/* Allocation flags: what a caller permits and asks for. Serves CONTRACT G1-G21.
 *
 * Which one do I want?  GFP_KERNEL when you may sleep, GFP_ATOMIC when you may not (interrupt, softirq,
 * spinlock held), with GFP_DMA when an ISA device will touch the memory. Everything else is a refinement.
 *
 * The bits answer five questions:
 *   where       __GFP_DMA, __GFP_HIGHMEM (at most one; none: NORMAL, then DMA)
 *   how mobile  __GFP_MOVABLE, __GFP_RECLAIMABLE (at most one; none: unmovable)
 *   may it      __GFP_WAIT sleep, __GFP_IO start I/O, __GFP_FS call file systems, __GFP_HIGH use the reserve;
 *               __GFP_NOMEMALLOC never, whatever else is said
 *   how hard    __GFP_NORETRY < default < __GFP_REPEAT < __GFP_NOFAIL
 *   what kind   __GFP_ZERO, __GFP_COMP, __GFP_COLD, __GFP_NOWARN, __GFP_NO_GROW
 *   how near    __GFP_NODE(n) to node n first instead of the CPU's own, __GFP_THISNODE nowhere else
 */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

typedef unsigned int __bitwise gfp_t;

#define GFP_BIT(n)	  ((__force gfp_t)(1u << (n)))

#define __GFP_DMA	  GFP_BIT(0) /* zone: the first 16 MiB */
#define __GFP_HIGHMEM	  GFP_BIT(1) /* zone: high memory preferred */
#define __GFP_MOVABLE	  GFP_BIT(2)
#define __GFP_RECLAIMABLE GFP_BIT(3)
#define __GFP_WAIT	  GFP_BIT(4)
#define __GFP_HIGH	  GFP_BIT(5)
#define __GFP_IO	  GFP_BIT(6)
#define __GFP_FS	  GFP_BIT(7)
#define __GFP_COLD	  GFP_BIT(8)
#define __GFP_NOWARN	  GFP_BIT(9)
#define __GFP_REPEAT	  GFP_BIT(10)
#define __GFP_NOFAIL	  GFP_BIT(11)
#define __GFP_NORETRY	  GFP_BIT(12)
#define __GFP_ZERO	  GFP_BIT(13)
#define __GFP_COMP	  GFP_BIT(14)
#define __GFP_NO_GROW	  GFP_BIT(15)
#define __GFP_THISNODE	  GFP_BIT(16)
#define __GFP_NOMEMALLOC  GFP_BIT(17)

/* Node n, or NUMA_NO_NODE for the CPU's own. One that there is not is nobody's: with __GFP_THISNODE it has nothing, without
 * it is as if no node were named. */
#define GFP_NODE_SHIFT	 18
#define GFP_NODE_BITS	 ((__force gfp_t)(15u << GFP_NODE_SHIFT))
#define __GFP_NODE(node) ((__force gfp_t)((((unsigned int)(node) + 1) & 15u) << GFP_NODE_SHIFT))
#define NUMA_NO_NODE	 (-1)

#define GFP_KNOWN_BITS	 ((__force gfp_t)((1u << 22) - 1))

/* What a request loses that was made where nobody may sleep. */
#define GFP_PATIENCE (__GFP_WAIT | __GFP_NOFAIL)

/* Later names of the same permissions. */
#define __GFP_RECLAIM	     __GFP_WAIT
#define __GFP_DIRECT_RECLAIM __GFP_WAIT
#define __GFP_RETRY_MAYFAIL  __GFP_REPEAT

#define GFP_NOWAIT	     ((__force gfp_t)0u)
#define GFP_ATOMIC	     __GFP_HIGH
#define GFP_NOIO	     __GFP_WAIT
#define GFP_NOFS	     (__GFP_WAIT | __GFP_IO)
#define GFP_KERNEL	     (__GFP_WAIT | __GFP_IO | __GFP_FS)
#define GFP_USER	     (GFP_KERNEL | __GFP_MOVABLE)
#define GFP_HIGHUSER	     (GFP_USER | __GFP_HIGHMEM)
#define GFP_DMA		     __GFP_DMA

STATIC_ASSERT((__force unsigned int)GFP_NOWAIT == 0, "GFP_NOWAIT: no permission at all (G6)");
STATIC_ASSERT((__force unsigned int)(GFP_ATOMIC ^ __GFP_HIGH) == 0, "GFP_ATOMIC = HIGH (G2)");
STATIC_ASSERT((__force unsigned int)(GFP_NOIO ^ __GFP_WAIT) == 0, "GFP_NOIO = WAIT (G4)");
STATIC_ASSERT((__force unsigned int)(GFP_NOFS ^ (__GFP_WAIT | __GFP_IO)) == 0, "GFP_NOFS = WAIT|IO (G5)");
STATIC_ASSERT((__force unsigned int)(GFP_KERNEL ^ (__GFP_WAIT | __GFP_IO | __GFP_FS)) == 0,
	      "GFP_KERNEL (G1)");
STATIC_ASSERT((__force unsigned int)(GFP_USER ^ (GFP_KERNEL | __GFP_MOVABLE)) == 0, "GFP_USER (G3)");
STATIC_ASSERT((__force unsigned int)(GFP_HIGHUSER ^ (GFP_USER | __GFP_HIGHMEM)) == 0, "GFP_HIGHUSER (G3)");

static ALWAYS_INLINE bool gfp_has(gfp_t gfp, gfp_t bits)
{
	return (__force unsigned int)(gfp & bits) != 0;
}

/* The zone and mobility bits as small table indices. */
static ALWAYS_INLINE unsigned int gfp_zone_bits(gfp_t gfp)
{
	return (__force unsigned int)gfp & 3u;
}

static ALWAYS_INLINE unsigned int gfp_mobility_bits(gfp_t gfp)
{
	return (__force unsigned int)gfp >> 2 & 3u;
}

/* May it take what a zone keeps for emergencies? */
static ALWAYS_INLINE bool gfp_may_empty(gfp_t gfp)
{
	return gfp_has(gfp, __GFP_HIGH) && !gfp_has(gfp, __GFP_NOMEMALLOC);
}

/* May who asks sleep? */
static ALWAYS_INLINE bool gfpflags_allow_blocking(gfp_t gfp)
{
	return gfp_has(gfp, __GFP_WAIT);
}

/* Two zones, or two mobilities? (bits 0 and 1, 2 and 3) */
static ALWAYS_INLINE bool gfp_names_two(gfp_t gfp)
{
	unsigned int bits = (__force unsigned int)gfp;

	return bits & bits >> 1 & 5u;
}

/* Can no request with these flags ever be met? (K7: unknown bits, two zones, two mobilities; G15: NOFAIL that
 * may not wait) */
static inline bool gfp_is_impossible(gfp_t gfp)
{
	return gfp_has(gfp, ~GFP_KNOWN_BITS) || gfp_names_two(gfp) ||
	       (gfp_has(gfp, __GFP_NOFAIL) && !gfp_has(gfp, __GFP_WAIT));
}

/* Why gfp_is_impossible(), in words. */
const char *gfp_why_impossible(gfp_t gfp);

/* The flags as names, "GFP_KERNEL|__GFP_ZERO", into buf (96 bytes hold the usual ones; more is cut). Result:
 * buf. Context: any. Serves G20. */
const char *gfp_names(gfp_t gfp, char *buf, size_t size);

/* Rate limit of warnings: RATELIMIT_BURST messages per RATELIMIT_INTERVAL_MS and place. Result: may this one
 * be printed? Context: any; a race may let one message more through, nothing worse. */
#define RATELIMIT_BURST	      10
#define RATELIMIT_INTERVAL_MS 5000

struct ratelimit {
	uint64_t window_start_ms;
	unsigned int printed, generation;
};

bool ratelimit_ok(struct ratelimit *limit);

/* Start every rate limit anew: for tests that count messages. */
void ratelimit_reset_all(void);

/* SPDX-License-Identifier: MIT */
/* See fault.h. The rest of a thread's countdown stands in its scope's word, above the scopes.
 *
 * Lock: fault.lock, for the settings, alone. Requests are asked about with no other lock held. */
#include <mm/report/fault.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/string.h>
#include <mm/objects/above.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/above.h>
#include <mm/pages/watch.h>
#include <mm/reclaim/above.h>
#include <mm/reclaim/scope.h>

#define NTH_SHIFT SCOPE_NTH_SHIFT
#define NTH_MAX	  (UINT32_MAX >> NTH_SHIFT)

STATIC_ASSERT(SCOPE_FOR_MASK >> NTH_SHIFT == 0, "the countdown stands above the scopes");

struct fault_setting {
	bool is_on;
	unsigned int interval, probability, times; /* times UINT_MAX: without end */
	size_t space;
	unsigned int min_order;
	gfp_t flags;
	char cache[CACHE_NAME_MAX], task[PORT_NAME_MAX], caller[40]; /* "": any */
	unsigned int nr_asked, nr_failed;
};

static struct {
	struct port_lock lock;
	struct fault_setting setting[NR_FAULT_KINDS]; /* (L) */
	uint32_t random;			      /* (L) */
	unsigned int nr_armed;			      /* settings and threads' countdowns */
} fault = {.lock = {.name = "fault"}, .random = 0x2545f491};

/* --- which requests fail --- */

struct request {
	const char *cache; /* NULL: pages */
	size_t bytes;
	unsigned int order;
	gfp_t gfp;
	const void *caller;
};

/* "function+0x12" is in `wanted`? */
static bool is_code_in(const void *ip, const char *wanted)
{
	size_t length = strlen(wanted);
	char code[64];

	(void)port_code_name(ip, code, sizeof(code));
	return strncmp(code, wanted, length) == 0 && (code[length] == '+' || code[length] == '\0');
}

static bool is_concerned(const struct fault_setting *setting, const struct request *request)
{
	return setting->is_on && request->order >= setting->min_order &&
	       (__force unsigned int)(setting->flags & ~request->gfp) == 0 &&
	       (!setting->cache[0] || (request->cache && strcmp(setting->cache, request->cache) == 0)) &&
	       (!setting->task[0] || strcmp(setting->task, port_task_name()) == 0) &&
	       (!setting->caller[0] || is_code_in(request->caller, setting->caller));
}

static uint32_t random_locked(void)
{
	ASSERT(port_lock_is_held(&fault.lock) && fault.random);
	fault.random ^= fault.random << 13;
	fault.random ^= fault.random >> 17;
	fault.random ^= fault.random << 5;
	return fault.random;
}

static bool hits_locked(struct fault_setting *setting, const struct request *request)
{
	ASSERT(port_lock_is_held(&fault.lock) && setting->interval && setting->probability <= 100);
	if (setting->space >= request->bytes && setting->space) {
		setting->space -= request->bytes;
		return false;
	}
	setting->nr_asked++;
	if (!setting->times || setting->nr_asked % setting->interval ||
	    random_locked() % 100 >= setting->probability)
		return false;
	setting->nr_failed++;
	setting->times -= setting->times != UINT32_MAX;
	return true;
}

/* Interrupts are not the thread's. */
static bool nth_hits(void)
{
	uint32_t *scope;

	if (port_in_interrupt())
		return false;
	scope = port_scope();
	if (!(*scope >> NTH_SHIFT))
		return false;
	*scope -= 1u << NTH_SHIFT;
	return !(*scope >> NTH_SHIFT);
}

static bool hits(enum fault_kind kind, const struct request *request)
{
	struct fault_setting *setting = &fault.setting[kind];
	irqflags_t flags;
	bool is_hit;

	ASSERT(kind < NR_FAULT_KINDS && request->order <= MAX_PAGE_ORDER);
	if (gfp_has(request->gfp, __GFP_NOFAIL)) /* FI1 */
		return false;
	if (nth_hits())
		return true;
	flags = port_lock_irqsave(&fault.lock);
	is_hit = is_concerned(setting, request) && hits_locked(setting, request);
	port_unlock_irqrestore(&fault.lock, flags);
	return is_hit;
}

bool fault_hits_pages(gfp_t gfp, unsigned int order, const void *caller)
{
	struct request request = {
		.bytes = (size_t)PAGE_SIZE << order, .order = order, .gfp = gfp, .caller = caller};

	return hits(FAULT_PAGES, &request);
}

bool fault_hits_object(const struct kmem_cache *cache, gfp_t gfp, const void *caller)
{
	struct request request = {
		.cache = cache->name, .bytes = cache->object_size, .gfp = gfp, .caller = caller};

	if (strcmp(cache->name, "kmem_cache") == 0) /* FI1 */
		return !gfp_has(gfp, __GFP_NOFAIL) && nth_hits();
	return hits(FAULT_OBJECTS, &request);
}

/* --- settings --- */

/* FI2 */
static void arm(int change)
{
	port_preempt_disable();
	ASSERT(change > 0 || fault.nr_armed); /* FI2 */
	fault.nr_armed += (unsigned int)change;
	if (fault.nr_armed == (change > 0 ? 1u : 0u)) {
		mm_watch_set(WATCH_FAULT, change > 0);
		pcp_close(SLOW_FAULT, change > 0);
		slab_close_all(SLOW_FAULT, change > 0);
	}
	port_preempt_enable();
}

bool fault_set_nth(unsigned int n)
{
	static const uint32_t scopes = (1u << NTH_SHIFT) - 1;
	uint32_t *scope = port_scope();
	bool was_armed = *scope & SCOPE_NTH, was_reached = was_armed && !(*scope >> NTH_SHIFT);

	ASSERT(!port_in_interrupt());
	n = MIN(n, (unsigned int)NTH_MAX);
	if (was_armed != (n != 0))
		arm(n ? 1 : -1);
	*scope = (*scope & scopes & ~SCOPE_NTH) | (n ? SCOPE_NTH : 0) | n << NTH_SHIFT;
	return was_reached;
}

static unsigned int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	return c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10 : 16;
}

/* A number, decimal or 0x…, up to a comma or the end; -1 is UINT32_MAX. Moves *text behind the comma. */
static bool parse_number(const char **text, uint32_t *value)
{
	const char *at = *text;
	unsigned int base = 10;
	bool is_minus = *at == '-';

	at += is_minus;
	if (at[0] == '0' && at[1] == 'x') {
		base = 16;
		at += 2;
	}
	if (digit_of(*at) >= base)
		return false;
	for (*value = 0; digit_of(*at) < base; at++)
		if (__builtin_mul_overflow(*value, base, value) ||
		    __builtin_add_overflow(*value, digit_of(*at), value))
			return false;
	if ((*at && *at != ',') || (is_minus && *value != 1))
		return false;
	if (is_minus)
		*value = UINT32_MAX;
	*text = *at ? at + 1 : at;
	return true;
}

/* "key=" at *text: what follows is its value. */
static bool parse_key(const char **text, const char *key)
{
	size_t length = strlen(key);

	if (strncmp(*text, key, length) != 0)
		return false;
	*text += length;
	return true;
}

static bool parse_word(const char **text, char *word, size_t size)
{
	size_t n = 0;

	while ((*text)[n] && (*text)[n] != ',')
		n++;
	if (n == 0 || n >= size)
		return false;
	memcpy(word, *text, n);
	word[n] = '\0';
	*text += n + ((*text)[n] != '\0');
	return true;
}

static bool parse_filter(const char **text, struct fault_setting *setting)
{
	uint32_t bits;

	if (parse_key(text, "cache="))
		return parse_word(text, setting->cache, sizeof(setting->cache));
	if (parse_key(text, "task="))
		return parse_word(text, setting->task, sizeof(setting->task));
	if (parse_key(text, "caller="))
		return parse_word(text, setting->caller, sizeof(setting->caller));
	if (parse_key(text, "order="))
		return parse_number(text, &setting->min_order);
	if (!parse_key(text, "flags=") || !parse_number(text, &bits))
		return false;
	setting->flags = (__force gfp_t)bits;
	return true;
}

static const char *parse_setting(const char *text, struct fault_setting *setting)
{
	uint32_t space;

	*setting = (struct fault_setting){.is_on = true};
	if (!parse_number(&text, &setting->interval) || !parse_number(&text, &setting->probability) ||
	    !parse_number(&text, &space) || !parse_number(&text, &setting->times))
		return "interval,probability,space,times";
	if (setting->interval == 0 || setting->probability > 100)
		return "an interval above 0 and a probability up to 100";
	setting->space = space;
	while (*text)
		if (!parse_filter(&text, setting))
			return "cache=, task=, caller=, order= or flags= with a value";
	return NULL;
}

const char *fault_set(enum fault_kind kind, const char *text)
{
	struct fault_setting setting = {.is_on = false};
	const char *expected = strcmp(text, "off") == 0 ? NULL : parse_setting(text, &setting);
	irqflags_t flags;
	bool was_on;

	ASSERT(!port_in_interrupt() && kind < NR_FAULT_KINDS);
	if (expected)
		return expected;
	if (setting.is_on)
		arm(1);
	flags = port_lock_irqsave(&fault.lock);
	was_on = fault.setting[kind].is_on;
	fault.setting[kind] = setting;
	port_unlock_irqrestore(&fault.lock, flags);
	if (was_on)
		arm(-1);
	return NULL;
}

void fault_counts(enum fault_kind kind, unsigned int *nr_asked, unsigned int *nr_failed)
{
	irqflags_t flags = port_lock_irqsave(&fault.lock);

	*nr_asked = fault.setting[kind].nr_asked;
	*nr_failed = fault.setting[kind].nr_failed;
	port_unlock_irqrestore(&fault.lock, flags);
}

/* SPDX-License-Identifier: MIT */
#include <monitor/handles.h>

#include <kernel/core/ksym.h>
#include <kernel/lib/string.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <mm/pages/user_page.h>
#include <monitor/parse.h>
#include <monitor/say.h>

static struct {
	struct held held[NR_HANDLES];
	unsigned int next; /* handle - 1 to be given next, when its slot is free */
} handles;

static const struct {
	const char *giver, *taker;
} kinds[NR_HELD_KINDS] = {
	[HELD_PAGES] = {"alloc", "free"},    [HELD_OBJECT] = {"kmalloc", "kfree"},
	[HELD_AREA] = {"vmalloc", "vfree"},  [HELD_DEVICE] = {"ioremap", "iounmap"},
	[HELD_WINDOW] = {"kmap", "kunmap"},  [HELD_CACHED] = {"cache alloc", "cache free"},
	[HELD_USER] = {"user", "user free"},
};

const char *held_giver(enum held_kind kind)
{
	return kinds[kind].giver;
}

const char *held_taker(enum held_kind kind)
{
	return kinds[kind].taker;
}

/* Handles whose slot is taken are skipped, so H1 holds. */
struct held *held_new(const char *command, enum held_kind kind)
{
	for (unsigned int i = 0; i < NR_HANDLES; i++) {
		struct held *held = &handles.held[handles.next++ % NR_HANDLES];

		if (!held->number) {
			*held = (struct held){.number = handles.next, .kind = kind};
			return held;
		}
	}
	handles.next -= NR_HANDLES;
	say("%s: all %u handles are in use, expected one to be freed first\n", command, NR_HANDLES);
	return NULL;
}

void held_cancel(struct held *held)
{
	handles.next = held->number - 1;
	held->number = 0;
}

void held_release(struct held *held)
{
	switch (held->kind) {
	case HELD_PAGES:
		__free_pages(held->page, held->order);
		break;
	case HELD_AREA:
		vfree(held->object);
		break;
	case HELD_DEVICE:
		iounmap(held->object);
		break;
	case HELD_WINDOW:
		kunmap(held->page);
		__free_page(held->page);
		break;
	case HELD_CACHED:
		kmem_cache_free(held->cache, held->object);
		break;
	case HELD_USER:
		free_user_page(held->page);
		break;
	default:
		kfree(held->object);
	}
	held->number = 0;
}

static struct held *find_address(uintptr_t addr)
{
	for (unsigned int i = 0; i < NR_HANDLES; i++)
		if (handles.held[i].number && handles.held[i].object == (void *)addr)
			return &handles.held[i];
	return NULL;
}

static struct held *find_number(const char *command, unsigned int number)
{
	struct held *held = &handles.held[(number - 1) % NR_HANDLES];

	if (held->number == number)
		return held;
	say(number <= handles.next ? "%s: #%u was freed already\n" : "%s: #%u was never given out\n", command,
	    number);
	return NULL;
}

struct held *held_find(const char *command, const char *word)
{
	unsigned int number;
	struct held *held;
	uint64_t value;

	if (parse_handle(word, &number))
		return find_number(command, number);
	if (!parse_number(word, &value)) {
		(void)expected(command, "a handle or an address", word);
		return NULL;
	}
	held = value && value <= UINTPTR_MAX ? find_address((uintptr_t)value) : NULL;
	if (!held)
		(void)expected(command, "an address that a command here gave", word);
	return held;
}

struct held *held_find_kind(const char *command, const char *word, enum held_kind kind)
{
	struct held *held = held_find(command, word);

	if (!held || held->kind == kind)
		return held;
	say("%s: #%u came from %s, expected %s\n", command, held->number, held_giver(held->kind),
	    held_taker(held->kind));
	return NULL;
}

/* The slots in use are not in order when numbers wrapped around a slot that stays: so the next larger is
 * looked for. */
struct held *held_at(unsigned int n)
{
	struct held *found = NULL;
	unsigned int last = 0;

	for (n++; n; n--) {
		found = NULL;
		for (unsigned int i = 0; i < NR_HANDLES; i++) {
			struct held *held = &handles.held[i];

			if (held->number > last && (!found || held->number < found->number))
				found = held;
		}
		if (!found)
			break;
		last = found->number;
	}
	return found;
}

bool held_uses_cache(const struct kmem_cache *cache)
{
	for (unsigned int i = 0; i < NR_HANDLES; i++)
		if (handles.held[i].number && handles.held[i].kind == HELD_CACHED &&
		    handles.held[i].cache == cache)
			return true;
	return false;
}

bool handle_to_address(const char *command, unsigned int number, uintptr_t *addr)
{
	const struct held *held = find_number(command, number);

	if (held && !held->object)
		say("%s: #%u is high memory, it has no address\n", command, number);
	*addr = held ? (uintptr_t)held->object : 0;
	return *addr != 0;
}

bool word_to_address(const char *command, const char *word, uintptr_t *addr)
{
	unsigned int number;
	uint64_t value;

	if (parse_handle(word, &number))
		return handle_to_address(command, number, addr);
	if (parse_number(word, &value) && value <= UINTPTR_MAX) {
		*addr = (uintptr_t)value;
		return true;
	}
	return ksym_find(word, addr) ||
	       expected(command, "a handle, a symbol or an address from 0 to 0xffffffff", word);
}

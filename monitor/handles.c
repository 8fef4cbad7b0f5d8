/* SPDX-License-Identifier: MIT */
#include <monitor/handles.h>

#include <monitor/parse.h>
#include <monitor/say.h>

static struct {
	struct held held[NR_HANDLES];
	unsigned int next; /* handle - 1 to be given next, when its slot is free */
} handles;

/* Handles whose slot is taken are skipped, so H1 holds. */
struct held *held_new(const char *command)
{
	for (unsigned int i = 0; i < NR_HANDLES; i++) {
		struct held *held = &handles.held[handles.next++ % NR_HANDLES];

		if (!held->number) {
			*held = (struct held){.number = handles.next};
			return held;
		}
	}
	handles.next -= NR_HANDLES;
	say("%s: all %u handles are in use, expected one to be freed first\n", command, NR_HANDLES);
	return NULL;
}

void held_forget(struct held *held)
{
	held->number = 0;
}

/* Nothing was given out: the number is the next one's. */
void held_cancel(struct held *held)
{
	handles.next = held->number - 1;
	held_forget(held);
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
		(void)expected(command, "an address that alloc or kmalloc gave", word);
	return held;
}

bool handle_to_address(const char *command, unsigned int number, uintptr_t *addr)
{
	const struct held *held = find_number(command, number);

	if (held && !held->object)
		say("%s: #%u is high memory, it has no address\n", command, number);
	*addr = held ? (uintptr_t)held->object : 0;
	return *addr != 0;
}

const struct held *held_at(unsigned int i)
{
	return &handles.held[i];
}

bool word_to_address(const char *command, const char *word, uintptr_t *addr)
{
	unsigned int number;
	uint64_t value;

	if (parse_handle(word, &number))
		return handle_to_address(command, number, addr);
	if (!parse_number(word, &value) || value > UINTPTR_MAX)
		return expected(command, "a handle or an address from 0 to 0xffffffff", word);
	*addr = (uintptr_t)value;
	return true;
}

/* SPDX-License-Identifier: MIT */
/* See lockorder.h. A class is found by its name's address, a name that lies twice in the image is two classes: less is seen then,
 * nothing wrong said.
 *
 * Lock: lockorder.lock, interrupts off, for classes and pairs. */
#include <kernel/core/lockorder.h>

#include <kernel/arch/irqflags.h>
#include <kernel/core/lockword.h>
#include <kernel/core/printk.h>

#define NR_CLASSES 128u /* a power of two; classes beyond are not judged */
#define NR_HELD	   24u
#define NR_WORDS   (NR_CLASSES / 32)

struct set {
	uint32_t word[NR_WORDS];
};

struct held {
	const char *name[NR_HELD];
};

DEFINE_PERCPU(uint32_t, lockorder_nr_held);
static DEFINE_PERCPU(struct held, lockorder_held);

static struct {
	uint32_t lock; /* see lockword.h */
	unsigned int nr_reports;
	const char *name[NR_CLASSES]; /* by hash; NULL: free */
	struct set inside[NR_CLASSES];
	struct set reported[NR_CLASSES]; /* LO3 */
} lockorder;

unsigned int lockorder_nr_reports(void)
{
	return READ_ONCE(lockorder.nr_reports);
}

static bool has(const struct set *set, unsigned int class)
{
	return set->word[class / 32] >> class % 32 & 1;
}

static void add(struct set *set, unsigned int class)
{
	set->word[class / 32] |= 1u << class % 32;
}

/* Result: NR_CLASSES when there is no room. */
static unsigned int class_of_locked(const char *name)
{
	for (unsigned int i = 0; i < NR_CLASSES; i++) {
		unsigned int class = ((uintptr_t)name * 0x9e3779b1u / (1u << 25) + i) % NR_CLASSES;

		if (!lockorder.name[class])
			lockorder.name[class] = name;
		if (lockorder.name[class] == name)
			return class;
	}
	return NR_CLASSES;
}

/* Is `wanted` taken inside `outer`, or inside what is? */
static bool leads_to_locked(unsigned int outer, unsigned int wanted)
{
	struct set seen = lockorder.inside[outer];
	bool grows = true;

	while (grows && !has(&seen, wanted)) {
		grows = false;
		for (unsigned int class = 0; class < NR_CLASSES; class ++)
			for (unsigned int i = 0; has(&seen, class) && i < NR_WORDS; i++) {
				uint32_t more = lockorder.inside[class].word[i] & ~seen.word[i];

				seen.word[i] |= more;
				grows |= more != 0;
			}
	}
	return has(&seen, wanted);
}

/* Result: do two orders contradict each other here, for the first time? */
static bool pair_add_locked(const char *outer_name, const char *inner_name)
{
	unsigned int outer = class_of_locked(outer_name), inner = class_of_locked(inner_name);

	if (outer == inner || outer == NR_CLASSES || inner == NR_CLASSES ||
	    has(&lockorder.inside[outer], inner))
		return false;
	if (!leads_to_locked(inner, outer)) {
		add(&lockorder.inside[outer], inner);
		return false;
	}
	if (has(&lockorder.reported[outer], inner))
		return false;
	add(&lockorder.reported[outer], inner);
	lockorder.nr_reports++;
	return true;
}

static bool pair_is_wrong(const char *outer, const char *inner)
{
	bool is_wrong;

	if (!lock_word_try(&lockorder.lock))
		lock_word_wait(&lockorder.lock, NULL);
	is_wrong = pair_add_locked(outer, inner);
	lock_word_release(&lockorder.lock);
	return is_wrong;
}

/* A list that is full forgets; what lies below is judged still. */
void lockorder_note_take(const char *name)
{
	irqflags_t flags = irq_save();
	struct held *held = this_cpu_ptr(lockorder_held);
	uint32_t nr = this_cpu_read(lockorder_nr_held);
	const char *wrong = NULL;

	for (uint32_t i = 0; name && i < nr; i++)
		if (pair_is_wrong(held->name[i], name))
			wrong = held->name[i];
	if (name && nr < NR_HELD) {
		held->name[nr] = name;
		this_cpu_write(lockorder_nr_held, nr + 1);
	}
	irq_restore(flags);
	if (unlikely(wrong != NULL))
		pr_err("BUG: lock %s taken inside %s; elsewhere %s, or one around it, is taken inside %s",
		       name, wrong, wrong, name);
}

/* LO4 */
void lockorder_note_release(const char *name)
{
	irqflags_t flags = irq_save();
	struct held *held = this_cpu_ptr(lockorder_held);
	uint32_t nr = this_cpu_read(lockorder_nr_held), i = nr;

	while (i && held->name[i - 1] != name)
		i--;
	if (i && name) {
		for (; i < nr; i++)
			held->name[i - 1] = held->name[i];
		this_cpu_write(lockorder_nr_held, nr - 1);
	}
	irq_restore(flags);
}

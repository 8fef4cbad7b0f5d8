/* SPDX-License-Identifier: MIT */
/* guard_sample= on the machine that runs: real page tables, real faults, real windows on what is unmapped. Guest only,
 * and only where the word was given; all else is tested on the host (test_guard_machine.c). */
#include <mm/report/guard.h>

#include <kernel/core/address.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <mm/objects/kmalloc.h>
#include <tests/kernel/fault.h>
#include <tests/kernel/test_util.h>

static void sample_as(unsigned int *sample)
{
	guard_set_sample(*sample);
}

#define EVERY_OBJECT_IS_GUARDED()                                                                            \
	unsigned int sample_before_ ENDS_WITH(sample_as) = guard_get_sample();                               \
	if (!sample_before_)                                                                                 \
		SKIP("without guard_sample=");                                                               \
	guard_set_sample(1)

/* Whichever end of its page it lies at: the byte beyond it. */
static const char *beyond(const char *object, size_t size)
{
	return IS_ALIGNED((uintptr_t)object, PAGE_SIZE) ? object - 1 : object + size;
}

KTEST(guard, a_step_beyond_an_object_faults_in_every_context_that_allocates, "S5 DBG-08")
{
	static const gfp_t kinds[] = {GFP_KERNEL, GFP_ATOMIC, GFP_NOIO};
	char *object, what[ADDRESS_PHRASE_MAX];

	EVERY_OBJECT_IS_GUARDED();
	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(kinds); i++) {
		object = kmalloc(64, kinds[i / 2]);
		REQUIRE(is_guarded(object));
		memset(object, 1, 64);
		EXPECT(read_faults(beyond(object, 64)) &&
		       write_faults((char *)(uintptr_t)beyond(object, 64)));
		EXPECT(address_describe((uintptr_t)beyond(object, 64), what, sizeof(what)));
		EXPECT(strstr(what, " of 64 bytes of cache kmalloc-64, allocated by t_guard_") != NULL);
		kfree(object);
		EXPECT(read_faults(object) && write_faults(object));
		EXPECT(address_describe((uintptr_t)object, what, sizeof(what)));
		EXPECT(strstr(what, "at offset 0 of freed object") && strstr(what, ", freed by t_guard_"));
	}
	EXPECT_EQ(guard_find_wrong(), GUARD_SLOTS);
}

KTEST(guard, with_interrupts_off_objects_are_guarded_too, "S5 DBG-08")
{
	irqflags_t flags;
	void *object;

	EVERY_OBJECT_IS_GUARDED();
	flags = irq_save();
	object = kmalloc(40, GFP_ATOMIC);
	kfree(object);
	irq_restore(flags);
	EXPECT(is_guarded(object) && read_faults(object));
}

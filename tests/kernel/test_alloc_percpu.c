/* SPDX-License-Identifier: MIT */
/* Copies for each CPU, made at run time; the host pretends to have several. Host and guest. */
#include <mm/objects/percpu.h>

#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <mm/objects/kmalloc.h>
#include <mm/pages/page.h>
#include <tests/kernel/fault.h>
#include <tests/kernel/test_util.h>

struct counts {
	uint32_t nr, many[20];
};

KTEST(alloc_percpu, each_cpu_has_a_cleared_copy_that_shares_no_line_with_another, "S9")
{
	MACHINE_STAYS_AS_FOUND();
	struct counts *counts = alloc_percpu(struct counts);

	REQUIRE(counts);
	for (unsigned int cpu = 0; cpu < port_nr_cpus(); cpu++) {
		struct counts *copy = per_cpu_ptr(counts, cpu);

		EXPECT(memory_is(copy, 0, sizeof(*copy)));
		EXPECT(IS_ALIGNED((uintptr_t)copy, CACHE_LINE_BYTES));
		EXPECT(ksize(copy) >= ALIGN_UP(sizeof(*copy), CACHE_LINE_BYTES));
		memset(copy, (int)cpu + 1, sizeof(*copy));
	}
	for (unsigned int cpu = 0; cpu < port_nr_cpus(); cpu++)
		EXPECT(memory_is(per_cpu_ptr(counts, cpu), (int)cpu + 1, sizeof(*counts)));
	free_percpu(counts);
}

KTEST(alloc_percpu, the_copy_of_this_cpu_is_held_with_preemption_off_and_nests, "S9")
{
	MACHINE_STAYS_AS_FOUND();
	struct counts *counts = alloc_percpu(struct counts);

	REQUIRE(counts);
	EXPECT(!port_is_atomic());
	get_cpu_ptr(counts)->nr++;
	EXPECT(port_is_atomic());
	get_cpu_ptr(counts)->nr++;
	put_cpu_ptr(counts);
	EXPECT(port_is_atomic());
	put_cpu_ptr(counts);
	EXPECT(!port_is_atomic());
	EXPECT_EQ(per_cpu_ptr(counts, port_cpu())->nr, 2);
	free_percpu(counts);
}

KTEST(alloc_percpu, copies_of_every_size_and_alignment_begin_a_line_of_their_own, "S9")
{
	static const size_t sizes[] = {
		1, 4, 63, 64, 65, 100, 129, 161, 700, 1100, 4096, 5000, PERCPU_MAX_BYTES};
	MACHINE_STAYS_AS_FOUND();

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
		for (size_t align = 1; align <= PAGE_SIZE; align *= 4) {
			void *percpu = percpu_alloc(sizes[i], align, GFP_ATOMIC);

			REQUIRE(percpu);
			EXPECT(IS_ALIGNED((uintptr_t)per_cpu_ptr(percpu, 0),
					  MAX(align, (size_t)CACHE_LINE_BYTES)));
			EXPECT_EQ(ksize(per_cpu_ptr(percpu, 0)) % CACHE_LINE_BYTES, 0);
			EXPECT(memory_is(per_cpu_ptr(percpu, 0), 0, sizes[i]));
			free_percpu(percpu);
		}
}

KTEST(alloc_percpu, what_names_the_copies_is_no_pointer, "S9")
{
	MACHINE_STAYS_AS_FOUND();
	struct counts *counts = alloc_percpu(struct counts);

	REQUIRE(counts);
	EXPECT(!virt_is_direct(counts));
	EXPECT(sizeof(void *) > 4 || read_faults(counts)); /* 64 bits: no address at all */
	expect_reports();
	kfree(counts);
	EXPECT_ONE_REPORT("no object starts there");
	free_percpu(counts);
}

KTEST(alloc_percpu, what_alloc_percpu_never_gave_is_reported_and_left_alone, "S9")
{
	MACHINE_STAYS_AS_FOUND();
	void *object = kmalloc(64, GFP_KERNEL);

	REQUIRE(object);
	expect_reports();
	free_percpu(object);
	EXPECT_ONE_REPORT("expected what alloc_percpu gave");
	free_percpu(NULL);
	EXPECT_EQ(ksize(object), 64);
	kfree(object);
}

KTEST(alloc_percpu, impossible_requests_are_refused, "S9 K7")
{
	static const struct {
		size_t size, align;
	} cases[] = {{0, 8}, {PERCPU_MAX_BYTES + 1, 8}, {8, 0}, {8, 24}, {8, 2 * PAGE_SIZE}};
	MACHINE_STAYS_AS_FOUND();

	expect_reports();
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_NULL(percpu_alloc(cases[i].size, cases[i].align, GFP_KERNEL));
		EXPECT_ONE_REPORT("impossible per-CPU request");
	}
}

KTEST(alloc_percpu, when_memory_runs_out_no_copy_stays, "S9 S7")
{
	MACHINE_STAYS_AS_FOUND();
	struct list_head hog = LIST_HEAD_INIT(hog);

	hog_all(&hog);
	while (percpu_alloc(PAGE_SIZE, 8, GFP_ATOMIC | __GFP_NOWARN))
		EXPECT(false);
	hog_release(&hog);
}

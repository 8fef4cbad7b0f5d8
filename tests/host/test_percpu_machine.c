/* SPDX-License-Identifier: MIT */
/* Per-CPU copies on a machine that says it has several CPUs. Host only. */
#include <mm/objects/percpu.h>

#include <mm/pages/page_alloc.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>

#define NR_CPUS 5u

KTEST(percpu_machine, each_of_several_cpus_finds_its_own_copy, "S9")
{
	fake_machine_boot_pc(16);
	MACHINE_STAYS_AS_FOUND();
	unsigned int *number;

	host_cpu.nr_more_cpus = NR_CPUS - 1;
	number = alloc_percpu(unsigned int);
	for (host_cpu.cpu = 0; host_cpu.cpu < NR_CPUS; host_cpu.cpu++) {
		*get_cpu_ptr(number) += host_cpu.cpu + 1;
		put_cpu_ptr(number);
	}
	for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++)
		EXPECT_EQ(*per_cpu_ptr(number, cpu), cpu + 1);
	host_cpu.cpu = host_cpu.nr_more_cpus = 0;
	free_percpu(number);
}

KTEST(percpu_machine, when_memory_runs_out_half_way_no_copy_stays, "S9 S7")
{
	fake_machine_boot_pc(16);
	MACHINE_STAYS_AS_FOUND();
	struct list_head hog = LIST_HEAD_INIT(hog);
	struct page *spare[NR_CPUS - 1];

	host_cpu.nr_more_cpus = NR_CPUS - 1;
	for (unsigned int i = 0; i < NR_CPUS - 1; i++)
		spare[i] = alloc_page(GFP_KERNEL);
	hog_all(&hog);
	for (unsigned int i = 0; i < NR_CPUS - 1; i++) {
		__free_page(spare[i]);
		EXPECT_NULL(percpu_alloc(PAGE_SIZE, PAGE_SIZE, GFP_ATOMIC | __GFP_NOWARN));
		shrink_all_caches();
		EXPECT_EQ(nr_free_pages(), i + 1);
	}
	host_cpu.nr_more_cpus = 0;
	hog_release(&hog);
}

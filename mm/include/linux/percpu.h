/* SPDX-License-Identifier: MIT */
/* Each CPU's own data, under the name the books use: variables that are there from the start, and copies made at
 * run time. */
#pragma once

#include <linux/percpu-defs.h>
#include <linux/slab.h>
#include <mm/objects/percpu.h>

#define __alloc_percpu(size_bytes, align)	   percpu_alloc(size_bytes, align, GFP_KERNEL)
#define __alloc_percpu_gfp(size_bytes, align, gfp) percpu_alloc(size_bytes, align, gfp)

#define num_possible_cpus()			   port_nr_cpus()
#define for_each_possible_cpu(cpu)		   for ((cpu) = 0; (cpu) < num_possible_cpus(); (cpu)++)

/* SPDX-License-Identifier: MIT */
/* Other processors: the firmware says which there are, here they come up. */
#pragma once

#include <boot/acpi.h>
#include <kernel/lib/types.h>

/* A page below 1 MiB where they begin, taken while memory is handed out by memblock: no allocator gets it before
 * smp_start() has given it back. Boot. */
void smp_reserve(void);

/* Starts those of the table, `most` CPUs altogether, one after the other; each is idle in a thread of its own from then
 * on. One that does not come is named and left out. Boot, in a thread. */
void smp_start(const struct acpi_cpus *cpus, unsigned int most);

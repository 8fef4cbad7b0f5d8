/* SPDX-License-Identifier: MIT */
/* The first floppy drive, 1.44 MB, as the disk fd0: a device behind the 8237, which reaches 16 MiB. Serves CONTRACT P11. */
#pragma once

#include <linux/compiler.h>

#include <linux/types.h>

/* Boot; may sleep. Without a drive nothing is registered. */
void floppy_init(void);

/* Is there a drive? */
bool floppy_is_present(void);

struct device;
struct device *floppy_device(void); /* its mask: 24 bits */

/* The mistake that dma_map_single() prevents, for the demonstration: a sector read to this physical address, of which the
 * 8237 takes the lower 24 bits. Whoever has the memory there had better be the caller. Result: 0, or the negative of an error
 * number. Context: may sleep. */
int floppy_read_raw(uint32_t sector, uint64_t addr) MUST_CHECK;

/* For tests: how long a command may take. */
#define FLOPPY_TIMEOUT (3 * HZ)
void floppy_set_timeout(unsigned long ticks);

/* SPDX-License-Identifier: MIT */
/* Disks on the two channels of a PCI IDE controller in its PC-compatible mode (PIIX). Serves CONTRACT C2, P11, R7.
 *
 * They are ide0 (primary master), ide1, ide2 (secondary master) and ide3, see kernel/core/blkdev.h. Without such a controller
 * nothing is registered. */
#pragma once

#include <linux/types.h>

#define IDE_NR_CHANNELS 2u
#define IDE_NR_DRIVES	4u
#define IDE_TIMEOUT	(5 * HZ)

/* Boot, after pci_init(); may sleep. */
void ide_init(void);

struct ide_stat {
	uint32_t nr_interrupts, nr_unexpected; /* of the device; that nobody waited for */
	uint32_t nr_samples, nr_dropped; /* latencies noted by the handler; for which it got no memory */
	uint32_t max_latency_us;
	uint32_t nr_timeouts, nr_resets, nr_retries;
	uint32_t nr_dma, nr_pio; /* pieces of commands */
};

/* Result: false when there is no such channel, or no disk on it. Context: any. */
bool ide_stat(unsigned int channel, struct ide_stat *stat);

/* What was found as ide0, ide1 … at boot. */
enum ide_found { IDE_NOBODY, IDE_DISK, IDE_CD, IDE_UNUSABLE };
enum ide_found ide_found(unsigned int n);

/* For tests: how long a command may take, and whether disks are to do without DMA. */
void ide_set_timeout(unsigned long ticks);
void ide_set_pio(unsigned int channel, bool pio);

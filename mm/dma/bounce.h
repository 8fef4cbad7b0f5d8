/* SPDX-License-Identifier: MIT */
/* The bounce pool: memory that every device reaches, set aside at boot, for buffers that a device does not reach. The buffer is
 * copied in as it is mapped and back as it is unmapped.
 *
 * The pool is slots of a page in groups of 64 KiB; a mapping is neighbouring slots of one group, so it never crosses 64 KiB,
 * which the 8237 cannot (ZON-04). A group is a word of 16 bits.
 *
 * BP1 A slot's bit is set exactly when one mapping has it: first slot i, i + nr[i] its end.
 * BP2 A mapping lies in one group.
 * BP3 nr_used counts the bits.
 *
 * Lock: dma_bounce.lock, alone; bytes are copied outside it, by whoever owns the slots.
 */
#pragma once

#include <mm/pages/page.h>

struct sink;

typedef uint64_t dma_addr_t; /* what a device puts on the bus */
#define DMA_MAPPING_ERROR (~(dma_addr_t)0)

enum dma_data_direction { DMA_BIDIRECTIONAL, DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_NONE };

/* What DMA wants to know of a device. (C) but for the masks, which dma_set_mask() sets. */
struct device {
	const char *name;
	uint64_t dma_mask, coherent_dma_mask; /* 0: none was set, and nothing can be mapped */
};

#define BOUNCE_GROUP_BYTES KIB(64u)
#define BOUNCE_GROUP_SLOTS (BOUNCE_GROUP_BYTES / PAGE_SIZE)
#define BOUNCE_MAX_BYTES   KIB(512u)
#define BOUNCE_MAX_GROUPS  (BOUNCE_MAX_BYTES / BOUNCE_GROUP_BYTES)

/* (C) after dma_bounce_init()  (L) lock  (O) of the mapping that owns the slot */
struct bounce_slot {
	paddr_t from;		  /* (O) the buffer */
	const struct device *dev; /* (O) */
	uint32_t size;		  /* (O) bytes */
	uint8_t direction;	  /* (O) */
	uint8_t nr;		  /* (L) slots of the mapping that starts here; 0: none does */
};

struct dma_bounce {
	uintptr_t start, bytes;	  /* (C) physical; low memory, so a word is enough */
	unsigned int nr_groups;	  /* (C) */
	struct bounce_slot *slot; /* (C) one for each page */
	struct port_lock lock;
	uint16_t taken[BOUNCE_MAX_GROUPS]; /* (L) BP1 */
	unsigned int nr_used, max_used;	   /* (L) slots */
	uint32_t nr_mapped, nr_refused;	   /* (L) refused: for want of slots */
	uint64_t nr_copied_bytes;	   /* (L) */
};
extern struct dma_bounce dma_bounce;

/* Boot. The pool is a block of GFP_DMA; of another size than asked for when there is none as large. */
void dma_bounce_init(size_t size_bytes);

/* A mapping of the buffer at `from`, whole pages of RAM around it. Result: its address in the pool, or DMA_MAPPING_ERROR.
 * Context: any. */
dma_addr_t dma_bounce_map(const struct device *dev, paddr_t from, size_t size,
			  enum dma_data_direction direction, const void *caller);

/* Context: any. `caller` is for reports. */
void dma_bounce_unmap(const struct device *dev, dma_addr_t addr, size_t size,
		      enum dma_data_direction direction, const void *caller);
void dma_bounce_sync(const struct device *dev, dma_addr_t addr, size_t size,
		     enum dma_data_direction direction, bool for_cpu, const void *caller);

/* A line about the pool. Context: any. */
void dma_bounce_print(struct sink *out);

/* One phrase about an address of the pool: whose mapping lies there, and where its buffer is. Result: false when it is none.
 * Context: any, also in the middle of a fault. */
bool dma_bounce_describe(const void *addr, char *buf, size_t size);

/* For the validator, interrupts off: what is wrong, or NULL. */
const char *dma_bounce_check(void);

/* SPDX-License-Identifier: MIT */
/* A channel is two drives on one set of registers, one interrupt and one bus master; a thread serves it. It takes a command of
 * either drive in turn, maps its memory, writes the registers, sleeps until the interrupt or the time-out, and so on until all of
 * it is done. So all waits are sleeps, and what the interrupt's handler does is short: read the status, which lowers the line;
 * stop the bus master; note how long it took; wake the thread.
 *
 * A command that is not answered in time, or whose DMA goes wrong, is followed by a reset of the channel and tried again, twice;
 * the last time without DMA, and when that helps DMA stays off. What the disk itself calls an error is final.
 *
 * IC1 One command is under way on a channel, that of its thread.
 * IC2 A command's memory is mapped from before its registers are written until it is answered or the channel is reset: no
 *     device writes to memory that is somebody else's again.
 * IC3 Nothing here allocates but the handler, which asks with GFP_ATOMIC for a note about the time it took and does without it
 *     when it gets none. A piece of the bounce pool is waited for, and one is enough to get on.
 * IC4 Every wait is bounded: by ide_timeout ticks where a device is waited for.
 *
 * Lock: channel->lock (L) between handler and thread, interrupts off, for a few accesses; the request's on_interrupt() is called
 * under it.
 */
#pragma once

#include <drivers/block/ide.h>
#include <kernel/arch/io.h>
#include <kernel/core/blkdev.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#define IDE_NR_UNITS  2u
#define IDE_MAX_PIECE 256u /* sectors of one command: the register of 8 bits holds 0, then */
#define IDE_MODEL_MAX 41u

enum ide_register { REG_DATA, REG_ERROR, REG_COUNT, REG_LBA0, REG_LBA1, REG_LBA2, REG_DRIVE, REG_STATUS };

#define STATUS_ERR    0x01
#define STATUS_DRQ    0x08
#define STATUS_DF     0x20
#define STATUS_BUSY   0x80
#define STATUS_NOBODY 0xff /* the bus floats */

/* The bus master's registers. */
#define BM_COMMAND   0
#define BM_STATUS    2
#define BM_TABLE     4
#define BM_START     0x01
#define BM_TO_MEMORY 0x08
#define BM_ACTIVE    0x01 /* the table has not come to its end */
#define BM_ERROR     0x02
#define BM_INTERRUPT 0x04
#define BM_KEPT	     0x60 /* status bits that a write does not clear */

/* A piece of memory, as the bus master reads it. */
struct prd {
	uint32_t addr;
	uint16_t size;
	uint16_t flags;
};

/* Made by the handler, read and freed by the thread. */
struct sample {
	uint32_t us;
};

struct ide_channel;

struct ide_drive {
	struct blk_device blk;
	struct ide_channel *channel;
	unsigned int unit;
	enum ide_found found;
	bool is_there, has_lba48, has_dma;
	bool is_gone, pretends_gone; /* of the thread, as all below */
	unsigned int nr_deaf;	     /* tries that are to go unanswered */
	char model[IDE_MODEL_MAX];
};

struct ide_channel {
	uint16_t port, control, bus_master; /* (C) bus_master 0: there is none */
	unsigned int irq;		    /* (C) */
	struct device *dev;		    /* (C) whose mask counts */
	struct prd *table;		    /* (C) a page of them */
	dma_addr_t table_addr;		    /* (C) */
	struct ide_drive drive[IDE_NR_UNITS];
	unsigned int last_unit;	 /* of the thread: whom it served last */
	bool is_pio;		 /* told so */
	struct wait_queue work;	 /* the thread, for commands */
	struct wait_queue reply; /* the thread, for the interrupt */
	struct spinlock lock;
	bool is_waited_for, has_answered; /* (L) */
	uint8_t status, bus_status;	  /* (L) of the answer */
	uint64_t asked_us;		  /* (L) */
	struct sample *sample;		  /* (L) NULL: none */
	struct blk_command *command;	  /* (L) under way */
	struct ide_stat stat;		  /* (L) */
};

/* How long a device is waited for. */
extern unsigned long ide_timeout;

static inline void ide_reg_write(const struct ide_channel *channel, enum ide_register reg, uint8_t value)
{
	outb((uint16_t)(channel->port + reg), value);
}

static inline uint8_t ide_reg_read(const struct ide_channel *channel, enum ide_register reg)
{
	return inb((uint16_t)(channel->port + reg));
}

/* Leaves an interrupt alone. */
uint8_t ide_status(const struct ide_drive *drive);

/* A figure of channel->stat. */
void ide_count(struct ide_channel *channel, uint32_t *what);

irqreturn_t ide_interrupt(int irq, void *channel);

/* Before what makes the disk interrupt; then sleep for it. Result: 0; -ETIMEDOUT: nobody answered. */
void ide_expect_answer(struct ide_channel *channel);
int ide_wait_answer(struct ide_channel *channel, uint8_t *status, uint8_t *bus_status) MUST_CHECK;

/* Until the bits of `mask` are `wanted`. Result: 0; -ENODEV: the bus floats; -ETIMEDOUT. */
int ide_wait_status(const struct ide_drive *drive, uint8_t mask, uint8_t wanted) MUST_CHECK;

/* The drive is the one that hears, and ready; then tell it, and an interrupt comes. */
int ide_select(const struct ide_drive *drive, uint8_t lba_top) MUST_CHECK;
void ide_command(struct ide_drive *drive, uint8_t command);

/* What the disk says of itself is final. Result: 0, -EIO. */
int ide_judge(struct ide_drive *drive, const struct blk_command *command, uint8_t status) MUST_CHECK;

/* Both drives of the channel. Result: 0; -ENODEV: nobody is there any more, or never ready. */
int ide_reset(struct ide_drive *drive);
void ide_stop_bus_master(const struct ide_channel *channel);

/* --- ide_transfer.c: a command's data --- */

struct ide_cursor {
	struct blk_command *command;
	struct blk_request *request;
	unsigned int index;
	uint64_t sector;
};

/* Where the cursor is; NULL: at the end. */
static inline const struct blk_segment *ide_cursor_segment(const struct ide_cursor *cursor)
{
	return &cursor->request->link == &cursor->command->requests
		       ? NULL
		       : &cursor->request->segment[cursor->index];
}

/* As much as one command to the disk takes; the cursor moves on. Result: 0, or an error. May sleep. */
int ide_dma_piece(struct ide_drive *drive, struct ide_cursor *cursor) MUST_CHECK;
int ide_pio_piece(struct ide_drive *drive, struct ide_cursor *cursor) MUST_CHECK;

/* A sector between the data register and memory. */
void ide_move_words(const struct ide_channel *channel, enum blk_op op, uint16_t *at);

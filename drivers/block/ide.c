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
 * IC4 Every wait is bounded: by ide.timeout ticks where a device is waited for.
 *
 * Lock: channel->lock (L) between handler and thread, interrupts off, for a few accesses; the request's on_interrupt() is called
 * under it.
 */
#include <drivers/block/ide.h>

#include <drivers/block/pci.h>
#include <kernel/arch/clock.h>
#include <kernel/arch/io.h>
#include <kernel/core/blkdev.h>
#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/highmem.h>
#include <linux/interrupt.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#define NR_UNITS     2u
#define MAX_RETRIES  2u
#define MAX_PIECE    128u /* sectors of one command to the disk */
#define MAX_PRD	     (PAGE_SIZE / sizeof(struct prd))
#define MAX_SEGMENTS 64u
#define MODEL_MAX    41u
#define QUICK_READS                                                                                          \
	100u /* of the status before a tick is slept for: a disk takes a write's first sector at once */
#define LBA28_END 0x10000000ull

enum ide_register { REG_DATA, REG_ERROR, REG_COUNT, REG_LBA0, REG_LBA1, REG_LBA2, REG_DRIVE, REG_STATUS };

#define STATUS_ERR	  0x01
#define STATUS_DRQ	  0x08
#define STATUS_DF	  0x20
#define STATUS_BUSY	  0x80
#define STATUS_NOBODY	  0xff /* the bus floats */
#define CONTROL_RESET	  0x04
#define DRIVE_LBA	  0xe0
#define ATAPI_LBA1	  0x14
#define ATAPI_LBA2	  0xeb

#define CMD_READ	  0x20
#define CMD_READ_EXT	  0x24
#define CMD_READ_DMA	  0xc8
#define CMD_READ_DMA_EXT  0x25
#define CMD_WRITE	  0x30
#define CMD_WRITE_EXT	  0x34
#define CMD_WRITE_DMA	  0xca
#define CMD_WRITE_DMA_EXT 0x35
#define CMD_FLUSH	  0xe7
#define CMD_FLUSH_EXT	  0xea
#define CMD_IDENTIFY	  0xec

#define BM_COMMAND	  0
#define BM_STATUS	  2
#define BM_TABLE	  4
#define BM_START	  0x01
#define BM_TO_MEMORY	  0x08
#define BM_ERROR	  0x02
#define BM_INTERRUPT	  0x04
#define BM_KEPT		  0x60 /* status bits that a write does not clear */

/* A piece of memory, as the bus master reads it. */
struct prd {
	uint32_t addr;
	uint16_t size;
	uint16_t flags;
};
#define PRD_LAST 0x8000

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
	char model[MODEL_MAX];
};

struct ide_channel {
	uint16_t port, control, bus_master; /* (C) bus_master 0: there is none */
	unsigned int irq;		    /* (C) */
	struct device *dev;		    /* (C) whose mask counts */
	struct prd *table;		    /* (C) a page of them */
	dma_addr_t table_addr;		    /* (C) */
	struct ide_drive drive[NR_UNITS];
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

static struct {
	struct ide_channel channel[IDE_NR_CHANNELS];
	unsigned long timeout;
} ide = {
	.channel = {{.port = 0x1f0, .control = 0x3f6, .irq = 14},
		    {.port = 0x170, .control = 0x376, .irq = 15}},
	.timeout = IDE_TIMEOUT,
};

static void reg_write(const struct ide_channel *channel, enum ide_register reg, uint8_t value)
{
	outb((uint16_t)(channel->port + reg), value);
}

static uint8_t reg_read(const struct ide_channel *channel, enum ide_register reg)
{
	return inb((uint16_t)(channel->port + reg));
}

/* Leaves an interrupt alone. */
static uint8_t status_peek(const struct ide_drive *drive)
{
	return drive->pretends_gone ? STATUS_NOBODY : inb(drive->channel->control);
}

static void count(struct ide_channel *channel, uint32_t *what)
{
	irqflags_t flags;

	spin_lock_irqsave(&channel->lock, flags);
	(*what)++;
	spin_unlock_irqrestore(&channel->lock, flags);
}

/* --- the interrupt --- */

/* The bus master's status says whether it is this channel's; reading the disk's lowers the line. */
static bool interrupt_take(struct ide_channel *channel, uint8_t *status, uint8_t *bus_status)
{
	uint16_t bus = channel->bus_master;

	*bus_status = bus ? inb((uint16_t)(bus + BM_STATUS)) : BM_INTERRUPT;
	if (!(*bus_status & BM_INTERRUPT))
		return false;
	*status = reg_read(channel, REG_STATUS);
	if (bus) {
		outb((uint16_t)(bus + BM_COMMAND), 0);
		outb((uint16_t)(bus + BM_STATUS), (*bus_status & BM_KEPT) | BM_ERROR | BM_INTERRUPT);
	}
	return true;
}

static void answer_locked(struct ide_channel *channel, uint8_t status, uint8_t bus_status,
			  struct sample *sample)
{
	channel->is_waited_for = false;
	channel->has_answered = true;
	channel->status = status;
	channel->bus_status = bus_status;
	channel->sample = sample;
	if (sample)
		sample->us = (uint32_t)(clock_now_us() - channel->asked_us);
	channel->stat.nr_samples += sample != NULL;
	channel->stat.nr_dropped += sample == NULL;
	if (channel->command)
		blk_command_on_interrupt(channel->command);
}

static irqreturn_t ide_interrupt(int irq, void *arg)
{
	struct ide_channel *channel = arg;
	struct sample *sample;
	uint8_t status, bus_status;
	bool is_wanted;

	(void)irq;
	if (!interrupt_take(channel, &status, &bus_status))
		return IRQ_NONE;
	sample = kmalloc(sizeof(*sample), GFP_ATOMIC | __GFP_NOWARN);
	spin_lock(&channel->lock);
	channel->stat.nr_interrupts++;
	is_wanted = channel->is_waited_for && !channel->sample;
	if (is_wanted)
		answer_locked(channel, status, bus_status, sample);
	else
		channel->stat.nr_unexpected++;
	spin_unlock(&channel->lock);
	if (is_wanted)
		wake_up(&channel->reply);
	else
		kfree(sample);
	return IRQ_HANDLED;
}

/* Before what makes the disk interrupt. */
static void answer_expect(struct ide_channel *channel)
{
	irqflags_t flags;

	spin_lock_irqsave(&channel->lock, flags);
	channel->has_answered = false;
	channel->is_waited_for = true;
	channel->asked_us = clock_now_us();
	spin_unlock_irqrestore(&channel->lock, flags);
}

static void sample_note(struct ide_channel *channel, struct sample *sample)
{
	if (!sample)
		return;
	if (sample->us > channel->stat.max_latency_us)
		channel->stat.max_latency_us = sample->us;
	kfree(sample);
}

/* Result: 0; -ETIMEDOUT: nobody answered. */
static int answer_wait(struct ide_channel *channel, uint8_t *status, uint8_t *bus_status)
{
	struct sample *sample;
	irqflags_t flags;
	bool has_answered;

	(void)wait_event_timeout(channel->reply, READ_ONCE(channel->has_answered), (long)ide.timeout);
	spin_lock_irqsave(&channel->lock, flags);
	has_answered = channel->has_answered;
	channel->is_waited_for = false;
	*status = channel->status;
	*bus_status = channel->bus_status;
	sample = channel->sample;
	channel->sample = NULL;
	channel->stat.nr_timeouts += !has_answered;
	spin_unlock_irqrestore(&channel->lock, flags);
	sample_note(channel, sample);
	return has_answered ? 0 : -ETIMEDOUT;
}

/* --- registers --- */

/* Until the bits of `mask` are `wanted`. Result: 0; -ENODEV: the bus floats; -ETIMEDOUT. */
static int status_wait(const struct ide_drive *drive, uint8_t mask, uint8_t wanted)
{
	unsigned long end = jiffies + ide.timeout;
	uint8_t status;

	for (unsigned int i = 0;; i++) {
		status = status_peek(drive);
		if (status == STATUS_NOBODY)
			return -ENODEV;
		if ((status & mask) == wanted)
			return 0;
		if (i < QUICK_READS)
			continue;
		if (time_after(jiffies, end))
			return -ETIMEDOUT;
		msleep(1);
	}
}

/* 400 ns pass until the status is that of the drive now selected. */
static int drive_select(const struct ide_drive *drive, uint8_t lba_top)
{
	int error;

	reg_write(drive->channel, REG_DRIVE, (uint8_t)(DRIVE_LBA | drive->unit << 4 | lba_top));
	for (unsigned int i = 0; i < 4; i++)
		(void)inb(drive->channel->control);
	error = status_wait(drive, STATUS_BUSY | STATUS_DRQ, 0);
	return error;
}

static void address_write(const struct ide_channel *channel, uint64_t sector, uint32_t nr, bool is_long)
{
	if (is_long) {
		reg_write(channel, REG_COUNT, (uint8_t)(nr >> 8));
		reg_write(channel, REG_LBA0, (uint8_t)(sector >> 24));
		reg_write(channel, REG_LBA1, (uint8_t)(sector >> 32));
		reg_write(channel, REG_LBA2, (uint8_t)(sector >> 40));
	}
	reg_write(channel, REG_COUNT, (uint8_t)nr);
	reg_write(channel, REG_LBA0, (uint8_t)sector);
	reg_write(channel, REG_LBA1, (uint8_t)(sector >> 8));
	reg_write(channel, REG_LBA2, (uint8_t)(sector >> 16));
}

/* The drive is selected and ready. */
static void command_write(struct ide_drive *drive, uint8_t command)
{
	answer_expect(drive->channel);
	if (!drive->nr_deaf)
		reg_write(drive->channel, REG_STATUS, command);
}

struct kind {
	uint8_t dma, dma_long, pio, pio_long;
};
static const struct kind kinds[] = {
	[BLK_READ] = {CMD_READ_DMA, CMD_READ_DMA_EXT, CMD_READ, CMD_READ_EXT},
	[BLK_WRITE] = {CMD_WRITE_DMA, CMD_WRITE_DMA_EXT, CMD_WRITE, CMD_WRITE_EXT},
};

static int transfer_begin(struct ide_drive *drive, enum blk_op op, uint64_t sector, uint32_t nr, bool dma)
{
	bool is_long = sector + nr > LBA28_END;
	const struct kind *kind = &kinds[op];
	int error = drive_select(drive, is_long ? 0 : (uint8_t)(sector >> 24 & 0xf));

	if (error)
		return error;
	address_write(drive->channel, sector, nr, is_long);
	command_write(drive,
		      dma ? (is_long ? kind->dma_long : kind->dma) : (is_long ? kind->pio_long : kind->pio));
	return 0;
}

/* What the disk says of itself is final. */
static int judge(struct ide_drive *drive, const struct blk_command *command, uint8_t status)
{
	static struct ratelimit limit;

	if (!(status & (STATUS_ERR | STATUS_DF)))
		return 0;
	if (command && ratelimit_ok(&limit))
		pr_warn("%s: %s of %u sectors at %llu failed: status %02x, error %02x", drive->blk.name,
			command->op == BLK_READ	   ? "read"
			: command->op == BLK_WRITE ? "write"
						   : "flush",
			command->nr_sectors, (unsigned long long)command->sector, status,
			reg_read(drive->channel, REG_ERROR));
	return -EIO;
}

/* --- walking through a command's memory --- */

struct cursor {
	struct blk_command *command;
	struct blk_request *request;
	unsigned int index;
	uint64_t sector;
};

static struct cursor cursor_begin(struct blk_command *command)
{
	return (struct cursor){.command = command,
			       .request = list_first_entry(&command->requests, struct blk_request, link),
			       .sector = command->sector};
}

static const struct blk_segment *cursor_segment(const struct cursor *cursor)
{
	return &cursor->request->link == &cursor->command->requests
		       ? NULL
		       : &cursor->request->segment[cursor->index];
}

static void cursor_step(struct cursor *cursor)
{
	cursor->sector += cursor->request->segment[cursor->index].length / BLK_SECTOR;
	if (++cursor->index < cursor->request->nr_segments)
		return;
	cursor->index = 0;
	cursor->request = list_entry(cursor->request->link.next, struct blk_request, link);
}

/* --- by DMA --- */

static enum dma_data_direction direction_of(enum blk_op op)
{
	return op == BLK_READ ? DMA_FROM_DEVICE : DMA_TO_DEVICE;
}

static void unmap_piece(struct ide_channel *channel, unsigned int nr, enum blk_op op)
{
	while (nr-- > 0)
		dma_unmap_page(channel->dev, channel->table[nr].addr, channel->table[nr].size,
			       direction_of(op));
}

/* As much as the table, the disk and the bounce pool take. Result: entries; 0: the pool is used up just now. */
static unsigned int map_piece(struct ide_channel *channel, struct cursor *cursor)
{
	enum dma_data_direction direction = direction_of(cursor->command->op);
	uint64_t end = cursor->sector + MAX_PIECE;
	const struct blk_segment *s;
	unsigned int nr = 0;
	dma_addr_t addr;

	while ((s = cursor_segment(cursor)) && nr < MAX_PRD &&
	       cursor->sector + s->length / BLK_SECTOR <= end) {
		addr = dma_map_page(channel->dev, pfn_to_page(s->pfn), s->offset, s->length, direction);
		if (dma_mapping_error(channel->dev, addr))
			break;
		channel->table[nr++] = (struct prd){.addr = (uint32_t)addr, .size = s->length};
		cursor_step(cursor);
	}
	if (nr)
		channel->table[nr - 1].flags = PRD_LAST;
	return nr;
}

static void bus_master_stop(const struct ide_channel *channel)
{
	if (channel->bus_master)
		outb((uint16_t)(channel->bus_master + BM_COMMAND), 0);
}

static int dma_run(struct ide_drive *drive, struct blk_command *command, uint64_t sector, uint32_t nr)
{
	struct ide_channel *channel = drive->channel;
	uint8_t way = command->op == BLK_READ ? BM_TO_MEMORY : 0, status, bus_status;
	int error;

	outl((uint16_t)(channel->bus_master + BM_TABLE), (uint32_t)channel->table_addr);
	outb((uint16_t)(channel->bus_master + BM_COMMAND), way);
	outb((uint16_t)(channel->bus_master + BM_STATUS),
	     (inb((uint16_t)(channel->bus_master + BM_STATUS)) & BM_KEPT) | BM_ERROR | BM_INTERRUPT);
	error = transfer_begin(drive, command->op, sector, nr, true);
	if (error)
		return error;
	outb((uint16_t)(channel->bus_master + BM_COMMAND), way | BM_START);
	error = answer_wait(channel, &status, &bus_status);
	bus_master_stop(channel);
	if (!error)
		error = judge(drive, command, status);
	return error ? error : bus_status & BM_ERROR ? -ETIMEDOUT : 0;
}

static int channel_reset(struct ide_drive *drive);

/* IC2: what was not answered may still write. */
static int dma_piece(struct ide_drive *drive, struct cursor *cursor)
{
	struct ide_channel *channel = drive->channel;
	unsigned long end = jiffies + ide.timeout;
	uint64_t sector = cursor->sector;
	unsigned int nr;
	int error;

	while ((nr = map_piece(channel, cursor)) == 0) {
		if (time_after(jiffies, end))
			return -ENOMEM;
		msleep(1);
	}
	count(channel, &channel->stat.nr_dma);
	error = dma_run(drive, cursor->command, sector, (uint32_t)(cursor->sector - sector));
	if (error == -ETIMEDOUT && channel_reset(drive) != 0)
		error = -ENODEV;
	unmap_piece(channel, nr, cursor->command->op);
	return error;
}

/* --- by the CPU --- */

static void words_move(const struct ide_channel *channel, enum blk_op op, uint16_t *at)
{
	for (unsigned int i = 0; i < BLK_SECTOR / 2; i++)
		if (op == BLK_READ)
			at[i] = inw((uint16_t)(channel->port + REG_DATA));
		else
			outw((uint16_t)(channel->port + REG_DATA), at[i]);
}

static void sector_move(const struct ide_channel *channel, enum blk_op op, const struct blk_segment *s,
			uint32_t offset)
{
	char *window = kmap_local_page(pfn_to_page(s->pfn));

	words_move(channel, op, (uint16_t *)(void *)(window + s->offset + offset));
	kunmap_local(window);
}

/* A sector to be read is there when the interrupt comes; to be written, it is asked for: the first without an interrupt. */
static int pio_sector(struct ide_drive *drive, const struct blk_command *command, const struct blk_segment *s,
		      uint32_t offset)
{
	struct ide_channel *channel = drive->channel;
	bool is_last = offset + BLK_SECTOR == s->length;
	uint8_t status, unused;
	int error;

	if (command->op == BLK_READ) {
		error = answer_wait(channel, &status, &unused);
		error = error ? error : judge(drive, command, status);
		if (!error && !is_last)
			answer_expect(channel);
		if (!error)
			sector_move(channel, command->op, s, offset);
		return error;
	}
	error = drive->nr_deaf ? 0 : status_wait(drive, STATUS_BUSY, 0);
	error = error ? error : judge(drive, command, status_peek(drive));
	if (!error && !drive->nr_deaf)
		sector_move(channel, command->op, s, offset);
	error = error ? error : answer_wait(channel, &status, &unused);
	if (!error && !is_last)
		answer_expect(channel);
	return error ? error : judge(drive, command, status);
}

static int pio_piece(struct ide_drive *drive, struct cursor *cursor)
{
	const struct blk_segment *s = cursor_segment(cursor);
	int error;

	count(drive->channel, &drive->channel->stat.nr_pio);
	error = transfer_begin(drive, cursor->command->op, cursor->sector, s->length / BLK_SECTOR, false);
	for (uint32_t offset = 0; offset < s->length && !error; offset += BLK_SECTOR)
		error = pio_sector(drive, cursor->command, s, offset);
	if (error == -ETIMEDOUT && channel_reset(drive) != 0)
		error = -ENODEV;
	cursor_step(cursor);
	return error;
}

/* --- commands --- */

static int flush(struct ide_drive *drive, const struct blk_command *command)
{
	uint8_t status, unused;
	int error = drive_select(drive, 0);

	if (error)
		return error;
	command_write(drive, drive->has_lba48 ? CMD_FLUSH_EXT : CMD_FLUSH);
	error = answer_wait(drive->channel, &status, &unused);
	if (error == -ETIMEDOUT && channel_reset(drive) != 0)
		error = -ENODEV;
	return error ? error : judge(drive, command, status);
}

static int try_once(struct ide_drive *drive, struct blk_command *command, bool dma)
{
	struct cursor cursor = cursor_begin(command);
	int error = 0;

	if (command->op == BLK_FLUSH)
		return flush(drive, command);
	while (!error && cursor_segment(&cursor))
		error = dma ? dma_piece(drive, &cursor) : pio_piece(drive, &cursor);
	return error;
}

static bool wants_dma(const struct ide_drive *drive)
{
	return drive->has_dma && drive->channel->bus_master && !drive->channel->is_pio;
}

static void give_up_dma(struct ide_drive *drive)
{
	drive->has_dma = false;
	pr_warn("%s: DMA does not work, the CPU moves the data from now on", drive->blk.name);
}

static int try_hard(struct ide_drive *drive, struct blk_command *command)
{
	bool dma = wants_dma(drive);
	int error = -ETIMEDOUT;

	for (unsigned int i = 0; i <= MAX_RETRIES && error == -ETIMEDOUT; i++) {
		bool by_cpu = !dma || i == MAX_RETRIES;

		if (i)
			count(drive->channel, &drive->channel->stat.nr_retries);
		error = try_once(drive, command, !by_cpu);
		if (!error && dma && by_cpu && command->op != BLK_FLUSH)
			give_up_dma(drive);
		drive->nr_deaf -= drive->nr_deaf != 0;
	}
	return error;
}

static bool drive_is_back(struct ide_drive *drive);

static void take_fault(struct ide_drive *drive, enum blk_fault fault, unsigned int ms)
{
	drive->pretends_gone = fault == BLK_FAULT_GONE;
	drive->nr_deaf = fault == BLK_FAULT_LOST ? MAX_RETRIES + 1 : fault == BLK_FAULT_LATE;
	if (fault == BLK_FAULT_SLOW)
		msleep(ms);
}

static int execute(struct ide_drive *drive, struct blk_command *command)
{
	unsigned int ms;
	enum blk_fault fault = blk_fault_hits(&drive->blk, &ms);
	int error;

	take_fault(drive, fault, ms);
	if (fault == BLK_FAULT_ERROR)
		return -EIO;
	if (drive->is_gone && !drive_is_back(drive))
		return -ENODEV;
	error = try_hard(drive, command);
	if (error == -ENODEV && channel_reset(drive) != 0) {
		drive->is_gone = true;
		pr_warn("%s: the disk is gone", drive->blk.name);
	}
	return error == -ENOMEM ? -EIO : error;
}

/* The drives take turns. */
static struct blk_command *channel_next(struct ide_channel *channel, struct ide_drive **drive)
{
	struct blk_command *command = NULL;

	for (unsigned int i = 1; i <= NR_UNITS && !command; i++) {
		*drive = &channel->drive[(channel->last_unit + i) % NR_UNITS];
		command = (*drive)->is_there ? blk_next(&(*drive)->blk) : NULL;
	}
	if (command)
		channel->last_unit = (*drive)->unit;
	return command;
}

static void command_set(struct ide_channel *channel, struct blk_command *command)
{
	irqflags_t flags;

	spin_lock_irqsave(&channel->lock, flags);
	channel->command = command;
	spin_unlock_irqrestore(&channel->lock, flags);
}

static int channel_thread(void *arg)
{
	struct ide_channel *channel = arg;
	struct blk_command *command = NULL;
	struct ide_drive *drive = NULL;
	int error;

	for (;;) {
		wait_event(channel->work, (command = channel_next(channel, &drive)) != NULL);
		command_set(channel, command);
		error = execute(drive, command);
		command_set(channel, NULL);
		blk_command_done(&drive->blk, command, error);
	}
	return 0;
}

static void ide_wake(struct blk_device *blk)
{
	wake_up(&container_of(blk, struct ide_drive, blk)->channel->work);
}

/* --- what is there --- */

/* Both drives of the channel. Result: 0; -ENODEV: nobody is there any more, or never ready. */
static int channel_reset(struct ide_drive *drive)
{
	struct ide_channel *channel = drive->channel;

	count(channel, &channel->stat.nr_resets);
	bus_master_stop(channel);
	outb(channel->control, CONTROL_RESET);
	udelay(5);
	outb(channel->control, 0);
	msleep(2);
	return drive_select(drive, 0) ? -ENODEV : 0;
}

static int identify(struct ide_drive *drive, uint16_t id[BLK_SECTOR / 2])
{
	uint8_t status, unused;
	int error = drive_select(drive, 0);

	if (error)
		return error;
	command_write(drive, CMD_IDENTIFY);
	error = answer_wait(drive->channel, &status, &unused);
	if (error)
		return error;
	if (status & STATUS_ERR || !(status & STATUS_DRQ))
		return -EIO;
	words_move(drive->channel, BLK_READ, id);
	return 0;
}

static uint64_t nr_sectors_of(const uint16_t *id, bool has_lba48)
{
	if (has_lba48)
		return id[100] | (uint64_t)id[101] << 16 | (uint64_t)id[102] << 32 | (uint64_t)id[103] << 48;
	return id[60] | (uint32_t)id[61] << 16;
}

/* Two characters a word, the first in the upper half, blanks behind. */
static void model_of(const uint16_t *id, char model[MODEL_MAX])
{
	size_t len = MODEL_MAX - 1;

	for (size_t i = 0; i < len; i++)
		model[i] = (char)(id[27 + i / 2] >> (i % 2 ? 0 : 8));
	while (len && (model[len - 1] == ' ' || model[len - 1] == '\0'))
		len--;
	model[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (model[i] < ' ' || model[i] > '~')
			model[i] = '?';
}

static bool drive_is_back(struct ide_drive *drive)
{
	uint16_t id[BLK_SECTOR / 2];

	if (drive->pretends_gone || channel_reset(drive) != 0 || identify(drive, id) != 0 ||
	    nr_sectors_of(id, drive->has_lba48) != drive->blk.nr_sectors)
		return false;
	drive->is_gone = false;
	pr_warn("%s: the disk is back", drive->blk.name);
	return true;
}

/* Registers keep what is written to them, where there is a drive. After a reset they say of which kind it is. */
static bool drive_is_a_disk(struct ide_drive *drive, const char *name)
{
	struct ide_channel *channel = drive->channel;
	uint8_t lba1, lba2;

	if (drive_select(drive, 0))
		return false;
	lba1 = reg_read(channel, REG_LBA1);
	lba2 = reg_read(channel, REG_LBA2);
	if (lba1 == ATAPI_LBA1 && lba2 == ATAPI_LBA2) {
		drive->found = IDE_CD;
		pr_info("%s: a CD drive, no disk: left out", name);
		return false;
	}
	if (status_peek(drive) == 0)
		return false;
	reg_write(channel, REG_LBA0, 0x5a);
	return reg_read(channel, REG_LBA0) == 0x5a;
}

static void drive_register(struct ide_drive *drive, const uint16_t *id)
{
	struct blk_device *blk = &drive->blk;
	static const struct blk_ops ops = {.wake = ide_wake};
	int error;

	drive->has_lba48 = id[83] & 1u << 10;
	drive->has_dma = id[49] & 1u << 8;
	blk->nr_sectors = nr_sectors_of(id, drive->has_lba48);
	blk->max_sectors = MAX_PIECE;
	blk->max_segments = MAX_SEGMENTS;
	blk->ops = &ops;
	model_of(id, drive->model);
	if (!blk->nr_sectors) {
		pr_warn("%s: %s has no sectors: left out", blk->name, drive->model);
		return;
	}
	error = blk_register(blk);
	if (error) {
		pr_warn("%s: not registered: error %d", blk->name, error);
		return;
	}
	drive->is_there = true;
	drive->found = IDE_DISK;
	pr_info("%s: %s, %llu sectors%s%s", blk->name, drive->model, (unsigned long long)blk->nr_sectors,
		drive->has_lba48 ? ", LBA48" : "", wants_dma(drive) ? ", DMA" : "");
}

static void drive_look(struct ide_channel *channel, unsigned int unit)
{
	struct ide_drive *drive = &channel->drive[unit];
	unsigned int n = (unsigned int)(channel - ide.channel);
	uint16_t id[BLK_SECTOR / 2];
	int error;

	drive->channel = channel;
	drive->unit = unit;
	(void)snprintf(drive->blk.name, sizeof(drive->blk.name), "ide%u", n * NR_UNITS + unit);
	drive->blk.major = n ? 22 : 3;
	drive->blk.minor = unit * 64;
	if (!drive_is_a_disk(drive, drive->blk.name))
		return;
	drive->found = IDE_UNUSABLE;
	error = identify(drive, id);
	if (error)
		pr_warn("%s: does not say what it is: error %d", drive->blk.name, error);
	else
		drive_register(drive, id);
}

static bool channel_has_disk(const struct ide_channel *channel)
{
	return channel->drive[0].is_there || channel->drive[1].is_there;
}

/* The floating bus reads as all ones, an empty channel of an emulator as 0. */
static bool channel_is_alive(struct ide_channel *channel)
{
	uint8_t status = reg_read(channel, REG_STATUS);

	return status != STATUS_NOBODY;
}

static void channel_setup(struct ide_channel *channel, struct pci_dev *pci, uint16_t bus_master)
{
	spin_lock_init(&channel->lock);
	init_waitqueue_head(&channel->work);
	init_waitqueue_head(&channel->reply);
	channel->dev = &pci->dev;
	channel->table = dma_alloc_coherent(channel->dev, PAGE_SIZE, &channel->table_addr, GFP_KERNEL);
	channel->bus_master = channel->table ? bus_master : 0;
}

static void channel_teardown(struct ide_channel *channel)
{
	if (channel->table)
		dma_free_coherent(channel->dev, PAGE_SIZE, channel->table, channel->table_addr);
	channel->table = NULL;
	free_irq(channel->irq, channel);
}

static void channel_start(struct ide_channel *channel, struct pci_dev *pci, uint16_t bus_master)
{
	unsigned int n = (unsigned int)(channel - ide.channel);

	if (!channel_is_alive(channel))
		return;
	channel_setup(channel, pci, bus_master);
	if (request_irq(channel->irq, ide_interrupt, IRQF_SHARED, "ide", channel) != 0) {
		pr_warn("ide: irq %u is taken, channel %u left out", channel->irq, n);
		return;
	}
	channel->drive[0].channel = channel;
	(void)channel_reset(&channel->drive[0]);
	for (unsigned int unit = 0; unit < NR_UNITS; unit++)
		drive_look(channel, unit);
	if (!channel_has_disk(channel))
		channel_teardown(channel);
	else if (IS_ERR(kthread_run(channel_thread, channel, "ide-%u", n)))
		pr_warn("ide: no memory for the thread of channel %u", n);
}

void ide_init(void)
{
	struct pci_dev *pci = pci_find_class(PCI_CLASS_IDE, NULL);
	struct pci_bar bar;
	uint16_t bus_master = 0;

	if (!pci || pci->interface & 0x05) /* native mode: its ports are elsewhere */
		return;
	pci_bar(pci, 4, &bar);
	if (pci->interface & 0x80 && bar.is_io && bar.size >= 16 && bar.start)
		bus_master = (uint16_t)bar.start;
	pci_enable(pci, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
	for (unsigned int i = 0; i < IDE_NR_CHANNELS; i++)
		channel_start(&ide.channel[i], pci, bus_master ? (uint16_t)(bus_master + 8 * i) : 0);
}

/* --- to be seen, and told --- */

bool ide_stat(unsigned int n, struct ide_stat *stat)
{
	struct ide_channel *channel = n < IDE_NR_CHANNELS ? &ide.channel[n] : NULL;
	irqflags_t flags;

	if (!channel || !channel_has_disk(channel))
		return false;
	spin_lock_irqsave(&channel->lock, flags);
	*stat = channel->stat;
	spin_unlock_irqrestore(&channel->lock, flags);
	return true;
}

enum ide_found ide_found(unsigned int n)
{
	return n < IDE_NR_DRIVES ? ide.channel[n / NR_UNITS].drive[n % NR_UNITS].found : IDE_NOBODY;
}

void ide_set_timeout(unsigned long ticks)
{
	ide.timeout = ticks;
}

void ide_set_pio(unsigned int n, bool pio)
{
	ide.channel[n].is_pio = pio;
}

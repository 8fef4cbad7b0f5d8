/* SPDX-License-Identifier: MIT */
/* The data of a command, moved by the bus master or by the CPU, piece by piece. See ide_channel.h. */
#include <drivers/block/ide_channel.h>

#include <kernel/arch/io.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/highmem.h>
#include <linux/kernel.h>

#define MAX_PRD		  (PAGE_SIZE / sizeof(struct prd))
#define PRD_LAST	  0x8000
#define LBA28_END	  0x10000000ull

#define CMD_READ	  0x20
#define CMD_READ_EXT	  0x24
#define CMD_READ_DMA	  0xc8
#define CMD_READ_DMA_EXT  0x25
#define CMD_WRITE	  0x30
#define CMD_WRITE_EXT	  0x34
#define CMD_WRITE_DMA	  0xca
#define CMD_WRITE_DMA_EXT 0x35

static void address_write(const struct ide_channel *channel, uint64_t sector, uint32_t nr, bool is_long)
{
	if (is_long) {
		ide_reg_write(channel, REG_COUNT, (uint8_t)(nr >> 8));
		ide_reg_write(channel, REG_LBA0, (uint8_t)(sector >> 24));
		ide_reg_write(channel, REG_LBA1, (uint8_t)(sector >> 32));
		ide_reg_write(channel, REG_LBA2, (uint8_t)(sector >> 40));
	}
	ide_reg_write(channel, REG_COUNT, (uint8_t)nr);
	ide_reg_write(channel, REG_LBA0, (uint8_t)sector);
	ide_reg_write(channel, REG_LBA1, (uint8_t)(sector >> 8));
	ide_reg_write(channel, REG_LBA2, (uint8_t)(sector >> 16));
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
	int error = ide_select(drive, is_long ? 0 : (uint8_t)(sector >> 24 & 0xf));

	if (error)
		return error;
	address_write(drive->channel, sector, nr, is_long);
	ide_command(drive,
		    dma ? (is_long ? kind->dma_long : kind->dma) : (is_long ? kind->pio_long : kind->pio));
	return 0;
}

static void cursor_step(struct ide_cursor *cursor)
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
static unsigned int map_piece(struct ide_channel *channel, struct ide_cursor *cursor)
{
	enum dma_data_direction direction = direction_of(cursor->command->op);
	uint64_t end = cursor->sector + IDE_MAX_PIECE;
	const struct blk_segment *s;
	unsigned int nr = 0;
	dma_addr_t addr;

	while ((s = ide_cursor_segment(cursor)) && nr < MAX_PRD &&
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
	if (!drive->nr_deaf)
		outb((uint16_t)(channel->bus_master + BM_COMMAND), way | BM_START);
	error = ide_wait_answer(channel, &status, &bus_status);
	ide_stop_bus_master(channel);
	if (!error)
		error = ide_judge(drive, command, status);
	/* The table describes what the disk was asked for, and so ends with it. */
	return error ? error : bus_status & (BM_ERROR | BM_ACTIVE) ? -ETIMEDOUT : 0;
}

/* IC2: what was not answered may still write. */
int ide_dma_piece(struct ide_drive *drive, struct ide_cursor *cursor)
{
	struct ide_channel *channel = drive->channel;
	unsigned long end = jiffies + ide_timeout;
	uint64_t sector = cursor->sector;
	unsigned int nr;
	int error;

	while ((nr = map_piece(channel, cursor)) == 0) {
		if (time_after(jiffies, end))
			return -ENOMEM;
		msleep(1);
	}
	ide_count(channel, &channel->stat.nr_dma);
	error = dma_run(drive, cursor->command, sector, (uint32_t)(cursor->sector - sector));
	if (error == -ETIMEDOUT && ide_reset(drive) != 0)
		error = -ENODEV;
	unmap_piece(channel, nr, cursor->command->op);
	return error;
}

/* --- by the CPU --- */

void ide_move_words(const struct ide_channel *channel, enum blk_op op, uint16_t *at)
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

	ide_move_words(channel, op, (uint16_t *)(void *)(window + s->offset + offset));
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
		error = ide_wait_answer(channel, &status, &unused);
		error = error ? error : ide_judge(drive, command, status);
		if (!error && !is_last)
			ide_expect_answer(channel);
		if (!error)
			sector_move(channel, command->op, s, offset);
		return error;
	}
	error = drive->nr_deaf ? 0 : ide_wait_status(drive, STATUS_BUSY, 0);
	error = error ? error : ide_judge(drive, command, ide_status(drive));
	if (!error && !drive->nr_deaf)
		sector_move(channel, command->op, s, offset);
	error = error ? error : ide_wait_answer(channel, &status, &unused);
	if (!error && !is_last)
		ide_expect_answer(channel);
	return error ? error : ide_judge(drive, command, status);
}

int ide_pio_piece(struct ide_drive *drive, struct ide_cursor *cursor)
{
	const struct blk_segment *s = ide_cursor_segment(cursor);
	int error;

	ide_count(drive->channel, &drive->channel->stat.nr_pio);
	error = transfer_begin(drive, cursor->command->op, cursor->sector, s->length / BLK_SECTOR, false);
	for (uint32_t offset = 0; offset < s->length && !error; offset += BLK_SECTOR)
		error = pio_sector(drive, cursor->command, s, offset);
	if (error == -ETIMEDOUT && ide_reset(drive) != 0)
		error = -ENODEV;
	cursor_step(cursor);
	return error;
}

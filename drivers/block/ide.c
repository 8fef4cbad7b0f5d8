/* SPDX-License-Identifier: MIT */
/* The thread of each channel, which takes commands and tries hard; what is there at boot; what others may ask. See
 * ide_channel.h. */
#include <drivers/block/ide_channel.h>

#include <drivers/block/pci.h>
#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kthread.h>

#define MAX_RETRIES   2u
#define MAX_SEGMENTS  64u
#define ATAPI_LBA1    0x14
#define ATAPI_LBA2    0xeb

#define CMD_FLUSH     0xe7
#define CMD_FLUSH_EXT 0xea
#define CMD_IDENTIFY  0xec

static struct ide_channel channels[IDE_NR_CHANNELS] = {{.port = 0x1f0, .control = 0x3f6, .irq = 14},
						       {.port = 0x170, .control = 0x376, .irq = 15}};

/* --- commands --- */

static struct ide_cursor cursor_begin(struct blk_command *command)
{
	return (struct ide_cursor){.command = command,
				   .request = list_first_entry(&command->requests, struct blk_request, link),
				   .sector = command->sector};
}

static int flush(struct ide_drive *drive, const struct blk_command *command)
{
	uint8_t status, unused;
	int error = ide_select(drive, 0);

	if (error)
		return error;
	ide_command(drive, drive->has_lba48 ? CMD_FLUSH_EXT : CMD_FLUSH);
	error = ide_wait_answer(drive->channel, &status, &unused);
	if (error == -ETIMEDOUT && ide_reset(drive) != 0)
		error = -ENODEV;
	return error ? error : ide_judge(drive, command, status);
}

static int try_once(struct ide_drive *drive, struct blk_command *command, bool dma)
{
	struct ide_cursor cursor = cursor_begin(command);
	int error = 0;

	if (command->op == BLK_FLUSH)
		return flush(drive, command);
	while (!error && ide_cursor_segment(&cursor))
		error = dma ? ide_dma_piece(drive, &cursor) : ide_pio_piece(drive, &cursor);
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
			ide_count(drive->channel, &drive->channel->stat.nr_retries);
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
	if (error == -ENODEV && ide_reset(drive) != 0) {
		drive->is_gone = true;
		pr_warn("%s: the disk is gone", drive->blk.name);
	}
	return error == -ENOMEM ? -EIO : error;
}

/* The drives take turns. */
static struct blk_command *channel_next(struct ide_channel *channel, struct ide_drive **drive)
{
	struct blk_command *command = NULL;

	for (unsigned int i = 1; i <= IDE_NR_UNITS && !command; i++) {
		*drive = &channel->drive[(channel->last_unit + i) % IDE_NR_UNITS];
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

static int identify(struct ide_drive *drive, uint16_t id[BLK_SECTOR / 2])
{
	uint8_t status, unused;
	int error = ide_select(drive, 0);

	if (error)
		return error;
	ide_command(drive, CMD_IDENTIFY);
	error = ide_wait_answer(drive->channel, &status, &unused);
	if (error)
		return error;
	if (status & STATUS_ERR || !(status & STATUS_DRQ))
		return -EIO;
	ide_move_words(drive->channel, BLK_READ, id);
	return 0;
}

static uint64_t nr_sectors_of(const uint16_t *id, bool has_lba48)
{
	if (has_lba48)
		return id[100] | (uint64_t)id[101] << 16 | (uint64_t)id[102] << 32 | (uint64_t)id[103] << 48;
	return id[60] | (uint32_t)id[61] << 16;
}

/* Two characters a word, the first in the upper half, blanks behind. */
static void model_of(const uint16_t *id, char model[IDE_MODEL_MAX])
{
	size_t len = IDE_MODEL_MAX - 1;

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

	if (drive->pretends_gone || ide_reset(drive) != 0 || identify(drive, id) != 0 ||
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

	if (ide_select(drive, 0))
		return false;
	lba1 = ide_reg_read(channel, REG_LBA1);
	lba2 = ide_reg_read(channel, REG_LBA2);
	if (lba1 == ATAPI_LBA1 && lba2 == ATAPI_LBA2) {
		drive->found = IDE_CD;
		pr_info("%s: a CD drive, no disk: left out", name);
		return false;
	}
	if (ide_status(drive) == 0)
		return false;
	ide_reg_write(channel, REG_LBA0, 0x5a);
	return ide_reg_read(channel, REG_LBA0) == 0x5a;
}

static void drive_register(struct ide_drive *drive, const uint16_t *id)
{
	struct blk_device *blk = &drive->blk;
	static const struct blk_ops ops = {.wake = ide_wake};
	int error;

	drive->has_lba48 = id[83] & 1u << 10;
	drive->has_dma = id[49] & 1u << 8;
	blk->nr_sectors = nr_sectors_of(id, drive->has_lba48);
	blk->max_sectors = IDE_MAX_PIECE;
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
	unsigned int n = (unsigned int)(channel - channels);
	uint16_t id[BLK_SECTOR / 2];
	int error;

	drive->channel = channel;
	drive->unit = unit;
	(void)snprintf(drive->blk.name, sizeof(drive->blk.name), "ide%u", n * IDE_NR_UNITS + unit);
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

static void channel_setup(struct ide_channel *channel, struct pci_dev *pci, uint16_t bus_master)
{
	spin_lock_init(&channel->lock);
	init_waitqueue_head(&channel->work);
	init_waitqueue_head(&channel->reply);
	channel->dev = &pci->dev;
	channel->table = dma_alloc_coherent(channel->dev, PAGE_SIZE, &channel->table_addr, GFP_KERNEL);
	channel->bus_master = channel->table ? bus_master : 0;
}

/* Nobody uses its disks yet. */
static void channel_teardown(struct ide_channel *channel)
{
	for (unsigned int unit = 0; unit < IDE_NR_UNITS; unit++) {
		if (channel->drive[unit].is_there)
			blk_unregister(&channel->drive[unit].blk);
		channel->drive[unit].is_there = false;
	}
	if (channel->table)
		dma_free_coherent(channel->dev, PAGE_SIZE, channel->table, channel->table_addr);
	channel->table = NULL;
}

/* Looks for disks and starts the thread for them. Result: is there anything to serve. */
static bool channel_serve(struct ide_channel *channel)
{
	unsigned int n = (unsigned int)(channel - channels);

	channel->drive[0].channel = channel;
	(void)ide_reset(&channel->drive[0]);
	for (unsigned int unit = 0; unit < IDE_NR_UNITS; unit++)
		drive_look(channel, unit);
	if (!channel_has_disk(channel))
		return false;
	if (!IS_ERR(kthread_run(channel_thread, channel, "ide-%u", n)))
		return true;
	pr_warn("ide: no memory for the thread of channel %u, left out", n);
	return false;
}

static void channel_start(struct ide_channel *channel, struct pci_dev *pci, uint16_t bus_master)
{
	if (ide_reg_read(channel, REG_STATUS) == STATUS_NOBODY)
		return;
	channel_setup(channel, pci, bus_master);
	if (request_irq(channel->irq, ide_interrupt, IRQF_SHARED, "ide", channel) != 0) {
		pr_warn("ide: irq %u is taken, its channel is left out", channel->irq);
		channel_teardown(channel);
	} else if (!channel_serve(channel)) {
		free_irq(channel->irq, channel);
		channel_teardown(channel);
	}
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
		channel_start(&channels[i], pci, bus_master ? (uint16_t)(bus_master + 8 * i) : 0);
}

/* --- to be seen, and told --- */

bool ide_stat(unsigned int n, struct ide_stat *stat)
{
	struct ide_channel *channel = n < IDE_NR_CHANNELS ? &channels[n] : NULL;
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
	return n < IDE_NR_DRIVES ? channels[n / IDE_NR_UNITS].drive[n % IDE_NR_UNITS].found : IDE_NOBODY;
}

void ide_set_timeout(unsigned long ticks)
{
	ide_timeout = ticks;
}

void ide_set_pio(unsigned int n, bool pio)
{
	channels[n].is_pio = pio;
}

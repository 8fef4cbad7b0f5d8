/* SPDX-License-Identifier: MIT */
/* The interrupt's way to the thread that waits for it, and the registers that both touch. See ide_channel.h. */
#include <drivers/block/ide_channel.h>

#include <kernel/arch/clock.h>
#include <kernel/arch/io.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>

#define CONTROL_RESET 0x04
#define DRIVE_LBA     0xe0
/* Of the status before a tick is slept for: a disk takes a write's first sector at once. */
#define QUICK_READS 100u

unsigned long ide_timeout = IDE_TIMEOUT;

uint8_t ide_status(const struct ide_drive *drive)
{
	return drive->pretends_gone ? STATUS_NOBODY : inb(drive->channel->control);
}

void ide_count(struct ide_channel *channel, uint32_t *what)
{
	irqflags_t flags;

	spin_lock_irqsave(&channel->lock, flags);
	(*what)++;
	spin_unlock_irqrestore(&channel->lock, flags);
}

/* --- the interrupt --- */

/* The bus master's status says whether it is this channel's; reading the disk's lowers the line. */
static bool interrupt_take_locked(const struct ide_channel *channel, uint8_t *status, uint8_t *bus_status)
{
	uint16_t bus = channel->bus_master;

	*bus_status = bus ? inb((uint16_t)(bus + BM_STATUS)) : BM_INTERRUPT;
	if (!(*bus_status & BM_INTERRUPT))
		return false;
	*status = ide_reg_read(channel, REG_STATUS);
	if (bus) {
		outb((uint16_t)(bus + BM_COMMAND), 0);
		outb((uint16_t)(bus + BM_STATUS), (*bus_status & BM_KEPT) | BM_ERROR | BM_INTERRUPT);
	}
	return true;
}

static void answer_locked(struct ide_channel *channel, uint8_t status, uint8_t bus_status)
{
	struct sample *sample = kmalloc(sizeof(*sample), GFP_ATOMIC | __GFP_NOWARN);

	channel->status = status;
	channel->bus_status = bus_status;
	channel->is_waited_for = false;
	channel->has_answered = true;
	channel->sample = sample;
	if (sample)
		sample->us = (uint32_t)(clock_now_us() - channel->asked_us);
	channel->stat.nr_samples += sample != NULL;
	channel->stat.nr_dropped += sample == NULL;
	if (channel->command)
		blk_command_on_interrupt(channel->command);
}

irqreturn_t ide_interrupt(int irq, void *arg)
{
	struct ide_channel *channel = arg;
	uint8_t status, bus_status;
	bool is_ours, is_wanted;

	(void)irq;
	spin_lock(&channel->lock);
	is_ours = interrupt_take_locked(channel, &status, &bus_status);
	is_wanted = is_ours && channel->is_waited_for;
	if (is_wanted)
		answer_locked(channel, status, bus_status);
	channel->stat.nr_interrupts += is_ours;
	channel->stat.nr_unexpected += is_ours && !is_wanted;
	spin_unlock(&channel->lock);
	if (is_wanted)
		wake_up(&channel->reply);
	return is_ours ? IRQ_HANDLED : IRQ_NONE;
}

/* What an earlier command that was given up has left: its note, and what the bus master remembers of an interrupt. */
void ide_expect_answer(struct ide_channel *channel)
{
	struct sample *stale;
	irqflags_t flags;

	spin_lock_irqsave(&channel->lock, flags);
	stale = channel->sample;
	channel->sample = NULL;
	if (channel->bus_master)
		outb((uint16_t)(channel->bus_master + BM_STATUS),
		     (inb((uint16_t)(channel->bus_master + BM_STATUS)) & BM_KEPT) | BM_INTERRUPT);
	channel->has_answered = false;
	channel->is_waited_for = true;
	channel->asked_us = clock_now_us();
	spin_unlock_irqrestore(&channel->lock, flags);
	kfree(stale);
}

static void sample_note(struct ide_channel *channel, struct sample *sample)
{
	if (!sample)
		return;
	if (sample->us > channel->stat.max_latency_us)
		channel->stat.max_latency_us = sample->us;
	kfree(sample);
}

int ide_wait_answer(struct ide_channel *channel, uint8_t *status, uint8_t *bus_status)
{
	struct sample *sample;
	irqflags_t flags;
	bool has_answered;

	(void)wait_event_timeout(channel->reply, READ_ONCE(channel->has_answered), (long)ide_timeout);
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

int ide_wait_status(const struct ide_drive *drive, uint8_t mask, uint8_t wanted)
{
	unsigned long end = jiffies + ide_timeout;
	uint8_t status;

	for (unsigned int i = 0;; i++) {
		status = ide_status(drive);
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
int ide_select(const struct ide_drive *drive, uint8_t lba_top)
{
	ide_reg_write(drive->channel, REG_DRIVE, (uint8_t)(DRIVE_LBA | drive->unit << 4 | lba_top));
	for (unsigned int i = 0; i < 4; i++)
		(void)inb(drive->channel->control);
	return ide_wait_status(drive, STATUS_BUSY | STATUS_DRQ, 0);
}

void ide_command(struct ide_drive *drive, uint8_t command)
{
	ide_expect_answer(drive->channel);
	if (!drive->nr_deaf)
		ide_reg_write(drive->channel, REG_STATUS, command);
}

int ide_judge(struct ide_drive *drive, const struct blk_command *command, uint8_t status)
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
			ide_reg_read(drive->channel, REG_ERROR));
	return -EIO;
}

void ide_stop_bus_master(const struct ide_channel *channel)
{
	if (channel->bus_master)
		outb((uint16_t)(channel->bus_master + BM_COMMAND), 0);
}

int ide_reset(struct ide_drive *drive)
{
	struct ide_channel *channel = drive->channel;

	ide_count(channel, &channel->stat.nr_resets);
	ide_stop_bus_master(channel);
	outb(channel->control, CONTROL_RESET);
	udelay(5);
	outb(channel->control, 0);
	msleep(2);
	return ide_select(drive, 0) ? -ENODEV : 0;
}

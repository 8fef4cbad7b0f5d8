/* SPDX-License-Identifier: MIT */
/* A thread serves the drive: it turns the motor on, seeks, sets up the 8237 and the controller, and sleeps until the interrupt. A
 * piece is at most what is left of a side of a track and of a page, so it never crosses 64 KiB.
 *
 * FD1 The controller is used by whoever holds floppy.mutex: the thread, or floppy_read_raw().
 * FD2 Memory stays mapped until the 8237 has stopped.
 * FD3 Nothing here allocates. Waits are bounded: floppy.timeout ticks for an interrupt, SHORT_READS reads of the status for a
 *     byte of a command.
 *
 * A command that fails is tried again after a recalibration, one that is not answered after a reset, twice; then it has failed.
 * The motor stops when nothing was wanted for IDLE_TICKS.
 *
 * Lock: floppy.lock (L) between handler and thread, interrupts off.
 */
#include <drivers/block/floppy.h>

#include <drivers/block/isadma.h>
#include <kernel/arch/io.h>
#include <kernel/core/blkdev.h>
#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/interrupt.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#define FLOPPY_IRQ	6
#define FLOPPY_CHANNEL	2
#define NR_CYLINDERS	80u
#define NR_HEADS	2u
#define PER_TRACK	18u
#define SPIN_UP_MS	300
#define IDLE_TICKS	(2 * HZ)
#define MAX_RETRIES	2u
#define SHORT_READS	10000u /* of the status: a microsecond each on hardware */
#define NR_RESULTS	7u

#define PORT_OUTPUT	0x3f2
#define PORT_STATUS	0x3f4
#define PORT_DATA	0x3f5
#define PORT_RATE	0x3f7
#define OUTPUT_ENABLED	0x0c /* not in reset, interrupts and DMA on */
#define OUTPUT_MOTOR	0x10
#define STATUS_READY	0x80
#define STATUS_TO_CPU	0x40
#define STATUS_BUSY	0x10
#define ST0_FAILED	0xc0
#define ST1_PROTECTED	0x02

#define CMD_SPECIFY	0x03
#define CMD_WRITE	0x45 /* MFM */
#define CMD_READ	0x46
#define CMD_RECALIBRATE 0x07
#define CMD_SENSE	0x08
#define CMD_SEEK	0x0f

#define CMOS_ADDRESS	0x70
#define CMOS_DATA	0x71
#define CMOS_FLOPPIES	0x10
#define TYPE_1440	4
#define TYPE_2880	5

static struct {
	struct blk_device blk;
	struct device dev; /* (C) */
	struct mutex mutex;
	bool is_present; /* (C) */
	bool is_turning; /* FD1, as all up to here */
	int cylinder;	 /* -1: not known */
	bool is_deaf; /* the next command is to lack its last byte, for which the controller waits until it is reset */
	uint8_t result[NR_RESULTS];
	unsigned long timeout;
	struct wait_queue work, reply;
	struct spinlock lock;
	bool has_answered; /* (L) */
} floppy = {
	.dev = {"fd0", DMA_BIT_MASK(24), DMA_BIT_MASK(24)},
	.mutex = MUTEX_INIT(floppy.mutex),
	.work = WAIT_QUEUE_INIT(floppy.work),
	.reply = WAIT_QUEUE_INIT(floppy.reply),
	.lock = SPINLOCK_INIT("floppy"),
	.cylinder = -1,
	.timeout = FLOPPY_TIMEOUT,
};

/* --- the controller --- */

static irqreturn_t floppy_interrupt(int irq, void *dev)
{
	(void)irq;
	(void)dev;
	spin_lock(&floppy.lock);
	floppy.has_answered = true;
	spin_unlock(&floppy.lock);
	wake_up(&floppy.reply);
	return IRQ_HANDLED;
}

static void answer_expect(void)
{
	irqflags_t flags;

	spin_lock_irqsave(&floppy.lock, flags);
	floppy.has_answered = false;
	spin_unlock_irqrestore(&floppy.lock, flags);
}

static int answer_wait(void)
{
	if (wait_event_timeout(floppy.reply, READ_ONCE(floppy.has_answered), (long)floppy.timeout) == 0)
		return -ETIMEDOUT;
	return 0;
}

/* Until the controller wants a byte, or has one. */
static bool data_wait(uint8_t way)
{
	for (unsigned int i = 0; i < SHORT_READS; i++)
		if ((inb(PORT_STATUS) & (STATUS_READY | STATUS_TO_CPU)) == (STATUS_READY | way))
			return true;
	return false;
}

static int bytes_send(const uint8_t *byte, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		if (!data_wait(0))
			return -ETIMEDOUT;
		outb(PORT_DATA, byte[i]);
	}
	return 0;
}

/* Result: how many came. */
static unsigned int results_take(unsigned int nr)
{
	unsigned int i = 0;

	while (i < nr && data_wait(STATUS_TO_CPU))
		floppy.result[i++] = inb(PORT_DATA);
	return i;
}

/* What a seek, a recalibration or a reset came to. */
static int sense(void)
{
	static const uint8_t command[] = {CMD_SENSE};

	if (bytes_send(command, sizeof(command)) || results_take(2) != 2)
		return -ETIMEDOUT;
	return floppy.result[0] & ST0_FAILED ? -EIO : 0;
}

/* A command that moves the head. */
static int move(const uint8_t *command, unsigned int nr)
{
	int error;

	answer_expect();
	error = bytes_send(command, nr);
	error = error ? error : answer_wait();
	return error ? error : sense();
}

static int recalibrate(void)
{
	static const uint8_t command[] = {CMD_RECALIBRATE, 0};
	int error = move(command, sizeof(command));

	floppy.cylinder = error ? -1 : 0;
	return error;
}

static int seek(unsigned int cylinder)
{
	uint8_t command[] = {CMD_SEEK, 0, (uint8_t)cylinder};
	int error = floppy.cylinder < 0 ? recalibrate() : 0;

	if (error || floppy.cylinder == (int)cylinder)
		return error;
	error = move(command, sizeof(command));
	floppy.cylinder = error || floppy.result[1] != cylinder ? -1 : (int)cylinder;
	return error ? error : floppy.cylinder < 0 ? -EIO : 0;
}

static void motor(bool on)
{
	if (on == floppy.is_turning)
		return;
	outb(PORT_OUTPUT, on ? OUTPUT_ENABLED | OUTPUT_MOTOR : OUTPUT_ENABLED);
	floppy.is_turning = on;
	if (on)
		msleep(SPIN_UP_MS);
}

/* Step rate and times of the head as BIOSes set them; four drives report after a reset. */
static int controller_reset(void)
{
	static const uint8_t specify[] = {CMD_SPECIFY, 0xdf, 0x02};
	uint8_t motor_bit = floppy.is_turning ? OUTPUT_MOTOR : 0;
	int error;

	floppy.cylinder = -1;
	answer_expect();
	outb(PORT_OUTPUT, 0);
	udelay(10);
	outb(PORT_OUTPUT, OUTPUT_ENABLED | motor_bit);
	error = answer_wait();
	for (unsigned int i = 0; i < 4 && !error; i++)
		error = sense() == -ETIMEDOUT ? -ETIMEDOUT : 0;
	outb(PORT_RATE, 0); /* 500 kbit/s */
	return error ? error : bytes_send(specify, sizeof(specify));
}

/* --- sectors --- */

static int judge(void)
{
	if (results_take(NR_RESULTS) != NR_RESULTS)
		return -ETIMEDOUT;
	if (floppy.result[1] & ST1_PROTECTED)
		return -EROFS;
	return floppy.result[0] & ST0_FAILED ? -EIO : 0;
}

/* nr sectors of one side of a track; the memory is the 8237's until it is stopped. */
static int sectors_move(enum blk_op op, uint32_t sector, uint32_t nr, uint64_t addr)
{
	uint32_t cylinder = sector / (PER_TRACK * NR_HEADS), head = sector / PER_TRACK % NR_HEADS;
	uint32_t first = sector % PER_TRACK + 1;
	uint8_t command[] = {op == BLK_READ ? CMD_READ : CMD_WRITE,
			     (uint8_t)(head << 2),
			     (uint8_t)cylinder,
			     (uint8_t)head,
			     (uint8_t)first,
			     2,
			     (uint8_t)(first + nr - 1),
			     0x1b,
			     0xff};
	int error;

	motor(true);
	error = seek(cylinder);
	if (error)
		return error;
	answer_expect();
	error = isadma_start(FLOPPY_CHANNEL, addr, nr * BLK_SECTOR, op == BLK_READ);
	if (error)
		return error;
	error = bytes_send(command, sizeof(command) - floppy.is_deaf);
	error = error ? error : answer_wait();
	(void)isadma_stop(FLOPPY_CHANNEL);
	return error ? error : judge();
}

/* An error of the medium wants another try from cylinder 0, silence a reset. */
static int sectors_move_hard(enum blk_op op, uint32_t sector, uint32_t nr, uint64_t addr)
{
	int error = -EIO;

	for (unsigned int i = 0; i <= MAX_RETRIES && (error == -EIO || error == -ETIMEDOUT); i++) {
		error = sectors_move(op, sector, nr, addr);
		floppy.cylinder = error == -EIO ? -1 : floppy.cylinder;
		if (error == -ETIMEDOUT && controller_reset() != 0)
			return -ENODEV;
	}
	return error;
}

/* The pool may be used up for a moment. */
static dma_addr_t map(const struct blk_segment *s, uint32_t offset, uint32_t size,
		      enum dma_data_direction way)
{
	unsigned long end = jiffies + floppy.timeout;
	dma_addr_t addr;

	do {
		addr = dma_map_page(&floppy.dev, pfn_to_page(s->pfn), s->offset + offset, size, way);
		if (!dma_mapping_error(&floppy.dev, addr))
			break;
		msleep(1);
	} while (time_before(jiffies, end));
	return addr;
}

/* Result: sectors done, or the negative of an error number. */
static int piece_move(enum blk_op op, uint32_t sector, const struct blk_segment *s, uint32_t done)
{
	enum dma_data_direction way = op == BLK_READ ? DMA_FROM_DEVICE : DMA_TO_DEVICE;
	uint32_t nr = MIN(s->length / BLK_SECTOR - done, PER_TRACK - sector % PER_TRACK);
	dma_addr_t addr = map(s, done * BLK_SECTOR, nr * BLK_SECTOR, way);
	int error;

	if (dma_mapping_error(&floppy.dev, addr))
		return -EIO;
	error = sectors_move_hard(op, sector, nr, addr);
	dma_unmap_page(&floppy.dev, addr, nr * BLK_SECTOR, way);
	return error ? error : (int)nr;
}

static int request_move(struct blk_request *request)
{
	uint32_t sector = (uint32_t)request->sector;

	for (unsigned int i = 0; i < request->nr_segments; i++) {
		const struct blk_segment *s = &request->segment[i];

		for (uint32_t done = 0; done < s->length / BLK_SECTOR;) {
			int nr = piece_move(request->op, sector, s, done);

			if (nr < 0)
				return nr;
			done += (uint32_t)nr;
			sector += (uint32_t)nr;
		}
	}
	return 0;
}

static int execute(struct blk_command *command)
{
	struct blk_request *request;
	unsigned int ms;
	enum blk_fault fault = blk_fault_hits(&floppy.blk, &ms);
	int error = fault == BLK_FAULT_ERROR ? -EIO : fault == BLK_FAULT_GONE ? -ENODEV : 0;

	if (fault == BLK_FAULT_SLOW)
		msleep(ms);
	floppy.is_deaf = fault == BLK_FAULT_LOST;
	if (!error && command->op != BLK_FLUSH)
		list_for_each_entry(request, &command->requests, link)
			if (!error)
				error = request_move(request);
	floppy.is_deaf = false;
	return error;
}

static struct blk_command *next_or_idle(void)
{
	struct blk_command *command = NULL;

	if (wait_event_timeout(floppy.work, (command = blk_next(&floppy.blk)) != NULL, IDLE_TICKS) || command)
		return command;
	mutex_lock(&floppy.mutex);
	motor(false);
	mutex_unlock(&floppy.mutex);
	wait_event(floppy.work, (command = blk_next(&floppy.blk)) != NULL);
	return command;
}

static int floppy_thread(void *unused)
{
	(void)unused;
	for (;;) {
		struct blk_command *command = next_or_idle();
		int error;

		mutex_lock(&floppy.mutex);
		error = execute(command);
		mutex_unlock(&floppy.mutex);
		blk_command_done(&floppy.blk, command, error);
	}
	return 0;
}

static void floppy_wake(struct blk_device *dev)
{
	(void)dev;
	wake_up(&floppy.work);
}

int floppy_read_raw(uint32_t sector, uint64_t addr)
{
	int error;

	if (!floppy.is_present || sector >= floppy.blk.nr_sectors)
		return -ENODEV;
	mutex_lock(&floppy.mutex);
	error = sectors_move_hard(BLK_READ, sector, 1, addr & (ISADMA_END - 1));
	mutex_unlock(&floppy.mutex);
	return error;
}

/* --- what is there --- */

/* The BIOS notes the type of the first drive in the upper half. */
static bool drive_is_there(void)
{
	uint8_t type;

	outb(CMOS_ADDRESS, CMOS_FLOPPIES);
	type = inb(CMOS_DATA) >> 4;
	return (type == TYPE_1440 || type == TYPE_2880) && inb(PORT_STATUS) != 0xff;
}

static int disk_register(void)
{
	static const struct blk_ops ops = {.wake = floppy_wake};
	struct blk_device *blk = &floppy.blk;

	(void)snprintf(blk->name, sizeof(blk->name), "fd0");
	blk->major = 2;
	blk->nr_sectors = NR_CYLINDERS * NR_HEADS * PER_TRACK;
	blk->max_sectors = PER_TRACK;
	blk->max_segments = PER_TRACK;
	blk->ops = &ops;
	return blk_register(blk);
}

void floppy_init(void)
{
	int error;

	if (!drive_is_there())
		return;
	error = request_irq(FLOPPY_IRQ, floppy_interrupt, 0, "floppy", &floppy);
	error = error ? error : controller_reset();
	error = error ? error : disk_register();
	if (!error && IS_ERR(kthread_run(floppy_thread, NULL, "fd0")))
		error = -ENOMEM;
	floppy.is_present = !error;
	if (error)
		pr_warn("fd0: the controller does not do: error %d", error);
	else
		pr_info("fd0: 1.44 MB, behind the 8237");
}

bool floppy_is_present(void)
{
	return floppy.is_present;
}

struct device *floppy_device(void)
{
	return &floppy.dev;
}

void floppy_set_timeout(unsigned long ticks)
{
	floppy.timeout = ticks;
}

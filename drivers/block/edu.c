/* SPDX-License-Identifier: MIT */
/* One transfer at a time, under edu.mutex; its end is an interrupt.
 *
 * The device has no reset, and nothing stops a transfer: while one runs, its registers take nothing. So one that is not answered
 * in time is waited for once more, until the device says that it is over. If it never does, the device is kept from the bus for
 * good.
 *
 * ED1 A call returns when the device does not reach memory any more, whatever its result.
 *
 * Lock: edu.lock (L) between handler and thread, interrupts off.
 */
#include <drivers/block/edu.h>

#include <drivers/block/pci.h>
#include <linux/dma-mapping.h>
#include <linux/errno.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#define EDU_VENDOR	 0x1234
#define EDU_DEVICE	 0x11e8
#define EDU_IDENTITY	 0x00edu
#define BUFFER_AT	 0x40000u /* on the device's side */

#define REG_IDENTITY	 0x00
#define REG_FACTORIAL	 0x08
#define REG_STATUS	 0x20
#define REG_IRQ_STATUS	 0x24
#define REG_IRQ_ACK	 0x64
#define REG_DMA_SOURCE	 0x80
#define REG_DMA_TARGET	 0x88
#define REG_DMA_COUNT	 0x90
#define REG_DMA_COMMAND	 0x98
#define STATUS_COMPUTING 0x01
#define DMA_START	 0x01
#define DMA_FROM_EDU	 0x02
#define DMA_WITH_IRQ	 0x04

static struct {
	struct pci_dev *pci; /* (C) NULL: there is none */
	char *registers;     /* (C) */
	struct mutex mutex;
	bool is_gone;	       /* under the mutex, as both below */
	bool is_deaf;	       /* transfers are to end without an interrupt */
	unsigned long timeout; /* of a transfer's interrupt, in ticks */
	struct wait_queue reply;
	struct spinlock lock;
	bool has_answered; /* (L) */
} edu = {
	.mutex = MUTEX_INIT(edu.mutex),
	.timeout = EDU_TIMEOUT,
	.reply = WAIT_QUEUE_INIT(edu.reply),
	.lock = SPINLOCK_INIT("edu"),
};

static irqreturn_t edu_interrupt(int irq, void *dev)
{
	uint32_t status = readl(edu.registers + REG_IRQ_STATUS);

	(void)irq;
	(void)dev;
	if (!status)
		return IRQ_NONE;
	writel(status, edu.registers + REG_IRQ_ACK);
	spin_lock(&edu.lock);
	edu.has_answered = true;
	spin_unlock(&edu.lock);
	wake_up(&edu.reply);
	return IRQ_HANDLED;
}

static void answer_expect(void)
{
	irqflags_t flags;

	spin_lock_irqsave(&edu.lock, flags);
	edu.has_answered = false;
	spin_unlock_irqrestore(&edu.lock, flags);
}

static bool is_moving(void)
{
	return readl(edu.registers + REG_DMA_COMMAND) & DMA_START;
}

/* ED1; an interrupt that comes late is taken back. */
static void abandon(void)
{
	unsigned long end = jiffies + EDU_TIMEOUT;

	while (is_moving() && time_before(jiffies, end))
		msleep(1);
	if (!is_moving()) {
		writel(readl(edu.registers + REG_IRQ_STATUS), edu.registers + REG_IRQ_ACK);
		return;
	}
	pci_disable(edu.pci, PCI_COMMAND_MASTER);
	edu.is_gone = true;
	pr_warn("edu: a transfer does not end, the device is used no more");
}

static int move_locked(uint64_t source, uint64_t target, uint32_t size, uint32_t way)
{
	if (edu.is_gone)
		return -ENODEV;
	answer_expect();
	writel((uint32_t)source, edu.registers + REG_DMA_SOURCE);
	writel((uint32_t)target, edu.registers + REG_DMA_TARGET);
	writel(size, edu.registers + REG_DMA_COUNT);
	writel(DMA_START | (edu.is_deaf ? 0 : DMA_WITH_IRQ) | way, edu.registers + REG_DMA_COMMAND);
	if (wait_event_timeout(edu.reply, READ_ONCE(edu.has_answered), (long)edu.timeout) != 0)
		return 0;
	abandon();
	return -ETIMEDOUT;
}

static int move(uint64_t source, uint64_t target, uint32_t size, uint32_t way)
{
	int error;

	mutex_lock(&edu.mutex);
	error = move_locked(source, target, size, way);
	mutex_unlock(&edu.mutex);
	return error;
}

void edu_set_deaf(bool deaf, unsigned long ticks)
{
	mutex_lock(&edu.mutex);
	edu.is_deaf = deaf;
	edu.timeout = ticks;
	mutex_unlock(&edu.mutex);
}

static bool is_in_buffer(uint32_t offset, uint32_t size)
{
	return edu.pci && size && offset < EDU_BUFFER_BYTES && size <= EDU_BUFFER_BYTES - offset;
}

int edu_read(dma_addr_t to, uint32_t offset, uint32_t size)
{
	return is_in_buffer(offset, size) ? move(BUFFER_AT + offset, to, size, DMA_FROM_EDU) : -EINVAL;
}

int edu_write(dma_addr_t from, uint32_t offset, uint32_t size)
{
	return is_in_buffer(offset, size) ? move(from, BUFFER_AT + offset, size, 0) : -EINVAL;
}

uint32_t edu_factorial(uint32_t n)
{
	unsigned long end = jiffies + EDU_TIMEOUT;
	uint32_t result;

	mutex_lock(&edu.mutex);
	writel(n, edu.registers + REG_FACTORIAL);
	while (readl(edu.registers + REG_STATUS) & STATUS_COMPUTING && time_before(jiffies, end))
		msleep(1);
	result = readl(edu.registers + REG_FACTORIAL);
	mutex_unlock(&edu.mutex);
	return result;
}

struct device *edu_device(void)
{
	return edu.pci ? &edu.pci->dev : NULL;
}

static bool is_an_edu(const char *registers)
{
	return (readl(registers + REG_IDENTITY) & 0xffff) == EDU_IDENTITY;
}

void edu_init(void)
{
	struct pci_dev *pci = pci_find_device(EDU_VENDOR, EDU_DEVICE, NULL);
	struct pci_bar bar;

	if (!pci || pci->irq == PCI_NO_IRQ)
		return;
	pci_bar(pci, 0, &bar);
	edu.registers = bar.size && !bar.is_io ? ioremap(bar.start, PAGE_SIZE) : NULL;
	pci_enable(pci, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	if (!edu.registers || !is_an_edu(edu.registers) ||
	    dma_set_mask_and_coherent(&pci->dev, DMA_BIT_MASK(28)) != 0 ||
	    request_irq(pci->irq, edu_interrupt, IRQF_SHARED, "edu", &edu) != 0) {
		pr_warn("edu: %s is none that this driver knows: left out", pci->name);
		return;
	}
	edu.pci = pci;
	pr_info("edu: at %s, irq %u", pci->name, pci->irq);
}

/* SPDX-License-Identifier: MIT */
/* The table of devices, and their configuration space through two ports: the address is written to one, the data moved
 * through the other, so both together are under a lock.
 *
 * PC1 Every function that answers is in the table once, by bus, slot and function, until the table is full.
 * PC2 A bus is looked at once: bridges are followed to buses of a higher number only, whatever they claim.
 *
 * Lock: pci.lock, alone, interrupts off, for two accesses.
 */
#include <drivers/block/pci.h>

#include <kernel/arch/io.h>
#include <kernel/arch/irq.h>
#include <kernel/lib/format.h>
#include <linux/dma-mapping.h>
#include <linux/kernel.h>
#include <linux/spinlock.h>

#define ADDRESS_PORT	0xcf8
#define DATA_PORT	0xcfc
#define ENABLE		0x80000000u
#define NR_BUSES	256u
#define NR_SLOTS	32u
#define NR_FUNCTIONS	8u
#define NOBODY		0xffffu
#define MULTIFUNCTION	0x80u
#define BAR_IO		0x1u
#define BAR_64		0x4u
#define BAR_TYPE	0x7u
#define BAR_IO_MASK	0xfffffffcu
#define BAR_MEMORY_MASK 0xfffffff0u

static struct {
	struct spinlock lock;
	unsigned int nr; /* (C) after pci_init() */
	struct pci_dev device[PCI_MAX_DEVICES];
} pci = {.lock = SPINLOCK_INIT("pci")};

static void select_register(const struct pci_dev *dev, unsigned int offset)
{
	(outl)(ADDRESS_PORT, ENABLE | (uint32_t)dev->bus << 16 | (uint32_t)dev->slot << 11 |
				     (uint32_t)dev->function << 8 | (offset & 0xfc));
}

uint32_t pci_read_config(const struct pci_dev *dev, unsigned int offset, unsigned int size)
{
	uint16_t port = (uint16_t)(DATA_PORT + (offset & 3));
	irqflags_t flags;
	uint32_t value;

	spin_lock_irqsave(&pci.lock, flags);
	select_register(dev, offset);
	value = size == 1 ? (inb)(port) : size == 2 ? (inw)(port) : (inl)(port);
	spin_unlock_irqrestore(&pci.lock, flags);
	return value;
}

void pci_write_config(const struct pci_dev *dev, unsigned int offset, unsigned int size, uint32_t value)
{
	uint16_t port = (uint16_t)(DATA_PORT + (offset & 3));
	irqflags_t flags;

	spin_lock_irqsave(&pci.lock, flags);
	select_register(dev, offset);
	if (size == 1)
		(outb)(port, (uint8_t)value);
	else if (size == 2)
		(outw)(port, (uint16_t)value);
	else
		(outl)(port, value);
	spin_unlock_irqrestore(&pci.lock, flags);
}

void pci_enable(const struct pci_dev *dev, uint16_t command_bits)
{
	pci_write_config(dev, PCI_COMMAND, 2, pci_read_config(dev, PCI_COMMAND, 2) | command_bits);
}

void pci_disable(const struct pci_dev *dev, uint16_t command_bits)
{
	pci_write_config(dev, PCI_COMMAND, 2, pci_read_config(dev, PCI_COMMAND, 2) & ~(uint32_t)command_bits);
}

/* --- base addresses --- */

static uint32_t bar_size_bits(const struct pci_dev *dev, unsigned int offset)
{
	uint32_t was = pci_read_config(dev, offset, 4), bits;

	pci_write_config(dev, offset, 4, 0xffffffffu);
	bits = pci_read_config(dev, offset, 4);
	pci_write_config(dev, offset, 4, was);
	return bits;
}

static void measure_bar(const struct pci_dev *dev, unsigned int offset, struct pci_bar *bar)
{
	uint32_t low = pci_read_config(dev, offset, 4), bits = bar_size_bits(dev, offset);
	uint64_t mask;

	bar->is_io = low & BAR_IO;
	mask = bits & (bar->is_io ? BAR_IO_MASK : BAR_MEMORY_MASK);
	bar->start = low & (bar->is_io ? BAR_IO_MASK : BAR_MEMORY_MASK);
	if (!bar->is_io && (low & BAR_TYPE) == BAR_64) {
		bar->start |= (uint64_t)pci_read_config(dev, offset + 4, 4) << 32;
		mask |= (uint64_t)bar_size_bits(dev, offset + 4) << 32;
	} else if (mask) {
		mask |= ~(uint64_t)0 << 32;
	}
	if (bar->is_io && mask)
		mask |= 0xffff0000u; /* whether or not the device keeps the upper half */
	bar->size = mask & -mask;
}

void pci_bar(const struct pci_dev *dev, unsigned int n, struct pci_bar *bar)
{
	uint32_t command = pci_read_config(dev, PCI_COMMAND, 2);

	*bar = (struct pci_bar){.size = 0};
	if (n >= PCI_NR_BARS)
		return;
	pci_write_config(dev, PCI_COMMAND, 2, command & ~(uint32_t)(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
	measure_bar(dev, PCI_BASE_ADDRESS_0 + 4 * n, bar);
	pci_write_config(dev, PCI_COMMAND, 2, command);
}

/* --- what is there --- */

static __init bool device_add(struct pci_dev *dev)
{
	struct pci_dev *entry = &pci.device[pci.nr];
	uint32_t class;

	if (pci.nr == PCI_MAX_DEVICES)
		return false;
	class = pci_read_config(dev, PCI_CLASS_REVISION, 4);
	*entry = *dev;
	entry->device = (uint16_t)pci_read_config(dev, 2, 2);
	entry->class = (uint16_t)(class >> 16);
	entry->interface = (uint8_t)(class >> 8);
	entry->irq = (uint8_t)pci_read_config(dev, PCI_INTERRUPT_LINE, 1);
	if (entry->irq == 0 || entry->irq >= IRQ_NR_LINES)
		entry->irq = PCI_NO_IRQ;
	(void)snprintf(entry->name, sizeof(entry->name), "%02x:%02x.%u", dev->bus, dev->slot, dev->function);
	entry->dev = (struct device){entry->name, DMA_BIT_MASK(32), DMA_BIT_MASK(32)};
	pci.nr++;
	return true;
}

/* PC2: buses that bridges lead to are marked here, and looked at when their number comes. */
static __init void look_at(struct pci_dev *dev, uint8_t wanted[NR_BUSES / 8])
{
	unsigned int below;

	if (!device_add(dev)) {
		pr_warn("pci: more than %u devices; %02x:%02x.%u and those behind it are left out",
			PCI_MAX_DEVICES, dev->bus, dev->slot, dev->function);
		return;
	}
	if (pci.device[pci.nr - 1].class != PCI_CLASS_BRIDGE)
		return;
	below = pci_read_config(dev, PCI_SECONDARY_BUS, 1);
	if (below > dev->bus)
		wanted[below / 8] |= (uint8_t)(1u << below % 8);
}

static __init void look_at_slot(struct pci_dev *dev, uint8_t wanted[NR_BUSES / 8])
{
	unsigned int nr = 1;

	for (unsigned int i = 0; i < nr && pci.nr < PCI_MAX_DEVICES; i++) {
		dev->function = (uint8_t)i;
		dev->vendor = (uint16_t)pci_read_config(dev, 0, 2);
		if (dev->vendor == NOBODY)
			continue;
		if (i == 0 && pci_read_config(dev, PCI_HEADER_TYPE, 1) & MULTIFUNCTION)
			nr = NR_FUNCTIONS;
		look_at(dev, wanted);
	}
}

/* The address register keeps what is written to it where there is a bus. */
static __init bool bus_is_there(void)
{
	(outl)(ADDRESS_PORT, ENABLE);
	return (inl)(ADDRESS_PORT) == ENABLE;
}

void __init pci_init(void)
{
	uint8_t wanted[NR_BUSES / 8] = {1};

	if (!bus_is_there())
		return;
	for (unsigned int bus = 0; bus < NR_BUSES; bus++)
		for (unsigned int slot = 0; wanted[bus / 8] >> bus % 8 & 1 && slot < NR_SLOTS; slot++) {
			struct pci_dev dev = {.bus = (uint8_t)bus, .slot = (uint8_t)slot};

			look_at_slot(&dev, wanted);
		}
	pr_info("pci: %u devices", pci.nr);
}

struct pci_dev *pci_device(unsigned int n)
{
	return n < pci.nr ? &pci.device[n] : NULL;
}

static unsigned int index_behind(const struct pci_dev *from)
{
	return from ? (unsigned int)(from - pci.device) + 1 : 0;
}

struct pci_dev *pci_find_device(uint16_t vendor, uint16_t device, const struct pci_dev *from)
{
	for (unsigned int i = index_behind(from); i < pci.nr; i++)
		if (pci.device[i].vendor == vendor && pci.device[i].device == device)
			return &pci.device[i];
	return NULL;
}

struct pci_dev *pci_find_class(uint16_t class, const struct pci_dev *from)
{
	for (unsigned int i = index_behind(from); i < pci.nr; i++)
		if (pci.device[i].class == class)
			return &pci.device[i];
	return NULL;
}

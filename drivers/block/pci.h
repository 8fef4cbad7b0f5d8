/* SPDX-License-Identifier: MIT */
/* Devices on the PCI bus, found at boot by configuration mechanism 1 (ports 0xcf8, 0xcfc), those behind bridges too. A
 * machine without the bus has none. Serves CONTRACT P11.
 *
 * Context of all functions unless said otherwise: any.
 */
#pragma once

#include <linux/device.h>
#include <linux/types.h>

#define PCI_MAX_DEVICES	   64u
#define PCI_NR_BARS	   6u
#define PCI_NO_IRQ	   0xffu

#define PCI_COMMAND	   0x04
#define PCI_COMMAND_IO	   0x1
#define PCI_COMMAND_MEMORY 0x2
#define PCI_COMMAND_MASTER 0x4
#define PCI_CLASS_REVISION 0x08
#define PCI_HEADER_TYPE	   0x0e
#define PCI_BASE_ADDRESS_0 0x10
#define PCI_SECONDARY_BUS  0x19
#define PCI_INTERRUPT_LINE 0x3c

#define PCI_CLASS_IDE	   0x0101u
#define PCI_CLASS_BRIDGE   0x0604u

/* (C) after pci_init(), the masks in dev apart */
struct pci_dev {
	struct device dev; /* its mask: 32 bits, until the driver says otherwise */
	uint8_t bus, slot, function;
	uint16_t vendor, device;
	uint16_t class;	   /* base class and subclass */
	uint8_t interface; /* programming interface */
	uint8_t irq;	   /* line of the 8259s; PCI_NO_IRQ: none */
	char name[12];	   /* "00:01.1" */
};

/* Boot, once. */
void pci_init(void);

/* The n-th device found; NULL behind the last. */
struct pci_dev *pci_device(unsigned int n);

/* The first device of that make behind `from`, or of all (NULL). Result: NULL: there is none. */
struct pci_dev *pci_find_device(uint16_t vendor, uint16_t device, const struct pci_dev *from);
struct pci_dev *pci_find_class(uint16_t class, const struct pci_dev *from);

/* `offset` below 256, a multiple of the size. */
uint32_t pci_read_config(const struct pci_dev *dev, unsigned int offset, unsigned int size);
void pci_write_config(const struct pci_dev *dev, unsigned int offset, unsigned int size, uint32_t value);

struct pci_bar {
	uint64_t start; /* physical address, or port */
	uint64_t size;	/* 0: there is none */
	bool is_io;
};

/* Measures it, for which decoding is off for a moment. Context: the device is idle. */
void pci_bar(const struct pci_dev *dev, unsigned int n, struct pci_bar *bar);

/* Sets these bits of the command register: lets the device answer, or reach memory by itself; and clears them. */
void pci_enable(const struct pci_dev *dev, uint16_t command_bits);
void pci_disable(const struct pci_dev *dev, uint16_t command_bits);

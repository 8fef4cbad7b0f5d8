/* SPDX-License-Identifier: MIT */
/* The table of devices against the bus itself. Guest only. */
#include <drivers/block/pci.h>

#include <kernel/arch/irqflags.h>
#include <kernel/lib/string.h>
#include <linux/dma-mapping.h>
#include <tests/kernel/test_util.h>

#define NEEDS_PCI()                                                                                          \
	if (!pci_device(0))                                                                                  \
	SKIP("no PCI bus")

KTEST(pci, every_device_of_the_table_answers_and_is_there_once, "P11")
{
	unsigned int nr = 0;

	NEEDS_PCI();
	for (struct pci_dev *dev; (dev = pci_device(nr)) != NULL; nr++) {
		EXPECT_EQ(pci_read_config(dev, 0, 4), (uint32_t)dev->device << 16 | dev->vendor);
		EXPECT_EQ(pci_read_config(dev, 2, 1), dev->device & 0xff);
		for (unsigned int i = 0; i < nr; i++)
			EXPECT(strcmp(pci_device(i)->name, dev->name) != 0);
	}
	EXPECT(nr >= 1 && nr <= PCI_MAX_DEVICES);
	EXPECT_NULL(pci_device(nr));
}

KTEST(pci, devices_are_found_by_make_and_by_class_one_after_another, "P11")
{
	struct pci_dev *bridge, *at = NULL;
	unsigned int nr = 0;

	NEEDS_PCI();
	bridge = pci_find_class(0x0600, NULL);
	REQUIRE(bridge); /* to the CPU: every bus has one */
	EXPECT(pci_find_device(bridge->vendor, bridge->device, NULL) == bridge);
	EXPECT_NULL(pci_find_device(0xfffe, 1, NULL));
	while ((at = pci_find_class(bridge->class, at)) != NULL && nr <= PCI_MAX_DEVICES)
		nr++;
	EXPECT(nr >= 1 && nr <= PCI_MAX_DEVICES);
	EXPECT_EQ(bridge->dev.dma_mask, DMA_BIT_MASK(32));
}

KTEST(pci, base_addresses_are_measured_and_left_as_they_were, "P11")
{
	NEEDS_PCI();
	for (unsigned int n = 0; pci_device(n); n++) {
		struct pci_dev *dev = pci_device(n);
		uint32_t command = pci_read_config(dev, PCI_COMMAND, 2);

		for (unsigned int i = 0; i < PCI_NR_BARS; i++) {
			uint32_t was = pci_read_config(dev, PCI_BASE_ADDRESS_0 + 4 * i, 4);
			struct pci_bar bar;

			pci_bar(dev, i, &bar);
			EXPECT_EQ(pci_read_config(dev, PCI_BASE_ADDRESS_0 + 4 * i, 4), was);
			EXPECT((bar.size & (bar.size - 1)) == 0);
			EXPECT(!bar.size || (bar.start & (bar.size - 1)) == 0);
			EXPECT(!bar.is_io || bar.size <= 0x10000);
		}
		EXPECT_EQ(pci_read_config(dev, PCI_COMMAND, 2), command);
	}
}

KTEST(pci, measuring_keeps_an_address_that_nobody_measured_before, "P11")
{
	struct pci_dev *ide = pci_find_class(PCI_CLASS_IDE, NULL);
	unsigned int at = PCI_BASE_ADDRESS_0 + 4 * 4;
	struct pci_bar bar, moved;
	irqflags_t flags;
	uint32_t was, found;

	if (!ide)
		SKIP("no IDE controller on a PCI bus");
	was = pci_read_config(ide, at, 4);
	pci_bar(ide, 4, &bar);
	flags = irq_save(); /* its handler looks at the bus master's ports */
	pci_write_config(ide, at, 4, was ^ 0x1000);
	pci_bar(ide, 4, &moved);
	found = pci_read_config(ide, at, 4);
	pci_write_config(ide, at, 4, was);
	irq_restore(flags);
	EXPECT_EQ(found, was ^ 0x1000);
	EXPECT(moved.start == (bar.start ^ 0x1000) && moved.size == bar.size);
}

KTEST(pci, a_device_may_be_let_at_memory, "P11")
{
	struct pci_dev *ide = pci_find_class(PCI_CLASS_IDE, NULL);
	uint32_t was;
	struct pci_bar bar;

	if (!ide)
		SKIP("no IDE controller on a PCI bus");
	was = pci_read_config(ide, PCI_COMMAND, 2);
	pci_enable(ide, PCI_COMMAND_MASTER);
	EXPECT_EQ(pci_read_config(ide, PCI_COMMAND, 2), was | PCI_COMMAND_MASTER);
	pci_disable(ide, PCI_COMMAND_MASTER);
	EXPECT_EQ(pci_read_config(ide, PCI_COMMAND, 2), was & ~(uint32_t)PCI_COMMAND_MASTER);
	pci_write_config(ide, PCI_COMMAND, 2, was);
	pci_bar(ide, 4, &bar); /* the bus master's ports */
	EXPECT(bar.is_io && bar.size == 16);
	pci_bar(ide, PCI_NR_BARS, &bar);
	EXPECT_EQ(bar.size, 0);
}

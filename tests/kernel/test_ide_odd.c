/* SPDX-License-Identifier: MIT */
/* Disks that QEMU makes odd (tests/boot/machines, disk-odd): ide0 cannot read sector 100 nor write sector 200, ide1 has 3 TiB,
 * ide2 serves 20 requests a second, ide3 has no sectors. Guest only. */
#include <drivers/block/ide.h>

#include <drivers/block/pci.h>
#include <kernel/arch/io.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <tests/kernel/disk.h>
#include <tests/kernel/test_util.h>

#define BAD_TO_READ  100u
#define BAD_TO_WRITE 200u
#define THREE_TIB    (3ull << 40)
#define NR_SLOW	     10u

static char page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static int io(const char *name, enum blk_op op, uint64_t sector, unsigned int nr_sectors)
{
	struct blk_device *dev = blk_find(name);
	struct blk_segment segment = {(pfn_t)(virt_to_phys(page) >> PAGE_SHIFT), 0,
				      (uint16_t)(nr_sectors * BLK_SECTOR)};

	return dev ? blk_do(dev, op, sector, &segment, 1) : -ENODEV;
}

KTEST_BY_NAME(ide_odd, a_sector_that_the_disk_refuses_is_an_error_and_its_neighbours_are_not, "R7 BLK-04")
{
	MACHINE_STAYS_AS_FOUND();

	expect_reports();
	for (uint64_t s = BAD_TO_READ - 2; s <= BAD_TO_READ + 2; s++)
		EXPECT(io("ide0", BLK_READ, s, 1) == (s == BAD_TO_READ ? -EIO : 0));
	EXPECT_ONE_REPORT("ide0: read of 1 sectors at 100 failed: status 41, error 04");
	for (uint64_t s = BAD_TO_WRITE - 2; s <= BAD_TO_WRITE + 2; s++)
		EXPECT(io("ide0", BLK_WRITE, s, 1) == (s == BAD_TO_WRITE ? -EIO : 0));
	EXPECT_ONE_REPORT("ide0: write of 1 sectors at 200 failed: status 41, error 04");
	EXPECT(io("ide0", BLK_READ, BAD_TO_READ - 4, 8) == -EIO);
	EXPECT_ONE_REPORT("ide0: read of 8 sectors at 96 failed: status 41, error 04");
	EXPECT(io("ide0", BLK_WRITE, BAD_TO_WRITE - 4, 8) == -EIO);
	EXPECT_ONE_REPORT("ide0: write of 8 sectors at 196 failed: status 41, error 04");
	EXPECT_EQ(io("ide0", BLK_WRITE, BAD_TO_READ, 1), 0);
	EXPECT_EQ(io("ide0", BLK_READ, BAD_TO_WRITE, 1), 0);
}

KTEST_BY_NAME(ide_odd, a_disk_above_2_tib_is_reached_to_its_last_sector, "BLK-06")
{
	struct blk_device *dev = blk_find("ide1");

	REQUIRE(dev);
	EXPECT(dev->nr_sectors == THREE_TIB / BLK_SECTOR);
	memset(page, 0x5c, BLK_SECTOR);
	EXPECT_EQ(io("ide1", BLK_READ, dev->nr_sectors - 1, 1), 0);
	EXPECT(memory_is(page, 0, BLK_SECTOR)); /* as QEMU's null disk has it */
	EXPECT_EQ(io("ide1", BLK_WRITE, dev->nr_sectors - 8, 8), 0);
	expect_reports();
	EXPECT(io("ide1", BLK_READ, dev->nr_sectors, 1) == -EINVAL);
}

/* The ACPI timer of the PIIX4: 24 bits at 3579545 Hz. It counts the time of the host, by which QEMU slows the disk, whereas a
 * busy host's guest gets too few ticks, and has measured its time stamp counter by them. Result: its port; 0: there is none. */
static uint16_t pm_timer_port(void)
{
	struct pci_dev *pm = pci_find_device(0x8086, 0x7113, NULL);
	uint16_t base = pm ? (uint16_t)(pci_read_config(pm, 0x40, 2) & 0xffc0) : 0;

	return base ? (uint16_t)(base + 8) : 0;
}

/* Of one that takes less than 4 s. */
static uint32_t pm_timer_ms(uint16_t port, uint32_t start)
{
	return ((inl(port) - start) & 0xffffff) / 3580;
}

/* It lets pass what it does in a tenth of a second. */
#define MS_SLOW ((NR_SLOW - 3) * 1000 / 20 - 50)

KTEST_BY_NAME(ide_odd, a_disk_of_20_requests_a_second_is_waited_for, "R7 BLK-05")
{
	uint16_t port = pm_timer_port();
	uint32_t took = 0;
	struct ide_stat before, after;

	REQUIRE(port && ide_stat(1, &before));
	for (unsigned int i = 0; i < NR_SLOW; i++) {
		uint32_t start = inl(port);

		EXPECT_EQ(io("ide2", BLK_READ, i, 1), 0);
		took += pm_timer_ms(port, start);
	}
	ktest_note("%u reads in %u ms", NR_SLOW, took);
	EXPECT(took >= MS_SLOW);
	EXPECT(ide_stat(1, &after) && after.nr_timeouts == before.nr_timeouts &&
	       after.nr_interrupts == before.nr_interrupts + NR_SLOW);
}

KTEST_BY_NAME(ide_odd, a_disk_without_sectors_is_left_out, "BLK-06 USR-04")
{
	EXPECT(ide_found(3) == IDE_UNUSABLE);
	EXPECT_NULL(blk_find("ide3"));
}

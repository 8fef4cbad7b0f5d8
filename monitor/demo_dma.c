/* SPDX-License-Identifier: MIT */
/* The play "dma": what an address is worth to a device. The floppy's controller sits behind the 8237, which has 24 address bits; the
 * PCI disk has 32; QEMU's edu device as many as it was made with. The same sectors go to memory below and above 16 MiB, rightly and
 * wrongly, and what came of it is looked at.
 *
 * The wrong transfer needs a victim: the page that 24 bits of the right one's address name is held by the play, so that nobody is
 * harmed. */
#include <monitor/demo.h>

#include <drivers/block/edu.h>
#include <drivers/block/floppy.h>
#include <kernel/core/blkdev.h>
#include <kernel/lib/align.h>
#include <kernel/lib/list.h>
#include <kernel/lib/string.h>
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/slab.h>
#include <monitor/say.h>

#define SECTOR	   5u
#define ISA_REACH  MIB(16u)
#define FAR_BLOCKS 8u
#define UNTOUCHED  0xa5

/* Two pages whose addresses have the same 24 bits, and what was taken on the way. */
struct namesakes {
	struct page *far, *near;
	struct page *block[FAR_BLOCKS];
	unsigned int nr_blocks;
	struct list_head others;
};

static bool names_it(const struct page *block, const struct page *near)
{
	pfn_t reach = ISA_REACH >> PAGE_SHIFT, distance = (page_to_pfn(near) - page_to_pfn(block)) % reach;

	return page_to_pfn(block) >= reach && distance < 1u << MAX_PAGE_ORDER;
}

/* Large blocks, so that few of them have every offset; then DMA pages until one is a namesake. */
static bool take_namesakes(struct namesakes *n)
{
	pfn_t reach = ISA_REACH >> PAGE_SHIFT;

	while (n->nr_blocks < FAR_BLOCKS &&
	       (n->block[n->nr_blocks] =
			alloc_pages(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY, MAX_PAGE_ORDER)) != NULL)
		n->nr_blocks++;
	while ((n->near = alloc_page(GFP_DMA | __GFP_NOWARN)) != NULL) {
		for (unsigned int i = 0; i < n->nr_blocks; i++)
			if (names_it(n->block[i], n->near)) {
				n->far = n->block[i] +
					 (page_to_pfn(n->near) - page_to_pfn(n->block[i])) % reach;
				return true;
			}
		list_add(&n->near->links, &n->others);
	}
	return false;
}

static void give_namesakes(struct namesakes *n)
{
	for (unsigned int i = 0; i < n->nr_blocks; i++)
		__free_pages(n->block[i], MAX_PAGE_ORDER);
	if (n->near)
		__free_page(n->near);
	demo_give_all(&n->others);
}

/* --- transfers, and what came of them --- */

static bool disk_read(struct blk_device *dev, const struct page *page)
{
	struct blk_segment segment = {page_to_pfn(page), 0, BLK_SECTOR};

	return blk_do(dev, BLK_READ, SECTOR, &segment, 1) == 0;
}

static void wipe(const struct page *page)
{
	memset(page_address(page), UNTOUCHED, PAGE_SIZE);
}

static bool is_untouched(const struct page *page)
{
	const uint8_t *byte = page_address(page);

	for (size_t i = 0; i < PAGE_SIZE; i++)
		if (byte[i] != UNTOUCHED)
			return false;
	return true;
}

static bool has_sector(const struct page *page, const void *sector)
{
	return memcmp(page_address(page), sector, BLK_SECTOR) == 0;
}

static unsigned long long where(const struct page *page)
{
	return (unsigned long long)page_to_phys(page);
}

struct stage {
	struct demo_dma *seen;
	struct namesakes n;
	char sector[BLK_SECTOR]; /* as it should come */
	bool print;
};

#define TELL(stage, ...)                                                                                     \
	do {                                                                                                 \
		if ((stage)->print)                                                                          \
			say(__VA_ARGS__);                                                                    \
	} while (0)

static const char *right(bool is)
{
	return is ? "right" : "WRONG";
}

static void play_floppy_near(struct stage *stage)
{
	struct demo_dma *seen = stage->seen;
	struct page *near = stage->n.near;

	wipe(near);
	seen->floppy_near = disk_read(blk_find("fd0"), near);
	memcpy(stage->sector, page_address(near), BLK_SECTOR);
	seen->floppy_near = seen->floppy_near && !is_untouched(near);
	TELL(stage, "1 fd0 to GFP_DMA memory at %#llx: %s\n", where(near), right(seen->floppy_near));
}

static void play_floppy_raw(struct stage *stage)
{
	struct demo_dma *seen = stage->seen;
	struct page *far = stage->n.far, *near = stage->n.near;

	wipe(far);
	wipe(near);
	seen->raw_missed = floppy_read_raw(SECTOR, where(far)) == 0 && is_untouched(far);
	seen->raw_damaged = has_sector(near, stage->sector);
	TELL(stage, "2 fd0 to GFP_KERNEL memory at %#llx, the address given to the 8237 as it is:\n",
	     where(far));
	TELL(stage, "  the buffer is %s, and the page at %#llx is %s\n",
	     seen->raw_missed ? "untouched" : "written", where(near),
	     seen->raw_damaged ? "DAMAGED: 24 bits of the address name it" : "as it was");
}

static void play_floppy_mapped(struct stage *stage)
{
	struct demo_dma *seen = stage->seen;
	struct page *far = stage->n.far, *near = stage->n.near;
	uint32_t nr_bounced = dma_bounce.nr_mapped;

	wipe(far);
	wipe(near);
	seen->floppy_far = disk_read(blk_find("fd0"), far) && has_sector(far, stage->sector) &&
			   is_untouched(near) && dma_bounce.nr_mapped > nr_bounced;
	TELL(stage,
	     "3 fd0 to the same memory through dma_map_page(): %s, by way of the bounce pool at %#lx\n",
	     right(seen->floppy_far), (unsigned long)dma_bounce.start);
}

static void play_disk(struct stage *stage)
{
	struct blk_device *dev = blk_find("ide0");
	struct demo_dma *seen = stage->seen;
	struct page *far = stage->n.far, *near = stage->n.near;
	uint32_t nr_bounced = dma_bounce.nr_mapped;

	wipe(far);
	wipe(near);
	seen->disk_both = disk_read(dev, near) && disk_read(dev, far) && !is_untouched(near) &&
			  has_sector(far, page_address(near)) && dma_bounce.nr_mapped == nr_bounced;
	TELL(stage, "4 ide0, which has 32 bits, to %#llx and to %#llx as they are: %s\n", where(near),
	     where(far), right(seen->disk_both));
}

/* There and back, with the mask that its driver knows cut to 24 bits. */
static void play_edu(struct stage *stage)
{
	struct device *dev = edu_device();
	struct page *far = stage->n.far;
	uint64_t mask = dev->dma_mask;
	uint32_t nr_bounced = dma_bounce.nr_mapped;
	dma_addr_t addr;
	bool is_right = dma_set_mask(dev, DMA_BIT_MASK(24)) == 0;

	memset(page_address(far), 'e', PAGE_SIZE);
	addr = dma_map_page(dev, far, 0, BLK_SECTOR, DMA_TO_DEVICE);
	is_right = is_right && !dma_mapping_error(dev, addr) && edu_write(addr, 0, BLK_SECTOR) == 0;
	dma_unmap_page(dev, addr, BLK_SECTOR, DMA_TO_DEVICE);
	wipe(far);
	addr = dma_map_page(dev, far, 0, BLK_SECTOR, DMA_FROM_DEVICE);
	is_right = is_right && !dma_mapping_error(dev, addr) && edu_read(addr, 0, BLK_SECTOR) == 0;
	dma_unmap_page(dev, addr, BLK_SECTOR, DMA_FROM_DEVICE);
	is_right = is_right && *(char *)page_address(far) == 'e' && dma_set_mask(dev, mask) == 0;
	stage->seen->edu_masked = is_right && dma_bounce.nr_mapped == nr_bounced + 2;
	TELL(stage, "5 edu with a mask of 24 bits, from %#llx and back: %s, it was shown %#llx\n", where(far),
	     right(stage->seen->edu_masked), (unsigned long long)addr);
}

static void perform(struct stage *stage)
{
	if (stage->seen->has_floppy) {
		play_floppy_near(stage);
		play_floppy_raw(stage);
		play_floppy_mapped(stage);
	} else {
		TELL(stage,
		     "1-3 no floppy drive with a floppy: QEMU's -drive if=floppy,file=... attaches one\n");
	}
	if (stage->seen->has_disk)
		play_disk(stage);
	else
		TELL(stage, "4 no IDE disk\n");
	if (stage->seen->has_edu)
		play_edu(stage);
	else
		TELL(stage, "5 no edu device: QEMU's -device edu attaches one\n");
}

bool demo_dma_play(struct demo_dma *seen, bool print)
{
	struct stage *stage = kzalloc(sizeof(*stage), GFP_KERNEL);
	bool is_ready;

	*seen = (struct demo_dma){.has_floppy = blk_find("fd0") != NULL,
				  .has_disk = blk_find("ide0") != NULL,
				  .has_edu = edu_device() != NULL};
	if (!stage)
		return false;
	stage->seen = seen;
	stage->print = print;
	list_init(&stage->n.others);
	is_ready = dma_bounce.nr_groups && take_namesakes(&stage->n);
	if (is_ready)
		perform(stage);
	give_namesakes(&stage->n);
	kfree(stage);
	return is_ready;
}

void demo_dma(void)
{
	struct demo_dma seen;

	say("Devices put addresses on the bus themselves. Each has so many bits of them: its mask.\n");
	if (!demo_dma_play(&seen, true)) {
		say("demo: no memory above 16 MiB whose lower 24 address bits are another page's\n");
		return;
	}
	dma_bounce_print(monitor_out());
}

/* SPDX-License-Identifier: MIT */
/* Lists of pieces of memory under the name the books use. */
#pragma once

#include <kernel/lib/string.h>
#include <mm/dma/dma.h>
#include <mm/pages/page_alloc.h>

#define sg_dma_address(sg)	     ((sg)->dma_address)
#define sg_dma_len(sg)		     ((sg)->dma_length)
#define sg_page(sg)		     ((sg)->page)
#define for_each_sg(list, sg, nr, i) for ((i) = 0, (sg) = (list); (i) < (nr); (i)++, (sg)++)

static inline void sg_init_table(struct scatterlist *sg, unsigned int nr)
{
	memset(sg, 0, nr * sizeof(*sg));
}

static inline void sg_set_page(struct scatterlist *sg, struct page *page, unsigned int length,
			       unsigned int offset)
{
	sg->page = page;
	sg->length = length;
	sg->offset = offset;
}

/* Of memory in the direct map. */
static inline void sg_set_buf(struct scatterlist *sg, const void *buf, unsigned int length)
{
	sg_set_page(sg, virt_to_page(buf), length, (unsigned int)((uintptr_t)buf & (PAGE_SIZE - 1)));
}

/* SPDX-License-Identifier: MIT */
/* Pools of small coherent blocks under the name the books use. */
#pragma once

#include <linux/dma-mapping.h>
#include <mm/dma/dmapool.h>

/* SPDX-License-Identifier: MIT */
/* A device under the name the books use: what DMA wants to know of it. */
#pragma once

#include <mm/dma/bounce.h>

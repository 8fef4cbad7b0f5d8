/* SPDX-License-Identifier: MIT */
/* Pages, their addresses and references under the name the books use. */
#pragma once

#include <asm/page.h>
#include <linux/gfp.h>
#include <linux/oldnames.h>
#include <mm/pages/page.h>

#define PageHighMem(page) page_is_highmem(page)

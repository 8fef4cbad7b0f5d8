/* SPDX-License-Identifier: MIT */
/* How pages are mapped, under the name the books use. */
#pragma once

#include <asm/page.h>
#include <linux/vmalloc.h>

/* SPDX-License-Identifier: MIT */
/* Code and data of the boot, under the names the books use. What is marked __init is gone once the kernel has
 * come up; nothing is ever unloaded, so __exit is a word for the reader. */
#pragma once

#include <kernel/lib/compiler.h>

#define __exit	   UNUSED
#define __exitdata UNUSED

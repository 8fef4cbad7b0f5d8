/* SPDX-License-Identifier: MIT */
/* Code and data of the boot, under the names the books use. What is marked __init is gone once the kernel has
 * come up; nothing is unloaded before power-off, so __exit is a word for the reader. */
#pragma once

#include <kernel/core/module.h>

#define __exit	   __maybe_unused
#define __exitdata __maybe_unused

/* Called at boot and before power-off, in link order. */
#define module_init(function) MODULE_CALL(init, function)
#define module_exit(function) MODULE_CALL(exit, function)

/* SPDX-License-Identifier: MIT */
/* Kernel timers, under the names the books use. */
#pragma once

#include <kernel/core/timer.h>

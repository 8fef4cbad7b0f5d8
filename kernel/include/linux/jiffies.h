/* SPDX-License-Identifier: MIT */
/* The tick counter, under the names the books use. */
#pragma once

#include <kernel/core/timer.h>

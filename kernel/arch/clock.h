/* SPDX-License-Identifier: MIT */
/* Time since boot, from the time stamp counter measured once against the PC's 8254. Context: any, after
 * clock_init(); before it time stands still at 0. */
#pragma once

#include <kernel/lib/types.h>

/* Takes 10 ms. */
void clock_init(void);

uint64_t clock_now_us(void);
uint64_t clock_now_ms(void);

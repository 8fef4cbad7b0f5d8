/* SPDX-License-Identifier: MIT */
/* The PC's interval timer (8254): the tick, HZ times a second. */
#pragma once

/* Starts the tick. After timer_init(). Boot. */
void pit_init(void);

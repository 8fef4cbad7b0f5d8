/* SPDX-License-Identifier: MIT */
/* What main.c hands from one floor to another. */
#pragma once

/* Hooks of mm in the scheduler: live windows on high memory follow their thread; and mm's word on addresses,
 * for fault reports. After thread_system_init(). */
void wiring_init(void);

/* Starts the threads that mm lives on. When threads sleep and timers run. */
void wiring_start(void);

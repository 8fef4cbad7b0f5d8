/* SPDX-License-Identifier: MIT */
/* Everything mm needs from the machine and the kernel around it. Whoever embeds mm implements this file and
 * puts a <port_inline.h> on the include path; the linker and the include path choose, never an #ifdef in mm.
 *
 * <port_inline.h> supplies, inline because the fast paths use them:
 *   char *port_direct_map(void)                   virtual address of physical 0 in the direct map of low
 * memory irqflags_t, irq_save(), irq_restore(flags)    nests; restores what was bool irqs_disabled(void)
 *   struct port_lock, port_lock_init(lock, name)
 *   irqflags_t port_lock_irqsave(lock)            not recursive; owner known; complains when misused
 *   void port_unlock_irqrestore(lock, flags)
 *   bool port_lock_is_held(lock)                  by this CPU
 */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>
#include <port_inline.h>

enum port_level { PORT_ERR, PORT_WARN, PORT_INFO };

/* One message of one line; the text has no newline at its end. Context: any, also under mm's locks. */
void port_print(enum port_level level, const char *fmt, ...) PRINTF(2, 3);

/* Cannot go on: says so and never returns. Context: any. */
NORETURN void port_panic(const char *fmt, ...) PRINTF(1, 2);

/* The name of the code at ip ("kmalloc+0x12") written to buf, cut to size; result: buf. Context: any. */
const char *port_code_name(const void *ip, char *buf, size_t size);

/* Name of the thread (or context) that runs now, for messages. Context: any. */
const char *port_task_name(void);

/* Milliseconds since boot, for rate limits. Context: any. */
uint64_t port_now_ms(void);

/* SPDX-License-Identifier: MIT */
/* QEMU's device for teaching: a buffer of 4 KiB that it fills from memory or writes to memory, with as many address bits as its
 * maker gave it, 28 unless told otherwise. Serves CONTRACT P11. */
#pragma once

#include <linux/compiler.h>

#include <linux/device.h>
#include <linux/types.h>

#define EDU_BUFFER_BYTES 4095u /* of 4096: the device takes a range that ends with the last for one beyond */

/* Boot, after pci_init(); may sleep. */
void edu_init(void);

/* NULL: there is none. Its mask is 28 bits. */
struct device *edu_device(void);

/* n! in 32 bits, by the device: is it alive? */
uint32_t edu_factorial(uint32_t n);

/* Moves size bytes between the device's buffer, from `offset` on, and an address on the bus, sleeping until its interrupt: a tenth of
 * a second. When it returns the device does not reach that memory any more. Result: 0; -EINVAL: beyond the buffer; -ETIMEDOUT;
 * -ENODEV: an earlier transfer has never ended. Context: may sleep. */
int edu_read(dma_addr_t to, uint32_t offset, uint32_t size) MUST_CHECK;
int edu_write(dma_addr_t from, uint32_t offset, uint32_t size) MUST_CHECK;

/* For tests: are transfers to end without an interrupt, and how long is one waited for. */
#define EDU_TIMEOUT (2 * HZ)
void edu_set_deaf(bool deaf, unsigned long ticks);

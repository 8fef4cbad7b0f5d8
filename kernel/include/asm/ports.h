/* SPDX-License-Identifier: MIT */
/* Ports, and registers that lie in memory: the part of <asm/io.h> that needs no memory manager. The books write the value
 * first and the port second, kernel/arch/io.h the other way round. */
#pragma once

#include <asm/system.h>
#include <kernel/arch/io.h>
#include <kernel/lib/string.h>

#define outb(value, port) (outb)((uint16_t)(port), (uint8_t)(value))
#define outw(value, port) (outw)((uint16_t)(port), (uint16_t)(value))
#define outl(value, port) (outl)((uint16_t)(port), (uint32_t)(value))
#define inb(port)	  (inb)((uint16_t)(port))
#define inw(port)	  (inw)((uint16_t)(port))
#define inl(port)	  (inl)((uint16_t)(port))

/* Each is one access, in the order written. */
#define readb(addr)	       (*(const volatile uint8_t *)(addr))
#define readw(addr)	       (*(const volatile uint16_t *)(addr))
#define readl(addr)	       (*(const volatile uint32_t *)(addr))
#define writeb(value, addr)    ((void)(*(volatile uint8_t *)(addr) = (uint8_t)(value)))
#define writew(value, addr)    ((void)(*(volatile uint16_t *)(addr) = (uint16_t)(value)))
#define writel(value, addr)    ((void)(*(volatile uint32_t *)(addr) = (uint32_t)(value)))

#define ioread8(addr)	       readb(addr)
#define ioread16(addr)	       readw(addr)
#define ioread32(addr)	       readl(addr)
#define iowrite8(value, addr)  writeb(value, addr)
#define iowrite16(value, addr) writew(value, addr)
#define iowrite32(value, addr) writel(value, addr)

static inline void memset_io(volatile void *addr, int byte, size_t size)
{
	memset((void *)(uintptr_t)addr, byte, size);
}

static inline void memcpy_fromio(void *to, const volatile void *from, size_t size)
{
	memcpy(to, (const void *)(uintptr_t)from, size);
}

static inline void memcpy_toio(volatile void *to, const void *from, size_t size)
{
	memcpy((void *)(uintptr_t)to, from, size);
}

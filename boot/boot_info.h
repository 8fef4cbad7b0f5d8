/* SPDX-License-Identifier: MIT */
/* What the loader told us, checked and copied: nothing after boot_info_parse() reads the loader's memory
 * again. */
#pragma once

#include <boot/acpi.h>
#include <kernel/lib/compiler.h>
#include <mm/early/memmap.h>

#define BOOT_MAX_ENTRIES 512
#define BOOT_MAX_MODULES 8
#define BOOT_CMDLINE_MAX 1024 /* bytes with the NUL; a longer line is cut, and said so */

struct boot_module {
	paddr_t start, end;
	char name[64];
};

struct boot_info {
	const char *protocol; /* "Multiboot 1", "Multiboot 2" */
	char loader[64];      /* the loader's name for itself, or "" */
	char cmdline[BOOT_CMDLINE_MAX];
	bool cmdline_cut;
	/* The memory map. More entries than fit: usable ones are dropped; others widen an entry that is
	 * there, so that nothing reserved is ever forgotten. nr_entries_lost counts both. */
	unsigned int nr_entries;
	unsigned int nr_entries_lost;
	const char *map_source; /* "mmap", "mem_upper" (no map: the certain part only) */
	bool damaged; /* a table ended early at an entry that cannot be true; what came before it counts */
	struct memmap_entry entries[BOOT_MAX_ENTRIES];
	unsigned int nr_modules;
	unsigned int nr_modules_lost;
	struct boot_module modules[BOOT_MAX_MODULES];
	unsigned int rsdp_bytes; /* the firmware's root pointer as the loader passed it on, 0: it did not */
	uint8_t rsdp[ACPI_RSDP_BYTES];
	paddr_t loader_start, loader_end; /* the information structure itself */
};

/* Reads what a Multiboot loader left. `magic` is eax and `addr` ebx at entry; `map` makes a physical range
 * readable and returns it, or NULL when it lies outside what can be reached (the kernel: the direct map; host
 * tests: a buffer). Result: NULL, or one clear sentence saying what was wrong, then `info` is not to be used.
 */
const char *boot_info_parse(struct boot_info *info, uint32_t magic, uint32_t addr,
			    const void *(*map)(uint64_t phys, uint64_t size));

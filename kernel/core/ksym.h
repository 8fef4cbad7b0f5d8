/* SPDX-License-Identifier: MIT */
/* Names for code addresses, from tables that the link step generates and links in:
 *
 *   ksym_count             number of symbols, 0 in the first link pass
 *   ksym_addresses[i]      start of symbol i; ascending
 *   ksym_name_offsets[i]   where its name starts in ksym_names
 *   ksym_names             all names, each with its NUL
 *
 * An address belongs to the last symbol at or below it. Context: any; read only. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

extern const uint32_t ksym_count;
extern const uint32_t ksym_addresses[];
extern const uint32_t ksym_name_offsets[];
extern const char ksym_names[];

#define KSYM_FORMAT_MAX 80 /* enough for name+0xoffset of nearly every symbol */

/* False when no symbol covers addr. The last symbol is believed for 64 KiB. */
bool ksym_lookup(uintptr_t addr, const char **name, uint32_t *offset);

/* The address of the symbol with that name. False when there is none. */
bool ksym_find(const char *name, uintptr_t *addr);

/* The n-th symbol's name, by address; NULL behind the last. */
const char *ksym_name(unsigned int n);

/* "name+0x12", or "0xc0101234" when there is no name, cut to size. Result: buf. */
const char *ksym_format(uintptr_t addr, char *buf, size_t size);

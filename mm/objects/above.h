/* SPDX-License-Identifier: MIT */
/* What this room and the one above it ask of the reports: words for an address that somebody misused. Defined
 * in report/locate.c. */
#pragma once

#include <kernel/lib/types.h>

/* What lies at any address, for reports of misuse: an object, a page, an area of vmalloc, or nothing of ours;
 * written to buf. Result: buf. Context: any. */
const char *locate_phrase(const void *addr, char *buf, size_t size);

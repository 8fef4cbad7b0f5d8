/* SPDX-License-Identifier: MIT */
/* The C library's memory and string functions that a freestanding kernel needs; meanings are the standard's.
 * On the host the same names come from libc. Context: any. */
#pragma once

#include <kernel/lib/types.h>

void *memset(void *dst, int byte, size_t size);
void *memcpy(void *dst, const void *src, size_t size);
void *memmove(void *dst, const void *src, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *s, int byte, size_t size);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strstr(const char *haystack, const char *needle);

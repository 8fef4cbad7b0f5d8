/* SPDX-License-Identifier: MIT */
/* Words of a command line and what they mean. Pure: runs on the host, too. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>
#include <mm/pages/gfp.h>

#define WORDS_MAX 16u
#define SHOWN_MAX 36u /* of a word in a message */

/* Cuts `text` into words at its blanks, in place. Result: how many there are; only WORDS_MAX are in word[].
 */
unsigned int parse_words(char *text, char *word[WORDS_MAX]);

/* A decimal or 0x-hexadecimal number, all of the word and below 2^64. When it is none, *value is anything. */
bool parse_number(const char *word, uint64_t *value) MUST_CHECK;

/* The same with K, M or G behind it, in either case: times 2^10, 2^20, 2^30. */
bool parse_size(const char *word, uint64_t *bytes) MUST_CHECK;

/* "#12", from #1 on. */
bool parse_handle(const char *word, unsigned int *number) MUST_CHECK;

/* Names joined by '|', in either case, with or without GFP_ or __GFP_: "kernel", "GFP_DMA|atomic". Whether
 * they go together is the kernel's to say. Result: NULL, or what is wrong, for "expected …"; *where, *len: the
 * part at fault. */
const char *parse_flags(const char *word, gfp_t *gfp, const char **where, size_t *len);

/* The n-th name that parse_flags() knows, NULL behind the last. */
const char *parse_flag_name(unsigned int n);

/* The words with a '|' between each two, one of their own or a new one, cut to size: "dma", "|", "atomic", "zero". */
void parse_join(char *text, size_t size, unsigned int nr, char *word[]);

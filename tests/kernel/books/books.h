/* SPDX-License-Identifier: MIT */
/* What the drivers of this folder offer to the tests. */
#pragma once

#include <linux/types.h>

/* Where a scull's quanta come from. get: cleared, or NULL. */
struct quantum_source {
	const char *name;
	size_t quantum; /* bytes */
	void *(*get)(size_t quantum);
	void (*put)(void *memory);
};

extern const struct quantum_source scullc_source, scullp_source, scullv_source;
extern const struct quantum_source kmalloc_today, cache_today, pages_today, vmalloc_today;

struct scull_book;
struct scull_book *scull_book_open(const struct quantum_source *source);
void scull_book_close(struct scull_book *dev);
ssize_t scull_book_write(struct scull_book *dev, const char *buf, size_t count, loff_t *f_pos);
ssize_t scull_book_read(struct scull_book *dev, char *buf, size_t count, loff_t *f_pos);

extern int hello_greetings;

/* Each runs its chapter's calls once. Result: 0, or the line where something was not as the book says. */
int registers_try(void);
int mapping_try(void);
int lkd_try(void);
int hacking_try(void);
int own_words_try(void);

#define AS_THE_BOOK_SAYS(cond)                                                                               \
	do {                                                                                                 \
		if (!(cond))                                                                                 \
			return __LINE__;                                                                     \
	} while (0)

/* SPDX-License-Identifier: MIT */
/* A file whose place is memory: what the suites of the cache read and write. It counts what is asked of it, fails when
 * it is told to, and ends what it began at once, or when it is told to. Guest and host. */
#pragma once

#include <mm/cache/writeback.h>

#define FAKE_FILE_PAGES 24u
#define FAKE_FILE_BYTES (FAKE_FILE_PAGES * PAGE_SIZE)
#define FAKE_FILE_JUNK	0x5a

struct fake_file {
	struct mapping mapping;
	char *disk; /* FAKE_FILE_BYTES; behind the end of the file junk, at first */
	unsigned int nr_reads, nr_writes, nr_blocks_asked;
	unsigned int fails_read, fails_write; /* the n-th from now on fails; 0: none */
	bool fails_for_ever;		      /* and all behind it */
	unsigned int blocks_left;	      /* pages that make_blocks() still finds room for */
	bool is_late;			      /* ends nothing by itself */
	struct page *reading[8], *writing[8]; /* begun, not ended */
	unsigned int nr_writes_for[4];	      /* by enum reclaim_for */
	gfp_t asks_inside;		      /* what a writing asks for a page with; 0: it asks for none */
	bool has_shown_junk; /* a page came to be written with something behind the end of the file */
};

/* A file of size_bytes, its bytes fake_byte(). Result: was there memory? */
bool fake_file_make(struct fake_file *file, uint64_t size_bytes);
void fake_file_end(struct fake_file *file);

#define FAKE_FILE(name) ENDS_WITH(fake_file_end) struct fake_file name = {.disk = NULL}

/* One of so many pages, all of them in memory and clean, that this flusher writes. */
bool fake_file_make_flushed(struct fake_file *file, unsigned int nr, struct flusher *flusher);
void fake_file_make_dirty(struct fake_file *file, unsigned int from, unsigned int nr);
bool fake_file_is_dirty(struct fake_file *file, uint32_t index);

/* As if it had been dirty for so long that it is due. */
void fake_file_make_old(struct fake_file *file);

char fake_byte(uint64_t pos);

/* Ends what was begun. Result: how many. */
unsigned int fake_file_end_reads(struct fake_file *file, int error);
unsigned int fake_file_end_writes(struct fake_file *file, int error);

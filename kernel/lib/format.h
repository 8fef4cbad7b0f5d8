/* SPDX-License-Identifier: MIT */
/* Formatted text: into a buffer, or piece by piece into a sink (the console, a test's buffer, a monitor's
 * pager). The formats are the C standard's without floating point and %n: d i u x X o c s p %, flags - 0 +
 * space #, width and precision (also *), lengths hh h l ll z t. Context: any; nothing allocates. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

/* Write at most size-1 bytes and a NUL (nothing when size is 0). Result: the length the whole text has. */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list args) PRINTF(3, 0);
int snprintf(char *buf, size_t size, const char *fmt, ...) PRINTF(3, 4);

/* Like snprintf, but the result is the length really written, so that calls can be chained. */
int scnprintf(char *buf, size_t size, const char *fmt, ...) PRINTF(3, 4);

/* Where a report goes. Printers of mm take one, so that they never know a console. */
struct sink {
	void (*write)(struct sink *sink, const char *text, size_t len);
};

/* One call to sink->write per call; text beyond 255 bytes is cut. */
void sink_printf(struct sink *sink, const char *fmt, ...) PRINTF(2, 3);

/* A sink that collects into a buffer, always NUL-terminated; what does not fit is dropped, and counted in
 * len. */
struct sink_buffer {
	struct sink sink;
	char *text;
	size_t size; /* of text, bytes */
	size_t len;  /* of all that was written, bytes */
};

void sink_buffer_init(struct sink_buffer *sb, char *text, size_t size);

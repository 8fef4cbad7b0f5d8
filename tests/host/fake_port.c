/* SPDX-License-Identifier: MIT */
/* mm/port.h on the host. Messages go to the test that runs, else to stderr; a panic jumps back to
 * host_catch_panic() or aborts; time stands still until a test moves it. What threads do is in
 * fake_threads.c. Context: one thread. */
#include <mm/port.h>

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kernel/lib/assert.h>
#include <kernel/lib/errno.h>
#include <mm/kit/kit.h>
#include <tests/host/fake_threads.h>
#include <tests/host/host.h>
#include <tests/host/wrap.h>
#include <tests/ktest.h>

struct host_cpu host_cpu;

#define SAID_BYTES 256

static struct {
	jmp_buf panic_return;
	bool catches_panic;
	char said[SAID_BYTES]; /* the last message */
	char panic_text[SAID_BYTES];
	uint64_t now_ms;
} fake_port;

void host_abort(const char *what, const char *name)
{
	fflush(stdout);
	fprintf(stderr, "%s %s\n", what, name);
	abort();
}

/* What the kit puts before a text is not compared. */
void kit_write(const char *text, size_t len)
{
	static const char *const before[] = {"mm: panic: ", "mm: cannot start: ", "mm: "};
	unsigned int i = 0;

	while (strncmp(text, before[i], strlen(before[i])) != 0)
		if (++i == ARRAY_SIZE(before))
			host_abort("a message that is not mm's:", text);
	if (text[len - 1] != '\n')
		host_abort("no newline at the end of", text);
	snprintf(fake_port.said, sizeof(fake_port.said), "%.*s", (int)(len - 1 - strlen(before[i])),
		 text + strlen(before[i]));
}

const char *host_said(void)
{
	return fake_port.said;
}

/* After a panic, and after a refusal: to a test both are the end. */
void kit_stop(void)
{
	if (!fake_port.catches_panic)
		host_abort("panic:", fake_port.said);
	memcpy(fake_port.panic_text, fake_port.said, sizeof(fake_port.panic_text));
	longjmp(fake_port.panic_return, 1);
}

/* Locks are as they were before it, as far as the CPU knows. */
const char *host_catch_panic(void (*fn)(void *arg), void *arg)
{
	struct host_cpu before = host_cpu;
	struct kit_cpu kit_before = kit_cpu[0];
	struct kit_descriptors descriptors = kit_descriptors;
	const char *text = NULL;

	fake_port.catches_panic = true;
	if (setjmp(fake_port.panic_return) == 0)
		fn(arg);
	else
		text = fake_port.panic_text;
	fake_port.catches_panic = false;
	if (text) {
		host_cpu = before;
		kit_cpu[0] = kit_before;
		kit_descriptors = descriptors;
	}
	return text;
}

void host_set_now_ms(uint64_t ms)
{
	fake_port.now_ms = ms;
}

static unsigned int nr_victims; /* threads that could be killed */
static void (*on_kill)(void);

void host_set_victims(unsigned int nr, void (*killed)(void))
{
	nr_victims = nr;
	on_kill = killed;
}

enum port_victim port_kill_victim(bool is_overdue, char *name, size_t *nr_pages)
{
	(void)is_overdue;
	if (nr_victims == 0)
		return PORT_NO_VICTIM;
	snprintf(name, PORT_NAME_MAX, "victim %u", nr_victims--);
	*nr_pages = 1;
	if (on_kill)
		on_kill();
	return PORT_VICTIM_KILLED;
}

uint64_t port_now_ms(void)
{
	host_point("clock");
	return fake_port.now_ms;
}

void __wrap_port_print(enum port_level level, const char *fmt, ...)
{
	char text[SAID_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	__real_port_print(level, "%s", text);
	if (!ktest_report((int)level, fake_port.said) && getenv("VERBOSE"))
		fprintf(stderr, "# %s\n", fake_port.said);
}

static const void *const *callers;
static unsigned int nr_callers;

void host_set_callers(const void *const *frames, unsigned int nr)
{
	callers = frames;
	nr_callers = nr;
}

unsigned int __wrap_port_backtrace(const void **frame, unsigned int max)
{
	unsigned int nr = 0;

	for (; nr < max && nr < nr_callers; nr++)
		frame[nr] = callers[nr];
	return nr ? nr : __real_port_backtrace(frame, max);
}

const char *__wrap_port_task_name(void)
{
	return host_thread_name();
}

void ktest_write(const char *text, size_t len)
{
	fwrite(text, 1, len, stdout);
	fflush(stdout); /* a sanitizer's abort must not swallow results */
}

static size_t stack_left = SIZE_MAX;

void host_set_stack_left(size_t nr_bytes)
{
	stack_left = nr_bytes;
}

size_t port_stack_left(void)
{
	return stack_left;
}

/* No thread: a scene has its own, and others take a flusher's turns themselves. */
bool port_thread_start(int (*life)(void *arg), void *arg, const char *name)
{
	(void)life;
	(void)arg;
	(void)name;
	return true;
}

/* No disk: files of tests lie in memory (tests/kernel/test_file.h). */
uint64_t port_disk_bytes(const struct port_disk *disk)
{
	(void)disk;
	return 0;
}

int port_block_submit_run(struct port_disk *disk, struct page **page, unsigned int nr, bool is_write)
{
	(void)disk;
	(void)page;
	(void)nr;
	(void)is_write;
	return -ENODEV;
}

int port_block_submit(struct port_disk *disk, struct page *page, unsigned int sectors, bool is_write)
{
	(void)disk;
	(void)page;
	(void)sectors;
	(void)is_write;
	return -ENODEV;
}

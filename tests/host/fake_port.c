/* SPDX-License-Identifier: MIT */
/* mm/port.h on the host. Messages go to the test that runs, else to stderr; a panic jumps back to
 * host_catch_panic() or aborts; time stands still until a test moves it. What threads do is in
 * fake_threads.c. Context: one thread. */
#include <mm/port.h>

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <kernel/lib/assert.h>
#include <kernel/lib/errno.h>
#include <tests/host/fake_threads.h>
#include <tests/host/host.h>
#include <tests/ktest.h>

struct host_cpu host_cpu;

static struct {
	jmp_buf panic_return;
	bool catches_panic;
	char panic_text[256];
	uint64_t now_ms;
} fake_port;

void host_abort(const char *what, const char *name)
{
	fflush(stdout);
	fprintf(stderr, "%s %s\n", what, name);
	abort();
}

static void fake_port_panic(const char *text)
{
	if (!fake_port.catches_panic)
		host_abort("panic:", text);
	snprintf(fake_port.panic_text, sizeof(fake_port.panic_text), "%s", text);
	longjmp(fake_port.panic_return, 1);
}

void port_map_descriptors(const void *first, size_t size_bytes)
{
	host_cpu.descriptors = first;
	host_cpu.descriptor_bytes = size_bytes;
}

const void *port_descriptor(const void *addr)
{
	static const char empty[PORT_DESCRIPTOR_BYTES];
	size_t offset =
		(((uintptr_t)addr - (uintptr_t)host_cpu.direct_map) >> PAGE_SHIFT) * PORT_DESCRIPTOR_BYTES;

	return offset < host_cpu.descriptor_bytes ? host_cpu.descriptors + offset : empty;
}

const char *host_catch_panic(void (*fn)(void *arg), void *arg)
{
	struct host_cpu before = host_cpu;
	const char *text = NULL;

	fake_port.catches_panic = true;
	if (setjmp(fake_port.panic_return) == 0)
		fn(arg);
	else
		text = fake_port.panic_text;
	fake_port.catches_panic = false;
	if (text)
		host_cpu = before;
	return text;
}

bool port_describe_address(uintptr_t addr, char *buf, size_t size)
{
	(void)addr;
	(void)buf;
	(void)size;
	return false;
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

void port_print(enum port_level level, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!ktest_report((int)level, text) && getenv("VERBOSE"))
		fprintf(stderr, "# %s\n", text);
}

void port_panic(const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fake_port_panic(text);
	abort(); /* not reached */
}

/* To a test both are the end. */
void port_refuse(const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fake_port_panic(text);
	abort(); /* not reached */
}

void assert_failed(const char *expr, const char *file, int line)
{
	port_panic("%s:%d: %s", file, line, expr);
}

static const void *const *callers;
static unsigned int nr_callers;

void host_set_callers(const void *const *frames, unsigned int nr)
{
	callers = frames;
	nr_callers = nr;
}

unsigned int port_backtrace(const void **frame, unsigned int max)
{
	unsigned int nr = 0;

	for (; nr < max && nr < nr_callers; nr++)
		frame[nr] = callers[nr];
	return nr;
}

const char *port_code_name(const void *ip, char *buf, size_t size)
{
	snprintf(buf, size, "%p", ip);
	return buf;
}

const char *port_task_name(void)
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

int port_block_submit(struct port_disk *disk, struct page *page, unsigned int sectors, bool is_write)
{
	(void)disk;
	(void)page;
	(void)sectors;
	(void)is_write;
	return -ENODEV;
}

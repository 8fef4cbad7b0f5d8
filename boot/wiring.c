/* SPDX-License-Identifier: MIT */
/* mm/port.h over this kernel. mm knows only the names; here they get a console, a symbol table and a clock.
 */
#include <mm/port.h>

#include <kernel/arch/clock.h>
#include <kernel/core/console.h>
#include <kernel/core/ksym.h>
#include <kernel/core/panic.h>
#include <kernel/core/printk.h>
#include <tests/ktest.h>

static enum printk_level printk_level_of(enum port_level level)
{
	switch (level) {
	case PORT_ERR:
		return PRINTK_ERR;
	case PORT_WARN:
		return PRINTK_WARN;
	case PORT_INFO:
		break;
	}
	return PRINTK_INFO;
}

/* While a self-test runs, it may have asked to see what mm says. */
void port_print(enum port_level level, const char *fmt, ...)
{
	char text[PRINTK_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!ktest_report((int)level, text))
		printk(printk_level_of(level), "%s", text);
}

NORETURN void port_panic(const char *fmt, ...)
{
	char text[PRINTK_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	panic_at((uintptr_t)RETURN_ADDRESS(), *(uintptr_t *)__builtin_frame_address(0), "%s", text);
}

const char *port_code_name(const void *ip, char *buf, size_t size)
{
	return ksym_format((uintptr_t)ip, buf, size);
}

/* There is one thread of execution so far, and no interrupt handler that allocates. */
const char *port_task_name(void)
{
	return "boot";
}

uint64_t port_now_ms(void)
{
	return clock_now_ms();
}

/* KTAP goes where the tables go: unstamped, to every console. */
void ktest_write(const char *text, size_t len)
{
	struct sink *sink = console_sink();

	sink->write(sink, text, len);
}

/* One thread with interrupts off: whoever runs may sleep, as far as anybody can. */
uint32_t percpu_preempt_count;

bool port_check_may_sleep(const char *file, int line)
{
	(void)file;
	(void)line;
	return true;
}

NORETURN void port_lock_misused(const struct port_lock *lock, const char *what)
{
	panic("lock %s %s (owner %u)", lock->name, what, lock->owner);
}

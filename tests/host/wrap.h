/* SPDX-License-Identifier: MIT */
/* The kit's functions that a host test is put around, see fake_kit.c; HOST_WRAP of tests.mk names them to the linker. */
#pragma once

#include <mm/port.h>

/* clang-format off */
#define WRAPPED(type, name, args)                                                                            \
	type __wrap_##name args;                      \
	type __real_##name args

WRAPPED(void *, object_pop_sized, (struct kmem_cache *cache, gfp_t gfp, size_t size));
WRAPPED(size_t, port_size_of_call, (const void *return_address));
WRAPPED(void, page_push, (struct page *page, struct pcpu_stack *stack));
WRAPPED(void, port_print, (enum port_level level, const char *fmt, ...) PRINTF(2, 3));
WRAPPED(unsigned int, port_backtrace, (const void **frame, unsigned int max));
WRAPPED(const char *, port_task_name, (void));
WRAPPED(void, port_park, (void));
WRAPPED(void, port_park_for, (unsigned int timeout_ms));
WRAPPED(void, port_unpark, (struct port_thread *thread));

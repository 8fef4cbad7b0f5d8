/* SPDX-License-Identifier: MIT */
/* What drivers name with module_init() and module_exit(): the linker gathers it in link order.
 *
 * M1 Every init function is called once, at boot, before .init is freed; where it may sleep.
 * M2 Every exit function of a file whose init succeeded, or that has none, is called once, before the machine is left.
 */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

struct module_call {
	const char *file;
	int (*init)(void); /* one of these two */
	void (*exit)(void);
	bool has_failed; /* the init of this file */
};

#define MODULE_CALL(kind, function)                                                                          \
	static struct module_call module_##kind##_call = {.file = __FILE__, .kind = (function)};             \
	static struct module_call *const module_##kind##_pointer __used SECTION("modules") =                 \
		&module_##kind##_call

/* All init functions. One that fails costs one line; its file's exit function is then never called. */
void modules_init(void);

/* All exit functions, at the first call. Context: may sleep. */
void modules_exit(void);

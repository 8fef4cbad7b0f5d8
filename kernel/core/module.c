/* SPDX-License-Identifier: MIT */
/* The records are pointers in a section of the image, so that the compiler's alignment of structs leaves no gaps. No lock:
 * boot and the way out are one thread each. */
#include <kernel/core/module.h>

#include <kernel/core/printk.h>
#include <kernel/lib/string.h>

/* By the linker script. */
extern struct module_call *const __start_modules[], *const __stop_modules[];

static void note_failed(const char *file)
{
	for (struct module_call *const *call = __start_modules; call < __stop_modules; call++)
		if (strcmp((*call)->file, file) == 0)
			(*call)->has_failed = true;
}

void modules_init(void)
{
	for (struct module_call *const *call = __start_modules; call < __stop_modules; call++) {
		int error = (*call)->init ? (*call)->init() : 0;

		if (error == 0)
			continue;
		pr_warn("module %s: its init function failed with %d", (*call)->file, error);
		note_failed((*call)->file);
	}
}

void modules_exit(void)
{
	static bool is_done;

	if (is_done)
		return;
	is_done = true;
	for (struct module_call *const *call = __start_modules; call < __stop_modules; call++)
		if ((*call)->exit && !(*call)->has_failed)
			(*call)->exit();
}

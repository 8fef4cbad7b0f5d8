/* SPDX-License-Identifier: MIT */
/* What the books say about a module to its loader. There is no loader here: these words are checked by the
 * compiler and leave nothing behind. A driver is linked in, and boot/main.c calls what module_init() names.
 */
#pragma once

#include <linux/init.h>
#include <linux/moduleparam.h>

#define THIS_MODULE		 NULL

#define MODULE_TEXT(text)	 STATIC_ASSERT(sizeof("" text) > 1, "expected some text")
#define MODULE_LICENSE(text)	 MODULE_TEXT(text)
#define MODULE_AUTHOR(text)	 MODULE_TEXT(text)
#define MODULE_DESCRIPTION(text) MODULE_TEXT(text)
#define MODULE_VERSION(text)	 MODULE_TEXT(text)
#define MODULE_ALIAS(text)	 MODULE_TEXT(text)

#define EXPORT_SYMBOL(name)	 STATIC_ASSERT(sizeof(&(name)) != 0, "expected a symbol")
#define EXPORT_SYMBOL_GPL(name)	 EXPORT_SYMBOL(name)

#define module_init(function)	 UNUSED static int (*const module_init_function)(void) = (function)
#define module_exit(function)	 UNUSED static void (*const module_exit_function)(void) = (function)

/* SPDX-License-Identifier: MIT */
/* What the books say about a module to its loader. There is no loader here: a driver is linked in; boot calls what
 * module_init() names, and before power-off what module_exit() names. The other words are checked by the compiler and leave
 * nothing behind. */
#pragma once

#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/moduleparam.h>

struct module;
#define THIS_MODULE		 ((struct module *)NULL)

#define MODULE_TEXT(text)	 STATIC_ASSERT(sizeof("" text) > 1, "expected some text")
#define MODULE_LICENSE(text)	 MODULE_TEXT(text)
#define MODULE_AUTHOR(text)	 MODULE_TEXT(text)
#define MODULE_DESCRIPTION(text) MODULE_TEXT(text)
#define MODULE_VERSION(text)	 MODULE_TEXT(text)
#define MODULE_ALIAS(text)	 MODULE_TEXT(text)

#define EXPORT_SYMBOL(name)	 STATIC_ASSERT(sizeof(&(name)) != 0, "expected a symbol")
#define EXPORT_SYMBOL_GPL(name)	 EXPORT_SYMBOL(name)

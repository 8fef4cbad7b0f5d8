/* SPDX-License-Identifier: MIT */
/* Parameters of a module, under the names the books use: they keep the value the source gives them. */
#pragma once

#include <kernel/lib/compiler.h>

#define MODULE_VARIABLE(name)	       STATIC_ASSERT(sizeof(name) != 0, "expected a variable")
#define module_param(name, type, perm) MODULE_VARIABLE(name)
#define MODULE_PARM(name, type)	       MODULE_VARIABLE(name)
#define MODULE_PARM_DESC(name, text)   MODULE_VARIABLE(name)

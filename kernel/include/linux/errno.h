/* SPDX-License-Identifier: MIT */
/* Error numbers, under the names the books use. */
#pragma once

#include <kernel/core/err.h>

#define ERESTARTSYS 512 /* a signal came: never here */

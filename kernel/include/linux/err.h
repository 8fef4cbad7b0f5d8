/* SPDX-License-Identifier: MIT */
/* Error pointers, under the names the books use. */
#pragma once

#include <kernel/core/err.h>

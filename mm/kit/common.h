/* SPDX-License-Identifier: MIT */
/* What every port may take as it is. A port_inline.h includes it at its end. */
#pragma once

#include <mm/kit/descriptor.h>
#include <mm/kit/lock.h>
#include <mm/kit/words.h>

#include <mm/kit/stack.h>

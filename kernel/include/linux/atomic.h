/* SPDX-License-Identifier: MIT */
/* Counters that any context may change, under the name the books use. */
#pragma once

#include <kernel/core/atomic.h>

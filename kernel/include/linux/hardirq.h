/* SPDX-License-Identifier: MIT */
/* In which context am I, under the names the books use. */
#pragma once

#include <kernel/core/preempt.h>

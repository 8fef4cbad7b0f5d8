/* SPDX-License-Identifier: MIT */
/* Keeping the CPU, under the names the books use. */
#pragma once

#include <kernel/core/preempt.h>

/* SPDX-License-Identifier: MIT */
/* Passing time, under the names the books use. */
#pragma once

#include <kernel/core/delay.h>
#include <kernel/core/thread.h>

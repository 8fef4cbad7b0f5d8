/* SPDX-License-Identifier: MIT */
/* Threads and sleeping, under the names the books use. */
#pragma once

#include <kernel/core/thread.h>
#include <kernel/core/timer.h>

#define task_struct thread

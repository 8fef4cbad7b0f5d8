/* SPDX-License-Identifier: MIT */
/* Wait queues, under the names the books use. */
#pragma once

#include <kernel/core/thread.h>
#include <kernel/core/wait.h>

typedef struct wait_queue wait_queue_head_t;
typedef struct wait_entry wait_queue_t;

#define DECLARE_WAIT_QUEUE_HEAD(name) struct wait_queue name = WAIT_QUEUE_INIT(name)
#define init_waitqueue_head(queue)    wait_queue_init(queue)
#define DEFINE_WAIT(name)	      struct wait_entry name = WAIT_ENTRY

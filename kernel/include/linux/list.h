/* SPDX-License-Identifier: MIT */
/* The books' names for what kernel/lib/list.h calls otherwise. */
#pragma once

#include <kernel/lib/list.h>

#define LIST_HEAD(name)	     struct list_head name = LIST_HEAD_INIT(name)
#define INIT_LIST_HEAD(head) list_init(head)
#define list_empty(head)     list_is_empty(head)

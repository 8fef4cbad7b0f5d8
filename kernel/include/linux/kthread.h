/* SPDX-License-Identifier: MIT */
/* Kernel threads, under the names the books use. */
#pragma once

#include <linux/sched.h>

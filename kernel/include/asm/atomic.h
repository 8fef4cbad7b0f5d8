/* SPDX-License-Identifier: MIT */
/* The older name of <linux/atomic.h>. */
#pragma once

#include <linux/atomic.h>

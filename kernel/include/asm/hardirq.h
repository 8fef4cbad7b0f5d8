/* SPDX-License-Identifier: MIT */
/* The older name of <linux/hardirq.h>. */
#pragma once

#include <linux/hardirq.h>

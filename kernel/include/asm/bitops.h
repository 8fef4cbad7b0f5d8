/* SPDX-License-Identifier: MIT */
/* The older name of <linux/bitops.h>. */
#pragma once

#include <linux/bitops.h>

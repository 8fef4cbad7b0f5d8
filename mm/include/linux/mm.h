/* SPDX-License-Identifier: MIT */
/* Pages, their addresses and references under the name the books use. */
#pragma once

#include <linux/gfp.h>
#include <mm/page.h>

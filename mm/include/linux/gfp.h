/* SPDX-License-Identifier: MIT */
/* Pages and flags under the name the books use. */
#pragma once

#include <linux/oldnames.h>
#include <mm/gfp.h>
#include <mm/page_alloc.h>

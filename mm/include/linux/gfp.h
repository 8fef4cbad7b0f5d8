/* SPDX-License-Identifier: MIT */
/* Pages and flags under the name the books use. */
#pragma once

#include <linux/oldnames.h>
#include <mm/pages/gfp.h>
#include <mm/pages/page_alloc.h>

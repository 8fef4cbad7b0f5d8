/* SPDX-License-Identifier: MIT */
/* struct page under the name the books use. */
#pragma once

#include <mm/pages/page.h>

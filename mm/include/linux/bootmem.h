/* SPDX-License-Identifier: MIT */
/* Memory before there are pages, under the name the books use. */
#pragma once

#include <mm/early/bootmem.h>

/* SPDX-License-Identifier: MIT */
/* Memory and strings, under the name the books use. */
#pragma once

#include <kernel/lib/string.h>

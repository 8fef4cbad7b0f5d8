/* SPDX-License-Identifier: MIT */
/* likely(), barrier() and their kind, under the name the books use. */
#pragma once

#include <kernel/lib/compiler.h>

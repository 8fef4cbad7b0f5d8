/* SPDX-License-Identifier: MIT */
/* Completions, under the names the books use. */
#pragma once

#include <kernel/core/wait.h>

/* SPDX-License-Identifier: MIT */
/* Mutexes, under the names the books use. */
#pragma once

#include <kernel/core/mutex.h>

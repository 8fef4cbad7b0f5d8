/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

void start_memory(size_t bytes);
void *mm_get(size_t bytes);
void *mm_resize(void *object, size_t bytes);
void mm_give(void *object);

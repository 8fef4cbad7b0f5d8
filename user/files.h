/* SPDX-License-Identifier: MIT */
/* Files as programs have them. */
#pragma once

#include <mm/aspace/aspace.h>

/* A file that can be shown in memory, with a reference. Result: 0 or an error. */
int file_open_image(const char *path, struct aspace_file *file);

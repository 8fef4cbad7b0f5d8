/* SPDX-License-Identifier: MIT */
/* The files that the kernel brings along: a ustar archive in its image. Each is known by its name alone (vfs_add_known),
 * and is read as any file is, through its mapping; nothing is ever written. */
#pragma once

/* Context: boot. */
void archive_init(void);

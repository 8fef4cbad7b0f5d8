/* SPDX-License-Identifier: MIT */
/* Files as programs have them: a number is a place in the program's table, behind those of the console. */
#pragma once

#include <mm/aspace/aspace.h>

struct inode;

#define FILE_CONSOLE_END 3u /* 0: nothing to read; 1, 2: said on the console */

/* A file that can be shown in memory, with a reference; its size is all of it. Result: 0; an error; -ENODEV: it has no
 * pages. */
int file_open_image(const char *path, struct aspace_file *file);

/* The calls; call.h says what they do. path, bytes: a program's. */
long file_open(uint32_t path, uint32_t flags, uint32_t mode);
long file_read(uint32_t number, uint32_t to, uint32_t size_bytes);
long file_write(uint32_t number, uint32_t from, uint32_t size_bytes);
long file_lseek(uint32_t number, int32_t offset, int32_t whence);
long file_close(uint32_t number);
long file_fsync(uint32_t number);
long file_unlink(uint32_t path);
long file_readdir(uint32_t number, uint32_t to, uint32_t size_bytes);

/* For mmap, from a page of the file on. With a reference. */
int file_of_number(uint32_t number, uint32_t first_page, size_t size_bytes, struct aspace_file *file);

/* A program's string with its end, at most `room` bytes. Result: bytes, or -EFAULT, -E2BIG. */
long copy_user_string(char *to, uint32_t from, size_t room);

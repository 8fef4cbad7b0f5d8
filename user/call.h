/* SPDX-License-Identifier: MIT */
/* What a program may ask for, by int 0x80: the number in eax, arguments in ebx, ecx, edx, esi; the result in eax, an error
 * as a negative number. Included by the kernel and by the programs; numbers never change. */
#pragma once

enum user_call_number {
	CALL_EXIT,    /* code: does not return */
	CALL_SPAWN,   /* path, argv (NULL at its end): number of the new program */
	CALL_WAIT,    /* number or 0: any of one's own, int *code: the number of the one that ended */
	CALL_KILL,    /* number: one's own programs only */
	CALL_OPEN,    /* path, flags, mode: a number from 0 on */
	CALL_READ,    /* file, buffer, bytes: bytes, 0 at the end */
	CALL_WRITE,   /* the same: bytes */
	CALL_LSEEK,   /* file, offset, whence: the new position */
	CALL_CLOSE,   /* file */
	CALL_FSYNC,   /* file */
	CALL_UNLINK,  /* path */
	CALL_READDIR, /* file, buffer, bytes: 1 with a name in the buffer, 0 at the end */
	CALL_MMAP,    /* bytes, prot, file or -1, offset: the address */
	CALL_MUNMAP,  /* address, bytes */
	CALL_BRK,     /* address, or 0: where the heap ends */
	CALL_SLEEP,   /* milliseconds */
	CALL_TIME,    /* milliseconds since boot, 31 bits */
	CALL_YIELD,
	CALL_SELF, /* one's number */
	NR_USER_CALLS
};

enum { MAP_READ = 0, MAP_WRITE = 1, MAP_EXEC = 2 };

#define EXIT_KILLED (-1) /* the code of a program that was killed */

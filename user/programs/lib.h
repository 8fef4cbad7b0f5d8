/* SPDX-License-Identifier: MIT */
/* What every program has: the calls, and a few words to say. A function of a call returns what the kernel does: a negative
 * number is an error. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <user/call.h>

#define PAGE 4096u

enum { O_READ = 0, O_WRITE = 1, O_BOTH = 2, O_CREATE = 0100, O_TRUNCATE = 01000 };
enum { SEEK_FROM_START, SEEK_FROM_HERE, SEEK_FROM_END };

long call(enum user_call_number number, long a, long b, long c, long d);

__attribute__((noreturn)) static inline void exit(int code)
{
	call(CALL_EXIT, code, 0, 0, 0);
	__builtin_unreachable();
}

static inline long spawn(const char *path, char *const argv[])
{
	return call(CALL_SPAWN, (long)path, (long)argv, 0, 0);
}

static inline long wait(long id, int *code)
{
	return call(CALL_WAIT, id, (long)code, 0, 0);
}

static inline long kill(long id)
{
	return call(CALL_KILL, id, 0, 0, 0);
}

static inline long open(const char *path, int flags, int mode)
{
	return call(CALL_OPEN, (long)path, flags, mode, 0);
}

static inline long read(long file, void *to, size_t size)
{
	return call(CALL_READ, file, (long)to, (long)size, 0);
}

static inline long write(long file, const void *from, size_t size)
{
	return call(CALL_WRITE, file, (long)from, (long)size, 0);
}

static inline long lseek(long file, long offset, int whence)
{
	return call(CALL_LSEEK, file, offset, whence, 0);
}

static inline long close(long file)
{
	return call(CALL_CLOSE, file, 0, 0, 0);
}

static inline long fsync(long file)
{
	return call(CALL_FSYNC, file, 0, 0, 0);
}

static inline long unlink(const char *path)
{
	return call(CALL_UNLINK, (long)path, 0, 0, 0);
}

static inline long readdir(long file, char *name, size_t size)
{
	return call(CALL_READDIR, file, (long)name, (long)size, 0);
}

/* NULL: it could not be had. */
void *mmap(size_t size, int prot, long file, long offset);

static inline long munmap(void *start, size_t size)
{
	return call(CALL_MUNMAP, (long)start, (long)size, 0, 0);
}

static inline long brk(uintptr_t end)
{
	return call(CALL_BRK, (long)end, 0, 0, 0);
}

static inline void sleep_ms(long ms)
{
	call(CALL_SLEEP, ms, 0, 0, 0);
}

static inline long time_ms(void)
{
	return call(CALL_TIME, 0, 0, 0, 0);
}

static inline void yield(void)
{
	call(CALL_YIELD, 0, 0, 0, 0);
}

static inline long self(void)
{
	return call(CALL_SELF, 0, 0, 0, 0);
}

/* --- words --- */

size_t strlen(const char *text);
bool is_same(const char *a, const char *b);
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);

/* A number, decimal or 0x; what is none is 0. */
unsigned long number(const char *text);

/* Pieces of a line, the last NULL; a line is written at once. The text of a number is good until the eighth one after it. */
void say(const char *first, ...);
const char *decimal(unsigned long value);
const char *hex(unsigned long value);

/* Says it and ends with 1. */
__attribute__((noreturn)) void fail(const char *what, long error);

/* The same for every program: a word from a number that nobody guesses. */
static inline uint32_t pattern(uint32_t seed, uint32_t n)
{
	uint32_t x = (n + 1) * 2654435761u ^ seed * 40503u;

	return x ^ x >> 15;
}

/* What a program finds in its registers. */
struct registers {
	uint32_t eflags, gs, fs, edi, esi, ebp, esp, ebx, edx, ecx, eax;
};

static inline const struct registers *registers_at_entry(char *argv[])
{
	return (const struct registers *)((uintptr_t)(argv - 1) - sizeof(struct registers));
}

int main(int argc, char *argv[]);

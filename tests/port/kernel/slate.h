/* SPDX-License-Identifier: MIT */
/* Slate: a kernel as unlike the other one of this tree as one file allows. Two-level page tables with pages of 4 MiB, the
 * higher half at 2 GiB, arguments on the stack, types and names of its own, some of which mm has as well. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define HIGH	     0x80000000u
#define MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MAX(a, b)    ((a) > (b) ? (a) : (b))
#define UNUSED(x)    ((void)(x))
#define ASSERT(cond) ((cond) ? (void)0 : die(#cond))
#define NR_THREADS   8
#define STACK_BYTES  8192
#define TICKS_PER_MS 10

enum state { UNUSED_THREAD, READY, ASLEEP };

/* The port hangs what it needs behind a thread. */
struct thread {
	u32 *sp;
	enum state state;
	u64 wake_at; /* ticks; 0: never by itself */
	u32 port[4];
	void (*life)(void);
	u8 stack[STACK_BYTES];
};

extern struct thread *running;
extern u32 preempt_off, in_handler;
extern u64 ticks;

void kprintf(const char *fmt, ...); /* %s %u %x and nothing else */
void kwrite(const char *text, u32 len);
void die(const char *why) __attribute__((noreturn));
void spawn(void (*life)(void));
void yield(void);
void sleep_locked(u64 wake_at); /* interrupts are off */
void wake(struct thread *thread);
u32 flags_save(void);
void flags_restore(u32 flags);

/* Its own, and mm's: zones on a disk, and what kfree frees. */
extern u32 zones[4];
void kfree(u32 zone);
u32 get_page(u32 zone);
int vsnprintf(u32 format);

/* memory.c of each port */
void memory_start(u32 image_end, u32 ram_end);
const char *memory_test(void);
void *memory_get(u32 bytes, int may_sleep); /* 2: for as long as it takes */
void memory_give(void *object);
void memory_late(void);
int memory_sleeps(void); /* does the port have threads? */

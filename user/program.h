/* SPDX-License-Identifier: MIT */
/* Programs: a thread, what it sees of memory, its open files. Serves CONTRACT R8, R4.
 *
 * PR1 a program is one thread. It alone changes its memory and its files; others read counts, and ask it to end.
 * PR2 it ends by itself: having been killed it sees that wherever it is about to go on in ring 3, or to sleep, or gets no
 *     more memory; so its locks are free and what it began is done.
 * PR3 what it has goes back as it ends; struct program is its parent's until it has waited, and nobody's when the parent
 *     is gone or never cared.
 * PR4 who asks, in ring 3, ends none but itself and its own.
 *
 * Lock: programs.lock, for the list and what it leads to; a thread's is_killed is thread.c's. */
#pragma once

#include <kernel/arch/user.h>
#include <kernel/core/thread.h>
#include <kernel/core/vfs.h>
#include <mm/aspace/aspace.h>

#define PROGRAM_NOBODY	  (~0u) /* waits for it */
#define PROGRAM_MAX	  256u	/* at once */
#define PROGRAM_MAX_FILES 16u
#define PROGRAM_ARGS_MAX  2048u /* bytes of all arguments, each with its end */

struct program {
	struct list_head link; /* (L) */
	unsigned int id;       /* the thread's */
	unsigned int parent;   /* (L) a thread's number, or PROGRAM_NOBODY */
	bool is_over;	       /* (L) */
	int exit_code;	       /* (L) when it is over */
	struct thread *thread; /* (L) NULL as soon as it is about to end */
	struct aspace *aspace;
	uintptr_t entry;
	void *buffer; /* a page: its arguments, then what goes through the kernel in a call */
	size_t args_bytes;
	unsigned int nr_args;
	struct file files[PROGRAM_MAX_FILES];
};

/* The one that runs now; NULL: no program does. */
static inline struct program *program_current(void)
{
	return current->program;
}

/* Loads the file and starts it with these arguments: nr_args strings one behind the other, the first its name. parent: who
 * will wait, or PROGRAM_NOBODY. Result: its number, or -ENOENT, -EACCES: it is no file that can be a program, one line says why;
 * -ENOMEM; -EAGAIN: there are too many; -E2BIG. Context: process, may sleep. */
int program_spawn(const char *path, const char *args, size_t args_bytes, unsigned int nr_args,
		  unsigned int parent) MUST_CHECK;

/* The same with words. */
int program_spawn_words(unsigned int nr, char *const word[], unsigned int parent) MUST_CHECK;

/* Until one of the running thread's own has ended, this one or (id 0) any. Result: its number; -ECHILD: it has none such;
 * -EINTR: the caller is to end. Context: process, may sleep. */
int program_wait(unsigned int id, int *exit_code) MUST_CHECK;

/* The same for so many ticks at most; 0: they are over. */
int program_wait_for(unsigned int id, int *exit_code, long ticks) MUST_CHECK;

/* asker: only its own, and itself; 0: any. Result: 0 or -ESRCH. Context: any that may take the lock. */
int program_kill(unsigned int id, unsigned int asker);

/* The running program ends. */
NORETURN void program_exit(int code);

/* PR2 */
void program_die_if_killed(void);

struct program_info {
	unsigned int id;
	char name[THREAD_NAME_MAX];
	size_t nr_resident, nr_swapped, nr_tables; /* pages */
	unsigned long nr_faults, nr_major;
};

/* Copies at most max rows of those that run. Result: how many there are. Context: any. */
unsigned int programs_snapshot(struct program_info *rows, unsigned int max);

/* What lies at an address of the n-th that runs, "hog (12): its heap, 12 bytes in: page 0x12f"; false: there are not so many. */
bool program_describe(unsigned int n, uintptr_t addr, char *buf, size_t size);

/* --- parts of user/ --- */

/* load.c: makes its memory what the file says. Result: 0 or an error. */
int program_load(struct program *program, const char *path);

/* files.c */
void program_close_all(struct program *program);

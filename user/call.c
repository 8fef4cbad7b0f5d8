/* SPDX-License-Identifier: MIT */
/* The calls of programs. Nothing that ring 3 says is believed: numbers are checked, pointers are read and written by
 * <asm/uaccess.h> alone, and what is read is read once. What goes to or comes from a file goes through the program's
 * buffer, so that no lock of a file is held where a program's page may be missing (XPT-01). */
#include <user/call.h>

#include <asm/uaccess.h>
#include <kernel/arch/clock.h>
#include <kernel/core/console.h>
#include <kernel/core/timer.h>
#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <user/program.h>

#define TIME_MASK 0x7fffffffu
#define MAX_ARGS  32u

static long call_exit(const uint32_t *arg)
{
	program_exit((int)arg[0]);
}

/* --- strings --- */

/* With its end, at most `room` bytes. Result: bytes, or -EFAULT, -E2BIG. */
static long copy_string(char *to, uint32_t from, size_t room)
{
	for (size_t nr = 0; nr < room; nr++) {
		if (get_user(to[nr], (const char __user *)(uintptr_t)from + nr))
			return -EFAULT;
		if (!to[nr])
			return (long)nr + 1;
	}
	return -E2BIG;
}

/* --- programs --- */

/* Path and arguments lie one behind the other in the caller's buffer; spawning does not need it otherwise. */
static long copy_args(char *to, size_t room, uint32_t argv, unsigned int *nr)
{
	size_t used = 0;

	for (*nr = 0; *nr < MAX_ARGS; ++*nr) {
		uint32_t at;
		long bytes;

		if (get_user(at, (const uint32_t __user *)(uintptr_t)argv + *nr))
			return -EFAULT;
		if (!at)
			return (long)used;
		bytes = copy_string(to + used, at, room - used);
		if (bytes < 0)
			return bytes;
		used += (size_t)bytes;
	}
	return -E2BIG;
}

static long call_spawn(const uint32_t *arg)
{
	char *path = program_current()->buffer;
	long path_bytes = copy_string(path, arg[0], PAGE_SIZE - PROGRAM_ARGS_MAX), args_bytes;
	unsigned int nr_args;

	if (path_bytes < 0)
		return path_bytes;
	args_bytes = copy_args(path + path_bytes, PROGRAM_ARGS_MAX, arg[1], &nr_args);
	if (args_bytes < 0)
		return args_bytes;
	return program_spawn(path, path + path_bytes, (size_t)args_bytes, nr_args, current->id);
}

static long call_wait(const uint32_t *arg)
{
	int code, id = program_wait(arg[0], &code);

	if (id > 0 && arg[1] && put_user(code, (int __user *)(uintptr_t)arg[1]))
		return -EFAULT;
	return id;
}

static long call_kill(const uint32_t *arg)
{
	return arg[0] ? program_kill(arg[0], current->id) : -ESRCH;
}

static long call_self(const uint32_t *arg)
{
	(void)arg;
	return (long)current->id;
}

/* --- memory --- */

static long call_mmap(const uint32_t *arg)
{
	uintptr_t start = 0;
	int error;

	if (arg[1] & ~(uint32_t)(MAP_WRITE | MAP_EXEC) || (int)arg[2] >= 0 || arg[0] > USER_END)
		return -EINVAL;
	error = aspace_map(program_current()->aspace, &start, ALIGN_UP(arg[0], PAGE_SIZE), ASPACE_MAPPING,
			   arg[1], NULL);
	return error ? error : (long)start;
}

static long call_munmap(const uint32_t *arg)
{
	return arg[1] > USER_END
		       ? -EINVAL
		       : aspace_unmap(program_current()->aspace, arg[0], ALIGN_UP(arg[1], PAGE_SIZE));
}

static long call_brk(const uint32_t *arg)
{
	struct aspace *aspace = program_current()->aspace;
	int error = arg[0] ? aspace_set_heap_end(aspace, arg[0]) : 0;

	return error ? error : (long)aspace->heap_end;
}

/* --- time --- */

static long call_sleep(const uint32_t *arg)
{
	long left = (long)msecs_to_jiffies(arg[0]) + 1;

	while (left > 0 && !READ_ONCE(current->is_killed))
		left = schedule_timeout_uninterruptible(left);
	return 0;
}

static long call_time(const uint32_t *arg)
{
	(void)arg;
	return (long)((uint32_t)clock_now_ms() & TIME_MASK);
}

static long call_yield(const uint32_t *arg)
{
	(void)arg;
	yield();
	return 0;
}

/* --- files --- */

/* To the console, until there are files. */
static long call_write(const uint32_t *arg)
{
	char *buffer = program_current()->buffer;
	uint32_t done = 0;

	if (arg[0] != 1 && arg[0] != 2)
		return -EBADF;
	while (done < arg[2]) {
		uint32_t nr = MIN(arg[2] - done, (uint32_t)PAGE_SIZE);

		if (copy_from_user(buffer, (const void __user *)(uintptr_t)(arg[1] + done), nr))
			return done ? (long)done : -EFAULT;
		console_sink()->write(console_sink(), buffer, nr);
		done += nr;
		program_die_if_killed();
	}
	return (long)done;
}

static long (*const calls[NR_USER_CALLS])(const uint32_t *arg) = {
	[CALL_EXIT] = call_exit,     [CALL_SPAWN] = call_spawn, [CALL_WAIT] = call_wait,
	[CALL_KILL] = call_kill,     [CALL_WRITE] = call_write, [CALL_MMAP] = call_mmap,
	[CALL_MUNMAP] = call_munmap, [CALL_BRK] = call_brk,	[CALL_SLEEP] = call_sleep,
	[CALL_TIME] = call_time,     [CALL_YIELD] = call_yield, [CALL_SELF] = call_self,
};

void user_call(struct trap_frame *frame)
{
	uint32_t number = user_call_number(frame), arg[USER_CALL_ARGS];
	long result = -ENOSYS;

	for (unsigned int i = 0; i < USER_CALL_ARGS; i++)
		arg[i] = user_call_arg(frame, i);
	if (number < NR_USER_CALLS && calls[number])
		result = calls[number](arg);
	user_call_set_result(frame, result);
	program_die_if_killed();
}

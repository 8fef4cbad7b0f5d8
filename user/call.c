/* SPDX-License-Identifier: MIT */
/* The calls of programs. Nothing that ring 3 says is believed: numbers are checked, pointers are read and written by
 * <asm/uaccess.h> alone, and what is read is read once. */
#include <user/call.h>

#include <asm/uaccess.h>
#include <kernel/arch/clock.h>
#include <kernel/core/timer.h>
#include <kernel/lib/align.h>
#include <user/files.h>
#include <user/program.h>

#define TIME_MASK 0x7fffffffu
#define MAX_ARGS  32u

static long call_exit(const uint32_t *arg)
{
	program_exit((int)arg[0]);
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
		bytes = copy_user_string(to + used, at, room - used);
		if (bytes < 0)
			return bytes;
		used += (size_t)bytes;
	}
	return -E2BIG;
}

static long call_spawn(const uint32_t *arg)
{
	char *path = program_current()->buffer;
	long path_bytes = copy_user_string(path, arg[0], PAGE_SIZE - PROGRAM_ARGS_MAX), args_bytes;
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
	size_t size_bytes = ALIGN_UP(arg[0], PAGE_SIZE);
	bool is_file = (int)arg[2] >= 0;
	struct aspace_file file;
	uintptr_t start = 0;
	int error = 0;

	if (arg[1] & ~(uint32_t)(MAP_WRITE | MAP_EXEC) || arg[0] > USER_END || arg[3] % PAGE_SIZE)
		return -EINVAL;
	if (is_file)
		error = file_of_number(arg[2], arg[3] / PAGE_SIZE, size_bytes, &file);
	if (error)
		return error;
	error = aspace_map(program_current()->aspace, &start, size_bytes, ASPACE_MAPPING, arg[1],
			   is_file ? &file : NULL);
	if (error && is_file)
		file.release(file.owner);
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

static long call_open(const uint32_t *arg)
{
	return file_open(arg[0], arg[1], arg[2]);
}

static long call_read(const uint32_t *arg)
{
	return file_read(arg[0], arg[1], arg[2]);
}

static long call_write(const uint32_t *arg)
{
	return file_write(arg[0], arg[1], arg[2]);
}

static long call_lseek(const uint32_t *arg)
{
	return file_lseek(arg[0], (int32_t)arg[1], (int32_t)arg[2]);
}

static long call_close(const uint32_t *arg)
{
	return file_close(arg[0]);
}

static long call_fsync(const uint32_t *arg)
{
	return file_fsync(arg[0]);
}

static long call_unlink(const uint32_t *arg)
{
	return file_unlink(arg[0]);
}

static long call_readdir(const uint32_t *arg)
{
	return file_readdir(arg[0], arg[1], arg[2]);
}

static long (*const calls[NR_USER_CALLS])(const uint32_t *arg) = {
	[CALL_EXIT] = call_exit,   [CALL_SPAWN] = call_spawn,	[CALL_WAIT] = call_wait,
	[CALL_KILL] = call_kill,   [CALL_OPEN] = call_open,	[CALL_READ] = call_read,
	[CALL_WRITE] = call_write, [CALL_LSEEK] = call_lseek,	[CALL_CLOSE] = call_close,
	[CALL_FSYNC] = call_fsync, [CALL_UNLINK] = call_unlink, [CALL_READDIR] = call_readdir,
	[CALL_MMAP] = call_mmap,   [CALL_MUNMAP] = call_munmap, [CALL_BRK] = call_brk,
	[CALL_SLEEP] = call_sleep, [CALL_TIME] = call_time,	[CALL_YIELD] = call_yield,
	[CALL_SELF] = call_self,
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

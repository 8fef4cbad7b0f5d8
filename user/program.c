/* SPDX-License-Identifier: MIT */
/* The lives of programs: from a file to a thread in ring 3, and back to nothing. */
#include <user/program.h>

#include <asm/uaccess.h>
#include <kernel/core/panic.h>
#include <kernel/core/printk.h>
#include <kernel/core/spinlock.h>
#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/string.h>
#include <linux/gfp.h>
#include <linux/slab.h>
#include <user/call.h>

/* (L) lock */
static struct {
	struct spinlock lock;
	struct list_head all; /* (L) oldest first */
	unsigned int nr;      /* (L) */
	struct wait_queue ended;
} programs = {
	.lock = SPINLOCK_INIT("programs"),
	.all = LIST_HEAD_INIT(programs.all),
	.ended = WAIT_QUEUE_INIT(programs.ended),
};

/* --- beginning --- */

/* For the out-of-memory handling: interrupts off. Its struct aspace stays until it is no victim any more. */
static size_t held_pages(void *arg)
{
	const struct aspace *aspace = arg;

	return READ_ONCE(aspace->nr_resident) + READ_ONCE(aspace->nr_swapped) + READ_ONCE(aspace->nr_tables);
}

/* What main() finds: argc, argv[], NULL; the strings above. Result: the stack pointer, 0: there is no memory. */
static uintptr_t push_args(const struct program *program)
{
	uintptr_t strings = ALIGN_DOWN(ASPACE_STACK_END - program->args_bytes, 16u), at = strings;
	uint32_t words = program->nr_args + 2;
	uintptr_t sp = ALIGN_DOWN(strings - words * sizeof(uint32_t), 16u);
	uint32_t __user *to = (uint32_t __user *)sp;
	const char *arg = program->buffer;

	if (copy_to_user((void __user *)strings, program->buffer, program->args_bytes) ||
	    put_user(program->nr_args, to))
		return 0;
	for (unsigned int i = 0; i < program->nr_args; i++) {
		if (put_user((uint32_t)at, to + 1 + i))
			return 0;
		at += strlen(arg) + 1;
		arg += strlen(arg) + 1;
	}
	return put_user(0u, to + 1 + program->nr_args) ? 0 : sp;
}

static int program_thread(void *arg)
{
	struct program *program = arg;
	uintptr_t sp;

	thread_set_expendable(held_pages, program->aspace);
	sp = push_args(program);
	program_die_if_killed();
	if (!sp) {
		pr_warn("%s (%u): no memory for its arguments", current->name, program->id);
		program_exit(EXIT_KILLED);
	}
	user_enter(program->entry, sp);
}

static void program_free(struct program *program)
{
	if (!program)
		return;
	if (program->aspace) {
		aspace_clear(program->aspace);
		aspace_free(program->aspace);
	}
	free_page((unsigned long)(uintptr_t)program->buffer);
	kfree(program);
}

static struct program *program_alloc(const char *args, size_t args_bytes, unsigned int nr_args)
{
	struct program *program = kzalloc(sizeof(*program), GFP_KERNEL);

	if (!program)
		return NULL;
	program->buffer = (void *)(uintptr_t)get_zeroed_page(GFP_KERNEL);
	program->aspace = aspace_create();
	if (!program->buffer || !program->aspace) {
		program_free(program);
		return NULL;
	}
	memcpy(program->buffer, args, args_bytes);
	program->args_bytes = args_bytes;
	program->nr_args = nr_args;
	return program;
}

static int map_stack(struct aspace *aspace)
{
	uintptr_t start = ASPACE_STACK_END - ASPACE_STACK_BYTES;

	return aspace_map(aspace, &start, ASPACE_STACK_BYTES, ASPACE_STACK, ASPACE_WRITE, NULL);
}

/* The last part of a path. */
static const char *base_name(const char *path)
{
	const char *name = path;

	for (; *path; path++)
		if (*path == '/')
			name = path + 1;
	return name;
}

static int start(struct program *program, const char *path, unsigned int parent)
{
	struct thread *thread = kthread_create(program_thread, program, "%s", base_name(path));
	irqflags_t flags;
	int id;

	if (IS_ERR(thread))
		return (int)PTR_ERR(thread);
	thread->program = program;
	thread->space = &program->aspace->space.tables;
	thread->is_program = true;
	program->thread = thread;
	program->parent = parent;
	id = (int)(program->id = thread->id);
	flags = spin_lock_irqsave(&programs.lock);
	list_add_tail(&program->link, &programs.all);
	spin_unlock_irqrestore(&programs.lock, flags);
	wake_up_process(thread);
	return id;
}

/* One more, if there may be. */
static bool count_in(void)
{
	irqflags_t flags = spin_lock_irqsave(&programs.lock);
	bool ok = programs.nr < PROGRAM_MAX;

	programs.nr += ok;
	spin_unlock_irqrestore(&programs.lock, flags);
	return ok;
}

static void count_out(void)
{
	irqflags_t flags = spin_lock_irqsave(&programs.lock);

	programs.nr--;
	spin_unlock_irqrestore(&programs.lock, flags);
}

int program_spawn(const char *path, const char *args, size_t args_bytes, unsigned int nr_args,
		  unsigned int parent)
{
	struct program *program;
	int result;

	if (args_bytes > PROGRAM_ARGS_MAX)
		return -E2BIG;
	if (!count_in())
		return -EAGAIN;
	program = program_alloc(args, args_bytes, nr_args);
	result = program ? program_load(program, path) : -ENOMEM;
	if (!result)
		result = map_stack(program->aspace);
	if (!result)
		result = start(program, path, parent);
	if (result < 0) {
		program_free(program);
		count_out();
	}
	return result;
}

int program_spawn_words(unsigned int nr, char *const word[], unsigned int parent)
{
	char args[256];
	size_t used = 0;

	for (unsigned int i = 0; i < nr; i++) {
		size_t len = strlen(word[i]) + 1;

		if (len > sizeof(args) - used)
			return -E2BIG;
		memcpy(args + used, word[i], len);
		used += len;
	}
	return program_spawn(word[0], args, used, nr, parent);
}

/* --- the end --- */

/* Takes from the list those that nobody will wait for, one at a time. */
static struct program *orphan_take_locked(void)
{
	struct program *program;

	list_for_each_entry(program, &programs.all, link)
		if (program->is_over && program->parent == PROGRAM_NOBODY) {
			list_del(&program->link);
			programs.nr--;
			return program;
		}
	return NULL;
}

static void free_orphans(void)
{
	struct program *program;

	do {
		irqflags_t flags = spin_lock_irqsave(&programs.lock);

		program = orphan_take_locked();
		spin_unlock_irqrestore(&programs.lock, flags);
		kfree(program);
	} while (program);
}

/* Nobody looks at its thread and memory from now on. */
static void hide(struct program *program)
{
	irqflags_t flags = spin_lock_irqsave(&programs.lock);

	program->thread = NULL;
	spin_unlock_irqrestore(&programs.lock, flags);
}

/* PR3: its own are nobody's now; it is its parent's. */
static void set_over(struct program *over, int code)
{
	irqflags_t flags = spin_lock_irqsave(&programs.lock);
	struct program *program;

	list_for_each_entry(program, &programs.all, link)
		if (program->parent == over->id)
			program->parent = PROGRAM_NOBODY;
	over->exit_code = code;
	over->is_over = true;
	spin_unlock_irqrestore(&programs.lock, flags);
}

NORETURN void program_exit(int code)
{
	struct program *program = program_current();

	program_close_all(program);
	hide(program);
	current->space = NULL;
	user_space_load(NULL);
	aspace_clear(program->aspace);
	thread_set_expendable(NULL, NULL);
	aspace_free(program->aspace);
	free_page((unsigned long)(uintptr_t)program->buffer);
	current->program = NULL;
	set_over(program, code);
	free_orphans();
	wake_up_all(&programs.ended);
	do_exit(0);
}

void program_die_if_killed(void)
{
	if (unlikely(READ_ONCE(current->is_killed)))
		program_exit(EXIT_KILLED);
}

/* --- others --- */

/* One that is over and the waiter's. *has_any: it has one such, over or not. */
static struct program *ended_take(unsigned int id, unsigned int parent, bool *has_any)
{
	irqflags_t flags = spin_lock_irqsave(&programs.lock);
	struct program *program, *found = NULL;

	*has_any = false;
	list_for_each_entry(program, &programs.all, link) {
		if (program->parent != parent || (id && program->id != id))
			continue;
		*has_any = true;
		if (program->is_over) {
			found = program;
			break;
		}
	}
	if (found) {
		list_del(&found->link);
		programs.nr--;
	}
	spin_unlock_irqrestore(&programs.lock, flags);
	return found;
}

int program_wait_for(unsigned int id, int *exit_code, long ticks)
{
	struct program *program;
	bool has_any;
	int result;

	(void)wait_event_timeout(programs.ended,
				 (program = ended_take(id, current->id, &has_any)) != NULL || !has_any ||
					 READ_ONCE(current->is_killed),
				 ticks);
	if (!program && !has_any)
		return -ECHILD;
	if (!program)
		return READ_ONCE(current->is_killed) ? -EINTR : 0;
	*exit_code = program->exit_code;
	result = (int)program->id;
	kfree(program);
	return result;
}

int program_wait(unsigned int id, int *exit_code)
{
	return program_wait_for(id, exit_code, MAX_SCHEDULE_TIMEOUT);
}

int program_kill(unsigned int id, unsigned int asker)
{
	irqflags_t flags = spin_lock_irqsave(&programs.lock);
	struct program *program;
	int result = -ESRCH;

	list_for_each_entry(program, &programs.all, link)
		if (program->id == id && program->thread &&
		    (!asker || program->parent == asker || id == asker)) {
			thread_kill(program->thread);
			result = 0;
		}
	spin_unlock_irqrestore(&programs.lock, flags);
	return result;
}

/* --- to be seen --- */

static void describe(const struct program *program, struct program_info *info)
{
	*info = (struct program_info){
		.id = program->id,
		.nr_resident = program->aspace->nr_resident,
		.nr_swapped = program->aspace->nr_swapped,
		.nr_tables = program->aspace->nr_tables,
		.nr_faults = program->aspace->nr_faults,
		.nr_major = program->aspace->nr_major,
	};
	memcpy(info->name, program->thread->name, sizeof(info->name));
}

unsigned int programs_snapshot(struct program_info *rows, unsigned int max)
{
	irqflags_t flags = spin_lock_irqsave(&programs.lock);
	const struct program *program;
	unsigned int nr = 0;

	list_for_each_entry(program, &programs.all, link) {
		if (!program->thread)
			continue;
		if (nr < max)
			describe(program, &rows[nr]);
		nr++;
	}
	spin_unlock_irqrestore(&programs.lock, flags);
	return nr;
}

bool program_describe(unsigned int n, uintptr_t addr, char *buf, size_t size)
{
	irqflags_t flags = spin_lock_irqsave(&programs.lock);
	const struct program *program;
	bool is_there = false;
	char what[96], where[48];

	list_for_each_entry(program, &programs.all, link)
		if (program->thread && n-- == 0) {
			(void)snprintf(buf, size, "%s (%u): %s: %s", program->thread->name, program->id,
				       aspace_describe(program->aspace, addr, what, sizeof(what)),
				       aspace_describe_page(program->aspace, addr, where, sizeof(where)));
			is_there = true;
			break;
		}
	spin_unlock_irqrestore(&programs.lock, flags);
	return is_there;
}

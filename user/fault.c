/* SPDX-License-Identifier: MIT */
/* What the CPU refuses a program: brought, or the program's end with one line that names it, where it was, and what lies
 * where it wanted to go. */
#include <kernel/core/preempt.h>
#include <kernel/core/printk.h>
#include <kernel/lib/assert.h>
#include <user/call.h>
#include <user/program.h>

STATIC_ASSERT((int)USER_READ == (int)ASPACE_READS && (int)USER_WRITE == (int)ASPACE_WRITES &&
		      (int)USER_EXEC == (int)ASPACE_EXECUTES,
	      "mm and the CPU mean the same access");

static const char *result_text(enum aspace_result result)
{
	static const char *const texts[] = {
		[ASPACE_NOTHING] = "",
		[ASPACE_FORBIDDEN] = ": that is forbidden",
		[ASPACE_BEYOND] = ": the file ends before it",
		[ASPACE_UNREADABLE] = ": the file cannot be read there",
		[ASPACE_LOST] = ": it was swapped out, and its disk cannot be read there",
		[ASPACE_NO_MEMORY] = ": there is no memory",
	};

	return texts[result];
}

static const char *access_text(enum user_access access)
{
	static const char *const texts[] = {"read from", "write to", "jump to"};

	return texts[access];
}

NORETURN static void end_for_fault(const struct trap_frame *frame, uintptr_t address, enum user_access access,
				   enum aspace_result result)
{
	char what[96];

	program_die_if_killed(); /* that is why it got nothing */
	pr_warn("%s (%u) killed at 0x%08x: %s 0x%08lx, %s%s", current->name, current->id, frame->eip,
		access_text(access), (unsigned long)address,
		aspace_describe(program_current()->aspace, address, what, sizeof(what)), result_text(result));
	program_exit(EXIT_KILLED);
}

void user_page_fault(struct trap_frame *frame, uintptr_t address, enum user_access access)
{
	enum aspace_result result =
		aspace_fault(program_current()->aspace, address, (enum aspace_access)access);

	if (result != ASPACE_DONE)
		end_for_fault(frame, address, access, result);
	program_die_if_killed();
}

/* A copy for somebody who is to end comes no further. */
bool user_page_fault_in_kernel(uintptr_t address, enum user_access access)
{
	const struct program *program = program_current();

	return program && !READ_ONCE(current->is_killed) &&
	       aspace_fault(program->aspace, address, (enum aspace_access)access) == ASPACE_DONE;
}

NORETURN void user_exception(const struct trap_frame *frame, const char *name)
{
	char what[96];

	program_die_if_killed();
	pr_warn("%s (%u) killed at 0x%08x, %s: %s", current->name, current->id, frame->eip,
		aspace_describe(program_current()->aspace, frame->eip, what, sizeof(what)), name);
	program_exit(EXIT_KILLED);
}

void user_interrupted(void)
{
	program_die_if_killed();
}

/* SPDX-License-Identifier: MIT */
#include <tests/kernel/crowd.h>

#include <kernel/core/err.h>
#include <kernel/core/thread.h>

int crowd_works(unsigned int nr, int (*work)(void *number))
{
	struct thread *thread[CROWD_MAX];
	unsigned int nr_begun;
	int sum = 0;

	for (nr_begun = 0; nr_begun < nr; nr_begun++) {
		thread[nr_begun] = kthread_create(work, (void *)(uintptr_t)nr_begun, "crowd");
		if (IS_ERR(thread[nr_begun]))
			break;
		thread_get(thread[nr_begun]);
		wake_up_process(thread[nr_begun]);
	}
	for (unsigned int i = 0; i < nr_begun; i++) {
		wait_for_completion(&thread[i]->exited);
		sum += thread[i]->exit_code;
		thread_put(thread[i]);
	}
	return nr_begun == nr ? sum : -1;
}

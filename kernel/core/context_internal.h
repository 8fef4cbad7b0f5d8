/* SPDX-License-Identifier: MIT */
/* What context.c asks of its neighbours, and they of it. For those .c files only. */
#pragma once

/* Threads exist from now on: whoever may not sleep is told so. */
void context_threads_run(void);

/* What the running softirq does: "softirq", "timer" or "tasklet"; and the name of its function, or of the
 * softirq. */
const char *softirq_work_kind(void);
const char *softirq_work_name(void);

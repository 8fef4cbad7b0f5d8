/* SPDX-License-Identifier: MIT */
/* Gives kthread_create() its stacks: two pages from mm above a guard page. */
#pragma once

/* Boot, once mm is up. */
void stacks_init(void);

/* Pages that stay: page tables (K2). Context: any. */
unsigned int stacks_kept_pages(void);

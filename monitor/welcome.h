/* SPDX-License-Identifier: MIT */
/* The first screen for a person at a terminal. */
#pragma once

/* What runs here, on what machine, its zones as a picture. `loader`: who booted it, and how. Context: may sleep. */
void welcome_print(const char *loader);

/* What to type next: after the self-tests. */
void welcome_print_hints(void);

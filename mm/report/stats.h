/* SPDX-License-Identifier: MIT */
/* What mm looks like from outside, in the formats of Linux's /proc files of the same names. Serves CONTRACT
 * P5. Each zone is shown as it was at one moment. Context: any; buddyinfo and pagetypeinfo hold a zone's lock
 * for a walk of its free lists, so they are for people, not for handlers. */
#pragma once

struct sink;

void buddyinfo_print(struct sink *out);
void pagetypeinfo_print(struct sink *out);
void zoneinfo_print(struct sink *out);
void meminfo_print(struct sink *out);

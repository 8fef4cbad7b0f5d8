/* SPDX-License-Identifier: MIT */
/* What mm looks like from outside, in the formats of Linux's /proc files of the same names. Serves CONTRACT
 * P5. They are written while memory is used, with interrupts on: each figure is one that was, but a block that
 * moves meanwhile may be counted twice or not at all. Context: process. */
#pragma once

struct sink;

void buddyinfo_print(struct sink *out);
void pagetypeinfo_print(struct sink *out);
void numastat_print(struct sink *out);
void zoneinfo_print(struct sink *out);
void meminfo_print(struct sink *out);

/* Pages of files by state and age, a format of our own: active were those used a second time while inactive, used those that
 * will get a second chance. */
void pagecache_print(struct sink *out);

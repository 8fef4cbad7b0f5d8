/* SPDX-License-Identifier: MIT */
/* Giving memory back when it is short, under the name the books use. The fields of struct shrinker are ours. */
#pragma once

#include <linux/gfp.h>
#include <mm/reclaim/vmscan.h>

/* SPDX-License-Identifier: MIT */
/* Restrictions on what a thread allocates, under the name the books use. */
#pragma once

#include <linux/gfp.h>
#include <mm/reclaim/scope.h>

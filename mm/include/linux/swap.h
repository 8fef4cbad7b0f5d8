/* SPDX-License-Identifier: MIT */
/* Disks to which memory goes that is short: what drivers of them call. */
#pragma once

#include <mm/aspace/aspace.h>
#include <mm/cache/swap.h>

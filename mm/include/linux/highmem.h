/* SPDX-License-Identifier: MIT */
/* Windows on high memory under the name the books use. */
#pragma once

#include <linux/mm.h>
#include <linux/oldnames.h>
#include <mm/mapped/highmem.h>
#include <mm/mapped/kmap.h>

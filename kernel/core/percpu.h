/* SPDX-License-Identifier: MIT */
/* Per-CPU data, for whoever is above the CPU's own code. All of it is the CPU's contract. */
#pragma once

#include <kernel/arch/percpu.h>

/* SPDX-License-Identifier: MIT */
/* A machine of one CPU. */
#pragma once

#define KIT_CPUS 1u

static inline unsigned int port_cpu(void)
{
	return 0;
}

static inline unsigned int port_nr_cpus(void)
{
	return KIT_CPUS;
}

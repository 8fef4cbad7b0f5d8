/* SPDX-License-Identifier: MIT */
/* Interrupt handlers, softirqs and tasklets, under the names the books use. */
#pragma once

#include <kernel/core/irq.h>
#include <kernel/core/softirq.h>
#include <linux/hardirq.h>

/* Handlers of the books' time; all ours run with interrupts off and feed no pool. */
#define IRQF_DISABLED	   0x20u
#define IRQF_SAMPLE_RANDOM 0x40u
#define SA_SHIRQ	   IRQF_SHARED
#define SA_INTERRUPT	   IRQF_DISABLED

/* SPDX-License-Identifier: MIT */
/* The books' `<linux/kernel.h>`: messages in their spelling, printk(KERN_INFO "..."), and small macros.
 * KERN_* becomes the first argument of kernel/core/printk.h's printk by way of a tag in front of the format.
 */
#pragma once

#include <kernel/core/panic.h>
#include <kernel/core/preempt.h>
#include <kernel/core/printk.h>
#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>

#define KERN_EMERG   "<0>"
#define KERN_ALERT   "<1>"
#define KERN_CRIT    "<2>"
#define KERN_ERR     "<3>"
#define KERN_WARNING "<4>"
#define KERN_NOTICE  "<5>"
#define KERN_INFO    "<6>"
#define KERN_DEBUG   "<7>"

#define printk(...)  printk_tagged(__VA_ARGS__)

#define min(a, b)    MIN(a, b)
#define max(a, b)    MAX(a, b)

/* SPDX-License-Identifier: MIT */
/* Messages in the books' spelling, printk(KERN_INFO "..."): KERN_* becomes the first argument of kernel/core/printk.h's
 * printk by way of a tag in front of the format. */
#pragma once

#include <kernel/core/printk.h>

#define KERN_EMERG   "<0>"
#define KERN_ALERT   "<1>"
#define KERN_CRIT    "<2>"
#define KERN_ERR     "<3>"
#define KERN_WARNING "<4>"
#define KERN_NOTICE  "<5>"
#define KERN_INFO    "<6>"
#define KERN_DEBUG   "<7>"

#define printk(...)  printk_tagged(__VA_ARGS__)

#define pr_emerg     pr_err
#define pr_alert     pr_err
#define pr_crit	     pr_err
#define pr_warning   pr_warn
#define pr_notice    pr_info

/* SPDX-License-Identifier: MIT */
/* The first module of a driver book: it says that it came and that it goes. */
#include <linux/init.h>
#include <linux/module.h>

#include <tests/kernel/books/books.h>

MODULE_LICENSE("Dual MIT/GPL");

int hello_greetings;

static int hello_init(void)
{
	hello_greetings++;
	printk(KERN_ALERT "hello: a module was brought up\n");
	return 0;
}

static void hello_exit(void)
{
	printk(KERN_ALERT "hello: and taken down\n");
}

module_init(hello_init);
module_exit(hello_exit);

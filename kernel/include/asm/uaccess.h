/* SPDX-License-Identifier: MIT */
/* What a program's pointers point at, as the books read and write it. Results: copies and clear_user tell how many bytes
 * could not be done, get_user and put_user 0 or -EFAULT; what could not be read is 0. Pointers go to objects of 1, 2, 4
 * or 8 bytes. Context and rules: <kernel/arch/uaccess.h>. */
#pragma once

#include <kernel/arch/uaccess.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>

#define VERIFY_READ		 0
#define VERIFY_WRITE		 1
#define access_ok(type, addr, n) user_range_is_good((uintptr_t)(addr), (n))

MUST_CHECK static inline unsigned long copy_to_user(void __user *to, const void *from, unsigned long n)
{
	return user_range_is_good((uintptr_t)to, n) ? user_copy(to, from, n) : n;
}

/* What is not copied is cleared: nobody finds there what lay there before. */
MUST_CHECK static inline unsigned long copy_from_user(void *to, const void __user *from, unsigned long n)
{
	unsigned long left = user_range_is_good((uintptr_t)from, n) ? user_copy(to, from, n) : n;

	if (left)
		memset((char *)to + (n - left), 0, left);
	return left;
}

MUST_CHECK static inline unsigned long clear_user(void __user *to, unsigned long n)
{
	return user_range_is_good((uintptr_t)to, n) ? user_clear(to, n) : n;
}

#define __copy_to_user	 copy_to_user
#define __copy_from_user copy_from_user

#define get_user(x, ptr)                                                                                     \
	({                                                                                                   \
		__aligned(8) char user_value_[sizeof(*(ptr))];                                               \
		int user_error_ = copy_from_user(user_value_, (ptr), sizeof(*(ptr))) ? -EFAULT : 0;          \
		(x) = *(__typeof__(*(ptr)) *)(void *)user_value_;                                            \
		user_error_;                                                                                 \
	})
#define put_user(x, ptr)                                                                                     \
	({                                                                                                   \
		__typeof__(*(ptr)) user_value_ = (x);                                                        \
		copy_to_user((ptr), &user_value_, sizeof(user_value_)) ? -EFAULT : 0;                        \
	})
#define __get_user get_user
#define __put_user put_user

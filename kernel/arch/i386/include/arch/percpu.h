/* SPDX-License-Identifier: MIT */
/* i386 part of <kernel/arch/percpu.h>; include that one. The segment is in %fs. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

#define PERCPU_CHECK(name) STATIC_ASSERT(sizeof(percpu_##name) == 4, "one instruction reaches 4 bytes")

#define this_cpu_read(name)                                                                                  \
	({                                                                                                   \
		PERCPU_CHECK(name);                                                                          \
		__typeof__(percpu_##name) percpu_value_;                                                     \
		__asm__ volatile("movl %%fs:%1, %0" : "=r"(percpu_value_) : "m"(percpu_##name));             \
		percpu_value_;                                                                               \
	})

#define this_cpu_write(name, value)                                                                          \
	do {                                                                                                 \
		PERCPU_CHECK(name);                                                                          \
		__typeof__(percpu_##name) percpu_value_ = (value);                                           \
		__asm__ volatile("movl %1, %%fs:%0" : "=m"(percpu_##name) : "ri"(percpu_value_));            \
	} while (0)

#define PERCPU_CHANGE(instruction, name, value)                                                              \
	do {                                                                                                 \
		PERCPU_CHECK(name);                                                                          \
		__asm__ volatile(instruction " %1, %%fs:%0"                                                  \
				 : "+m"(percpu_##name)                                                       \
				 : "ri"((__typeof__(percpu_##name))(value))                                  \
				 : "cc", "memory");                                                          \
	} while (0)

#define this_cpu_add(name, n)	 PERCPU_CHANGE("addl", name, n)
#define this_cpu_or(name, bits)	 PERCPU_CHANGE("orl", name, bits)
#define this_cpu_and(name, bits) PERCPU_CHANGE("andl", name, bits)

/* Adds n (which may be negative). Result: is the sum 0? */
#define this_cpu_add_is_zero(name, n)                                                                        \
	({                                                                                                   \
		PERCPU_CHECK(name);                                                                          \
		bool percpu_zero_;                                                                           \
		__asm__ volatile("addl %2, %%fs:%1"                                                          \
				 : "=@ccz"(percpu_zero_), "+m"(percpu_##name)                                \
				 : "ri"((__typeof__(percpu_##name))(n))                                      \
				 : "memory");                                                                \
		percpu_zero_;                                                                                \
	})

/* Result: what was there. */
#define this_cpu_exchange(name, value)                                                                       \
	({                                                                                                   \
		PERCPU_CHECK(name);                                                                          \
		__typeof__(percpu_##name) percpu_value_ = (value);                                           \
		__asm__ volatile("xchgl %0, %%fs:%1"                                                         \
				 : "+r"(percpu_value_), "+m"(percpu_##name)                                  \
				 :                                                                           \
				 : "memory");                                                                \
		percpu_value_;                                                                               \
	})

/* Adds n. Result: what was there before. */
#define this_cpu_fetch_add(name, n)                                                                          \
	({                                                                                                   \
		PERCPU_CHECK(name);                                                                          \
		__typeof__(percpu_##name) percpu_value_ = (n);                                               \
		__asm__ volatile("xaddl %0, %%fs:%1"                                                         \
				 : "+r"(percpu_value_), "+m"(percpu_##name)                                  \
				 :                                                                           \
				 : "cc", "memory");                                                          \
		percpu_value_;                                                                               \
	})

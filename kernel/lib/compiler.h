/* SPDX-License-Identifier: MIT */
/* What the compiler offers, under the names the rest of the tree uses. */
#pragma once

#define MUST_CHECK			__attribute__((warn_unused_result))
#define NORETURN			__attribute__((noreturn))
#define NOINLINE			__attribute__((noinline))
#define ALWAYS_INLINE			inline __attribute__((always_inline))
#define PACKED				__attribute__((packed))
#define ALIGNED(n)			__attribute__((aligned(n)))
#define USED				__attribute__((used))
#define UNUSED				__attribute__((unused))
#define COLD				__attribute__((cold, noinline))
#define SECTION(s)			__attribute__((section(s)))
#define PRINTF(f, a)			__attribute__((format(printf, f, a)))

#define likely(x)			__builtin_expect(!!(x), 1)
#define unlikely(x)			__builtin_expect(!!(x), 0)

#define STATIC_ASSERT(what, why)	_Static_assert(what, why)

#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Keeps the compiler (not the CPU) from moving memory accesses across. */
#define barrier()	 __asm__ volatile("" ::: "memory")

#define READ_ONCE(x)	 (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

#define RETURN_ADDRESS() __builtin_return_address(0)

/* sparse tells gfp_t from int by these. */
/* Result of an allocator that `fn` takes back as its n-th argument: what gcc -fanalyzer follows (make lint).
 */
#ifdef LINT_ANALYZER
#define FREED_BY(fn, n) __attribute__((malloc(fn, n)))
#else
#define FREED_BY(fn, n)
#endif

#ifdef __CHECKER__
#define __bitwise __attribute__((bitwise))
#define __force	  __attribute__((force))
#else
#define __bitwise
#define __force
#endif

/* Code and data that boot needs once: their pages are freed after the last init call. */
#ifdef __KERNEL__
#define __init	   SECTION(".init.text") COLD
#define __initdata SECTION(".init.data")
#else
#define __init
#define __initdata
#endif

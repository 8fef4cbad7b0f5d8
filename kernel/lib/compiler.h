/* SPDX-License-Identifier: MIT */
/* What the compiler offers, under the names the rest of the tree uses. */
#pragma once

#define MUST_CHECK			__attribute__((__warn_unused_result__))
#define NORETURN			__attribute__((__noreturn__))
#define NOINLINE			__attribute__((__noinline__))
#define ALWAYS_INLINE			inline __attribute__((__always_inline__))
#define __packed			__attribute__((__packed__))
#define __aligned(n)			__attribute__((__aligned__(n)))
#define __used				__attribute__((__used__))
#define __maybe_unused			__attribute__((__unused__))
#define COLD				__attribute__((__cold__, __noinline__))
#define SECTION(s)			__attribute__((__section__(s)))
#define PRINTF(f, a)			__attribute__((__format__(__printf__, f, a)))

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
#define FREED_BY(fn, n) __attribute__((__malloc__(fn, n)))
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

/* Whose an address is, for the reader. */
#define __iomem
#define __user

/* Code and data that boot needs once: their pages are freed after the last init call. */
#ifdef __KERNEL__
#define __init	   SECTION(".init.text") COLD
#define __initdata SECTION(".init.data")
#else
#define __init
#define __initdata
#endif

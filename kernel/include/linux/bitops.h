/* SPDX-License-Identifier: MIT */
/* Bits of words of memory, under the names the books use. Those without a leading __ are one locked instruction, and the
 * test_and_ ones order all accesses around them. */
#pragma once

#include <kernel/lib/bitops.h>

#define BITS_PER_LONG	  (8 * (unsigned int)sizeof(unsigned long))
#define BIT(nr)		  (1ul << (nr))
#define BIT_MASK(nr)	  (1ul << ((nr) % BITS_PER_LONG))
#define BIT_WORD(nr)	  ((nr) / BITS_PER_LONG)
#define BITS_TO_LONGS(nr) (((nr) + BITS_PER_LONG - 1) / BITS_PER_LONG)

static inline void set_bit(unsigned int nr, volatile unsigned long *map)
{
	(void)__atomic_fetch_or(map + BIT_WORD(nr), BIT_MASK(nr), __ATOMIC_RELAXED);
}

static inline void clear_bit(unsigned int nr, volatile unsigned long *map)
{
	(void)__atomic_fetch_and(map + BIT_WORD(nr), ~BIT_MASK(nr), __ATOMIC_RELAXED);
}

static inline void change_bit(unsigned int nr, volatile unsigned long *map)
{
	(void)__atomic_fetch_xor(map + BIT_WORD(nr), BIT_MASK(nr), __ATOMIC_RELAXED);
}

static inline int test_bit(unsigned int nr, const volatile unsigned long *map)
{
	return (map[BIT_WORD(nr)] & BIT_MASK(nr)) != 0;
}

static inline int test_and_set_bit(unsigned int nr, volatile unsigned long *map)
{
	return (__atomic_fetch_or(map + BIT_WORD(nr), BIT_MASK(nr), __ATOMIC_SEQ_CST) & BIT_MASK(nr)) != 0;
}

static inline int test_and_clear_bit(unsigned int nr, volatile unsigned long *map)
{
	return (__atomic_fetch_and(map + BIT_WORD(nr), ~BIT_MASK(nr), __ATOMIC_SEQ_CST) & BIT_MASK(nr)) != 0;
}

static inline int test_and_change_bit(unsigned int nr, volatile unsigned long *map)
{
	return (__atomic_fetch_xor(map + BIT_WORD(nr), BIT_MASK(nr), __ATOMIC_SEQ_CST) & BIT_MASK(nr)) != 0;
}

static inline void __set_bit(unsigned int nr, unsigned long *map)
{
	map[BIT_WORD(nr)] |= BIT_MASK(nr);
}

static inline void __clear_bit(unsigned int nr, unsigned long *map)
{
	map[BIT_WORD(nr)] &= ~BIT_MASK(nr);
}

/* Counted from 1; 0: no bit is set. */
#define ffs(word) __builtin_ffs((int)(word))

static inline int fls(unsigned int word)
{
	return word ? (int)bit_highest(word) + 1 : 0;
}

/* The first bit that is 0 or 1 of `size`; none: size. */
static inline unsigned int find_first_zero_bit(const unsigned long *map, unsigned int size)
{
	unsigned int nr = 0;

	while (nr < size && test_bit(nr, map))
		nr++;
	return nr;
}

static inline unsigned int find_first_bit(const unsigned long *map, unsigned int size)
{
	unsigned int nr = 0;

	while (nr < size && !test_bit(nr, map))
		nr++;
	return nr;
}

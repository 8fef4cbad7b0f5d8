/* SPDX-License-Identifier: MIT */
/* Cycles become microseconds by one multiplication with a 32-bit fraction: us = cycles * us_per_cycle / 2^32.
 */
#include <kernel/arch/clock.h>

#include <kernel/arch/cpu.h>
#include <kernel/arch/io.h>
#include <kernel/lib/compiler.h>

#define PIT_HZ	      1193182u
#define PIT_CHANNEL_0 0x40
#define PIT_CONTROL   0x43
#define PIT_COUNT     0x30 /* channel 0, low byte then high byte, counts down once */
#define PIT_LATCH     0x00 /* channel 0 */
#define PIT_START     0xffffu
#define MEASURE_US    5000u
#define MEASURE_TRIES 24u
#define STANDS_STILL  0u
#define HELD_UP	      1u
#define MS_PER_US     4294967u /* 2^32 / 1000 */
#define MAX_TURNS     200000u  /* a machine without a timer must not hang us: take it for one of 1 GHz */

static struct {
	uint64_t start_cycles;
	uint32_t us_per_cycle; /* fraction, in units of 2^-32 */
} timer;

static uint64_t multiply_fraction(uint64_t value, uint32_t fraction)
{
	uint64_t low = (value & 0xffffffffu) * fraction;

	return (value >> 32) * fraction + (low >> 32);
}

/* numerator * 2^32 / divisor; numerator < divisor. */
static __init uint32_t fraction_of(uint32_t numerator, uint32_t divisor)
{
	uint32_t quotient, rest;

	__asm__("divl %4" : "=a"(quotient), "=d"(rest) : "a"(0), "d"(numerator), "r"(divisor));
	return quotient;
}

static __init uint32_t pit_elapsed(void)
{
	uint32_t count;

	outb(PIT_CONTROL, PIT_LATCH);
	count = inb(PIT_CHANNEL_0);
	count |= (uint32_t)inb(PIT_CHANNEL_0) << 8;
	return PIT_START - count;
}

/* Cycles in MEASURE_US; STANDS_STILL; or HELD_UP: the timer was far ahead when it was looked at, so nobody knows for how long. */
static __init uint32_t measure_cycles(void)
{
	const uint32_t ticks = PIT_HZ / (1000000u / MEASURE_US);
	uint32_t turns = 0, elapsed, cycles;
	uint64_t start;

	outb(PIT_CONTROL, PIT_COUNT);
	outb(PIT_CHANNEL_0, PIT_START & 0xff);
	outb(PIT_CHANNEL_0, PIT_START >> 8);
	start = cpu_cycles();
	while ((elapsed = pit_elapsed()) < ticks)
		if (++turns == MAX_TURNS)
			return STANDS_STILL;
	cycles = (uint32_t)(cpu_cycles() - start);
	return turns && elapsed < 2 * ticks && cycles > HELD_UP ? cycles : HELD_UP;
}

static __init bool agree(uint32_t a, uint32_t b)
{
	return a > HELD_UP && b > HELD_UP && (a > b ? a - b : b - a) <= b / 16;
}

/* An emulator that is held up between two instructions measures anything: two in a row must agree. */
static __init uint32_t agreed_cycles(void)
{
	uint32_t cycles = measure_cycles(), before = HELD_UP;

	for (unsigned int tries = 1;
	     tries < MEASURE_TRIES && cycles != STANDS_STILL && !agree(before, cycles); tries++) {
		before = cycles;
		cycles = measure_cycles();
	}
	return cycles > HELD_UP ? cycles : before;
}

void __init clock_init(void)
{
	uint32_t cycles = agreed_cycles();

	timer.start_cycles = cpu_cycles();
	timer.us_per_cycle = cycles > MEASURE_US ? fraction_of(MEASURE_US, cycles) : UINT32_MAX / 1000;
}

uint64_t clock_now_us(void)
{
	return multiply_fraction(cpu_cycles() - timer.start_cycles, timer.us_per_cycle);
}

uint64_t clock_now_ms(void)
{
	return multiply_fraction(clock_now_us(), MS_PER_US);
}

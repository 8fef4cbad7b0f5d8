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
#define MEASURE_TRIES 8u
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

/* Cycles in MEASURE_US; 0 when the timer stands still. */
static __init uint32_t measure_cycles(void)
{
	const uint32_t ticks = PIT_HZ / (1000000u / MEASURE_US);
	unsigned int turns = 0;
	uint64_t start;

	outb(PIT_CONTROL, PIT_COUNT);
	outb(PIT_CHANNEL_0, PIT_START & 0xff);
	outb(PIT_CHANNEL_0, PIT_START >> 8);
	start = cpu_cycles();
	while (pit_elapsed() < ticks)
		if (++turns == MAX_TURNS)
			return 0;
	return (uint32_t)(cpu_cycles() - start);
}

/* An emulator that is held up between two instructions measures anything: two in a row must agree. */
static __init uint32_t agreed_cycles(void)
{
	uint32_t cycles = measure_cycles(), before;
	unsigned int tries = 1;

	do {
		before = cycles;
		cycles = measure_cycles();
	} while (++tries < MEASURE_TRIES &&
		 (before > cycles ? before - cycles : cycles - before) > cycles / 16);
	return cycles;
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

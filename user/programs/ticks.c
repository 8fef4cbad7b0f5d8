/* SPDX-License-Identifier: MIT */
/* ticks NAME: what a call or a fault costs from the program's side, as a line of the bench (tests/bench/bench.h): ticks of
 * the time stamp counter, which are instructions where QEMU counts them. The clearing, or copying, of a page is left out. */
#include <user/programs/lib.h>

#define NR	   512u
#define PAGE_TICKS 1025u /* rep stosd, rep movsd */

struct figure {
	uint32_t nr, sum, min, max;
};

static struct figure figure = {.min = ~0u};
static uint32_t cost; /* of timing nothing */

static inline uint32_t tick(void)
{
	uint32_t low;

	__asm__ volatile("rdtsc" : "=a"(low)::"edx", "memory");
	return low;
}

static void note(uint32_t ticks)
{
	figure.nr++;
	figure.sum += ticks;
	figure.min = ticks < figure.min ? ticks : figure.min;
	figure.max = ticks > figure.max ? ticks : figure.max;
}

static void print(const char *name)
{
	uint32_t mean = figure.sum / figure.nr, rest = figure.sum % figure.nr * 100 / figure.nr;

	say("bench\t", name, "\t", decimal(figure.nr), "\t", decimal(mean), rest < 10 ? ".0" : ".",
	    decimal(rest), "\t", decimal(figure.min), "\t", decimal(figure.max), NULL);
}

static uint32_t time_write(volatile uint8_t *at)
{
	uint32_t start = tick();

	*at = 1;
	return tick() - start;
}

static uint32_t time_read(const volatile uint8_t *at)
{
	uint32_t start = tick();

	(void)*at;
	return tick() - start;
}

static uint8_t *map(size_t size, int prot, long file)
{
	uint8_t *at = mmap(size, prot, file, 0);

	if (!at)
		fail("ticks: cannot map", -12);
	return at;
}

static void calibrate(void)
{
	static volatile uint8_t byte;

	(void)time_write(&byte);
	cost = time_write(&byte);
}

static void syscall(void)
{
	uint32_t start;

	for (unsigned int i = 0; i < NR; i++) {
		start = tick();
		__asm__ volatile("int $0x80" ::"a"(CALL_SELF) : "memory");
		note(tick() - start - cost);
	}
}

static void fault_anon(void)
{
	uint8_t *at = map(NR * PAGE, MAP_WRITE, -1);

	for (unsigned int i = 0; i < NR; i++)
		note(time_write(at + i * PAGE) - cost - PAGE_TICKS);
}

/* Its first page, at a new address each time: the tables are there but for every 512th. */
static void fault_file(void)
{
	long file = open("calls", O_READ, 0);

	for (unsigned int i = 0; i < NR; i++)
		note(time_read(map(PAGE, MAP_READ, file)) - cost);
}

static void fault_cow(void)
{
	long file = open("calls", O_READ, 0);

	for (unsigned int i = 0; i < NR; i++) {
		uint8_t *at = map(PAGE, MAP_WRITE, file);

		(void)time_read(at);
		note(time_write(at) - cost - PAGE_TICKS);
	}
}

static void munmap_page(void)
{
	uint8_t *at = map(NR * PAGE, MAP_WRITE, -1);
	uint32_t start;

	for (unsigned int i = 0; i < NR; i++)
		at[i * PAGE] = 1;
	start = tick();
	(void)munmap(at, NR * PAGE);
	figure.nr = NR;
	figure.sum = tick() - start - cost;
	figure.min = figure.max = figure.sum / NR;
}

static const struct {
	const char *name;
	void (*run)(void);
} benches[] = {
	{"syscall", syscall},	  {"fault_anon", fault_anon},	{"fault_file", fault_file},
	{"fault_cow", fault_cow}, {"munmap_page", munmap_page},
};

int main(int argc, char *argv[])
{
	calibrate();
	for (unsigned int i = 0; argc > 1 && i < sizeof(benches) / sizeof(benches[0]); i++)
		if (is_same(argv[1], benches[i].name)) {
			benches[i].run();
			print(benches[i].name);
			return 0;
		}
	say("ticks: expected syscall, fault_anon, fault_file, fault_cow or munmap_page", NULL);
	return 1;
}

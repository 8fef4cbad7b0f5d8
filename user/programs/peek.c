/* SPDX-License-Identifier: MIT */
/* peek: looks whether memory never written is 0: stack, heap, mappings, data; and what registers it began with. peek 0xADDRESS reads a byte there, write,
 * jump and the like do what they say: whoever survives says so and ends with 3. */
#include <user/programs/lib.h>

#define BYTES (64u << 10)

static uint8_t data[BYTES];

static void expect_zero(const char *what, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i]) {
			say("peek: ", what, ": byte ", decimal(i), " is ", hex(bytes[i]), NULL);
			exit(2);
		}
}

/* The stack below what was used, down to where it has grown by looking. */
static void look_at_stack(void)
{
	uint8_t here;

	expect_zero("stack", (uint8_t *)(((uintptr_t)&here & ~(uintptr_t)(PAGE - 1)) - 17 * PAGE), 16 * PAGE);
}

#define EFLAGS_AT_ENTRY 0x202u /* interrupts, and the bit that is always 1 */

static void look_at_registers(char *argv[])
{
	const struct registers *found = registers_at_entry(argv);

	if (found->eax | found->ebx | found->ecx | found->edx | found->esi | found->edi | found->ebp |
	    found->fs | found->gs) {
		say("peek: a register is not 0", NULL);
		exit(2);
	}
	if (found->esp != (uintptr_t)(argv - 1) || found->eflags != EFLAGS_AT_ENTRY) {
		say("peek: esp is ", hex(found->esp), ", eflags ", hex(found->eflags), NULL);
		exit(2);
	}
}

static int look(void)
{
	uint8_t *mapping = mmap(BYTES, MAP_WRITE, -1, 0);
	uintptr_t heap = (uintptr_t)brk(0);

	if (!mapping || brk(heap + BYTES) != (long)(heap + BYTES))
		fail("peek: no memory", -12);
	expect_zero("data", data, sizeof(data));
	expect_zero("heap", (uint8_t *)heap, BYTES);
	expect_zero("mapping", mapping, BYTES);
	look_at_stack();
	memset(mapping, 0xa5, BYTES);
	memset((void *)heap, 0xa5, BYTES);
	if (munmap(mapping, BYTES) || brk(heap) != (long)heap || brk(heap + BYTES) < 0)
		fail("peek: cannot give back", -22);
	expect_zero("heap, again", (uint8_t *)heap, BYTES);
	return 0;
}

static unsigned int recurse(unsigned int depth)
{
	volatile uint8_t frame[1000];

	frame[0] = (uint8_t)depth;
	return depth ? recurse(depth - 1) + frame[0] : 0;
}

static void divide(unsigned long at)
{
	(void)at;
	__asm__ volatile("divl %0" ::"r"(0), "a"(1), "d"(0));
}

static void read_at(unsigned long at)
{
	(void)*(volatile uint8_t *)at;
}

static void write_at(unsigned long at)
{
	*(volatile uint8_t *)at = 1;
}

static void jump_to(unsigned long at)
{
	((void (*)(void))at)();
}

static void halt(unsigned long at)
{
	(void)at;
	__asm__ volatile("hlt");
}

static void port(unsigned long at)
{
	__asm__ volatile("outb %%al, %%dx" ::"a"(0), "d"((uint16_t)at));
}

static void fpu(unsigned long at)
{
	(void)at;
	__asm__ volatile("fninit");
}

static void segment(unsigned long at)
{
	__asm__ volatile("movl %0, %%fs" ::"r"(at));
}

static void interrupt(unsigned long at)
{
	(void)at;
	__asm__ volatile("int $0x20");
}

static void task(unsigned long at)
{
	(void)at;
	__asm__ volatile("pushfl; orl $0x4000, (%esp); popfl; iret");
}

static void step(unsigned long at)
{
	(void)at;
	__asm__ volatile("pushfl; orl $0x100, (%esp); popfl; nop");
}

static void deep(unsigned long at)
{
	(void)recurse((unsigned int)at);
}

static void sleep_for(unsigned long ms)
{
	sleep_ms((long)ms);
}

static void execute_data(unsigned long at)
{
	(void)at;
	data[0] = 0xc3;
	jump_to((unsigned long)data);
}

static const struct {
	const char *name;
	void (*run)(unsigned long at);
} deeds[] = {
	{"read", read_at},
	{"write", write_at},
	{"jump", jump_to},
	{"halt", halt},
	{"port", port},
	{"fpu", fpu},
	{"segment", segment},
	{"interrupt", interrupt},
	{"task", task},
	{"step", step},
	{"deep", deep},
	{"divide", divide},
	{"execute", execute_data},
	{"sleep", sleep_for},
};

int main(int argc, char *argv[])
{
	look_at_registers(argv);
	if (argc < 2)
		return look();
	for (unsigned int i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		if (is_same(argv[1], deeds[i].name)) {
			deeds[i].run(argc > 2 ? number(argv[2]) : 0);
			return 3;
		}
	say("peek: expected nothing, or what to do, and where", NULL);
	return 1;
}

/* SPDX-License-Identifier: MIT */
/* The ways out of a PC, and of the emulators that pose as one. */
#include <kernel/arch/machine.h>

#include <kernel/arch/cpu.h>
#include <kernel/arch/io.h>
#include <kernel/arch/irqflags.h>

#define PORT_DEBUG_EXIT	    0xf4 /* QEMU isa-debug-exit */
#define DEBUG_EXIT_BASE	    0x10
#define PORT_PM1_QEMU	    0x604  /* PIIX4 and ICH9 power management in QEMU: SLP_EN, type 0 */
#define PORT_PM1_BOCHS	    0xb004 /* the same in Bochs and in QEMU before 2.0 */
#define PM1_SLEEP	    0x2000
#define PORT_BOCHS_SHUTDOWN 0x8900 /* takes a word, letter by letter */
#define PORT_KEYBOARD	    0x64
#define KEYBOARD_RESET	    0xfe

static struct {
	void (*last_words)(void);
} machine;

void machine_set_last_words(void (*fn)(void))
{
	machine.last_words = fn;
}

static void say_last_words(void)
{
	irq_disable();
	if (machine.last_words)
		machine.last_words();
}

NORETURN void machine_exit(enum machine_result result)
{
	say_last_words();
	outb(PORT_DEBUG_EXIT, (uint8_t)(DEBUG_EXIT_BASE + result));
	cpu_halt();
}

NORETURN void machine_power_off(void)
{
	say_last_words();
	outw(PORT_PM1_QEMU, PM1_SLEEP);
	outw(PORT_PM1_BOCHS, PM1_SLEEP);
	for (const char *letter = "Shutdown"; *letter; letter++)
		outb(PORT_BOCHS_SHUTDOWN, (uint8_t)*letter);
	cpu_halt();
}

NORETURN void machine_reboot(void)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __packed empty = {0, 0};

	say_last_words();
	for (unsigned int tries = 0; tries < 100000 && inb(PORT_KEYBOARD) & 2; tries++)
		cpu_relax();
	outb(PORT_KEYBOARD, KEYBOARD_RESET);
	for (unsigned int i = 0; i < 1000000; i++)
		cpu_relax();
	__asm__ volatile("lidt %0; int3" ::"m"(empty));
	cpu_halt();
}

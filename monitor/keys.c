/* SPDX-License-Identifier: MIT */
#include <monitor/keys.h>

#include <drivers/keyboard.h>
#include <drivers/serial.h>
#include <kernel/arch/clock.h>
#include <kernel/arch/cpu.h>
#include <kernel/core/console.h>
#include <kernel/core/thread.h>
#include <monitor/say.h>

#define CONTROL_C 3
#define LOOK_MS	  20u /* how often ^C is looked for */

static bool keys_present, keys_polled;

void keys_set_present(bool present)
{
	keys_present = present;
}

bool keys_are_present(void)
{
	return keys_present;
}

void keys_set_polled(void)
{
	keys_polled = true;
}

int keys_getchar(void)
{
	int byte;

	if (!keys_polled)
		return serial_getchar();
	while ((byte = serial_getchar_poll()) < 0) {
		keyboard_poll();
		cpu_relax();
	}
	return byte;
}

bool keys_continue(const char *prompt)
{
	int key;

	if (!keys_present)
		return true;
	say("[%s] ", prompt);
	do
		key = keys_getchar();
	while (key >= 0 && key != '\r' && key != '\n' && key != 'q' && key != CONTROL_C && key != ' ');
	say("\r%79s\r", "");
	return key != 'q' && key != CONTROL_C;
}

bool keys_sleep(unsigned int ms)
{
	uint64_t end = clock_now_ms() + ms;

	while (!console_saw_break() && clock_now_ms() < end)
		msleep(LOOK_MS);
	return !console_saw_break();
}

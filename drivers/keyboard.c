/* SPDX-License-Identifier: MIT */
/* An i8042 that translates to scan code set 1: a byte when a key goes down, the same with its top bit when it comes up,
 * 0xe0 in front of the keys that the first PC did not have.
 *
 * KB1 Every wait is bounded by WAIT_READS reads of the status.
 * KB2 Bytes of the second port, a mouse's, are taken and dropped.
 *
 * Lock: interrupts off. */
#include <drivers/keyboard.h>

#include <drivers/serial.h>
#include <kernel/arch/io.h>
#include <linux/interrupt.h>
#include <linux/kernel.h>

#define KEYBOARD_IRQ	1
#define PORT_DATA	0x60
#define PORT_STATUS	0x64 /* written: a command to the controller */
#define WAIT_READS	100000u
#define MAX_BYTES	64u

#define STATUS_OUTPUT	0x01 /* there is a byte to read */
#define STATUS_INPUT	0x02 /* what was written is not taken yet */
#define STATUS_SECOND	0x20 /* the byte is the second port's */
#define COMMAND_READ	0x20
#define COMMAND_WRITE	0x60
#define COMMAND_ENABLE	0xae
#define CONFIG_IRQ	0x01
#define CONFIG_DISABLED 0x10
#define CONFIG_SET_1	0x40
#define CODE_EXTENDED	0xe0
#define CODE_UP		0x80
#define KEY_CONTROL	0x1d
#define KEY_LEFT_SHIFT	0x2a
#define KEY_RIGHT_SHIFT 0x36
#define KEY_CAPS	0x3a

static struct keyboard_keys pressed;

/* --- scan codes --- */

static const char plain[] = "\0\0331234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] = "\0\033!@#$%^&*()_+\b\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";
STATIC_ASSERT(sizeof(plain) == 0x3b && sizeof(shifted) == sizeof(plain), "up to the space bar");

static const char *decode_extended(uint8_t code)
{
	switch (code) {
	case 0x1c:
		return "\r";
	case 0x35:
		return "/";
	case 0x47:
		return "\033[H";
	case 0x48:
		return "\033[A";
	case 0x4b:
		return "\033[D";
	case 0x4d:
		return "\033[C";
	case 0x4f:
		return "\033[F";
	case 0x50:
		return "\033[B";
	case 0x53:
		return "\033[3~";
	}
	return "";
}

/* Result: is it a key that only changes others? */
static bool decode_modifier(struct keyboard_keys *keys, uint8_t code, bool down)
{
	switch (code) {
	case KEY_CONTROL:
		keys->control = down;
		return true;
	case KEY_LEFT_SHIFT:
		keys->left_shift = down;
		return true;
	case KEY_RIGHT_SHIFT:
		keys->right_shift = down;
		return true;
	case KEY_CAPS:
		keys->caps ^= down;
		return true;
	}
	return false;
}

static char decode_plain(const struct keyboard_keys *keys, uint8_t code)
{
	bool shift = keys->left_shift || keys->right_shift;
	char c = code < sizeof(plain) ? plain[code] : '\0';
	bool is_letter = c >= 'a' && c <= 'z';

	if (is_letter && keys->control)
		return (char)(c & 0x1f);
	return c && shift != (is_letter && keys->caps) ? shifted[code] : c;
}

/* Codes of shifts that nobody pressed stand around those of some keys. */
static bool is_invented(uint8_t extended_key)
{
	return extended_key == KEY_LEFT_SHIFT || extended_key == KEY_RIGHT_SHIFT;
}

const char *keyboard_decode(struct keyboard_keys *keys, uint8_t code, char out[KEYBOARD_BYTES + 1])
{
	bool was_extended = keys->is_extended, down = !(code & CODE_UP);
	uint8_t key = (uint8_t)(code & ~CODE_UP);

	out[0] = out[1] = '\0';
	keys->is_extended = code == CODE_EXTENDED;
	if (keys->is_extended || (was_extended && is_invented(key)))
		return out;
	if (decode_modifier(keys, key, down) || !down)
		return out;
	if (was_extended)
		return decode_extended(key);
	out[0] = decode_plain(keys, key);
	return out;
}

/* --- the controller --- */

static bool wait_for(uint8_t bit, uint8_t value)
{
	for (unsigned int i = 0; i < WAIT_READS; i++)
		if ((inb(PORT_STATUS) & bit) == value)
			return true;
	return false;
}

static bool send(uint16_t port, uint8_t byte)
{
	if (!wait_for(STATUS_INPUT, 0))
		return false;
	outb(port, byte);
	return true;
}

void keyboard_poll(void)
{
	char out[KEYBOARD_BYTES + 1];
	uint8_t status;

	for (unsigned int i = 0; i < MAX_BYTES && (status = inb(PORT_STATUS)) & STATUS_OUTPUT; i++) {
		uint8_t code = inb(PORT_DATA);

		if (status == 0xff) /* no controller at all */
			return;
		if (status & STATUS_SECOND)
			continue;
		for (const char *c = keyboard_decode(&pressed, code, out); *c; c++)
			serial_type((uint8_t)*c);
	}
}

static irqreturn_t keyboard_interrupt(int irq, void *dev)
{
	(void)irq;
	(void)dev;
	if (!(inb(PORT_STATUS) & STATUS_OUTPUT))
		return IRQ_NONE;
	keyboard_poll();
	return IRQ_HANDLED;
}

static void drop_pending(void)
{
	for (unsigned int i = 0; i < MAX_BYTES && inb(PORT_STATUS) & STATUS_OUTPUT; i++)
		(void)inb(PORT_DATA);
}

/* The first port on, its interrupt on, set 1. Result: did the controller answer? */
static bool configure(void)
{
	uint8_t config;

	if (inb(PORT_STATUS) == 0xff)
		return false;
	drop_pending();
	if (!send(PORT_STATUS, COMMAND_READ) || !wait_for(STATUS_OUTPUT, STATUS_OUTPUT))
		return false;
	config = (uint8_t)((inb(PORT_DATA) | CONFIG_IRQ | CONFIG_SET_1) & ~CONFIG_DISABLED);
	if (!send(PORT_STATUS, COMMAND_WRITE) || !send(PORT_DATA, config) ||
	    !send(PORT_STATUS, COMMAND_ENABLE))
		return false;
	drop_pending();
	return true;
}

bool keyboard_start(void)
{
	irqflags_t flags = irq_save();
	bool is_there = configure();

	irq_restore(flags);
	if (is_there &&
	    request_irq(KEYBOARD_IRQ, keyboard_interrupt, IRQF_SHARED, "keyboard", &pressed) != 0) {
		pr_warn("keyboard: irq %u is taken", KEYBOARD_IRQ);
		return false;
	}
	return is_there;
}

/* SPDX-License-Identifier: MIT */
/* calls: every call with pointers that are not this program's to use; each must be an error, and nothing written. calls
 * SEED N: N random calls with random arguments; that it ends is all that is asked. calls kill NUMBER: may it? */
#include <user/programs/lib.h>

#define EFAULT 14

static const char constant[64] = "a text\0calls\0spawn\0peek\0cat"; /* some are files */
static uint8_t *page;						    /* mapped, with nothing behind it */
static long file;

static void expect(const char *what, long found, long wanted)
{
	if (found == wanted)
		return;
	say("calls: ", what, ": ", decimal((unsigned long)-found), ", expected ",
	    decimal((unsigned long)-wanted), NULL);
	exit(2);
}

/* Pointers through which nothing can be read, nor written. */
static const unsigned long nowhere[] = {0,	    1,		0xfff,	    0xc0000000, 0xbffffff8,
					0xfffff000, 0xfffffffc, 0xffffffff, 0x50000000};

static void read_through(unsigned long at)
{
	char *argv[] = {(char *)"spawn", (char *)at, NULL};

	expect("spawn: path", spawn((const char *)at, argv + 2), -EFAULT);
	if (at)
		expect("spawn: argument", spawn("spawn", argv), -EFAULT);
	expect("open", open((const char *)at, 0, 0), -EFAULT);
	expect("unlink", unlink((const char *)at), -EFAULT);
	expect("write", write(1, (const void *)at, 16), -EFAULT);
}

static void spawn_from(unsigned long at)
{
	expect("spawn: arguments", spawn("spawn", (char *const *)at), -EFAULT);
}

/* A child's code cannot be told; it has ended all the same. */
static void write_through(unsigned long at)
{
	char *argv[] = {(char *)"spawn", (char *)"0", NULL};
	long id = spawn("spawn", argv);

	if (id < 0)
		fail("calls: cannot start", id);
	expect("wait", wait(id, (int *)at), at ? -EFAULT : id);
	expect("lseek", lseek(file, 0, SEEK_FROM_START), 0);
	expect("read", read(file, (void *)at, 16), -EFAULT);
	expect("position", lseek(file, 0, SEEK_FROM_HERE), 0);
}

static void look_at_addresses(void)
{
	for (unsigned int i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		read_through(nowhere[i]);
		write_through(nowhere[i]);
		spawn_from(nowhere[i]);
	}
	write_through((unsigned long)constant);
	read_through((unsigned long)page + PAGE);
	expect("read-only", is_same(constant, "a text"), true);
}

/* What begins in memory and ends outside. */
static void look_at_ends(void)
{
	long scull = open("scull", O_WRITE | O_TRUNCATE, 0);

	memset(page, 'x', PAGE);
	expect("path without an end", spawn((const char *)page + PAGE - 4, NULL), -EFAULT);
	expect("path too long", open((const char *)page, 0, 0), -36);
	expect("read over the end", read(file, page + PAGE - 8, 16), 8);
	expect("position", lseek(file, 0, SEEK_FROM_HERE), 8);
	memset(page, 'x', PAGE);
	expect("write over the end", write(scull, page + PAGE - 8, 16), 8);
	expect("read too much", read(file, page, 0x80000000), -EFAULT);
	expect("no such file", read(999, page, 1), -9);
	expect("no such file", close(-1), -9);
	expect("no such file", write(0, page, 1), -9);
	expect("not for writing", write(file, page, 1), -9);
	expect("not for reading", read(scull, page, 1), -9);
	expect("before the start", lseek(file, -1, SEEK_FROM_START), -22);
	expect("no directory", readdir(file, (char *)page, PAGE), -20);
	expect("a device cannot be mapped", call(CALL_MMAP, PAGE, 0, scull, 0), -13);
	expect("mmap, not a page", call(CALL_MMAP, PAGE, 0, file, 1), -22);
	expect("close", close(scull), 0);
	expect("closed", write(scull, page, 1), -9);
	expect("write over the end", write(1, page + PAGE, 1), -EFAULT);
	expect("munmap, kernel", munmap((void *)0xc0000000, PAGE), -22);
	expect("munmap, wrapping", munmap((void *)0xbffff000, 0xffffffff), -22);
	expect("munmap, not a page", munmap(page + 1, PAGE), -22);
	expect("mmap, nothing", call(CALL_MMAP, 0, 0, -1, 0), -22);
	expect("mmap, too much", call(CALL_MMAP, 0xc0000001, 0, -1, 0), -22);
	expect("mmap, all", call(CALL_MMAP, 0xbfff0000, 0, -1, 0), -12);
	expect("mmap, permissions", call(CALL_MMAP, PAGE, 8, -1, 0), -22);
	expect("brk, kernel", brk(0xc0000000), -12);
	expect("brk, before it", brk(1), -22);
	expect("kill, another", kill(1), -3);
	expect("kill, nobody", kill(0), -3);
	expect("wait, nobody", wait(0, NULL), -10);
	expect("no such call", call((enum user_call_number)NR_USER_CALLS, 0, 0, 0, 0), -38);
	expect("no such call", call((enum user_call_number) - 1, 0, 0, 0, 0), -38);
}

/* --- at random --- */

static uint32_t state;

static uint32_t next(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	return state ^= state << 5;
}

static long argument(void)
{
	uint32_t value = next();

	switch (next() % 8) {
	case 0:
		return (long)(value % 20);
	case 1:
		return -(long)(value % 20);
	case 2:
		return (long)(uintptr_t)page + (long)(value % (PAGE + 64));
	case 3:
		return (long)(0xbfffe000u + value % 0x4000);
	case 4:
		return (long)((uintptr_t)constant + value % 64);
	case 5:
		return (long)(0x40000000u + (value & 0x0ffff000u));
	case 6:
		return (long)(value & 0xffff);
	default:
		return (long)value;
	}
}

/* What would end it, or say something for ever, or take its own code away. */
static bool is_harmful(enum user_call_number number, long a)
{
	switch (number) {
	case CALL_EXIT:
	case CALL_SLEEP:
		return true;
	case CALL_KILL:
		return a == self();
	case CALL_WRITE:
		return a == 1 || a == 2;
	case CALL_MUNMAP:
		return (unsigned long)a < 0x40000000u || (unsigned long)a >= 0xb0000000u ||
		       a == (long)(uintptr_t)page;
	default:
		return false;
	}
}

static void call_at_random(unsigned long nr)
{
	while (nr--) {
		enum user_call_number number = (enum user_call_number)(next() % (NR_USER_CALLS + 1));
		long a = argument();

		if (!is_harmful(number, a))
			(void)call(number, a, argument(), argument(), argument());
	}
}

int main(int argc, char *argv[])
{
	page = mmap(PAGE, MAP_WRITE, -1, 0);
	file = open("calls", O_READ, 0);
	if (!page || file < 0)
		return 1;
	if (argc > 2 && is_same(argv[1], "kill"))
		return kill((long)number(argv[2])) == 0;
	if (argc > 2) {
		state = (uint32_t)number(argv[1]);
		call_at_random(number(argv[2]));
		return 0;
	}
	look_at_addresses();
	look_at_ends();
	return 0;
}

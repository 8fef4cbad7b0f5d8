/* SPDX-License-Identifier: MIT */
/* Commands that drive devices; and disks that fail on purpose. `scull` writes to one of the monitor's own, made by the first write and gone
 * with `trim`, so that it can be seen in the tables what it took and that all of it came back; and it lets
 * the hog loose. Context: the monitor's thread alone. */
#include <drivers/fs/disk.h>
#include <drivers/scull.h>
#include <kernel/core/blkdev.h>
#include <kernel/core/err.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <mm/aspace/aspace.h>
#include <monitor/parse.h>
#include <monitor/tables.h>

#define QUANTUM	    4000u
#define QSET	    1000u
#define CHUNK_BYTES 512u

static struct {
	struct scull_dev *scull; /* NULL: no write since the last trim */
	loff_t end;
} devices;

static const char *plural(size_t nr)
{
	return nr == 1 ? "" : "s";
}

static void say_device(void)
{
	struct scull_stat stat = {0};

	if (devices.scull)
		scull_stat(devices.scull, &stat);
	say("scull: %zu byte%s in %zu quanta of %u, %zu bytes held\n", stat.size_bytes,
	    plural(stat.size_bytes), stat.nr_quanta, devices.scull ? stat.quantum : QUANTUM, stat.held_bytes);
}

static void say_hog(void)
{
	struct scull_hog_stat stat;
	size_t nr_pages = scull_hog_pages();

	scull_hog_stat(&stat);
	say("hog: %s, %zu page%s held, %lu written, %lu times refused\n",
	    stat.is_running ? "runs" : "does not run", nr_pages, plural(nr_pages), stat.nr_writes,
	    stat.nr_refused);
}

static bool scull_open(void)
{
	if (devices.scull)
		return true;
	devices.scull = scull_create(QUANTUM, QSET, GFP_KERNEL);
	if (!IS_ERR(devices.scull))
		return true;
	devices.scull = NULL;
	say("scull: no memory for the device\n");
	return false;
}

/* Result: bytes written; fewer when memory runs out. */
static size_t scull_append(size_t nr_bytes)
{
	char chunk[CHUNK_BYTES];
	size_t done = 0;
	ssize_t result = 1;

	memset(chunk, 's', sizeof(chunk));
	while (done < nr_bytes && result > 0) {
		result = scull_write(devices.scull, chunk, MIN(nr_bytes - done, sizeof(chunk)), &devices.end);
		done += result > 0 ? (size_t)result : 0;
	}
	return done;
}

static void scull_command_write(const char *word)
{
	uint64_t nr_bytes;
	size_t done;

	if (!parse_size(word, &nr_bytes) || nr_bytes < 1 || nr_bytes > SCULL_MAX_BYTES) {
		(void)expected("scull write", "a number of bytes from 1 to 2147483647", word);
		return;
	}
	if (!scull_open())
		return;
	done = scull_append((size_t)nr_bytes);
	if (done < nr_bytes)
		say("scull: wrote %zu of %zu bytes, then there was no memory\n", done, (size_t)nr_bytes);
	say_device();
}

static void scull_command_trim(void)
{
	scull_destroy(devices.scull);
	devices.scull = NULL;
	devices.end = 0;
	say_device();
}

static void scull_command_hog(void)
{
	int error = scull_hog_start();

	if (error == -EBUSY)
		say("scull: the hog runs already, expected stop first\n");
	else if (error)
		say("scull: no memory for the thread of the hog\n");
	else
		say("scull: the hog is loose; stop ends it\n");
}

static void scull_command_stop(void)
{
	size_t nr_pages = scull_hog_pages();

	if (scull_hog_stop())
		say("scull: the hog does not run, expected hog first\n");
	else
		say("scull: the hog has ended; the %zu page%s it held are back\n", nr_pages,
		    plural(nr_pages));
}

static void scull_command_stat(void)
{
	say_device();
	say_hog();
}

static const struct {
	const char *name;
	void (*run)(void);
} scull_verbs[] = {
	{"trim", scull_command_trim},
	{"hog", scull_command_hog},
	{"stop", scull_command_stop},
	{"stat", scull_command_stat},
};

static void run_scull(unsigned int nr, char *word[])
{
	if (strcmp(word[0], "write") == 0) {
		if (nr == 2)
			scull_command_write(word[1]);
		else
			say("scull: expected write BYTES, got write alone\n");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(scull_verbs); i++) {
		if (strcmp(word[0], scull_verbs[i].name) != 0)
			continue;
		if (nr == 1)
			scull_verbs[i].run();
		else
			say("scull: expected %s alone, got '%.*s' after it\n", word[0], (int)SHOWN_MAX,
			    word[1]);
		return;
	}
	(void)expected("scull", "write BYTES, trim, hog, stop or stat", word[0]);
}

/* --- disks --- */

/* What is wrong is said by who finds it. */
static void run_swapon(unsigned int nr, char *word[])
{
	(void)nr;
	if (disk_swap_on(word[0]) == 0)
		say("swapon: memory of programs goes to %s when it is short\n", word[0]);
}

static void run_swapoff(unsigned int nr, char *word[])
{
	int error = swap_off(word[0]);

	(void)nr;
	if (error == -EINVAL)
		(void)expected("swapoff", "the name of a disk, see swaps", word[0]);
	else if (error == -ENOMEM)
		say("swapoff: memory does not hold what is on %s: nothing changed\n", word[0]);
	else if (error)
		say("swapoff: not all of %s came back, it is used as before: %s\n", word[0],
		    error_text(error));
}

static void run_swaps(unsigned int nr, char *word[])
{
	(void)nr;
	(void)word;
	swaps_print(monitor_out());
}

static void run_diskstats(unsigned int nr, char *word[])
{
	(void)nr;
	(void)word;
	diskstats_print(monitor_out());
	if (!blk_device_at(0))
		say("diskstats: no disks\n");
}

static const struct {
	const char *name;
	enum blk_fault fault;
} disk_faults[] = {
	{"error", BLK_FAULT_ERROR}, {"lost", BLK_FAULT_LOST}, {"late", BLK_FAULT_LATE},
	{"gone", BLK_FAULT_GONE},   {"slow", BLK_FAULT_SLOW},
};

static enum blk_fault disk_fault_named(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(disk_faults); i++)
		if (strcmp(word, disk_faults[i].name) == 0)
			return disk_faults[i].fault;
	return BLK_FAULT_NONE;
}

void devices_fault_disk(unsigned int nr, char *word[])
{
	struct blk_device *dev = nr ? blk_find(word[0]) : NULL;
	enum blk_fault fault = nr > 1 ? disk_fault_named(word[1]) : BLK_FAULT_NONE;
	uint64_t n = 1;

	if (!dev)
		(void)expected("fault disk", "the name of a disk, see diskstats", nr ? word[0] : "");
	else if (nr == 2 && strcmp(word[1], "off") == 0)
		blk_fault_set(dev, BLK_FAULT_NONE, 0);
	else if (fault == BLK_FAULT_NONE)
		(void)expected("fault disk", "error, lost, late, gone or slow and a number, or off",
			       nr > 1 ? word[1] : "");
	else if (nr == 3 && (!parse_number(word[2], &n) || n < 1 || n > 60000))
		(void)expected("fault disk", "a number from 1 to 60000", word[2]);
	else
		blk_fault_set(dev, fault, (unsigned int)n);
}

const struct command device_commands[] = {
	{"swapon", "DISK", 1, 1, "memory of programs goes to that disk, which mkswap made", run_swapon},
	{"swapoff", "DISK", 1, 1, "... and all comes back", run_swapoff},
	{"swaps", "", 0, 0, "disks that memory goes to, as /proc has them", run_swaps},
	{"diskstats", "", 0, 0, "requests of each disk, as /proc has it", run_diskstats},
	{"scull", "write N|trim|hog|stop|stat", 1, 2, "the books' device, filled and emptied; its hog",
	 run_scull},
	{.name = NULL},
};

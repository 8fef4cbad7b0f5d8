/* SPDX-License-Identifier: MIT */
/* Commands that drive devices. `scull` writes to one of the monitor's own, made by the first write and gone
 * with `trim`, so that it can be seen in the tables what it took and that all of it came back; and it lets
 * the hog loose. Context: the monitor's thread alone. */
#include <drivers/scull.h>
#include <kernel/core/err.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
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

const struct command device_commands[] = {
	{"scull", "write N|trim|hog|stop|stat", 1, 2, "the books' device, filled and emptied; its hog",
	 run_scull},
	{.name = NULL},
};

/* SPDX-License-Identifier: MIT */
#include <tests/bench/idle_disk.h>

#include <kernel/core/err.h>
#include <kernel/core/thread.h>

struct blk_device idle_disk;

/* All that is queued, once it is: for a reader has something to wait for, and a writer's neighbours are merged. */
static void serve_disk(struct blk_device *dev)
{
	struct blk_command *command;

	while ((command = blk_next(dev)) != NULL)
		blk_command_done(dev, command, 0);
}

static int serve_for_ever(void *unused)
{
	(void)unused;
	while (!kthread_should_stop()) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (list_is_empty(&idle_disk.queue) && !kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
		serve_disk(&idle_disk);
	}
	return 0;
}

static struct thread *server;

static void wake_server(struct blk_device *dev)
{
	(void)dev;
	wake_up_process(server);
}

bool idle_disk_open(uint64_t nr_sectors)
{
	static const struct blk_ops ops = {.wake = wake_server};

	idle_disk = (struct blk_device){.name = "bench0",
					.nr_sectors = nr_sectors,
					.max_sectors = 2048,
					.max_segments = 256,
					.ops = &ops};
	server = kthread_run(serve_for_ever, NULL, "bench disk");
	if (IS_ERR(server))
		return false;
	if (blk_register(&idle_disk) == 0)
		return true;
	(void)kthread_stop(server);
	return false;
}

void idle_disk_close(void)
{
	blk_unregister(&idle_disk);
	(void)kthread_stop(server);
}

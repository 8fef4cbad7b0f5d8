/* SPDX-License-Identifier: MIT */
/* The queue of a disk: a list of commands, which is looked through as a whole, for it is short (BLK_QUEUE_MAX). */
#include <kernel/core/blkdev.h>

#include <kernel/core/ksym.h>
#include <kernel/core/panic.h>
#include <kernel/core/printk.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/bug.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>

static struct {
	struct spinlock lock;
	struct blk_device *disk[BLK_MAX_DISKS]; /* (L) those that are NULL are behind the others */
	const struct blk_source *source;	/* (C) */
} blk = {.lock = SPINLOCK_INIT("disks")};

/* --- devices --- */

struct blk_device *blk_device_at(unsigned int n)
{
	return n < BLK_MAX_DISKS ? READ_ONCE(blk.disk[n]) : NULL;
}

struct blk_device *blk_find(const char *name)
{
	struct blk_device *dev;

	for (unsigned int i = 0; (dev = blk_device_at(i)) != NULL; i++)
		if (strcmp(dev->name, name) == 0)
			return dev;
	return NULL;
}

int blk_register(struct blk_device *dev)
{
	irqflags_t flags;
	int error = -ENOSPC;

	spin_lock_init(&dev->lock, dev->name);
	list_init(&dev->queue);
	wait_queue_init(&dev->room);
	dev->stat_tick = jiffies;
	flags = spin_lock_irqsave(&blk.lock);
	if (blk_find(dev->name))
		error = -EEXIST;
	for (unsigned int i = 0; i < BLK_MAX_DISKS && error == -ENOSPC; i++)
		if (!blk.disk[i]) {
			WRITE_ONCE(blk.disk[i], dev);
			error = 0;
		}
	spin_unlock_irqrestore(&blk.lock, flags);
	return error;
}

void blk_unregister(struct blk_device *dev)
{
	irqflags_t flags = spin_lock_irqsave(&blk.lock);
	unsigned int to = 0;

	for (unsigned int i = 0; i < BLK_MAX_DISKS; i++)
		if (blk.disk[i] != dev)
			blk.disk[to++] = blk.disk[i];
	while (to < BLK_MAX_DISKS)
		blk.disk[to++] = NULL;
	spin_unlock_irqrestore(&blk.lock, flags);
}

/* --- where requests come from --- */

const struct blk_source *blk_set_source(const struct blk_source *source)
{
	const struct blk_source *before = blk.source;

	blk.source = source;
	return before;
}

/* BD6. An interrupt's request is another's. */
static void check_entry(const struct blk_device *dev, const char *what)
{
	if (unlikely(current->is_in_blk && !in_interrupt()))
		panic("BUG: %s: thread %s %s inside its blk_request_get(): expected an allocation that "
		      "starts no I/O "
		      "(GFP_NOIO) there",
		      dev->name, current->name, what);
}

static bool take_room(struct blk_device *dev)
{
	irqflags_t flags = spin_lock_irqsave(&dev->lock);
	bool is_room = dev->nr_handed_out < BLK_QUEUE_MAX;

	dev->nr_handed_out += is_room;
	spin_unlock_irqrestore(&dev->lock, flags);
	return is_room;
}

struct blk_request *blk_request_get(struct blk_device *dev)
{
	struct blk_request *request;

	check_entry(dev, "asks for a request");
	wait_event_exclusive(dev->room, take_room(dev));
	current->is_in_blk = true;
	request = blk.source->alloc();
	current->is_in_blk = false;
	*request = (struct blk_request){.dev = dev};
	return request;
}

void blk_request_put(struct blk_request *request)
{
	struct blk_device *dev = request->dev;
	irqflags_t flags;

	blk.source->free(request);
	flags = spin_lock_irqsave(&dev->lock);
	dev->nr_handed_out--;
	spin_unlock_irqrestore(&dev->lock, flags);
	wake_up(&dev->room);
}

/* --- statistics --- */

static void count_ticks_locked(struct blk_device *dev)
{
	uint32_t passed = (uint32_t)(jiffies - dev->stat_tick);

	if (dev->stat.nr_in_flight)
		dev->stat.io_ticks += passed;
	dev->stat.weighted_ticks += passed * dev->stat.nr_in_flight;
	dev->stat_tick += passed;
}

static void count_begin_locked(struct blk_device *dev)
{
	count_ticks_locked(dev);
	dev->stat.nr_in_flight++;
}

static void count_end_locked(struct blk_device *dev, const struct blk_request *request)
{
	count_ticks_locked(dev);
	dev->stat.nr_in_flight--;
	dev->stat.nr_ios[request->op]++;
	dev->stat.nr_sectors[request->op] += request->nr_sectors;
	dev->stat.ticks[request->op] += (uint32_t)(jiffies - request->arrived);
	dev->stat.nr_errors += request->error != 0;
}

void blk_stat(struct blk_device *dev, struct blk_stat *stat)
{
	irqflags_t flags = spin_lock_irqsave(&dev->lock);

	count_ticks_locked(dev);
	*stat = dev->stat;
	spin_unlock_irqrestore(&dev->lock, flags);
}

static void print_disk(struct sink *out, struct blk_device *dev)
{
	struct blk_stat s;

	blk_stat(dev, &s);
	sink_printf(out, "%4u %7u %s %u %u %llu %u %u %u %llu %u", dev->major, dev->minor, dev->name,
		    s.nr_ios[BLK_READ], s.nr_merged[BLK_READ], (unsigned long long)s.nr_sectors[BLK_READ],
		    jiffies_to_msecs(s.ticks[BLK_READ]), s.nr_ios[BLK_WRITE], s.nr_merged[BLK_WRITE],
		    (unsigned long long)s.nr_sectors[BLK_WRITE], jiffies_to_msecs(s.ticks[BLK_WRITE]));
	sink_printf(out, " %u %u %u 0 0 0 0 %u %u\n", s.nr_in_flight, jiffies_to_msecs(s.io_ticks),
		    jiffies_to_msecs(s.weighted_ticks), s.nr_ios[BLK_FLUSH],
		    jiffies_to_msecs(s.ticks[BLK_FLUSH]));
}

void diskstats_print(struct sink *out)
{
	struct blk_device *dev;

	for (unsigned int i = 0; (dev = blk_device_at(i)) != NULL; i++)
		print_disk(out, dev);
}

/* --- what is no request --- */

static const char *what_is_wrong(const struct blk_request *request, uint32_t *nr_sectors)
{
	uint32_t nr = 0;

	*nr_sectors = 0;
	if (request->op == BLK_FLUSH)
		return request->nr_segments ? "a flush without memory" : NULL;
	if (request->op > BLK_FLUSH || !request->nr_segments)
		return "a read, a write or a flush, of some sectors";
	for (unsigned int i = 0; i < request->nr_segments; i++) {
		const struct blk_segment *s = &request->segment[i];

		if (!s->length || s->length % BLK_SECTOR || s->offset % BLK_SECTOR ||
		    s->offset + s->length > PAGE_SIZE)
			return "whole sectors of memory, each piece in one page";
		nr += s->length / BLK_SECTOR;
	}
	if (request->sector >= request->dev->nr_sectors || nr > request->dev->nr_sectors - request->sector)
		return "sectors that the disk has";
	*nr_sectors = nr;
	return NULL;
}

static COLD int refuse(const struct blk_request *request, const char *expected, const void *caller)
{
	static const char *const names[] = {"read", "write", "flush"};
	char code[64];

	pr_warn("%s: %s of %u pieces at sector %llu of %llu by %s: expected %s", request->dev->name,
		request->op < NR_BLK_OPS ? names[request->op] : "request", request->nr_segments,
		(unsigned long long)request->sector, (unsigned long long)request->dev->nr_sectors,
		ksym_format((uintptr_t)caller, code, sizeof(code)), expected);
	return -EINVAL;
}

/* --- the queue --- */

static uint64_t command_end(const struct blk_command *command)
{
	return command->sector + command->nr_sectors;
}

static bool is_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/* BD2 */
static bool must_keep_order(const struct blk_command *a, const struct blk_command *b)
{
	if (a->op == BLK_FLUSH || b->op == BLK_FLUSH)
		return true;
	return (a->op == BLK_WRITE || b->op == BLK_WRITE) && a->sector < command_end(b) &&
	       b->sector < command_end(a);
}

static void command_init(struct blk_request *request)
{
	request->command = (struct blk_command){.op = request->op,
						.sector = request->sector,
						.nr_sectors = request->nr_sectors,
						.nr_segments = request->nr_segments,
						.number = request->number};
	list_init(&request->command.requests);
	list_add(&request->link, &request->command.requests);
}

static bool may_merge(const struct blk_device *dev, const struct blk_command *command,
		      const struct blk_command *fresh)
{
	return command->op == fresh->op && fresh->op != BLK_FLUSH && !command->is_single &&
	       (command_end(command) == fresh->sector || command_end(fresh) == command->sector) &&
	       command->nr_sectors + fresh->nr_sectors <= dev->max_sectors &&
	       command->nr_segments + fresh->nr_segments <= dev->max_segments;
}

/* Whoever overlaps something in the queue stays alone, so that what a merge moves forward passes nobody (BD2). */
static struct blk_command *find_neighbour_locked(struct blk_device *dev, const struct blk_command *fresh)
{
	struct blk_command *command, *neighbour = NULL;

	if (dev->under_way && must_keep_order(dev->under_way, fresh))
		return NULL; /* it may be split, and back in the queue */
	list_for_each_entry(command, &dev->queue, link) {
		if (must_keep_order(command, fresh))
			return NULL;
		if (!neighbour && may_merge(dev, command, fresh))
			neighbour = command;
	}
	return neighbour;
}

static void merge_locked(struct blk_device *dev, struct blk_command *command, struct blk_request *request)
{
	if (command_end(command) == request->sector) {
		list_add_tail(&request->link, &command->requests);
	} else {
		list_add(&request->link, &command->requests);
		command->sector = request->sector;
	}
	command->nr_sectors += request->nr_sectors;
	command->nr_segments += request->nr_segments;
	dev->stat.nr_merged[request->op]++;
}

static enum blk_behalf behalf(void)
{
	return in_interrupt() || !blk.source ? BLK_FOR_NOBODY : blk.source->behalf();
}

/* Result: is there one command more? */
static bool queue_locked(struct blk_device *dev, struct blk_request *request)
{
	struct blk_command *neighbour;

	request->number = dev->next_number++;
	request->arrived = jiffies;
	command_init(request);
	count_begin_locked(dev);
	dev->stat.nr_for[behalf()]++;
	neighbour = find_neighbour_locked(dev, &request->command);
	if (neighbour) {
		list_del(&request->link);
		merge_locked(dev, neighbour, request);
	} else {
		list_add_tail(&request->command.link, &dev->queue);
	}
	return !neighbour;
}

static int submit(struct blk_request *request, const void *caller)
{
	struct blk_device *dev = request->dev;
	const char *wrong = what_is_wrong(request, &request->nr_sectors);
	irqflags_t flags;
	bool is_new;

	check_entry(dev, "submits a request");
	if (wrong)
		return refuse(request, wrong, caller);
	if (request->op == BLK_WRITE && dev->is_read_only) {
		(void)refuse(request, "no write to a disk that is read-only", caller);
		return -EROFS;
	}
	request->error = 0;
	flags = spin_lock_irqsave(&dev->lock);
	is_new = queue_locked(dev, request);
	spin_unlock_irqrestore(&dev->lock, flags);
	if (is_new) /* else the driver knows of the command that it was merged with */
		dev->ops->wake(dev);
	return 0;
}

int blk_submit(struct blk_request *request)
{
	return submit(request, RETURN_ADDRESS());
}

/* --- and wait --- */

static void wake_owner(struct blk_request *request)
{
	complete(request->owner);
}

int blk_do(struct blk_device *dev, enum blk_op op, uint64_t sector, const struct blk_segment *segment,
	   unsigned int nr_segments)
{
	struct completion done;
	struct blk_request request = {.dev = dev, .op = op, .sector = sector, .segment = segment};
	int error;

	init_completion(&done);
	request.nr_segments = nr_segments;
	request.done = wake_owner;
	request.owner = &done;
	error = submit(&request, RETURN_ADDRESS());
	if (error)
		return error;
	wait_for_completion(&done);
	return request.error;
}

/* --- the elevator --- */

static struct blk_command *oldest_locked(struct blk_device *dev)
{
	struct blk_command *command, *oldest = NULL;

	list_for_each_entry(command, &dev->queue, link)
		if (!oldest || is_before(command->number, oldest->number))
			oldest = command;
	return oldest;
}

/* The next one upwards, else the lowest. */
static struct blk_command *next_in_sweep_locked(struct blk_device *dev)
{
	struct blk_command *command, *above = NULL, *lowest = NULL;

	list_for_each_entry(command, &dev->queue, link) {
		if (command->sector >= dev->position && (!above || command->sector < above->sector))
			above = command;
		if (!lowest || command->sector < lowest->sector)
			lowest = command;
	}
	return above ? above : lowest;
}

/* BD2: the oldest of those that must be done before it; each step goes to an older one. */
static struct blk_command *first_of_order_locked(struct blk_device *dev, struct blk_command *chosen)
{
	struct blk_command *command, *first;

	do {
		first = chosen;
		list_for_each_entry(command, &dev->queue, link)
			if (is_before(command->number, chosen->number) && must_keep_order(command, first))
				chosen = command;
	} while (chosen != first);
	return chosen;
}

/* The first of a command's requests need not be its oldest. */
static unsigned long command_arrived(const struct blk_command *command)
{
	const struct blk_request *oldest = container_of(command, struct blk_request, command);

	return oldest->arrived;
}

static struct blk_command *choose_locked(struct blk_device *dev)
{
	struct blk_command *oldest = oldest_locked(dev), *chosen;

	if (!oldest)
		return NULL;
	if (time_after(jiffies, command_arrived(oldest) + BLK_AGE_TICKS)) {
		dev->stat.nr_overdue++;
		return oldest; /* nobody is before it */
	}
	chosen = next_in_sweep_locked(dev);
	return first_of_order_locked(dev, chosen);
}

struct blk_command *blk_next(struct blk_device *dev)
{
	irqflags_t flags = spin_lock_irqsave(&dev->lock);
	struct blk_command *command = choose_locked(dev);

	dev->under_way = command;
	if (command) {
		list_del(&command->link);
		dev->position = command_end(command);
		dev->stat.nr_commands++;
	}
	spin_unlock_irqrestore(&dev->lock, flags);
	return command;
}

/* --- the end of a command --- */

/* BD4: all of it into the queue again, one by one; by their numbers they keep their places. */
static void split_locked(struct blk_device *dev, struct list_head *requests)
{
	struct blk_request *request, *next;

	list_for_each_entry_safe(request, next, requests, link) {
		list_del(&request->link);
		command_init(request);
		request->command.is_single = true;
		list_add_tail(&request->command.link, &dev->queue);
	}
}

static void finish(struct blk_device *dev, struct blk_request *request, int error)
{
	irqflags_t flags;

	request->error = error;
	flags = spin_lock_irqsave(&dev->lock);
	count_end_locked(dev, request);
	spin_unlock_irqrestore(&dev->lock, flags);
	request->done(request);
}

/* It is under way until it is back in the queue: else what is submitted meanwhile might be merged past it (BD2). Result: has it
 * ended, with its requests in `requests`. */
static bool end_or_split(struct blk_device *dev, struct blk_command *command, int error,
			 struct list_head *requests)
{
	irqflags_t flags = spin_lock_irqsave(&dev->lock);
	bool is_over;

	list_splice(&command->requests, requests);
	is_over = !error || requests->next->next == requests;
	if (!is_over)
		split_locked(dev, requests);
	dev->under_way = NULL;
	spin_unlock_irqrestore(&dev->lock, flags);
	return is_over;
}

void blk_command_done(struct blk_device *dev, struct blk_command *command, int error)
{
	struct list_head requests = LIST_HEAD_INIT(requests); /* the command goes with its oldest request */
	struct blk_request *request, *next;

	if (!end_or_split(dev, command, error, &requests)) {
		dev->ops->wake(dev);
		return;
	}
	list_for_each_entry_safe(request, next, &requests, link)
		finish(dev, request, error);
}

void blk_command_on_interrupt(struct blk_command *command)
{
	struct blk_request *request;

	list_for_each_entry(request, &command->requests, link)
		if (request->on_interrupt)
			request->on_interrupt(request);
}

/* --- faults on purpose --- */

void blk_fault_set(struct blk_device *dev, enum blk_fault fault, unsigned int n)
{
	irqflags_t flags = spin_lock_irqsave(&dev->lock);

	dev->fault = fault;
	dev->fault_n = n;
	spin_unlock_irqrestore(&dev->lock, flags);
}

static enum blk_fault fault_hits_locked(struct blk_device *dev)
{
	enum blk_fault fault = dev->fault;

	if (fault == BLK_FAULT_NONE || fault == BLK_FAULT_SLOW)
		return fault;
	if (dev->fault_n > 1) {
		dev->fault_n--;
		return BLK_FAULT_NONE;
	}
	if (fault != BLK_FAULT_GONE)
		dev->fault = BLK_FAULT_NONE;
	return fault;
}

enum blk_fault blk_fault_hits(struct blk_device *dev, unsigned int *ms)
{
	irqflags_t flags = spin_lock_irqsave(&dev->lock);
	enum blk_fault fault = fault_hits_locked(dev);

	*ms = dev->fault_n;
	spin_unlock_irqrestore(&dev->lock, flags);
	return fault;
}

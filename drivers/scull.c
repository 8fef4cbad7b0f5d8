/* SPDX-License-Identifier: MIT */
/* A device as the driver books begin with: a sequence of bytes in memory that comes as it is needed.
 *
 *   scull_dev ──> scull_qset ──> scull_qset ──> …      a list of sets; set i holds bytes from i * qset *
 * quantum on │ data[qset] ├──> quantum bytes ├──> NULL: a hole └──> …
 *
 * Written as a driver of the books is: their headers, GFP_KERNEL, NULL expected everywhere. What a failed
 * allocation leaves behind, a set without quanta, is a hole like another and goes with the next trim.
 *
 * SC1 held_bytes and nr_quanta count what hangs on the list, nothing else.
 * SC2 No byte at size_bytes or beyond was ever written.
 *
 * Lock: a mutex for each device, held while its memory is asked for, so that who sleeps there keeps out
 * nobody but those who want the same device. The mutex of the hog is taken before that of its device. */
#include <drivers/scull.h>

#include <asm/page.h>
#include <kernel/core/thread.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#define HOG_QSET  1024u
#define HOG_PAUSE (HZ / 50) /* ticks */

struct scull_sizes {
	unsigned int quantum, qset;
};

struct scull_qset {
	struct scull_qset *next;
	void **data; /* [qset], or NULL */
};

/* (C) constant after creation  (L) mutex; read without it by scull_stat() */
struct scull_dev {
	struct mutex mutex;
	gfp_t flags;		      /* (C) */
	struct scull_sizes at_first;  /* (C) */
	struct scull_sizes now, next; /* (L) next: from the next trim on */
	struct scull_qset *first;     /* (L) */
	size_t size_bytes;	      /* (L) */
	size_t held_bytes, nr_quanta; /* (L) */
};

/* (M) mutex  (T) the thread; read by anybody */
static struct {
	struct mutex mutex;
	struct task_struct *thread; /* (M) */
	struct scull_dev dev;
	bool is_expendable;		     /* (M) */
	bool is_running;		     /* (T) */
	unsigned long nr_writes, nr_refused; /* (T) */
} hog = {.mutex = MUTEX_INIT(hog.mutex)};

/* --- memory --- */

static bool sizes_are_good(const struct scull_sizes *sizes)
{
	return sizes->quantum - 1 < SCULL_MAX_QUANTUM && sizes->qset - 1 < SCULL_MAX_QSET;
}

/* Cleared: what a driver shows must not be what somebody else left. */
static void *memory_take(struct scull_dev *dev, size_t size_bytes)
{
	void *memory = kzalloc(size_bytes, dev->flags);

	if (memory)
		dev->held_bytes += ksize(memory);
	return memory;
}

static void memory_give(struct scull_dev *dev, void *memory)
{
	dev->held_bytes -= ksize(memory);
	kfree(memory);
}

static void qset_give(struct scull_dev *dev, struct scull_qset *qset)
{
	for (unsigned int i = 0; qset->data && i < dev->now.qset; i++) {
		if (!qset->data[i])
			continue;
		memory_give(dev, qset->data[i]);
		dev->nr_quanta--;
	}
	memory_give(dev, qset->data);
	memory_give(dev, qset);
}

static void trim_locked(struct scull_dev *dev)
{
	while (dev->first) {
		struct scull_qset *qset = dev->first;

		dev->first = qset->next;
		qset_give(dev, qset);
	}
	dev->size_bytes = 0;
	dev->now = dev->next;
}

/* Set number `item`, or NULL. */
static struct scull_qset *qset_find(struct scull_dev *dev, unsigned long item, bool grow)
{
	struct scull_qset **link = &dev->first;

	for (;; link = &(*link)->next) {
		if (!*link && grow)
			*link = memory_take(dev, sizeof(**link));
		if (!*link || item-- == 0)
			return *link;
	}
}

/* Where the byte at `pos` is, or NULL: a hole; and with `grow`: no memory. */
static char *byte_find(struct scull_dev *dev, unsigned long pos, bool grow)
{
	unsigned long item_bytes = dev->now.quantum * dev->now.qset, rest = pos % item_bytes;
	struct scull_qset *qset = qset_find(dev, pos / item_bytes, grow);
	void **quantum;

	if (!qset)
		return NULL;
	if (!qset->data && grow)
		qset->data = memory_take(dev, dev->now.qset * sizeof(void *));
	if (!qset->data)
		return NULL;
	quantum = &qset->data[rest / dev->now.quantum];
	if (!*quantum && grow) {
		*quantum = memory_take(dev, dev->now.quantum);
		dev->nr_quanta += *quantum != NULL;
	}
	return *quantum ? (char *)*quantum + rest % dev->now.quantum : NULL;
}

/* --- devices --- */

static void dev_init(struct scull_dev *dev, struct scull_sizes sizes, gfp_t flags)
{
	*dev = (struct scull_dev){.at_first = sizes, .now = sizes, .next = sizes, .flags = flags};
	mutex_init(&dev->mutex);
}

struct scull_dev *scull_create(unsigned int quantum, unsigned int qset, gfp_t flags)
{
	struct scull_sizes sizes = {quantum, qset};
	struct scull_dev *dev;

	if (!sizes_are_good(&sizes))
		return ERR_PTR(-EINVAL);
	dev = kmalloc(sizeof(*dev), flags);
	if (!dev)
		return ERR_PTR(-ENOMEM);
	dev_init(dev, sizes, flags);
	return dev;
}

void scull_destroy(struct scull_dev *dev)
{
	if (!dev || IS_ERR(dev))
		return;
	scull_trim(dev);
	kfree(dev);
}

void scull_trim(struct scull_dev *dev)
{
	mutex_lock(&dev->mutex);
	trim_locked(dev);
	mutex_unlock(&dev->mutex);
}

/* Bytes from `pos` to the end of its quantum, at most `count`. */
static size_t piece_bytes(const struct scull_dev *dev, unsigned long pos, size_t count)
{
	return min(count, (size_t)(dev->now.quantum - pos % dev->now.quantum));
}

static size_t write_locked(struct scull_dev *dev, const char *buf, size_t count, unsigned long pos)
{
	size_t done = 0;

	while (done < count) {
		char *at = byte_find(dev, pos + done, true);
		size_t piece = piece_bytes(dev, pos + done, count - done);

		if (!at)
			break;
		memcpy(at, buf + done, piece);
		done += piece;
	}
	if (done)
		dev->size_bytes = max(dev->size_bytes, pos + done);
	return done;
}

ssize_t scull_write(struct scull_dev *dev, const void *buf, size_t count, loff_t *f_pos)
{
	unsigned long pos = (unsigned long)*f_pos;
	size_t done;

	if (*f_pos < 0)
		return -EINVAL;
	if (*f_pos >= SCULL_MAX_BYTES)
		return -EFBIG;
	mutex_lock(&dev->mutex);
	done = write_locked(dev, buf, min(count, (size_t)SCULL_MAX_BYTES - pos), pos);
	mutex_unlock(&dev->mutex);
	*f_pos += done;
	return done || !count ? (ssize_t)done : -ENOMEM;
}

static size_t read_locked(struct scull_dev *dev, char *buf, size_t count, unsigned long pos)
{
	size_t done = 0;

	while (done < count) {
		const char *at = byte_find(dev, pos + done, false);
		size_t piece = piece_bytes(dev, pos + done, count - done);

		if (at)
			memcpy(buf + done, at, piece);
		else
			memset(buf + done, 0, piece);
		done += piece;
	}
	return done;
}

ssize_t scull_read(struct scull_dev *dev, void *buf, size_t count, loff_t *f_pos)
{
	unsigned long pos = (unsigned long)*f_pos;
	size_t done = 0;

	if (*f_pos < 0)
		return -EINVAL;
	mutex_lock(&dev->mutex);
	if (*f_pos < (loff_t)dev->size_bytes)
		done = read_locked(dev, buf, min(count, dev->size_bytes - pos), pos);
	mutex_unlock(&dev->mutex);
	*f_pos += done;
	return (ssize_t)done;
}

loff_t scull_llseek(struct scull_dev *dev, loff_t *f_pos, loff_t off, int whence)
{
	loff_t from = 0;

	if (whence == SCULL_SEEK_CUR)
		from = *f_pos;
	else if (whence == SCULL_SEEK_END)
		from = (loff_t)READ_ONCE(dev->size_bytes);
	else if (whence != SCULL_SEEK_SET)
		return -EINVAL;
	if (__builtin_add_overflow(from, off, &from) || from < 0)
		return -EINVAL;
	return *f_pos = from;
}

static long ioctl_locked(struct scull_dev *dev, unsigned int cmd, unsigned int arg)
{
	struct scull_sizes next = dev->next;
	bool is_qset = cmd >= SCULL_IOCTQSET;
	unsigned int *size = is_qset ? &next.qset : &next.quantum;
	unsigned int before = *size;

	if (cmd == SCULL_IOCQQUANTUM || cmd == SCULL_IOCQQSET)
		return (long)before;
	if (cmd == SCULL_IOCRESET)
		next = dev->at_first;
	else
		*size = arg;
	if (!sizes_are_good(&next))
		return -EINVAL;
	dev->next = next;
	return cmd == SCULL_IOCHQUANTUM || cmd == SCULL_IOCHQSET ? (long)before : 0;
}

long scull_ioctl(struct scull_dev *dev, unsigned int cmd, unsigned long arg)
{
	long result;

	if (cmd > SCULL_IOCHQSET)
		return -ENOTTY;
	mutex_lock(&dev->mutex);
	result = ioctl_locked(dev, cmd, (unsigned int)arg);
	mutex_unlock(&dev->mutex);
	return result;
}

void scull_stat(const struct scull_dev *dev, struct scull_stat *stat)
{
	stat->size_bytes = READ_ONCE(dev->size_bytes);
	stat->held_bytes = READ_ONCE(dev->held_bytes);
	stat->nr_quanta = READ_ONCE(dev->nr_quanta);
	stat->quantum = READ_ONCE(dev->now.quantum);
	stat->qset = READ_ONCE(dev->now.qset);
}

/* --- the hog --- */

/* A stop that comes before the sleep is not missed: it also makes the thread run. */
static void hog_pause(void)
{
	set_current_state(TASK_INTERRUPTIBLE);
	if (!kthread_should_stop())
		schedule_timeout(HOG_PAUSE);
	set_current_state(TASK_RUNNING);
}

static size_t hog_held_pages(void *unused)
{
	(void)unused;
	return scull_hog_pages();
}

static int hog_thread(void *unused)
{
	loff_t pos = 0;

	(void)unused;
	if (hog.is_expendable)
		thread_set_expendable(hog_held_pages, NULL);
	while (!kthread_should_stop()) {
		loff_t end = pos;

		if (scull_write(&hog.dev, &pos, sizeof(pos), &end) > 0) {
			pos += PAGE_SIZE;
			WRITE_ONCE(hog.nr_writes, hog.nr_writes + 1);
		} else {
			WRITE_ONCE(hog.nr_refused, hog.nr_refused + 1);
			hog_pause();
		}
	}
	scull_trim(&hog.dev);
	WRITE_ONCE(hog.is_running, false);
	return 0;
}

/* Ends the thread, which may have ended by itself or never begun. */
static void hog_end_locked(void)
{
	kthread_stop(hog.thread);
	thread_put(hog.thread);
	hog.thread = NULL;
	hog.is_running = false;
}

/* Being refused is what a hog expects: it is counted, not reported. */
static int hog_begin_locked(bool expendable)
{
	struct task_struct *thread = kthread_create(hog_thread, NULL, "scull-hog");

	if (IS_ERR(thread))
		return (int)PTR_ERR(thread);
	dev_init(&hog.dev, (struct scull_sizes){PAGE_SIZE, HOG_QSET}, GFP_KERNEL | __GFP_NOWARN);
	hog.nr_writes = hog.nr_refused = 0;
	hog.is_expendable = expendable;
	hog.is_running = true;
	thread_get(thread);
	hog.thread = thread;
	wake_up_process(thread);
	return 0;
}

static int hog_start(bool expendable)
{
	int error;

	mutex_lock(&hog.mutex);
	if (hog.thread && !READ_ONCE(hog.is_running))
		hog_end_locked();
	error = hog.thread ? -EBUSY : hog_begin_locked(expendable);
	mutex_unlock(&hog.mutex);
	return error;
}

int scull_hog_start(void)
{
	return hog_start(false);
}

int scull_hog_start_expendable(void)
{
	return hog_start(true);
}

int scull_hog_stop(void)
{
	int error = -EINVAL;

	mutex_lock(&hog.mutex);
	if (hog.thread) {
		hog_end_locked();
		error = 0;
	}
	mutex_unlock(&hog.mutex);
	return error;
}

size_t scull_hog_pages(void)
{
	return (READ_ONCE(hog.dev.held_bytes) + PAGE_SIZE - 1) / PAGE_SIZE;
}

void scull_hog_stat(struct scull_hog_stat *stat)
{
	stat->is_running = READ_ONCE(hog.is_running);
	stat->nr_writes = READ_ONCE(hog.nr_writes);
	stat->nr_refused = READ_ONCE(hog.nr_refused);
}

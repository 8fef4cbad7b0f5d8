/* SPDX-License-Identifier: MIT */
/* A device that is memory: sets of quanta, each taken when it is first written. 2.6.10's spelling. */
#include <asm/page.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <tests/kernel/books/books.h>

MODULE_LICENSE("Dual MIT/GPL");

#define SCULL_QSET 16

struct scull_qset {
	void **data;
	struct scull_qset *next;
};

struct scull_book {
	struct scull_qset *data;
	int quantum;
	int qset;
	unsigned long size;
	struct mutex lock;
	const struct quantum_source *source;
};

static int scull_trim(struct scull_book *dev)
{
	struct scull_qset *next, *dptr;
	int i;

	for (dptr = dev->data; dptr; dptr = next) {
		if (dptr->data) {
			for (i = 0; i < dev->qset; i++)
				if (dptr->data[i])
					dev->source->put(dptr->data[i]);
			kfree(dptr->data);
		}
		next = dptr->next;
		kfree(dptr);
	}
	dev->size = 0;
	dev->data = NULL;
	return 0;
}

/* Set n of the list, made if it is not there. */
static struct scull_qset *scull_follow(struct scull_book *dev, int n)
{
	struct scull_qset **at = &dev->data;

	for (;; at = &(*at)->next) {
		if (!*at) {
			*at = kmalloc(sizeof(struct scull_qset), GFP_KERNEL);
			if (*at == NULL)
				return NULL;
			memset(*at, 0, sizeof(struct scull_qset));
		}
		if (n-- == 0)
			return *at;
	}
}

/* The quantum that holds byte `pos`, or NULL. */
static char *scull_quantum(struct scull_book *dev, loff_t pos)
{
	int item = (int)((unsigned long)pos / (unsigned long)(dev->quantum * dev->qset));
	int rest = (int)((unsigned long)pos % (unsigned long)(dev->quantum * dev->qset)) / dev->quantum;
	struct scull_qset *dptr = scull_follow(dev, item);

	if (dptr == NULL)
		return NULL;
	if (!dptr->data) {
		dptr->data = kmalloc(dev->qset * sizeof(char *), GFP_KERNEL);
		if (!dptr->data)
			return NULL;
		memset(dptr->data, 0, dev->qset * sizeof(char *));
	}
	if (!dptr->data[rest])
		dptr->data[rest] = dev->source->get((size_t)dev->quantum);
	return dptr->data[rest];
}

static ssize_t scull_move(struct scull_book *dev, char *to, const char *from, size_t count, loff_t *f_pos)
{
	int offset = (int)((unsigned long)*f_pos % (unsigned long)dev->quantum);
	ssize_t retval = -ENOMEM;
	char *quantum;

	mutex_lock(&dev->lock);
	quantum = scull_quantum(dev, *f_pos);
	if (quantum == NULL)
		goto out;
	count = min_t(size_t, count, (size_t)(dev->quantum - offset));
	if (from)
		memcpy(quantum + offset, from, count);
	else
		memcpy(to, quantum + offset, count);
	*f_pos += count;
	retval = (ssize_t)count;
	if (dev->size < (unsigned long)*f_pos)
		dev->size = (unsigned long)*f_pos;
out:
	mutex_unlock(&dev->lock);
	return retval;
}

ssize_t scull_book_write(struct scull_book *dev, const char *buf, size_t count, loff_t *f_pos)
{
	return scull_move(dev, NULL, buf, count, f_pos);
}

ssize_t scull_book_read(struct scull_book *dev, char *buf, size_t count, loff_t *f_pos)
{
	return scull_move(dev, buf, NULL, count, f_pos);
}

struct scull_book *scull_book_open(const struct quantum_source *source)
{
	struct scull_book *dev = kmalloc(sizeof(struct scull_book), GFP_KERNEL);

	if (!dev) {
		printk(KERN_NOTICE "scull: no memory for a device over %s\n", source->name);
		return NULL;
	}
	memset(dev, 0, sizeof(struct scull_book));
	dev->quantum = (int)source->quantum;
	dev->qset = SCULL_QSET;
	dev->source = source;
	mutex_init(&dev->lock);
	return dev;
}

void scull_book_close(struct scull_book *dev)
{
	scull_trim(dev);
	kfree(dev);
}

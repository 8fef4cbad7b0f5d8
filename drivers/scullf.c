/* SPDX-License-Identifier: MIT */
/* A list of pages, the one used last in front; looked through from there. dev->mutex guards it. The shrinker is called by whoever
 * is short of memory, perhaps from scullf_read() itself, which holds the mutex while it asks for a page: so it tries the
 * mutex, and has nothing to give when that is taken. */
#include <drivers/scullf.h>

#include <kernel/core/vfs.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/string.h>

struct scullf_page {
	struct list_head list;
	unsigned long index;
	char *data; /* a page; behind the end of the file 0 */
	size_t size;
};

struct scullf_dev {
	struct mutex mutex;
	struct file file;	 /* mutex */
	struct list_head pages;	 /* mutex */
	struct scullf_stat stat; /* mutex */
	struct shrinker shrinker;
};

static void scullf_drop(struct scullf_dev *dev, struct scullf_page *page)
{
	list_del(&page->list);
	free_page((unsigned long)page->data);
	kfree(page);
	dev->stat.nr_pages--;
}

/* --- the shrinker --- */

static size_t scullf_count(struct shrinker *shrinker, gfp_t gfp)
{
	(void)gfp;
	return container_of(shrinker, struct scullf_dev, shrinker)->stat.nr_pages;
}

static size_t scullf_scan(struct shrinker *shrinker, size_t nr, gfp_t gfp)
{
	struct scullf_dev *dev = container_of(shrinker, struct scullf_dev, shrinker);
	size_t freed = 0;

	(void)gfp;
	if (!mutex_trylock(&dev->mutex))
		return SHRINK_STOP;
	for (; freed < nr && !list_empty(&dev->pages); freed++)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): list_del() took it off */
		scullf_drop(dev, list_entry(dev->pages.prev, struct scullf_page, list));
	dev->stat.nr_given_back += freed;
	mutex_unlock(&dev->mutex);
	return freed;
}

/* --- reading --- */

static struct scullf_page *scullf_find(struct scullf_dev *dev, unsigned long index)
{
	struct scullf_page *page;

	list_for_each_entry(page, &dev->pages, list)
		if (page->index == index) {
			list_move(&page->list, &dev->pages);
			dev->stat.nr_hits++;
			return page;
		}
	dev->stat.nr_misses++;
	return NULL;
}

static long scullf_fill(struct scullf_dev *dev, struct scullf_page *page)
{
	long nr;

	(void)vfs_lseek(&dev->file, (int64_t)page->index << PAGE_SHIFT, SEEK_SET);
	nr = vfs_read(&dev->file, page->data, PAGE_SIZE);
	if (nr < 0)
		return nr;
	page->size = (size_t)nr;
	return 0;
}

/* A page that is read in, in front of the list; or ERR_PTR(). */
static struct scullf_page *scullf_add(struct scullf_dev *dev, unsigned long index)
{
	struct scullf_page *page = kmalloc(sizeof(*page), GFP_KERNEL);
	long error = -ENOMEM;

	if (!page)
		return ERR_PTR(-ENOMEM);
	page->index = index;
	page->data = (char *)get_zeroed_page(GFP_KERNEL);
	if (page->data)
		error = scullf_fill(dev, page);
	if (error) {
		free_page((unsigned long)page->data);
		kfree(page);
		return ERR_PTR(error);
	}
	list_add(&page->list, &dev->pages);
	dev->stat.nr_pages++;
	return page;
}

/* Up to the end of one page. */
static ssize_t scullf_read_part(struct scullf_dev *dev, char *buf, size_t count, loff_t pos)
{
	unsigned long index = (unsigned long)(pos >> PAGE_SHIFT);
	size_t offset = (size_t)(pos & (PAGE_SIZE - 1));
	struct scullf_page *page = scullf_find(dev, index);

	if (!page)
		page = scullf_add(dev, index);
	if (IS_ERR(page))
		return PTR_ERR(page);
	if (offset >= page->size)
		return 0;
	count = min(count, page->size - offset);
	memcpy(buf, page->data + offset, count);
	return (ssize_t)count;
}

ssize_t scullf_read(struct scullf_dev *dev, void *buf, size_t count, loff_t *f_pos)
{
	size_t done = 0;
	ssize_t part = 0;

	if (*f_pos < 0)
		return -EINVAL;
	mutex_lock(&dev->mutex);
	while (done < count) {
		part = scullf_read_part(dev, (char *)buf + done, count - done, *f_pos);
		if (part <= 0)
			break;
		done += (size_t)part;
		*f_pos += part;
	}
	mutex_unlock(&dev->mutex);
	return done ? (ssize_t)done : part;
}

/* --- making and taking down --- */

struct scullf_dev *scullf_create(const char *path)
{
	struct scullf_dev *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	int error;

	if (!dev)
		return ERR_PTR(-ENOMEM);
	error = vfs_open(&dev->file, path, O_RDONLY, 0);
	if (error) {
		kfree(dev);
		return ERR_PTR(error);
	}
	mutex_init(&dev->mutex);
	INIT_LIST_HEAD(&dev->pages);
	dev->shrinker.name = "scullf";
	dev->shrinker.count = scullf_count;
	dev->shrinker.scan = scullf_scan;
	register_shrinker(&dev->shrinker);
	return dev;
}

void scullf_destroy(struct scullf_dev *dev)
{
	if (!dev || IS_ERR(dev))
		return;
	unregister_shrinker(&dev->shrinker);
	while (!list_empty(&dev->pages))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): list_del() took it off */
		scullf_drop(dev, list_entry(dev->pages.next, struct scullf_page, list));
	vfs_close(&dev->file);
	kfree(dev);
}

void scullf_stat(struct scullf_dev *dev, struct scullf_stat *stat)
{
	mutex_lock(&dev->mutex);
	*stat = dev->stat;
	mutex_unlock(&dev->mutex);
}

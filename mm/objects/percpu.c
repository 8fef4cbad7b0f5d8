/* SPDX-License-Identifier: MIT */
/* Copies for each CPU: objects of kmalloc, and one that knows where they are.
 *
 * PC1 a copy begins a cache line and fills whole ones: kmalloc's classes of multiples of a line begin one, those of
 * powers of two are aligned to their size. No lock: what is shared is constant. */
#include <mm/objects/percpu.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/bitops.h>
#include <mm/objects/above.h>
#include <mm/objects/kmalloc.h>
#include <mm/pages/page.h>

static COLD void *refuse(size_t size_bytes, size_t align, const void *caller)
{
	static struct ratelimit limit;
	char code[64];

	if (ratelimit_ok(&limit))
		port_print(PORT_WARN,
			   "%s: impossible per-CPU request of %zu bytes, align %zu by %s: expected 1 to %u "
			   "bytes, "
			   "and a power of two up to %zu",
			   port_task_name(), size_bytes, align, port_code_name(caller, code, sizeof(code)),
			   PERCPU_MAX_BYTES, (size_t)PAGE_SIZE);
	return NULL;
}

/* PC1 */
static size_t copy_bytes(size_t size_bytes, size_t align)
{
	ASSERT(size_bytes && IS_POWER_OF_2(align));
	if (align <= CACHE_LINE_BYTES)
		return ALIGN_UP(size_bytes, (size_t)CACHE_LINE_BYTES);
	return (size_t)1 << log2_ceil((uint32_t)MAX(size_bytes, align));
}

static void free_copies(struct percpu_copies *copies)
{
	while (copies->nr)
		kfree(copies->copy[--copies->nr]);
	kfree(copies);
}

static inline void *alloc_copy(size_t bytes, gfp_t gfp)
{
	void *copy = kmalloc(bytes, gfp);

	if (likely(copy))
		port_clear(copy, bytes);
	return copy;
}

void *percpu_alloc(size_t size_bytes, size_t align, gfp_t gfp)
{
	unsigned int nr_cpus = port_nr_cpus();
	struct percpu_copies *copies;
	size_t bytes;

	if (size_bytes - 1 >= PERCPU_MAX_BYTES || !IS_POWER_OF_2(align) || align > PAGE_SIZE)
		return refuse(size_bytes, align, RETURN_ADDRESS());
	bytes = copy_bytes(size_bytes, align);
	copies = kmalloc(sizeof(*copies) + nr_cpus * sizeof(copies->copy[0]), gfp);
	if (!copies)
		return NULL;
	for (copies->nr = 0; copies->nr < nr_cpus; copies->nr++) {
		copies->copy[copies->nr] = alloc_copy(bytes, gfp);
		ASSERT(IS_ALIGNED((uintptr_t)copies->copy[copies->nr], align));
		if (!copies->copy[copies->nr]) {
			free_copies(copies);
			return NULL;
		}
	}
	ASSERT(percpu_copies((void *)~(uintptr_t)copies) == copies && copies->nr == nr_cpus);
	return (void *)~(uintptr_t)copies;
}

void free_percpu(const void *percpu)
{
	struct percpu_copies *copies = percpu_copies(percpu);
	char code[64];

	if (!percpu)
		return;
	if (likely(port_has_descriptor(copies) && virt_to_cache(copies)) || is_guarded(copies))
		free_copies(copies);
	else
		port_print(PORT_ERR,
			   "BUG: free_percpu of %#lx by %s: expected what alloc_percpu gave; nothing changed",
			   (unsigned long)percpu, port_code_name(RETURN_ADDRESS(), code, sizeof(code)));
}

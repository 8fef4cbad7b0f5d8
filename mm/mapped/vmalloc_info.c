/* SPDX-License-Identifier: MIT */
/* Areas for people: /proc/vmallocinfo, and what lies at an address. No lock of its own. */
#include <mm/mapped/vmalloc.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/format.h>
#include <mm/mapped/vmarea.h>

static const char *const kind_names[] = {"vmalloc", "vmap", "ioremap"};

/* "vmalloc area of 65536 bytes by FUNC", "freed vmalloc area of ... by FUNC, freed by FUNC". */
static void describe_area(struct sink *out, const struct vm_area *area)
{
	bool freed = area->state >= AREA_DEFERRED;
	char code[64];

	sink_printf(out, "%s%s area of %zu bytes by %s", freed ? "freed " : "", kind_names[area->kind],
		    area->size_bytes, port_code_name(area->caller, code, sizeof(code)));
	if (freed)
		sink_printf(out, ", freed by %s", port_code_name(area->freed_by, code, sizeof(code)));
}

/* The address lies in `below`, or in the gap between the two (each may be NULL), at most a page of which is
 * somebody's guard. */
static void describe_place(struct sink *out, uintptr_t addr, const struct vm_area *below,
			   const struct vm_area *above)
{
	size_t past = below ? addr - area_mapped_end(below) : AREA_GUARD_BYTES;
	size_t before = above ? above->span.start - addr : AREA_GUARD_BYTES + 1;

	if (below && addr < below->span.start + below->size_bytes) {
		sink_printf(out, "offset %zu of ", (size_t)(addr - below->span.start));
		describe_area(out, below);
	} else if (below && (addr < area_mapped_end(below) || (past < AREA_GUARD_BYTES && past < before))) {
		sink_printf(out, "%zu bytes past ", (size_t)(addr - below->span.start - below->size_bytes));
		describe_area(out, below);
		sink_printf(out, addr < area_mapped_end(below) ? " (rest of its last page)"
							       : " (vmalloc guard page)");
	} else if (before <= AREA_GUARD_BYTES) {
		sink_printf(out, "%zu bytes before ", before);
		describe_area(out, above);
		sink_printf(out, " (vmalloc guard page)");
	} else {
		sink_printf(out, "space for vmalloc, in no area");
	}
}

/* No lock: in a fault the tree may be half changed; the answer is then wrong, and no harm is done. */
bool vmalloc_describe(uintptr_t addr, char *buf, size_t size)
{
	const struct vm_area *below, *above;
	struct sink_buffer out;

	if (addr + AREA_GUARD_BYTES - vmalloc_space.start >= vmalloc_total_bytes() + AREA_GUARD_BYTES)
		return false;
	area_neighbours(addr, &below, &above);
	sink_buffer_init(&out, buf, size);
	describe_place(&out.sink, addr, below, above);
	return true;
}

static void print_area(struct sink *out, const struct vm_area *area)
{
	char code[64];

	ASSERT(area->kind < ARRAY_SIZE(kind_names) && area->span.start < area->span.end);
	sink_printf(out, "0x%08lx-0x%08lx %7lu", (unsigned long)area->span.start,
		    (unsigned long)area->span.end, (unsigned long)(area->span.end - area->span.start));
	if (area->state >= AREA_GOING) {
		sink_printf(out, " unpurged vm_area\n");
		return;
	}
	sink_printf(out, " %s", port_code_name(area->caller, code, sizeof(code)));
	if (area->kind == AREA_IOREMAP)
		sink_printf(out, " phys=0x%08llx", (unsigned long long)area->paddr);
	else
		sink_printf(out, " pages=%zu", area_nr_pages(area));
	sink_printf(out, " %s\n", kind_names[area->kind]);
}

void vmallocinfo_print(struct sink *out)
{
	struct vm_area area;

	for (uintptr_t addr = vmalloc_space.start; area_copy_next(addr, &area); addr = area.span.end)
		print_area(out, &area);
}

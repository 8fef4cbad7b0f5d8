/* SPDX-License-Identifier: MIT */
/* What host tests have beside ktest.h: machines of any shape, and panics that can be caught.
 * "Physical memory" is a sparse memfd. Its part below lowmem_end is mapped as the direct map, but only where
 * the machine has RAM: touching a hole faults at once. Context: one thread. */
#pragma once

#include <kernel/lib/compiler.h>
#include <mm/early/memmap.h>
#include <mm/init.h>

/* Builds the machine's memory: `entries` as the loader would give them. Replaces the machine before. Memory
 * is sparse and zero, but small machines come full of junk. Aborts when the host cannot. */
void fake_machine_create(const struct memmap_entry *entries, size_t nr_entries, paddr_t lowmem_end);

/* fake_machine_create(), then all of mm on it: memblock, page 0 reserved, zones, allocators. */
void fake_machine_boot(const struct memmap_entry *entries, size_t nr_entries, struct mm_params params);

/* All of mm anew on the machine that is there, its memory as it was left. */
void fake_machine_reboot(struct mm_params params);

/* A machine as QEMU's BIOS describes one of ram_mib: hole at 640 K, the rest above 3 GiB moved above 4 GiB.
 */
void fake_machine_boot_pc(uint64_t ram_mib);

/* Was all of mm booted on the machine that is there, by one of these? */
bool fake_machine_is_up(void);

/* The file behind physical memory; offset is the physical address. For mappings of high memory. */
int fake_machine_fd(void);

/* Runs fn(arg). Result: the text of the panic that ended it, or NULL when it returned. */
const char *host_catch_panic(void (*fn)(void *arg), void *arg);

/* The last message of mm's, without what the kit puts around it. */
const char *host_said(void);

/* Runs what port_work_queue() was given, as the kernel's thread for it would. */
void host_run_work(void);

/* How large vmalloc's space is on machines booted from now on: a multiple of PORT_TABLE_SPAN; 1: none;
 * 0: as it was. */
void host_set_vmalloc_bytes(size_t size_bytes);

/* Flushes of vmalloc's space, for fake_vm.c, which has the rest. false: not an address of that space. */
bool fake_vmalloc_flush_page(uintptr_t addr);
void fake_vmalloc_flush_all(void);

/* Free pages must be unknown to the fake CPU, and page tables; for the fake stacks of pages. */
void fake_vmalloc_page_is_freed(pfn_t pfn);
void fake_vm_pages_are_freed(pfn_t first, pfn_t nr);
void fake_space_page_is_freed(pfn_t pfn);

/* A program's access to a page that is mapped, as far as the CPU notes it. false: none is. */
struct port_space;
bool fake_space_use(struct port_space *space, uintptr_t addr, bool writes);

/* The calls that port_backtrace() tells, the innermost first; they stay. */
void host_set_callers(const void *const *frames, unsigned int nr);

/* Time that port_now_ms() tells. */
void host_set_now_ms(uint64_t ms);

/* Called whenever the only thread there is would sleep: what others do meanwhile. NULL: nothing. */
void host_set_on_park(void (*fn)(void));

/* How many threads the out-of-memory handling may kill, and what happens when it does. */
/* What port_stack_left() says; SIZE_MAX at first. */
void host_set_stack_left(size_t nr_bytes);

void host_set_victims(unsigned int nr, void (*killed)(void));

/* Does the code that runs now count as an interrupt handler? */
void host_set_atomic(bool atomic);

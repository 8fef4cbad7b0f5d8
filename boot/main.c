/* SPDX-License-Identifier: MIT */
/* Boot as a table of contents. entry.asm has checked the CPU and made the higher half; from here one call a
 * line.
 *
 * Everything marked __init is gone after release_init(): what kernel_main() calls later must not be. */
#include <boot/acpi.h>
#include <boot/boot_info.h>
#include <boot/smp.h>
#include <boot/stacks.h>
#include <boot/wiring.h>
#include <drivers/block/edu.h>
#include <drivers/block/floppy.h>
#include <drivers/block/ide.h>
#include <drivers/block/pci.h>
#include <drivers/fs/archive.h>
#include <drivers/fs/disk.h>
#include <drivers/keyboard.h>
#include <drivers/pit.h>
#include <drivers/serial.h>
#include <drivers/vga.h>
#include <kernel/arch/apic.h>
#include <kernel/arch/clock.h>
#include <kernel/arch/cpu.h>
#include <kernel/arch/irqflags.h>
#include <kernel/arch/machine.h>
#include <kernel/arch/mmu.h>
#include <kernel/arch/trap.h>
#include <kernel/core/cmdline.h>
#include <kernel/core/console.h>
#include <kernel/core/module.h>
#include <kernel/core/panic.h>
#include <kernel/core/printk.h>
#include <kernel/core/smp.h>
#include <kernel/core/softirq.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <kernel/core/vfs.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <mm/cache/swap.h>
#include <mm/cache/writeback.h>
#include <mm/dma/dma.h>
#include <mm/early/memblock.h>
#include <mm/early/memmap.h>
#include <mm/init.h>
#include <mm/objects/slab_debug.h>
#include <mm/pages/zone.h>
#include <mm/report/fault.h>
#include <mm/report/stats.h>
#include <mm/report/validate.h>
#include <monitor/demo.h>
#include <monitor/keys.h>
#include <monitor/map.h>
#include <monitor/monitor.h>
#include <monitor/parse.h>
#include <monitor/programs.h>
#include <monitor/welcome.h>
#include <tests/bench/bench.h>
#include <tests/kernel/frame.h>

#define EBDA_LOWEST	0x60000u /* no firmware takes more; less is rubbish */
#define VIDEO_START	0xa0000u
#define LOWMEM_SMALLEST MIB(4u)	  /* what lowmem= may ask for */
#define WORKING_ROOM	KIB(512u) /* low memory beyond the image that we cannot do without */

NORETURN void kernel_main(uint32_t magic, uint32_t info_paddr);

static struct {
	struct cmdline_options options;
	uint64_t ram_bytes;	/* what the machine has, as far as the loader's map shows */
	uint64_t managed_pages; /* what the allocator got */
	char loader[96];	/* its name and protocol */
} boot;

/* Needed until the map is understood. */
static __initdata struct boot_info info;
static __initdata struct range_set usable;
static __initdata struct acpi_cpus cpus;

static bool is_for_a_person(void)
{
	return boot.options.output == CMDLINE_OUTPUT_TERMINAL;
}

static __init const void *map_loader_data(uint64_t paddr, uint64_t size_bytes)
{
	uint64_t end = paddr + size_bytes;

	if (end < paddr || end > mmu_lowmem_max_bytes())
		return NULL;
	return (const void *)(MMU_DIRECT_MAP_BASE + (uintptr_t)paddr);
}

static __init void parse_loader_data(uint32_t magic, uint32_t info_paddr)
{
	const char *problem = boot_info_parse(&info, magic, info_paddr, map_loader_data);

	if (problem)
		refuse_to_start(problem);
}

/* What is left of the word at the cut is another word. */
static __init void drop_half_word(char *line)
{
	size_t len = strlen(line);

	while (len && (unsigned char)line[len - 1] > ' ')
		len--;
	line[len] = '\0';
}

static __init void choose_debugging(void)
{
	const char *expected = slab_debug_configure(boot.options.slab_debug);

	if (expected)
		pr_warn("slab_debug=%s: expected %s: ignored", boot.options.slab_debug, expected);
}

static __init void parse_command_line(void)
{
	if (info.cmdline_cut)
		drop_half_word(info.cmdline);
	cmdline_parse(&boot.options, info.cmdline, pr_warn);
	panic_set_action(boot.options.panic);
	if (is_for_a_person() && boot.options.monitor && boot.options.exit == CMDLINE_EXIT_NEVER)
		monitor_wait_for_panic();
	printk_set_quiet(is_for_a_person());
	choose_debugging();
	if (info.cmdline_cut)
		pr_warn("command line cut after %u characters", BOOT_CMDLINE_MAX - 1);
}

static __init void print_banner(void)
{
	(void)scnprintf(boot.loader, sizeof(boot.loader), "%s (%s)",
			info.loader[0] ? info.loader : "an unnamed loader", info.protocol);
	pr_info("Ashlar on %s, %u-bit physical addresses%s", cpu_name(), cpu_physical_bits(),
		cpu_has_nx() ? ", no-execute" : "");
	pr_info("loaded by %s, command line \"%s\"", boot.loader, info.cmdline);
}

static __init void print_map(void)
{
	pr_info("memory map (%s):", info.map_source);
	for (unsigned int i = 0; i < info.nr_entries; i++) {
		const struct memmap_entry *e = &info.entries[i];

		pr_info("  0x%010llx + 0x%010llx %s %u", e->base, e->len,
			e->type == MEMMAP_USABLE ? "usable  " : "reserved", e->type);
	}
	if (info.damaged)
		pr_warn("the loader's data ends early, at an entry that cannot be true");
	if (info.nr_entries_lost)
		pr_warn("%u map entries were too many for the table", info.nr_entries_lost);
	if (info.nr_modules_lost)
		pr_warn("%u modules were too many or end before they begin: ignored", info.nr_modules_lost);
}

/* RAM that no address of this CPU reaches is no RAM. */
static __init void build_map(void)
{
	uint64_t reachable = 1ull << cpu_physical_bits();

	memmap_build(&usable, info.entries, info.nr_entries);
	if (usable.nr_lost)
		pr_warn("memory map: RAM in more than %u pieces: %u left out", RANGE_SET_MAX, usable.nr_lost);
	if (range_set_bytes_in(&usable, reachable, MEMMAP_END))
		pr_warn("%llu MiB of RAM above %llu GiB left out: this CPU has %u address bits",
			range_set_bytes_in(&usable, reachable, MEMMAP_END) >> 20, reachable >> 30,
			cpu_physical_bits());
	range_set_remove(&usable, reachable, MEMMAP_END);
	if (boot.options.mem_bytes)
		range_set_remove(&usable, boot.options.mem_bytes, MEMMAP_END);
	boot.ram_bytes = ALIGN_UP(range_set_bytes(&usable), MIB(1ull));
}

/* The end of the direct map: all RAM it can hold, unless lowmem= wants less. */
static __init paddr_t choose_lowmem_end(void)
{
	uint64_t limit = mmu_lowmem_max_bytes();
	uint64_t wanted = boot.options.lowmem_bytes;

	if (wanted && wanted < LOWMEM_SMALLEST) {
		pr_warn("lowmem=%llu KiB is too small, expected at least 4M: ignored", wanted >> 10);
		wanted = 0;
	}
	if (wanted)
		limit = MIN(limit, ALIGN_DOWN(wanted, (uint64_t)PAGE_SIZE));
	return mm_choose_lowmem_end(&usable, limit);
}

static __init void reserve_firmware(void)
{
	const uint16_t *segment = (const uint16_t *)(MMU_DIRECT_MAP_BASE + BIOS_EBDA_SEGMENT_AT);
	paddr_t ebda = (paddr_t)READ_ONCE(*segment) << 4;

	memblock_reserve(0,
			 PAGE_SIZE); /* interrupt vectors and BIOS data; and page 0 stays a NULL pointer's */
	if (ebda >= EBDA_LOWEST && ebda < VIDEO_START)
		memblock_reserve(ebda, VIDEO_START - ebda);
	memblock_reserve(VIDEO_START, BIOS_END - VIDEO_START);
}

static __init void reserve_loaded(void)
{
	paddr_t start, end;

	mmu_image_range(&start, &end);
	memblock_reserve(start, end - start);
	memblock_reserve(info.loader_start, info.loader_end - info.loader_start);
	for (unsigned int i = 0; i < info.nr_modules; i++)
		memblock_reserve(info.modules[i].start, info.modules[i].end - info.modules[i].start);
}

static __init void require_enough_memory(paddr_t lowmem_end)
{
	paddr_t start, image_end;

	mmu_image_range(&start, &image_end);
	if (!usable.nr)
		refuse_to_start("the loader's memory map shows no usable memory");
	if (lowmem_end < image_end + WORKING_ROOM)
		refuse_to_start(
			"not enough low memory: expected 3 MiB or more (mem= and lowmem= can take it away)");
	if (range_set_bytes_in(&usable, start, image_end) < image_end - start)
		refuse_to_start("the memory map does not show RAM where the kernel was loaded");
}

/* A module is a trace for the bench; its memory stays reserved. */
static __init void find_trace(paddr_t lowmem_end)
{
	const struct boot_module *trace = &info.modules[0];

	if (info.nr_modules == 0)
		return;
	if (trace->end > lowmem_end)
		pr_warn("module %s ends at 0x%llx, outside low memory: ignored", trace->name, trace->end);
	else
		bench_set_trace(map_loader_data(trace->start, trace->end - trace->start),
				(size_t)(trace->end - trace->start));
}

/* 0: mm chooses; what was asked for is kept inside [128 KiB, an eighth of low memory]. */
static __init uint32_t choose_min_free(paddr_t lowmem_end)
{
	uint32_t wanted = boot.options.min_free_kbytes, most = MAX((uint32_t)(lowmem_end >> 13), 128u);
	uint32_t taken = MAX(MIN(wanted, most), 128u);

	if (wanted && wanted != taken)
		pr_warn("min_free_kbytes=%u: expected 128 to %u; taken as %u", wanted, most, taken);
	return wanted ? taken : 0;
}

/* A thousandth of low memory for what devices do not reach. */
static __init void start_dma(const struct mm_params *params)
{
	size_t bounce = MAX((size_t)(params->lowmem_end >> 10), BOUNCE_GROUP_BYTES);
	paddr_t image_start, image_end;

	mmu_image_range(&image_start, &image_end);
	dma_init(params->dma_end, image_end, bounce);
}

/* Where firmware puts tables: below 1 MiB, or what the map shows as not usable. What it does not show may be a
 * device's registers. */
static __init bool is_firmwares(uint64_t start, uint64_t end)
{
	for (unsigned int i = 0; i < info.nr_entries; i++) {
		const struct memmap_entry *entry = &info.entries[i];

		if (entry->type != MEMMAP_USABLE && start >= entry->base && end - entry->base <= entry->len)
			return true;
	}
	return end <= BIOS_END;
}

static __init bool read_firmware(uint64_t paddr, void *to, size_t size)
{
	return paddr + size >= paddr && is_firmwares(paddr, paddr + size) &&
	       mmu_read_physical(paddr, to, size);
}

static __init struct acpi_source firmware_tables(void)
{
	return (struct acpi_source){read_firmware, info.rsdp, info.rsdp_bytes};
}

static __init void find_processors(void)
{
	const struct acpi_source firmware = firmware_tables();
	const char *problem = acpi_read_cpus(&cpus, &firmware);

	if (problem) {
		pr_info("processors: one, as far as is known: ACPI: %s", problem);
		return;
	}
	pr_info("processors: %u in the firmware's table (%u switched off)", cpus.nr, cpus.nr_disabled);
	if (cpus.damaged)
		pr_warn("ACPI: the table of processors ends early, at an entry that cannot be true");
	if (cpus.nr_doubled)
		pr_warn("ACPI: %u processors are listed twice", cpus.nr_doubled);
	if (cpus.nr_lost)
		pr_warn("ACPI: %u processors left out, expected at most %u, with numbers below 255",
			cpus.nr_lost, ACPI_CPUS_MAX);
}

/* Result: NULL: all memory is one node's. */
static __init const struct node_claims *find_nodes(void)
{
	static __initdata struct node_claims claims;
	const struct acpi_source firmware = firmware_tables();
	const char *problem =
		boot.options.numa ? acpi_read_nodes(&claims, &firmware, cpu_apic_id()) : "numa=off";

	if (problem)
		pr_info("nodes: one, as far as is known: %s", problem);
	return problem ? NULL : &claims;
}

static __init uint64_t ram_of_node(unsigned int node)
{
	uint64_t bytes = 0;

	for (const struct node_run *run = node_map.run; run < node_map.run + node_map.nr; run++)
		if (run->node == node)
			bytes += range_set_bytes_in(memblock_memory(), (paddr_t)run->start << PAGE_SHIFT,
						    (paddr_t)node_run_end(run, UINT32_MAX) << PAGE_SHIFT);
	return bytes;
}

static __init void print_nodes(void)
{
	for (unsigned int node = 0; node < node_map.nr_nodes && node_map.nr_nodes > 1; node++) {
		char distances[MAX_NODES * 4 + 1];
		size_t len = 0;

		for (unsigned int to = 0; to < node_map.nr_nodes; to++)
			len += (size_t)scnprintf(distances + len, sizeof(distances) - len, " %u",
						 node_map.distance[node][to]);
		pr_info("node %u: %llu KiB of RAM, distances%s%s", node,
			(unsigned long long)ram_of_node(node) >> 10, distances,
			node == node_map.local ? ", near this processor" : "");
	}
}

/* From the loader's map to kmalloc. */
static __init void start_memory(void)
{
	struct mm_params params = {
		.dma_end = mmu_dma_end(),
	};

	build_map();
	params.lowmem_end = choose_lowmem_end();
	params.min_free_kbytes = choose_min_free(params.lowmem_end);
	params.page_poison = boot.options.page_poison;
	params.page_owner = boot.options.page_owner;
	params.guard_sample = boot.options.guard_sample;
	require_enough_memory(params.lowmem_end);
	memblock_init(&usable, params.lowmem_end);
	reserve_firmware();
	reserve_loaded();
	mmu_init(params.lowmem_end);
	find_processors();
	if (cpus.nr > 1 && boot.options.cpus > 1)
		smp_reserve();
	params.nodes = find_nodes();
	mm_init_zones(&params);
	print_nodes();
	demo_bootmem_take(boot.options.demo); /* larger than the allocators' largest */
	mm_init_allocators();
	writeback_set_ratios(boot.options.dirty_background_ratio, boot.options.dirty_ratio);
	swap_set_swappiness(boot.options.swappiness);
	start_dma(&params);
	find_trace(params.lowmem_end);
}

/* From one flow of execution to many. */
static __init void start_threads(void)
{
	selftest_init(is_for_a_person());
	machine_set_last_words(consoles_flush);
	apic_init();	      /* a fixmap page: mm's tables are final */
	timer_init();	      /* the wheel, before the first tick */
	stacks_init();	      /* where kthread_create() gets its stacks */
	thread_system_init(); /* this code becomes the thread "boot" */
	wiring_init();	      /* windows on high memory follow their thread */
	irq_enable();	      /* nothing is unmasked yet, but threads are made where one may sleep */
	softirq_init();	      /* ksoftirqd is a thread */
	pit_init();	      /* the tick */
	serial_start();	      /* from here on output is queued */
	wiring_start();	      /* the background reclaimer */
	mm_init_on(boot.options.init_on_alloc, boot.options.init_on_free);
}

static __init void start(uint32_t magic, uint32_t info_paddr)
{
	serial_init(); /* first, so that everything after it can complain */
	cpu_init();    /* own segments and tasks: loaders leave theirs anywhere */
	trap_init();   /* from here a bug is a report, not a reset */
	vga_init();    /* the same text for whoever has no serial line */
	clock_init();  /* time stamps, and rate limits of messages */
	printk_set_clock(clock_now_us);
	parse_loader_data(magic, info_paddr); /* copied: the loader's memory is not read again */
	parse_command_line();		      /* limits of memory are among the options */
	print_banner();
	print_map();
	start_memory();
	start_threads();
	smp_start(&cpus, boot.options.cpus); /* others, each with a thread of its own */
	pci_init();			     /* what there is on the bus; drivers look for theirs */
	ide_init();			     /* disks */
	floppy_init();			     /* one that reaches 16 MiB */
	edu_init();			     /* a device with a mask of its own */
	disk_init();			     /* disks are files, too */
	archive_init();			     /* programs */
	modules_init(); /* what module_init() names: it may ask for anything, and be __init itself */
}

static void set_fault(const char *word, enum fault_kind kind, const char *text)
{
	const char *expected = text[0] ? fault_set(kind, text) : NULL;

	if (expected)
		pr_warn("%s=%s: expected %s", word, text, expected);
}

/* From here on requests fail on purpose, if that is asked for: what the kernel stands on is there. */
static void set_faults(void)
{
	set_fault("failslab", FAULT_OBJECTS, boot.options.failslab);
	set_fault("fail_page_alloc", FAULT_PAGES, boot.options.fail_page_alloc);
}

static void mount_root(void)
{
	int error = boot.options.root[0] ? vfs_mount(boot.options.root, "/", false) : -ENOENT;

	if (!error)
		pr_info("root: the files of %s hang over /", boot.options.root);
	else if (boot.options.root[0])
		pr_warn("root=%s: %s", boot.options.root, error_text(error));
}

/* Result: MACHINE_FAILED when it could not be started, or says that it failed. */
static enum machine_result run_program(enum machine_result result)
{
	char *word[WORDS_MAX];
	unsigned int nr = parse_words(boot.options.run, word);

	if (nr > WORDS_MAX)
		pr_warn("run=: expected at most %u words, got %u", WORDS_MAX, nr);
	return nr == 0 || (nr <= WORDS_MAX && programs_run(nr, word)) ? result : MACHINE_FAILED;
}

static void start_swap(void)
{
	if (boot.options.swap[0] && !disk_swap_on(boot.options.swap))
		pr_info("swap: memory of programs goes to %s when it is short", boot.options.swap);
}

static void set_validation(void)
{
	unsigned int every = boot.options.validate_every;

	if (every && !mm_validate_every(every))
		pr_warn("validate_every=%u: expected a kernel made with DEBUG=2: ignored", every);
}

static void release_init(void)
{
	paddr_t start_paddr, end_paddr;

	mmu_release_init(&start_paddr, &end_paddr);
	smp_flush_others();
	mm_free_reserved(start_paddr, end_paddr);
}

/* In units of 0.1 %; both fit 32 bits after the shift, whatever the machine has. */
static uint32_t permille(uint64_t part, uint64_t whole)
{
	while (whole > UINT32_MAX / 1000) {
		part >>= 1;
		whole >>= 1;
	}
	return whole ? (uint32_t)part * 1000 / (uint32_t)whole : 0;
}

static uint64_t managed_pages(void)
{
	const struct zone *zone;
	uint64_t nr = 0;

	for_each_zone(zone)
		nr += zone->managed;
	return nr;
}

static void print_memory(void)
{
	uint64_t total_pages = boot.ram_bytes >> PAGE_SHIFT;
	uint64_t managed = managed_pages() + (demo_bootmem_bytes() >> PAGE_SHIFT);
	uint32_t share = permille(managed, total_pages);

	zoneinfo_print(console_sink());
	meminfo_print(console_sink());
	buddyinfo_print(console_sink());
	pr_info("usable RAM after boot: %llu of %llu pages (%u.%u %%)", managed, total_pages, share / 10,
		share % 10);
	if (demo_bootmem_bytes())
		pr_info("... %zu of them in one piece from alloc_bootmem until demo=fragmentation has been "
			"shown",
			demo_bootmem_bytes() >> PAGE_SHIFT);
}

static enum machine_result run_selftests(void)
{
	int nr_failed;

	selftest_starve(boot.options.fail_nth);
	nr_failed = selftest_run(boot.options.selftest);
	selftest_starve(0);

	if (nr_failed < 0)
		refuse_to_start("no memory for the thread of the self-tests");
	if (nr_failed && !is_for_a_person()) /* who has read it already */
		pr_err("self-test: %d failed", nr_failed);
	return nr_failed ? MACHINE_FAILED : MACHINE_PASSED;
}

NORETURN void kernel_main(uint32_t magic, uint32_t info_paddr)
{
	enum machine_result result;

	start(magic, info_paddr);
	release_init(); /* the last user of .init has returned */
	if (is_for_a_person())
		welcome_print(boot.loader);
	else
		print_memory();
	set_faults();
	set_validation();
	result = run_selftests();
	bench_run(boot.options.bench);
	mount_root(); /* after what counts pages */
	start_swap();
	if (boot.options.map)
		(void)map_live_set(true); /* after what is measured */
	if (boot.options.map_serial && !map_serial_start())
		pr_warn("map_serial=on: no second serial port");
	demo_run(boot.options.demo);
	result = run_program(result);
	printk_set_quiet(false);
	keys_set_present(is_for_a_person());
	if (is_for_a_person())
		welcome_print_hints();
	(void)keyboard_start();	  /* a window on the machine has keys, too */
	if (boot.options.monitor) /* a person, or a script, says when to end */
		(void)monitor_run(result, boot.options.exit == CMDLINE_EXIT_QEMU);
	modules_exit();
	if (boot.options.exit == CMDLINE_EXIT_QEMU)
		machine_exit(result);
	pr_info("nothing left to do: powering off");
	machine_power_off();
}

/* SPDX-License-Identifier: MIT */
/* Commands about the rest of the kernel: threads, interrupts, the log, the time, the end. */
#include <drivers/serial.h>
#include <kernel/arch/clock.h>
#include <kernel/arch/mmu.h>
#include <kernel/core/irq.h>
#include <kernel/core/module.h>
#include <kernel/core/panic.h>
#include <kernel/core/printk.h>
#include <kernel/core/smp.h>
#include <kernel/core/timer.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <monitor/parse.h>
#include <monitor/tables.h>
#include <monitor/threads.h>

static struct {
	enum machine_result result;
	bool leaves_qemu;
} monitor_system;

void system_set_exit(enum machine_result result, bool leaves_qemu)
{
	monitor_system.result = result;
	monitor_system.leaves_qemu = leaves_qemu;
}

void system_note_failure(void)
{
	monitor_system.result = MACHINE_FAILED;
}

static void run_ps(unsigned int nr, char *word[])
{
	const struct thread_info *row;
	unsigned int nr_threads = prompt_threads(&row), nr_all = threads_snapshot(NULL, 0);

	(void)nr;
	(void)word;
	say("  id  state          stack left  most of      ticks  switches  name\n");
	for (unsigned int i = 0; i < nr_threads; i++)
		say("%4u  %-13s %11zu %5zu %-5zu %7u %9u  %s\n", row[i].id,
		    row[i].id == current->id	   ? "running"
		    : row[i].state == TASK_RUNNING ? "ready"
						   : thread_state_name(row[i].state),
		    row[i].stack_left, row[i].stack_most, row[i].stack_bytes, row[i].nr_ticks,
		    row[i].nr_switches, row[i].name);
	if (nr_all > nr_threads)
		say("and %u more\n", nr_all - nr_threads);
	programs_print();
}

static void run_bt(unsigned int nr, char *word[])
{
	const struct thread_info *row;
	unsigned int nr_threads = prompt_threads(&row);
	uint64_t id;

	(void)nr;
	for (unsigned int i = 0; i < nr_threads; i++) {
		bool is_it =
			strcmp(row[i].name, word[0]) == 0 || (parse_number(word[0], &id) && id == row[i].id);

		if (is_it && panic_is_at_prompt() && row[i].id == current->id) {
			panic_backtrace();
			return;
		}
		if (is_it && thread_backtrace(row[i].id))
			return;
	}
	(void)expected("bt", "a thread's name or number, see ps", word[0]);
}

static void run_irqs(unsigned int nr, char *word[])
{
	struct serial_stat serial;
	struct irq_stat stat;

	(void)nr;
	(void)word;
	say(" irq  arrivals  unhandled  spurious  name\n");
	for (unsigned int irq = 0; irq_stat(irq, &stat); irq++)
		if (stat.name || stat.nr || stat.nr_spurious)
			say("%4u %9u %10u %9u  %s\n", irq, stat.nr, stat.nr_unhandled, stat.nr_spurious,
			    stat.name ? stat.name : "-");
	serial_stat(&serial);
	say("stray vectors %u, deepest nesting %u\n", irq_nr_strays(), irq_max_nesting());
	say("serial: %u received, %u sent, %u held back, %u dropped, %u overruns\n", serial.nr_received,
	    serial.nr_sent, serial.nr_held_back, serial.nr_dropped, serial.nr_overruns);
}

static void run_cpus(unsigned int nr, char *word[])
{
	struct smp_info cpu;

	(void)nr;
	(void)word;
	say(" cpu  apic  calls served  data\n");
	for (unsigned int i = 0; smp_info(i, &cpu); i++)
		say("%4u %5u %13u  0x%lx\n", i, cpu.apic_id, cpu.nr_served,
		    (unsigned long)(MMU_PERCPU_START + i * MMU_PERCPU_UNIT));
}

static void run_dmesg(unsigned int nr, char *word[])
{
	(void)nr;
	(void)word;
	dmesg_print(monitor_out());
}

static void run_time(unsigned int nr, char *word[])
{
	uint64_t ms = clock_now_ms();

	(void)nr;
	(void)word;
	while (ms > UINT32_MAX)
		ms -= UINT32_MAX + 1ull;
	say("%u.%03u seconds since boot, tick %lu\n", (unsigned int)ms / 1000, (unsigned int)ms % 1000,
	    jiffies - INITIAL_JIFFIES);
}

static void run_reboot(unsigned int nr, char *word[])
{
	(void)nr;
	(void)word;
	pr_info("reboot");
	if (!panic_is_at_prompt())
		modules_exit();
	machine_reboot();
}

static void run_poweroff(unsigned int nr, char *word[])
{
	(void)nr;
	(void)word;
	pr_info("power off");
	if (!panic_is_at_prompt())
		modules_exit();
	if (monitor_system.leaves_qemu)
		machine_exit(monitor_system.result);
	machine_power_off();
}

const struct command system_commands[] = {
	{"ps", "", 0, 0, "threads", run_ps},
	{"bt", "THREAD", 1, 1, "where a thread is", run_bt},
	{"irqs", "", 0, 0, "interrupts, and the serial line", run_irqs},
	{"cpus", "", 0, 0, "processors that run", run_cpus},
	{"dmesg", "", 0, 0, "the kernel's messages", run_dmesg},
	{"time", "", 0, 0, "seconds and ticks since boot", run_time},
	{"reboot", "", 0, 0, "starts the machine anew", run_reboot},
	{"poweroff", "", 0, 0, "ends the machine", run_poweroff},
	{.name = NULL},
};

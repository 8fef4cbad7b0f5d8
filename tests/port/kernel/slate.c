/* SPDX-License-Identifier: MIT */
#include <tests/port/kernel/slate.h>

#include <stdarg.h>

/* The loader comes in with paging off. Entry 0 shows the first 4 MiB where they are until we are above, entries 512 to 767
 * show the first GiB at HIGH, for good. */
__asm__(".section .boot, \"ax\"\n"
	"	.align 4\n"
	"	.long 0x1badb002, 2, -(0x1badb002 + 2)\n"
	"	.globl start\n"
	"start:	cli\n"
	"	mov $directory - 0x80000000, %edi\n"
	"	movl $0x83, (%edi)\n"
	"	lea 512 * 4(%edi), %esi\n"
	"	mov $0x83, %eax\n"
	"1:	mov %eax, (%esi)\n"
	"	add $4, %esi\n"
	"	add $0x400000, %eax\n"
	"	cmp $0x40000083, %eax\n"
	"	jne 1b\n"
	"	mov %edi, %cr3\n"
	"	mov %cr4, %eax\n"
	"	or $0x10, %eax\n"
	"	mov %eax, %cr4\n"
	"	mov %cr0, %eax\n"
	"	or $0x80010000, %eax\n"
	"	mov %eax, %cr0\n"
	"	mov $2f, %eax\n"
	"	jmp *%eax\n"
	"2:	mov $boot_stack + 8192, %esp\n"
	"	push %ebx\n"
	"	call slate_main\n"
	".text\n"
	".globl switch_stacks, tick_entry, fault_entry\n"
	"switch_stacks:\n"
	"	mov 4(%esp), %eax\n"
	"	mov 8(%esp), %edx\n"
	"	push %ebp\n	push %ebx\n	push %esi\n	push %edi\n"
	"	mov %esp, (%eax)\n"
	"	mov %edx, %esp\n"
	"	pop %edi\n	pop %esi\n	pop %ebx\n	pop %ebp\n"
	"	ret\n"
	"tick_entry:\n"
	"	pusha\n	cld\n	call tick\n	popa\n	iret\n"
	"fault_entry:\n"
	"	cld\n	call fault\n");

u32 directory[1024] __attribute__((aligned(4096)));
u8 boot_stack[8192];
extern u8 image_end[];

void switch_stacks(u32 **save, u32 *to);
void tick_entry(void);
void fault_entry(void);

/* --- ports, messages --- */

static void outb(u16 port, u8 byte)
{
	__asm__ volatile("outb %0, %1" ::"a"(byte), "Nd"(port));
}

static u8 inb(u16 port)
{
	u8 byte;

	__asm__ volatile("inb %1, %0" : "=a"(byte) : "Nd"(port));
	return byte;
}

void kwrite(const char *text, u32 len)
{
	for (; len; len--, text++) {
		while (!(inb(0x3fd) & 0x20))
			;
		outb(0x3f8, (u8)*text);
	}
}

static void put_number(u32 number, u32 base)
{
	char digits[12], *at = digits + sizeof(digits);

	do
		*--at = "0123456789abcdef"[number % base];
	while ((number /= base) != 0);
	kwrite(at, (u32)(digits + sizeof(digits) - at));
}

void kprintf(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	for (; *fmt; fmt++) {
		const char *text;

		if (*fmt != '%') {
			kwrite(fmt, 1);
			continue;
		}
		switch (*++fmt) {
		case 's':
			for (text = va_arg(args, const char *); *text; text++)
				kwrite(text, 1);
			break;
		case 'u':
			put_number(va_arg(args, u32), 10);
			break;
		case 'x':
			put_number(va_arg(args, u32), 16);
			break;
		default:
			break;
		}
	}
	va_end(args);
}

static void leave(u8 status)
{
	outb(0xf4, status);
	for (;;)
		__asm__ volatile("cli; hlt");
}

void die(const char *why)
{
	kprintf("Bail out! slate: %s\n", why);
	leave(0x11);
	__builtin_unreachable();
}

void fault(u32 first, u32 second);
void fault(u32 first, u32 second)
{
	u32 addr;

	__asm__ volatile("mov %%cr2, %0" : "=r"(addr));
	kprintf("# exception: stack %x %x, cr2 %x\n", first, second, addr);
	die("exception");
}

/* --- interrupts --- */

u32 flags_save(void)
{
	u32 flags;

	__asm__ volatile("pushf; pop %0; cli" : "=r"(flags)::"memory");
	return flags & 0x200;
}

void flags_restore(u32 flags)
{
	if (flags)
		__asm__ volatile("sti" ::: "memory");
}

static u64 gdt[3] = {0, 0x00cf9a000000ffffull, 0x00cf92000000ffffull};
static u64 idt[48];

static void load_tables(void)
{
	struct __attribute__((packed)) {
		u16 limit;
		u32 base;
	} table = {sizeof(gdt) - 1, (u32)gdt};

	__asm__ volatile("lgdt %0; ljmp $8, $1f; 1: mov %1, %%ds; mov %1, %%es; mov %1, %%ss; mov %1, %%fs; "
			 "mov %1, %%gs" ::"m"(table),
			 "r"(16));
	for (u32 i = 0; i < 48; i++) {
		u32 to = (u32)(i == 32 ? tick_entry : fault_entry);

		idt[i] = (u64)(to >> 16 << 16 | 0x8e00) << 32 | 8u << 16 | (to & 0xffff);
	}
	table.limit = sizeof(idt) - 1;
	table.base = (u32)idt;
	__asm__ volatile("lidt %0" ::"m"(table));
}

/* The 8259 at 32, all masked but the timer; the 8254 at TICKS_PER_MS kHz. */
static void start_ticks(void)
{
	static const u16 pair[][2] = {{0x20, 0x11}, {0xa0, 0x11}, {0x21, 32},	{0xa1, 40},
				      {0x21, 4},    {0xa1, 2},	  {0x21, 1},	{0xa1, 1},
				      {0x21, 0xfe}, {0xa1, 0xff}, {0x43, 0x34}, {0x40, 1193 / TICKS_PER_MS},
				      {0x40, 0}};

	for (u32 i = 0; i < sizeof(pair) / sizeof(pair[0]); i++)
		outb(pair[i][0], (u8)pair[i][1]);
	__asm__ volatile("sti");
}

/* --- threads: who is ready runs in turn; thread 0 is the one that booted --- */

static struct thread threads[NR_THREADS];
struct thread *running = threads;
u32 preempt_off, in_handler;
u64 ticks;

/* Interrupts are off. Thread 0 never sleeps: it idles. */
static void schedule(void)
{
	struct thread *from = running, *to = from;

	for (u32 i = 0; i < NR_THREADS; i++)
		if (threads[i].state == ASLEEP && threads[i].wake_at && threads[i].wake_at <= ticks)
			threads[i].state = READY;
	do
		to = to + 1 == threads + NR_THREADS ? threads : to + 1;
	while (to->state != READY);
	if (to == from)
		return;
	running = to;
	switch_stacks(&from->sp, to->sp);
}

static void begin(void)
{
	__asm__ volatile("sti");
	running->life();
	flags_save();
	running->state = UNUSED_THREAD;
	schedule();
}

void spawn(void (*life)(void))
{
	u32 flags = flags_save();
	struct thread *thread = threads;

	while (thread->state != UNUSED_THREAD)
		thread++;
	ASSERT(thread < threads + NR_THREADS);
	thread->life = life;
	for (u32 i = 0; i < 4; i++)
		thread->port[i] = 0;
	thread->sp = (u32 *)(thread->stack + STACK_BYTES) - 6;
	thread->sp[4] = (u32)begin;
	thread->state = READY;
	flags_restore(flags);
}

void yield(void)
{
	u32 flags = flags_save();

	schedule();
	flags_restore(flags);
}

void sleep_locked(u64 wake_at)
{
	if (running != threads)
		running->state = ASLEEP;
	running->wake_at = wake_at;
	schedule();
}

void wake(struct thread *thread)
{
	if (thread->state == ASLEEP)
		thread->state = READY;
}

/* --- what shares memory's names --- */

u32 zones[4] = {1, 2, 3, 4};

void kfree(u32 zone)
{
	zones[zone] = 0;
}

u32 get_page(u32 zone)
{
	return zones[zone];
}

int vsnprintf(u32 format)
{
	return (int)format;
}

/* --- the tests, as TAP --- */

static u32 nr_tests, nr_failed, nr_atomic, nr_refused;
static int ticks_allocate;

static void ok(int is_ok, const char *name)
{
	nr_failed += !is_ok;
	kprintf("%sok %u - slate: %s\n", is_ok ? "" : "not ", ++nr_tests, name);
}

/* A handler takes, keeps a few, and gives back, in the middle of whatever runs. */
static void allocate_in_handler(void)
{
	static void *kept[8];
	u32 i = (u32)ticks % 8;

	memory_give(kept[i]);
	kept[i] = memory_get(64u << i % 4, 0);
	nr_atomic++;
	nr_refused += !kept[i];
}

void tick(void);
void tick(void)
{
	outb(0x20, 0x20);
	ticks++;
	in_handler++;
	if (ticks_allocate)
		allocate_in_handler();
	in_handler--;
	if (!preempt_off)
		schedule();
}

struct node {
	struct node *next;
	u32 bytes, mark;
};

static struct node *take(u32 bytes, int may_sleep, struct node *next)
{
	struct node *node = memory_get(bytes, may_sleep);

	if (!node)
		return (struct node *)0;
	node->next = next;
	node->bytes = bytes;
	node->mark = ((u32 *)node)[bytes / 4 - 1] = (u32)node ^ bytes;
	return node;
}

static int give(struct node *node)
{
	int is_ok =
		node->mark == ((u32)node ^ node->bytes) && ((u32 *)node)[node->bytes / 4 - 1] == node->mark;

	memory_give(node);
	return is_ok;
}

static u32 nr_wrong, nr_churners;

/* Takes and gives while the handler does the same between any two instructions, until it came 2000 times. */
static void churn(void)
{
	struct node *first = (struct node *)0, *next;
	u32 seed = (u32)running;

	for (u32 from = nr_atomic; nr_atomic < from + 2000;) {
		for (u32 i = 0; i < 200; i++) {
			seed = seed * 1103515245u + 12345u;
			next = take(16 + (seed >> 16) % 5000 / 4 * 4, 0, first);
			first = next ? next : first;
		}
		for (; first; first = next) {
			next = first->next;
			nr_wrong += !give(first);
		}
	}
	nr_churners--;
}

static void churn_in_threads(void)
{
	ticks_allocate = 1;
	nr_churners = 3;
	if (memory_sleeps()) {
		spawn(churn);
		spawn(churn);
	} else {
		preempt_off = 1;
		nr_churners = 1;
	}
	churn();
	while (nr_churners)
		yield();
	preempt_off = 0;
	ticks_allocate = 0;
	ok(!nr_wrong, "what is taken while a handler takes and gives stays whole");
	ok(nr_atomic >= 2000 && !nr_refused, "the handler got what it asked for");
}

/* --- sleeping --- */

static struct node *got;
static u32 is_asking, has_failed;

static void ask_for_good(void)
{
	is_asking = 1;
	got = memory_get(4096, 2);
	is_asking = 0;
}

static void ask_in_vain(void)
{
	u64 before = ticks;

	has_failed = !memory_get(4096, 1) && ticks - before >= 100 * TICKS_PER_MS;
	is_asking = 2;
}

static struct node *take_all(struct node *first)
{
	struct node *next;

	while ((next = take(4096, 0, first)) != 0)
		first = next;
	return first;
}

static void sleep_for_memory(void)
{
	struct node *all = take_all((struct node *)0), *next;

	spawn(ask_for_good);
	for (u64 until = ticks + 20; ticks < until;)
		yield();
	ok(is_asking && !got, "who may sleep does, with no memory there");
	for (; is_asking && all; all = next) { /* the last pages are for GFP_ATOMIC */
		next = all->next;
		nr_wrong += !give(all);
		yield();
	}
	while (is_asking)
		yield();
	ok(got != 0, "what is given back wakes the sleeper");
	all = take_all(all);
	spawn(ask_in_vain);
	while (is_asking != 2)
		yield();
	ok(has_failed, "a request in vain ends, after its rounds");
	for (; all; all = next) {
		next = all->next;
		nr_wrong += !give(all);
	}
	memory_give(got);
}

void slate_main(u32 *info);
void slate_main(u32 *info)
{
	const char *wrong;

	info = (u32 *)((u32)info + HIGH);
	threads[0].state = READY;
	load_tables();
	kprintf("# slate: %u KiB above 1 MiB\n", info[2]);
	memory_start((u32)image_end - HIGH, MIN(info[2] * 1024 + 0x100000, 0x40000000u));
	wrong = memory_test();
	ok(!wrong, wrong ? wrong : "the smoke test passes");
	start_ticks();
	memory_late();
	churn_in_threads();
	if (memory_sleeps())
		sleep_for_memory();
	wrong = memory_test();
	ok(!wrong && !nr_wrong, wrong ? wrong : "and at the end it passes again");
	kfree(2);
	ok(!get_page(2) && get_page(1) == 2 && vsnprintf(7) == 7, "names that mm has too are Slate's own");
	kprintf("1..%u\n", nr_tests);
	leave(nr_failed ? 0x11 : 0x10);
}

/* SPDX-License-Identifier: MIT */
/* Faults on the host are signals. */
#include <tests/kernel/fault.h>

#include <setjmp.h>
#include <signal.h>

static struct {
	sigjmp_buf back;
	void *volatile at;
} fault;

static void caught(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	fault.at = info->si_addr;
	siglongjmp(fault.back, 1);
}

static bool faults(void *addr, bool write)
{
	struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO}, before;

	fault.at = NULL;
	sigaction(SIGSEGV, &action, &before);
	if (sigsetjmp(fault.back, 1) == 0) {
		if (write)
			*(volatile char *)addr = 1;
		else
			(void)*(const volatile char *)addr;
	}
	sigaction(SIGSEGV, &before, NULL);
	return fault.at == addr;
}

bool read_faults(const void *addr)
{
	return faults((void *)addr, false);
}

bool write_faults(void *addr)
{
	return faults(addr, true);
}

# SPDX-License-Identifier: MIT
# Loaded by `make debug`. QEMU stands at its first instruction, long before the kernel: software breakpoints on kernel
# addresses work at once, since QEMU keeps them itself.
set confirm off
set pagination off
set disassemble-next-line auto
set print pretty on
set architecture i386
handle SIGINT nopass

define start-kernel
	tbreak kernel_main
	continue
end
document start-kernel
Run to the first line of C.
end

define regs
	info registers eax ebx ecx edx esi edi ebp esp eip eflags cr0 cr2 cr3 cr4
end
document regs
General and control registers.
end

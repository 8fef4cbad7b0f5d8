/* SPDX-License-Identifier: MIT */
/* libFuzzer target: the input's first byte picks the protocol, the rest is the physical memory from BASE on,
 * with the information structure at its start. It is copied to measure, so that ASan sees every byte read too
 * far. */
#include <boot/boot_info.h>

#include <boot/multiboot.h>
#include <stdlib.h>
#include <string.h>

#define BASE 0x10000u

static struct {
	uint8_t *bytes;
	size_t size;
} memory;

static const void *reach(uint64_t phys, uint64_t size)
{
	if (phys < BASE || phys - BASE > memory.size || size > memory.size - (phys - BASE))
		return NULL;
	return memory.bytes + (phys - BASE);
}

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* What every accepted result must satisfy. */
static void info_check(const struct boot_info *info)
{
	require(info->nr_entries >= 1 && info->nr_entries <= BOOT_MAX_ENTRIES);
	require(info->nr_modules <= BOOT_MAX_MODULES);
	require(strnlen(info->cmdline, sizeof(info->cmdline)) < sizeof(info->cmdline));
	require(strnlen(info->loader, sizeof(info->loader)) < sizeof(info->loader));
	require(info->loader_start == BASE && info->loader_end > BASE && info->map_source[0] == 'm');
	for (unsigned int i = 0; i < info->nr_modules; i++) {
		require(info->modules[i].start <= info->modules[i].end);
		require(strnlen(info->modules[i].name, 64) < 64);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_info info;
	const char *refusal;

	if (size < 1)
		return 0;
	memory.size = size - 1;
	memory.bytes = malloc(size);
	require(memory.bytes != NULL);
	memory.bytes = realloc(memory.bytes, memory.size != 0 ? memory.size : 1);
	memcpy(memory.bytes, data + 1, memory.size);
	refusal = boot_info_parse(&info, data[0] & 1 ? MB1_MAGIC : MB2_MAGIC, BASE, reach);
	if (refusal != NULL)
		require(refusal[0] != '\0' && strchr(refusal, '\n') == NULL);
	else
		info_check(&info);
	free(memory.bytes);
	return 0;
}

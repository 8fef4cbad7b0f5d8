/* SPDX-License-Identifier: MIT */
/* A Linux program whose malloc() is mm: the C library's own calls too. It works with lists, text and large blocks, runs into
 * the end of memory and goes on. Prints TAP. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mm/kit/smoke.h>

#include <tests/port/hosted/glue.h>

#define RAM_BYTES ((size_t)64 << 20)

static size_t nr_calls;

static void start(void)
{
	static int is_up;

	if (!is_up++)
		start_memory(RAM_BYTES);
}

void *malloc(size_t bytes)
{
	start();
	nr_calls++;
	return mm_get(bytes);
}

void free(void *object)
{
	mm_give(object);
}

void *realloc(void *object, size_t bytes)
{
	start();
	return object && bytes ? mm_resize(object, bytes) : object ? (free(object), NULL) : malloc(bytes);
}

void *calloc(size_t n, size_t size)
{
	size_t bytes;
	void *object = __builtin_mul_overflow(n, size, &bytes) ? NULL : malloc(bytes);

	return object ? memset(object, 0, bytes) : NULL;
}

/* Of 2^n bytes objects are as aligned as they are large. */
void *aligned_alloc(size_t align, size_t bytes)
{
	return malloc(bytes < align ? align : (size_t)1 << (64 - __builtin_clzll(bytes - 1)));
}

static int nr_tests, nr_failed;

static void ok(int is_ok, const char *name)
{
	nr_failed += !is_ok;
	printf("%sok %d - hosted: %s\n", is_ok ? "" : "not ", ++nr_tests, name);
}

static int objects_are_aligned(void)
{
	int is_ok = 1;

	for (size_t bytes = 1; bytes < 40000; bytes += bytes / 7 + 1) {
		void *object = malloc(bytes);

		is_ok &= object && (uintptr_t)object % 16 == 0;
		free(object);
	}
	return is_ok;
}

struct word {
	struct word *next;
	char *text;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* 20,000 texts in a list, sorted by an array that grows, all given back. */
static int lists_and_texts_work(void)
{
	struct word *first = NULL;
	char **array = NULL;
	size_t nr = 0;
	int is_ok = 1;

	for (unsigned int i = 0, x = 1; i < 20000; i++) {
		struct word *word = malloc(sizeof(*word));

		x = x * 1103515245u + 12345u;
		word->next = first;
		is_ok &= asprintf(&word->text, "%08x %*s", x, (int)(x % 100), "") > 0;
		first = word;
	}
	for (struct word *word = first; word; word = word->next) {
		array = realloc(array, (nr + 1) * sizeof(*array));
		array[nr++] = word->text;
	}
	qsort(array, nr, sizeof(*array), by_text);
	for (size_t i = 1; i < nr; i++)
		is_ok &= strcmp(array[i - 1], array[i]) <= 0;
	for (struct word *next; first; first = next) {
		next = first->next;
		free(first->text);
		free(first);
	}
	free(array);
	return is_ok && nr == 20000;
}

/* The largest block first, then all there is in blocks of 64 KiB, twice the same number. */
static int the_end_of_memory_is_null(void)
{
	size_t nr[2] = {0, 0};

	for (int round = 0; round < 2; round++) {
		void **chain = NULL, **block;

		while ((block = malloc(65536)) != NULL) {
			*block = chain;
			chain = block;
			nr[round]++;
		}
		while (chain) {
			block = *chain;
			free(chain);
			chain = block;
		}
	}
	printf("# %zu blocks of 64 KiB of %zu\n", nr[1], RAM_BYTES >> 16);
	return nr[0] == nr[1] && nr[0] > (RAM_BYTES >> 16) * 9 / 10;
}

int main(void)
{
	const char *wrong;

	start();
	wrong = mm_smoke_test();
	ok(!wrong, wrong ? wrong : "the smoke test passes, 64 bits");
	ok(objects_are_aligned(), "objects are as aligned as C wants them");
	ok(lists_and_texts_work(), "lists, texts and a sort live in mm");
	ok(the_end_of_memory_is_null(), "the end of memory is NULL, and all comes back");
	wrong = mm_smoke_test();
	ok(!wrong, wrong ? wrong : "the smoke test passes at the end");
	ok(nr_calls > 40000, "the C library's calls came here, too");
	printf("1..%d\n", nr_tests);
	return !!nr_failed;
}

/* SPDX-License-Identifier: MIT */
/* Random programs of all file calls below one directory, beside a model that holds what every file must be. Guest only. */
#pragma once

#include <kernel/lib/random.h>
#include <kernel/lib/types.h>

#define MODEL_NAMES    24u
#define MODEL_FILES    12u
#define MODEL_DIRS     3u
#define MODEL_MAX_FILE (24u << 10)

struct model_file {
	char *data; /* MODEL_MAX_FILE bytes */
	uint32_t size, nr_names;
	bool is_confirmed; /* by fsync, and the host was told so */
};

struct model {
	const char *root; /* "/t1" */
	struct random random;
	struct model_file file[MODEL_FILES];
	int name[MODEL_NAMES]; /* which file; -1: none. The n-th is in directory n % (MODEL_DIRS + 1), 0: root itself */
	bool has_dir[MODEL_DIRS + 1];
	uint32_t nr_done, nr_refused; /* operations; those for which there was no space */
	char *wrong;		      /* NULL, or `text` */
	char text[160];

	/* Told before what was confirmed changes, and when something is; NULL: nobody listens. */
	void (*confirm)(const char *path, uint32_t sum);
	void (*revoke)(const char *path);
};

/* Makes the directory. Result: false: no memory, or it cannot. */
bool model_begin(struct model *model, const char *root, uint32_t seed);
void model_step(struct model *model);

/* Of the n-th name, into MODEL_PATH_BYTES. Result: is a file of that name there? */
#define MODEL_PATH_BYTES 40u
bool model_path(const struct model *model, unsigned int n, char *path);

/* All files are compared with the model. */
void model_compare(struct model *model);
void model_end(struct model *model);

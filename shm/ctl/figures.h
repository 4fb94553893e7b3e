/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Figures as private copies: of one worker, or of several together.
 */
#ifndef SHM_CTL_FIGURES_H
#define SHM_CTL_FIGURES_H

#include "shm/stats.h"

#include <stddef.h>
#include <stdint.h>

enum {
	FIGURES_POOL_NAME = 32,
};

/* One module's, in one worker or in all workers of a pool. */
struct figures_module {
	char name[SEGMENT_MODULE_NAME];
	char pool[FIGURES_POOL_NAME]; /* empty: there are no pools */
	uint64_t stats[MODULE_FIGURES];
	struct histogram histograms[MODULE_HISTOGRAMS];
};

struct figures {
	uint64_t stats[WORKER_FIGURES];
	uint64_t completions[SEGMENT_OPERATIONS];
	struct histogram histograms[WORKER_HISTOGRAMS];
	size_t module_count;
	struct figures_module *modules;
};

/*
 * figures_read(segment, pool, ret_figures):
 * Copy what the segment says: a figure is never torn, but may be anything.
 * Bounded by our own constants. Returns 0, and figures_free() is the caller's
 * duty; or -ENOMEM.
 */
int figures_read(const struct segment *segment, const char *pool,
    struct figures *ret_figures);

/*
 * figures_merge(to, from):
 * Add ${from}, modules by pool and name. Returns 0 or -ENOMEM.
 */
int figures_merge(struct figures *to, const struct figures *from);

/* figures_module(figures, pool, name): that module's, made if new, or NULL. */
struct figures_module *figures_module(
    struct figures *figures, const char *pool, const char *name);

/*
 * figures_add_words(figures, words), figures_add_module_words(module, words):
 * Add a block of the layout that stats.h describes; completions included.
 */
void figures_add_words(struct figures *figures, const _Atomic uint64_t *words);
void figures_add_module_words(
    struct figures_module *module, const _Atomic uint64_t *words);

/* figures_free(figures): cleared ones are fine. */
void figures_free(struct figures *figures);

#endif

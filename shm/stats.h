/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Figures in shared memory. Each block has one writer, the worker's dispatch
 * loop, so an update is a plain load and a relaxed store; readers sum blocks
 * and may see a figure one event old, never a torn one.
 */
#ifndef SHM_STATS_H
#define SHM_STATS_H

#include "shm/histogram.h"
#include "shm/segment.h"

#include <stdatomic.h>
#include <stdint.h>

enum stat_kind {
	STAT_COUNTER,
	STAT_GAUGE,
	STAT_HISTOGRAM,
};

/* Histograms of a worker's block, and of a module's, from 0. */
enum worker_histogram {
#define WORKER_HISTOGRAM(name, help) HISTOGRAM_##name,
#include "shm/stats.def"
	WORKER_HISTOGRAMS
};
enum module_histogram {
#define MODULE_HISTOGRAM(name, help) MODULE_HISTOGRAM_##name,
#include "shm/stats.def"
	MODULE_HISTOGRAMS
};

/* Figures of a worker's block, and of a module's, from 0. */
enum worker_figure {
#define WORKER_STAT(name, kind, unit, help) STAT_##name,
#include "shm/stats.def"
	WORKER_FIGURES
};
enum module_figure {
#define MODULE_STAT(name, kind, unit, help) MODULE_STAT_##name,
#include "shm/stats.def"
	MODULE_FIGURES
};

/*
 * Word indexes in the worker's block: STAT_requests and the other figures,
 * room for more of them, and from fixed places on what follows them, so that
 * programs with more figures and with fewer read each other's blocks.
 */
enum worker_stat {
	/* Completions dispatched, one word for each operation number. */
	STAT_completions = 64,
	STAT_histograms = STAT_completions + SEGMENT_OPERATIONS,
	WORKER_STATS = STAT_histograms + WORKER_HISTOGRAMS * HISTOGRAM_WORDS
};

/* The same in each module's block: MODULE_STAT_calls ... */
enum module_stat {
	MODULE_STAT_histograms = 32,
	MODULE_STATS =
	    MODULE_STAT_histograms + MODULE_HISTOGRAMS * HISTOGRAM_WORDS
};

/* When these fail: more room above, and a new SEGMENT_VERSION. */
_Static_assert((int)WORKER_FIGURES <= (int)STAT_completions, "room");
_Static_assert((int)MODULE_FIGURES <= (int)MODULE_STAT_histograms, "room");

/* What stats.def says of one figure. */
struct stat_info {
	const char *name;
	const char *unit;
	const char *help;
	enum stat_kind kind;
};
extern const struct stat_info worker_stat_info[WORKER_FIGURES];
extern const struct stat_info worker_histogram_info[WORKER_HISTOGRAMS];
extern const struct stat_info module_stat_info[MODULE_FIGURES];
extern const struct stat_info module_histogram_info[MODULE_HISTOGRAMS];

/*
 * operation_name(op): "flush", or NULL for a number not in operations.def.
 */
const char *operation_name(uint16_t op);

static inline void
stat_add(_Atomic uint64_t *word, int64_t by)
{
	atomic_store_explicit(word,
	    atomic_load_explicit(word, memory_order_relaxed) + (uint64_t)by,
	    memory_order_relaxed);
}

static inline void
stat_set(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

/* stats_worker(segment), stats_module(segment, id): the first word. */
static inline _Atomic uint64_t *
stats_worker(const struct segment *segment)
{
	return (segment->stats);
}
static inline _Atomic uint64_t *
stats_module(const struct segment *segment, uint32_t module)
{
	return (segment->stats + segment->stats_worker_words +
		(size_t)module * segment->stats_module_words);
}

/* stats_worker_histogram(block, which): its words, for histogram_add(). */
static inline _Atomic uint64_t *
stats_worker_histogram(_Atomic uint64_t *block, enum worker_histogram which)
{
	return (&block[STAT_histograms + which * HISTOGRAM_WORDS]);
}
static inline _Atomic uint64_t *
stats_module_histogram(_Atomic uint64_t *block, enum module_histogram which)
{
	return (&block[MODULE_STAT_histograms + which * HISTOGRAM_WORDS]);
}

/*
 * stats_read(segment, module, index):
 * For readers: one figure, or 0 when this segment doesn't have it: an older
 * worker's, or of no such module. ${module} is -1 for the worker's own block.
 */
uint64_t stats_read(const struct segment *segment, int module, uint32_t index);

/*
 * stats_read_histogram(segment, module, which, ret_histogram):
 * The same for a histogram: an enum worker_histogram when ${module} is -1,
 * else an enum module_histogram. Empty when the layout doesn't have it.
 */
void stats_read_histogram(const struct segment *segment, int module,
    uint32_t which, struct histogram *ret_histogram);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The retired block: what workers that are gone have counted, so that totals
 * never go back. The master folds a dead worker's counters and histograms
 * into it, by pool and module, and remembers whose they were; gauges vanish
 * with their worker. It is a file of its own in memory, which monitors map
 * read-only as they map segments, and which outlives every worker.
 *
 * A monitor reads the living first and this last, and leaves out of the
 * living whoever is among the folded: so nobody is counted twice or not at
 * all, whenever they die.
 */
#ifndef SHM_RETIRED_H
#define SHM_RETIRED_H

#include "shm/stats.h"

#include <stdbool.h>

#define RETIRED_MAGIC UINT64_C(0x3130524f484b4c42) /* "BLKHOR01" */

enum {
	RETIRED_POOL_NAME = 32,
	RETIRED_BLOCKS = 544,  /* 16 pools: each itself and 32 modules, and
				  somewhat for those that a reload took out */
	RETIRED_RECENT = 1024, /* incarnations that are remembered */
	RETIRED_WORDS = (int)WORKER_STATS > (int)MODULE_STATS
			    ? (int)WORKER_STATS
			    : (int)MODULE_STATS,
};

/* What all workers of a pool, or a module in them, had counted. */
struct retired_block {
	char pool[RETIRED_POOL_NAME];
	char module[SEGMENT_MODULE_NAME]; /* empty: the workers' own figures */
	_Atomic uint64_t words[RETIRED_WORDS];
};

/* The file. */
struct retired_memory {
	uint64_t magic;
	uint32_t worker_words; /* of a pool's block, as in stats.h */
	uint32_t module_words;
	_Atomic uint64_t sequence; /* odd while it is being changed */
	_Atomic uint64_t folded;   /* incarnations so far */
	_Atomic uint32_t recent[RETIRED_RECENT]; /* the last, as a ring */
	_Atomic uint32_t count;                  /* blocks in use */
	uint32_t padding;
	struct retired_block blocks[RETIRED_BLOCKS];
};

/* The master's. */
struct retired {
	struct retired_memory *memory; /* NULL: there is none */
	uint32_t count;                /* of blocks: what we go by */
	int fd;                        /* of the file, to keep over an exec */
	int ro;                        /* for monitors */
};

/*
 * retired_create(retired): an empty one. It is sealed: nobody can write it but
 * through the mapping that is made here, whatever descriptor they have or open.
 *
 * retired_take_over(retired, fd): a new one with the contents of that which the
 * program before us has left, since nobody can map that for writing either.
 * What it says is checked; the descriptor stays the caller's.
 *
 * Both return 0, -errno (-ENOSPC, -ENOMEM: its memory, all of which is had
 * here, isn't there), or -EPROTO when the file isn't one of ours. Without one,
 * nothing is lost but figures.
 */
int retired_create(struct retired *retired);
int retired_take_over(struct retired *retired, int fd);

/* retired_close(retired): a closed one (memory NULL) is fine. */
void retired_close(struct retired *retired);

/*
 * retired_fold(retired, segment, pool):
 * The worker that had ${segment} is dead: add what it had counted. What no
 * counter can have reached (something wrote over it) is left out. Returns
 * false when there was no room for one of its modules.
 */
bool retired_fold(
    struct retired *retired, const struct segment *segment, const char *pool);

/* A private copy, for monitors. */
struct retired_copy {
	uint32_t count; /* of blocks */
	struct retired_block *blocks;
	uint32_t recent[RETIRED_RECENT];
};

/*
 * retired_read(fd, ret_copy):
 * Copy what the file says, all of one moment. Returns 0 and
 * retired_copy_free() is the caller's duty; -EPROTO, -EAGAIN when it wouldn't
 * stand still, or -errno. The descriptor stays open.
 */
int retired_read(int fd, struct retired_copy *ret_copy);
void retired_copy_free(struct retired_copy *copy);

/* retired_has(copy, incarnation): is that worker's count in it? */
bool retired_has(const struct retired_copy *copy, uint32_t incarnation);

#endif

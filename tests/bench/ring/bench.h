/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring's benchmark: what all its parts share. Time in ticks, threads on
 * cores, and the figures of each round.
 *
 * Atomics appear here outside shm/, since rings are what is measured.
 */
#ifndef BENCH_RING_BENCH_H
#define BENCH_RING_BENCH_H

#include "shm/base/clock.h"

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
	BENCH_ROUNDS_MAX = 101,
	BENCH_FIGURES_MAX = 160,
	BENCH_PRODUCERS_MAX = 4,
	BENCH_HOT = 128, /* words that several threads write are so far apart */
};

/* One row: what was measured, in nanoseconds or another unit, each round. */
struct figure {
	const char *scenario;
	const char *name;
	double values[BENCH_ROUNDS_MAX];
	unsigned count;
};

struct bench {
	size_t cpus[2]; /* the consumer's, and the first producer's */
	double ns_per_tick;
	const char *only;   /* scenarios with this in their name; NULL: all */
	double scale;       /* of the work in a measurement: 1, or less */
	uint64_t delivered; /* completions that came as they should */
	uint64_t wrong;     /* lost, doubled, altered, or a wake-up lost */
	unsigned figures_count;
	struct figure figures[BENCH_FIGURES_MAX];
};

/* The scenarios' names: what a figure belongs to. */
#define SCENARIO_UNITS    "units"
#define SCENARIO_PUBLISH  "publish alone"
#define SCENARIO_SAME     "same thread: publish + consume"
#define SCENARIO_PUSHING  "two cores in turns: producer's side, each"
#define SCENARIO_POPPING  "two cores in turns: consumer's side, each"
#define SCENARIO_LATENCY  "two cores polling: publish to handler"
#define SCENARIO_STREAM_1 "two cores polling: 1 producer, ns each"
#define SCENARIO_BUSY     "two cores, handler of 100 ns, ns each"
#define SCENARIO_STREAM_2 "2 producers, ns each"
#define SCENARIO_STREAM_3 "3 producers, ns each"
#define SCENARIO_STREAM_4 "4 producers, ns each"
#define SCENARIO_BURST    "bursts of 16, to the last handler, ns each"
#define SCENARIO_BATCH    "batches of 16, 1 producer, ns each"
#define SCENARIO_ASLEEP   "sleeping consumer: publish to handler"
#define SCENARIO_WAKES    "wake system calls per completion"
#define SCENARIO_DEAD     "helper dead with 4096 in flight: all ended"

/*
 * bench_ticks(): a clock that is cheap to read and the same on all cores.
 */
static inline uint64_t
bench_ticks(void)
{
#if defined(__x86_64__)
	return (__builtin_ia32_rdtsc());
#else
	return (clock_now());
#endif
}

/* Called in a loop that waits; gives way when that takes long. */
static inline void
bench_wait(unsigned *spins)
{
	if (++*spins % 4096 == 0)
		(void)sched_yield(); /* can't fail on Linux */
}

/* bench_spin(bench, ns): keep the core busy for so long. */
void bench_spin(const struct bench *bench, unsigned ns);

/* bench_init(bench): find two cores, and what a tick is. */
void bench_init(struct bench *bench);

/*
 * bench_pin(bench, role):
 * Keep the calling thread on its core: role 0 is the consumer, 1 the first
 * producer, and further ones alternate.
 */
void bench_pin(const struct bench *bench, unsigned role);

/* bench_count(bench, count): as many repetitions as the mode allows. */
unsigned bench_count(const struct bench *bench, unsigned count);

/* bench_add(bench, scenario, name, value): a figure of this round. */
void bench_add(
    struct bench *bench, const char *scenario, const char *name, double value);

/* bench_wants(bench, scenario): is it to be measured? */
bool bench_wants(const struct bench *bench, const char *scenario);

/* bench_median(values, count): sorts ${values}. */
double bench_median(double *values, unsigned count);

/*
 * bench_typical(samples, count):
 * The mean of the middle half; sorts ${samples}. A tick may be 10 ns, which
 * a median of single latencies would show.
 */
double bench_typical(double *samples, unsigned count);

/* report.c */
void report_table(const struct bench *bench, FILE *out);
void report_json(const struct bench *bench, FILE *out);

/* The scenarios that aren't contests. */
void units_measure(struct bench *bench);
void dead_measure(struct bench *bench);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log-linear histograms of times, words of a block of figures: the sum, then
 * a count for each bucket. Up to 256 ns a bucket is 16 ns wide; from there on
 * each power of two is divided into 8, so that a time is known to 1/8 up to
 * 68 s, beyond which all share the last bucket. Adding one is an index and two
 * stores: single writer, no lock, no division.
 *
 * In a segment times are nanoseconds; readers make seconds of them if they
 * like.
 */
#ifndef SHM_HISTOGRAM_H
#define SHM_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HISTOGRAM_UNIT_BITS = 4,   /* 16 ns */
	HISTOGRAM_LINEAR_BITS = 3, /* 8 buckets a power of two */
	HISTOGRAM_MAX_BITS = 36,   /* 68.7 s */
	HISTOGRAM_STEPS = 1 << HISTOGRAM_LINEAR_BITS,
	/* The first power of two is linear as a whole: one step more. */
	HISTOGRAM_OVER = (HISTOGRAM_MAX_BITS - HISTOGRAM_UNIT_BITS -
			     HISTOGRAM_LINEAR_BITS + 1) *
			 HISTOGRAM_STEPS,
	HISTOGRAM_BUCKETS = HISTOGRAM_OVER + 1,
	HISTOGRAM_WORDS = 1 + HISTOGRAM_BUCKETS, /* the sum is the first */
};

/* histogram_bucket(ns): the bucket that a time falls into. */
static inline uint32_t
histogram_bucket(uint64_t ns)
{
	const uint64_t v = ns >> HISTOGRAM_UNIT_BITS;
	uint32_t shift;

	if (ns >> HISTOGRAM_MAX_BITS != 0)
		return (HISTOGRAM_OVER);
	/* Or'ed: below one step's worth the shift is 0 and v the bucket. */
	shift = 63 - HISTOGRAM_LINEAR_BITS -
		(uint32_t)__builtin_clzll(v | HISTOGRAM_STEPS);
	return (shift * HISTOGRAM_STEPS + (uint32_t)(v >> shift));
}

/* histogram_add(words, ns): the block's only writer. */
static inline void
histogram_add(_Atomic uint64_t *words, uint64_t ns)
{
	_Atomic uint64_t *bucket = &words[1 + histogram_bucket(ns)];

#ifdef BULKHEAD_BARE
	return; /* tests/bench/README.md */
#endif
	atomic_store_explicit(words,
	    atomic_load_explicit(words, memory_order_relaxed) + ns,
	    memory_order_relaxed);
	atomic_store_explicit(bucket,
	    atomic_load_explicit(bucket, memory_order_relaxed) + 1,
	    memory_order_relaxed);
}

/* A reader's copy. The count is that of the buckets: never out of step. */
struct histogram {
	uint64_t sum; /* ns */
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

/*
 * histogram_bound(bucket):
 * The first time, in ns, that is beyond this bucket; the last one has none:
 * UINT64_MAX.
 */
uint64_t histogram_bound(uint32_t bucket);

/* histogram_count(histogram): how many times there are in it. */
uint64_t histogram_count(const struct histogram *histogram);

/*
 * histogram_quantile(histogram, thousandths):
 * The time that so many of 1000 don't exceed, in ns, interpolated inside its
 * bucket; 0 when it is empty. 500 is the median, 999 is p99.9.
 */
uint64_t histogram_quantile(
    const struct histogram *histogram, unsigned thousandths);

/* histogram_merge(to, from), histogram_subtract(from, what): by bucket. */
void histogram_merge(struct histogram *to, const struct histogram *from);
void histogram_subtract(struct histogram *from, const struct histogram *what);

#endif

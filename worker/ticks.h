/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Short times: the processor's own counter, which costs one instruction where
 * a clock costs some fifty, so that each callback can be measured. Only the
 * difference of two readings means anything, and only in this process.
 *
 * The counter's rate is measured once, at the worker's start. Where there is
 * no such counter it is the clock.
 */
#ifndef WORKER_TICKS_H
#define WORKER_TICKS_H

#include "shm/base/clock.h"

#include <stdint.h>

enum {
	TICKS_SHIFT = 22,    /* the scale's binary point */
	TICKS_MAX_BITS = 42, /* a difference beyond (20 min) is nonsense */
};

/* Nanoseconds of a tick << TICKS_SHIFT; 0: not measured, all times are 0. */
extern uint64_t ticks_scale;

/* ticks_calibrate(): takes a fraction of a millisecond; once, at the start. */
void ticks_calibrate(void);

static inline uint64_t
ticks_now(void)
{
#if defined(BULKHEAD_BARE) /* tests/bench/README.md */
	return (0);
#elif defined(__x86_64__)
	return (__builtin_ia32_rdtsc());
#elif defined(__aarch64__)
	uint64_t ticks;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return (ticks);
#else
	return (clock_now());
#endif
}

/*
 * ticks_between(from, to): in nanoseconds. A counter that ran backwards (it
 * may on a machine that was moved) makes 0.
 */
static inline uint64_t
ticks_between(uint64_t from, uint64_t to)
{
	if (__builtin_expect((to - from) >> TICKS_MAX_BITS != 0, 0))
		return (0);
	return ((to - from) * ticks_scale >> TICKS_SHIFT);
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock of all times in a segment: CLOCK_MONOTONIC, in nanoseconds. It is
 * one clock for all processes of the machine, so the master and a monitor can
 * subtract a worker's times from their own.
 */
#ifndef SHM_BASE_CLOCK_H
#define SHM_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_NS_PER_SEC UINT64_C(1000000000)
#define CLOCK_NS_PER_MS  UINT64_C(1000000)

static inline uint64_t
clock_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* can't fail on Linux */
	return ((uint64_t)now.tv_sec * CLOCK_NS_PER_SEC +
	    (uint64_t)now.tv_nsec);
}

#endif

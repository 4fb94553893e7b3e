/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rate of the processor's counter. Runs in a worker, at its start.
 */
#include "worker/ticks.h"

enum {
	CALIBRATE_NS = 200000,
	TRIES = 5, /* the one with the least delay between both readings */
};

uint64_t ticks_scale;

/* Both at one time, as nearly as can be. */
static void
read_both(uint64_t *ret_ticks, uint64_t *ret_ns)
{
	uint64_t after, before, least = UINT64_MAX, ns;
	int i;

	for (i = 0; i < TRIES; i++) {
		before = ticks_now();
		ns = clock_now();
		after = ticks_now();
		if (after - before >= least)
			continue;
		least = after - before;
		*ret_ticks = before + (after - before) / 2;
		*ret_ns = ns;
	}
}

void
ticks_calibrate(void)
{
	uint64_t end_ns = 0, end_ticks = 0, start_ns = 0, start_ticks = 0;

	read_both(&start_ticks, &start_ns);
	do
		read_both(&end_ticks, &end_ns);
	while (end_ns - start_ns < CALIBRATE_NS);
	if (end_ticks > start_ticks)
		ticks_scale = ((end_ns - start_ns) << TICKS_SHIFT) /
			      (end_ticks - start_ticks);
}

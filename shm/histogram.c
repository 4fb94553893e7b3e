/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading histograms. Tools; the counts may be anything.
 */
#include "shm/histogram.h"

uint64_t
histogram_bound(uint32_t bucket)
{
	uint32_t next = bucket + 1, shift;

	if (bucket >= HISTOGRAM_OVER)
		return (UINT64_MAX);
	if (next < 2 * HISTOGRAM_STEPS)
		return ((uint64_t)next << HISTOGRAM_UNIT_BITS);
	shift = next / HISTOGRAM_STEPS - 1;
	return ((uint64_t)(next % HISTOGRAM_STEPS + HISTOGRAM_STEPS)
		<< (shift + HISTOGRAM_UNIT_BITS));
}

uint64_t
histogram_count(const struct histogram *histogram)
{
	uint64_t count = 0;
	uint32_t i;

	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		count += histogram->buckets[i];
	return (count);
}

/* Where in bucket ${i} the one of rank ${rank} of its ${count} is. */
static uint64_t
interpolate(uint32_t i, uint64_t rank, uint64_t count)
{
	uint64_t low = i == 0 ? 0 : histogram_bound(i - 1);
	uint64_t high = histogram_bound(i);

	if (i >= HISTOGRAM_OVER)
		return (low); /* more isn't known */
	return (low + (uint64_t)((double)(high - low) * (double)rank /
				 (double)count));
}

uint64_t
histogram_quantile(const struct histogram *histogram, unsigned thousandths)
{
	const uint64_t count = histogram_count(histogram);
	uint64_t rank, seen = 0;
	uint32_t i;

	if (count == 0)
		return (0);
	/* Rounded up, and without the overflow of count * thousandths. */
	rank = count / 1000 * thousandths +
	       (count % 1000 * thousandths + 999) / 1000;
	if (rank == 0)
		rank = 1;
	for (i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (histogram->buckets[i] >= rank - seen)
			return (
			    interpolate(i, rank - seen, histogram->buckets[i]));
		seen += histogram->buckets[i];
	}
	return (interpolate(HISTOGRAM_OVER, 1, 1));
}

void
histogram_merge(struct histogram *to, const struct histogram *from)
{
	uint32_t i;

	to->sum += from->sum;
	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->buckets[i] += from->buckets[i];
}

void
histogram_subtract(struct histogram *from, const struct histogram *what)
{
	uint32_t i;

	from->sum -= what->sum;
	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		from->buckets[i] -= what->buckets[i];
}

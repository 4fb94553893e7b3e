/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Histograms: each time falls into the bucket whose bounds hold it, and what
 * is read back is within a bucket's width of it.
 */
#include "unit.h"

#include "shm/histogram.h"

#include <string.h>

static uint64_t
lower_bound(uint32_t bucket)
{
	return (bucket == 0 ? 0 : histogram_bound(bucket - 1));
}

static void
check_place(uint64_t ns)
{
	uint32_t bucket = histogram_bucket(ns);

	assert_in_range(bucket, 0, HISTOGRAM_OVER);
	assert_true(ns >= lower_bound(bucket));
	if (bucket < HISTOGRAM_OVER)
		assert_true(ns < histogram_bound(bucket));
}

static void
each_time_is_within_its_bucket(void **state)
{
	unsigned bit;
	uint64_t ns;

	(void)state;
	for (ns = 0; ns < 5000; ns++)
		check_place(ns);
	for (bit = 0; bit < 64; bit++) {
		check_place((UINT64_C(1) << bit) - 1);
		check_place(UINT64_C(1) << bit);
		check_place((UINT64_C(1) << bit) + (UINT64_C(1) << bit) / 3);
	}
	check_place(UINT64_MAX);
	assert_int_equal(HISTOGRAM_OVER, histogram_bucket(UINT64_C(1) << 36));
	assert_int_equal(
	    HISTOGRAM_OVER - 1, histogram_bucket((UINT64_C(1) << 36) - 1));
}

static void
buckets_are_narrow_and_without_gaps(void **state)
{
	uint64_t width;
	uint32_t i;

	(void)state;
	for (i = 0; i < HISTOGRAM_OVER; i++) {
		assert_true(histogram_bound(i) > lower_bound(i));
		width = histogram_bound(i) - lower_bound(i);
		assert_true(width == 16 || width * 8 <= lower_bound(i));
		assert_int_equal(i, histogram_bucket(lower_bound(i)));
	}
	assert_true(histogram_bound(HISTOGRAM_OVER) == UINT64_MAX);
	assert_int_equal(UINT64_C(1) << 36, lower_bound(HISTOGRAM_OVER));
}

static void
read_words(const _Atomic uint64_t *words, struct histogram *ret_histogram)
{
	uint32_t i;

	ret_histogram->sum = words[0];
	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		ret_histogram->buckets[i] = words[1 + i];
}

static void
quantiles_are_within_an_eighth(void **state)
{
	static const unsigned asked[] = { 1, 500, 900, 990, 999, 1000 };
	_Atomic uint64_t words[HISTOGRAM_WORDS] = { 0 };
	struct histogram h;
	uint64_t i, is, want;
	size_t k;

	(void)state;
	for (i = 1; i <= 100000; i++)
		histogram_add(words, i * 1000);
	read_words(words, &h);
	assert_int_equal(100000, histogram_count(&h));
	assert_int_equal(UINT64_C(5000050000) * 1000, h.sum);
	for (k = 0; k < sizeof(asked) / sizeof(asked[0]); k++) {
		want = asked[k] * UINT64_C(100) * 1000;
		is = histogram_quantile(&h, asked[k]);
		assert_in_range(is, want - want / 8, want + want / 8);
	}
}

static void
quantiles_of_odd_histograms(void **state)
{
	struct histogram h;

	(void)state;
	memset(&h, 0, sizeof(h));
	assert_int_equal(0, histogram_quantile(&h, 500));
	h.buckets[HISTOGRAM_OVER] = 1;
	assert_int_equal(UINT64_C(1) << 36, histogram_quantile(&h, 500));
	/* What a wild store may leave. */
	memset(&h, 0xff, sizeof(h));
	(void)histogram_quantile(&h, 999);
	memset(&h, 0, sizeof(h));
	h.buckets[0] = UINT64_MAX / 2;
	h.buckets[100] = UINT64_MAX / 2;
	assert_in_range(histogram_quantile(&h, 500), 1, 17);
}

static void
merging_and_subtracting_undo_each_other(void **state)
{
	_Atomic uint64_t words[HISTOGRAM_WORDS] = { 0 };
	struct histogram one, sum;

	(void)state;
	histogram_add(words, 100);
	histogram_add(words, 1000000);
	read_words(words, &one);
	sum = one;
	histogram_merge(&sum, &one);
	assert_int_equal(4, histogram_count(&sum));
	assert_int_equal(2 * 1000100, sum.sum);
	histogram_subtract(&sum, &one);
	assert_memory_equal(&sum, &one, sizeof(one));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_time_is_within_its_bucket),
	cmocka_unit_test(buckets_are_narrow_and_without_gaps),
	cmocka_unit_test(quantiles_are_within_an_eighth),
	cmocka_unit_test(quantiles_of_odd_histograms),
	cmocka_unit_test(merging_and_subtracting_undo_each_other),
};

UNIT_MAIN(tests)

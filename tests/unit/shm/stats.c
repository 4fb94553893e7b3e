/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stats: every figure has its own word and its own name.
 */
#include "fixture.h"
#include "unit.h"

#include "shm/stats.h"

#include <string.h>

static void
each_figure_is_described(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < STAT_completions; i++) {
		assert_non_null(worker_stat_info[i].name);
		assert_true(strlen(worker_stat_info[i].help) > 0);
		for (j = 0; j < i; j++)
			assert_string_not_equal(
			    worker_stat_info[i].name, worker_stat_info[j].name);
	}
	for (i = 0; i < MODULE_STAT_histograms; i++) {
		assert_non_null(module_stat_info[i].name);
		assert_true(strlen(module_stat_info[i].help) > 0);
	}
	assert_string_equal("requests", worker_stat_info[STAT_requests].name);
	assert_int_equal(STAT_COUNTER, worker_stat_info[STAT_requests].kind);
	assert_int_equal(
	    STAT_GAUGE, worker_stat_info[STAT_requests_active].kind);
	assert_string_equal("bytes", worker_stat_info[STAT_bytes_sent].unit);
	assert_string_equal(
	    "pending", module_stat_info[MODULE_STAT_pending].name);
}

static void
operations_have_names(void **state)
{
	(void)state;
	assert_string_equal(
	    "read_entity_body", operation_name(OPERATION_READ_ENTITY_BODY));
	assert_string_equal(
	    "master_message", operation_name(OPERATION_MASTER_MESSAGE));
	assert_null(operation_name(0));
	assert_null(operation_name(SEGMENT_OPERATIONS - 1));
	assert_null(operation_name(SEGMENT_OPERATIONS));
	assert_null(operation_name(UINT16_MAX));
}

static void
no_two_figures_share_a_word(void **state)
{
	struct fixture *f = *state;
	uint32_t i;
	int m;

	for (i = 0; i < WORKER_STATS; i++)
		stat_add(&stats_worker(&f->segment)[i], 1000 + i);
	for (m = 0; m < FIXTURE_MODULES; m++)
		for (i = 0; i < MODULE_STATS; i++)
			stat_set(&stats_module(&f->segment, (uint32_t)m)[i],
			    (uint64_t)m * 10000 + i + 1);
	for (i = 0; i < WORKER_STATS; i++)
		assert_int_equal(1000 + i, stats_read(&f->reader, -1, i));
	for (m = 0; m < FIXTURE_MODULES; m++)
		for (i = 0; i < MODULE_STATS; i++)
			assert_int_equal((uint64_t)m * 10000 + i + 1,
			    stats_read(&f->reader, m, i));
}

static void
a_figure_that_the_segment_does_not_have_reads_as_zero(void **state)
{
	struct fixture *f = *state;
	struct segment old = f->reader;

	stat_set(&stats_worker(&f->segment)[WORKER_STATS - 1], 7);
	stat_set(&stats_module(&f->segment, 0)[0], 8);
	assert_int_equal(0, stats_read(&f->reader, -1, WORKER_STATS));
	assert_int_equal(0, stats_read(&f->reader, -1, UINT32_MAX));
	assert_int_equal(0, stats_read(&f->reader, 0, MODULE_STATS));
	assert_int_equal(0, stats_read(&f->reader, FIXTURE_MODULES, 0));
	assert_int_equal(0, stats_read(&f->reader, INT32_MAX, 0));
	/* A server with fewer figures than this tool knows. */
	old.stats_worker_words = WORKER_STATS - 1;
	assert_int_equal(0, stats_read(&old, -1, WORKER_STATS - 1));
}

static void
a_gauge_goes_down_too(void **state)
{
	struct fixture *f = *state;
	_Atomic uint64_t *gauge =
	    &stats_worker(&f->segment)[STAT_requests_active];

	stat_add(gauge, 3);
	stat_add(gauge, -2);
	assert_int_equal(1, stats_read(&f->reader, -1, STAT_requests_active));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_figure_is_described),
	cmocka_unit_test(operations_have_names),
	cmocka_unit_test_setup_teardown(
	    no_two_figures_share_a_word, fixture_setup, fixture_teardown),
	cmocka_unit_test_setup_teardown(
	    a_figure_that_the_segment_does_not_have_reads_as_zero,
	    fixture_setup, fixture_teardown),
	cmocka_unit_test_setup_teardown(
	    a_gauge_goes_down_too, fixture_setup, fixture_teardown),
};

UNIT_MAIN(tests)

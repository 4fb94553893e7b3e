/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables: rates and quantiles of the time between two looks, and filters.
 */
#include "sample.h"

#include "shm/ctl/summary.h"
#include "shm/ctl/views.h"

static const char *
cell(const struct table *table, size_t row, const char *title)
{
	size_t i;

	for (i = 0; i < table->column_count; i++)
		if (strcmp(table->columns[i].title, title) == 0)
			return (
			    table->cells[row * table->column_count + i].text);
	fail_msg("no column %s", title);
	return ("");
}

/* Two seconds later: 200 requests more of 8 ms each, by worker 1. */
static void
go_on(struct collect_status *status)
{
	struct figures *figures = &status->workers[0].figures;

	status->now_ns += 2 * SAMPLE_SECOND;
	figures->stats[STAT_requests] += 200;
	figures->histograms[HISTOGRAM_request_time]
	    .buckets[histogram_bucket(8000000)] += 200;
	figures->modules[0].stats[MODULE_STAT_calls] += 200;
	status->totals.stats[STAT_requests] += 200;
	status->totals.histograms[HISTOGRAM_request_time]
	    .buckets[histogram_bucket(8000000)] += 200;
	status->totals.modules[0].stats[MODULE_STAT_calls] += 200;
}

static void
rates_are_those_between_two_looks(void **state)
{
	struct collect_status before, now;
	struct table table;

	(void)state;
	sample_make(&before);
	sample_make(&now);
	go_on(&now);
	view_workers(&table, &now, NULL);
	assert_string_equal(cell(&table, 0, "req/s"), "-");
	assert_string_equal(cell(&table, 0, "requests"), "1200");
	table_free(&table);
	view_workers(&table, &now, &before);
	assert_int_equal(table_rows(&table), 2);
	assert_string_equal(cell(&table, 0, "req/s"), "100");
	assert_string_equal(cell(&table, 1, "req/s"), "0");
	assert_string_equal(cell(&table, 1, "p50"), "-");
	/* Since then all took 8 ms. */
	assert_non_null(strstr(cell(&table, 0, "p50"), " ms"));
	assert_in_range(strtol(cell(&table, 0, "p50"), NULL, 10), 7, 8);
	table_free(&table);
	view_modules(&table, &now, &before);
	assert_string_equal(cell(&table, 0, "calls/s"), "100");
	assert_string_equal(cell(&table, 0, "state"), "ok");
	assert_string_equal(cell(&table, 1, "state"), "quarantined");
	assert_string_equal(cell(&table, 1, "memory"), "3.9 KiB");
	table_free(&table);
	collect_free(&before);
	collect_free(&now);
}

/* A worker that was replaced between two looks has begun at 0. */
static void
a_new_incarnation_has_no_rate_yet(void **state)
{
	struct collect_status before, now;
	struct table table;

	(void)state;
	sample_make(&before);
	sample_make(&now);
	go_on(&now);
	now.workers[0].info.incarnation = 99;
	view_workers(&table, &now, &before);
	assert_string_equal(cell(&table, 0, "req/s"), "-");
	table_free(&table);
	collect_free(&before);
	collect_free(&now);
}

static size_t
count(const struct collect_status *status, const struct view_filter *filter)
{
	struct table table;
	size_t rows;

	view_requests(&table, status, filter);
	rows = table_rows(&table);
	table_free(&table);
	return (rows);
}

static void
requests_are_filtered(void **state)
{
	struct collect_status status;

	(void)state;
	sample_make(&status);
#define COUNT(...) count(&status, &(const struct view_filter){ __VA_ARGS__ })
	assert_int_equal(COUNT(.worker = 0), 1);
	assert_int_equal(COUNT(.worker = 1), 1);
	assert_int_equal(COUNT(.worker = 2), 0);
	assert_int_equal(COUNT(.module = "hello"), 1);
	assert_int_equal(COUNT(.module = "hell"), 0);
	assert_int_equal(COUNT(.client = "192.0.2.1"), 1);
	assert_int_equal(COUNT(.client = "192.0.2.2"), 0);
	assert_int_equal(COUNT(.min_ns = 10 * SAMPLE_SECOND), 1);
	assert_int_equal(COUNT(.min_ns = 10 * SAMPLE_SECOND + 1), 0);
	collect_free(&status);
}

static void
the_summary_tells_all_and_nothing_odd(void **state)
{
	char lines[SUMMARY_LINES][SUMMARY_WIDTH];
	struct collect_status before, now;
	size_t i, k;

	(void)state;
	sample_make(&before);
	sample_make(&now);
	go_on(&now);
	summary_make(&now, &before, lines);
	assert_non_null(strstr(lines[0], "bulkhead 1?[2J"));
	assert_non_null(strstr(lines[2], "requests     100/s"));
	assert_non_null(strstr(lines[2], "1700 in all"));
	assert_null(strstr(lines[3], "of all time"));
	for (i = 0; i < SUMMARY_LINES; i++)
		for (k = 0; lines[i][k] != '\0'; k++)
			assert_true(lines[i][k] >= ' ' && lines[i][k] <= '~');
	summary_make(&now, NULL, lines);
	assert_non_null(strstr(lines[3], "of all time"));
	collect_free(&before);
	collect_free(&now);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(rates_are_those_between_two_looks),
	cmocka_unit_test(a_new_incarnation_has_no_rate_yet),
	cmocka_unit_test(requests_are_filtered),
	cmocka_unit_test(the_summary_tells_all_and_nothing_odd),
};

UNIT_MAIN(tests)

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Renderers: names, sums, escapes, and text that isn't printable.
 */
#include "sample.h"

#include <errno.h>
#include <jansson.h>

static void
has(const char *text, const char *words)
{
	if (strstr(text, words) == NULL)
		fail_msg("no '%s' in:\n%s", words, text);
}

static void
prometheus_has_totals_and_each_worker(void **state)
{
	struct collect_status status;
	char *text;

	(void)state;
	sample_make(&status);
	text = sample_render(&status, render_prometheus);
	has(text, "\n# TYPE bulkhead_requests counter\n"
		  "# HELP bulkhead_requests Requests answered.\n"
		  "bulkhead_requests_total 1500\n");
	has(text, "\nbulkhead_worker_requests_total{pool=\"main\","
		  "worker=\"1\"} 1000\n");
	/* The unit is named once. */
	has(text, "\n# UNIT bulkhead_sent_bytes bytes\n");
	has(text, "\nbulkhead_sent_bytes_total 150000\n");
	has(text, "\nbulkhead_request_time_seconds_bucket{le=\"+Inf\"} 1500\n");
	has(text, "\nbulkhead_request_time_seconds_sum 1.500000000\n");
	has(text, "\nbulkhead_request_time_seconds_count 1500\n");
	/* 1 ms is beyond 0.52 ms, and not beyond 1.05 ms. */
	has(text,
	    "\nbulkhead_request_time_seconds_bucket{le=\"0.000524288\"} 0\n");
	has(text, "\nbulkhead_request_time_seconds_bucket{le=\"0.001048576\"} "
		  "1500\n");
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	free(text);
	collect_free(&status);
}

static void
prometheus_labels_are_escaped(void **state)
{
	struct collect_status status;
	char *c, *text;

	(void)state;
	sample_make(&status);
	text = sample_render(&status, render_prometheus);
	has(text, "\nbulkhead_module_calls_total{pool=\"main\","
		  "module=\"hello\"} 1000\n");
	has(text, "\nbulkhead_module_calls_total{pool=\"sh\\\"op\\\\\","
		  "module=\"hello\"} 500\n");
	has(text, "\nbulkhead_module_quarantined{pool=\"sh\\\"op\\\\\","
		  "module=\"hello\"} 1\n");
	has(text, "bulkhead_info{version=\"1?[2J\"} 1\n");
	for (c = text; *c != '\0'; c++)
		assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
	free(text);
	collect_free(&status);
}

static json_t *
parse(char *text)
{
	json_error_t error;
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	if (root == NULL)
		fail_msg("%s: %s", error.text, text);
	free(text);
	return (root);
}

static json_int_t
number(const json_t *object, const char *name)
{
	assert_true(json_is_integer(json_object_get(object, name)));
	return (json_integer_value(json_object_get(object, name)));
}

static void
json_has_histograms_and_their_buckets(void **state)
{
	const json_t *buckets, *histogram, *totals;
	struct collect_status status;
	json_t *root;

	(void)state;
	sample_make(&status);
	root = parse(sample_render(&status, render_stats_json));
	totals = json_object_get(root, "totals");
	histogram = json_object_get(
	    json_object_get(totals, "histograms"), "request_time");
	assert_int_equal(number(histogram, "count"), 1500);
	assert_int_equal(number(histogram, "sum_ns"), 1500000000);
	assert_in_range(number(histogram, "p50_ns"), 900000, 1100000);
	buckets = json_object_get(histogram, "buckets");
	assert_int_equal(json_array_size(buckets), 1);
	assert_int_equal(
	    json_integer_value(json_array_get(json_array_get(buckets, 0), 1)),
	    1500);
	json_decref(root);
	/* Without being asked for, buckets are left out. */
	root = parse(sample_render(&status, render_json));
	histogram = json_object_get(
	    json_object_get(json_object_get(root, "totals"), "histograms"),
	    "request_time");
	assert_null(json_object_get(histogram, "buckets"));
	json_decref(root);
	collect_free(&status);
}

static int
render_all_requests(const struct collect_status *status, FILE *out)
{
	const struct view_filter all = { .worker = 0 };

	return (render_requests_json(status, &all, JSON_COMPACT, out));
}

static void
json_lists_are_whole(void **state)
{
	struct collect_status status;
	const json_t *one;
	json_t *root;

	(void)state;
	sample_make(&status);
	root = parse(sample_render(&status, render_modules_json));
	assert_int_equal(json_array_size(root), 2);
	one = json_array_get(root, 1);
	assert_int_equal(number(one, "calls"), 500);
	assert_int_equal(number(one, "memory"), 4000);
	assert_true(json_is_true(json_object_get(one, "quarantined")));
	json_decref(root);
	root = parse(sample_render(&status, render_all_requests));
	assert_int_equal(json_array_size(root), 1);
	one = json_array_get(root, 0);
	assert_string_equal(
	    json_string_value(json_object_get(one, "request")), "11-5");
	assert_string_equal(
	    json_string_value(json_object_get(one, "client")), "192.0.2.1");
	assert_int_equal(number(one, "there_ns"), SAMPLE_SECOND);
	assert_int_equal(number(one, "total_ns"), 10 * SAMPLE_SECOND);
	json_decref(root);
	collect_free(&status);
}

static void
a_full_disk_is_told(void **state)
{
	struct collect_status status;
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	sample_make(&status);
	assert_int_equal(render_prometheus(&status, full), -ENOSPC);
	(void)fclose(full);
	collect_free(&status);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(prometheus_has_totals_and_each_worker),
	cmocka_unit_test(prometheus_labels_are_escaped),
	cmocka_unit_test(json_has_histograms_and_their_buckets),
	cmocka_unit_test(json_lists_are_whole),
	cmocka_unit_test(a_full_disk_is_told),
};

UNIT_MAIN(tests)

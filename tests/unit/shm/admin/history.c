/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The quarter of an hour that the page begins with.
 */
#include "shm/admin/history.h"

#include "shm/base/clock.h"
#include "tests/unit/shm/unit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A server that is looked at once a second. */
struct server {
	struct history history;
	struct collect_status status;
	uint64_t time_ms;
};

static void
begin(struct server *server)
{
	memset(server, 0, sizeof(*server));
	assert_int_equal(history_init(&server->history), 0);
	server->status.master.now_ns = CLOCK_NS_PER_SEC;
	server->time_ms = 1000000;
	assert_int_equal(
	    history_add(&server->history, &server->status, server->time_ms), 0);
}

static void
look(struct server *server, uint64_t after_ms)
{
	server->status.master.now_ns += after_ms * CLOCK_NS_PER_MS;
	server->time_ms += after_ms;
	assert_int_equal(
	    history_add(&server->history, &server->status, server->time_ms), 0);
}

static void
end(struct server *server)
{
	figures_free(&server->status.totals);
	history_fini(&server->history);
}

static json_t *
render(const struct server *server, uint64_t since)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	json_error_t error;
	json_t *root;

	assert_non_null(out);
	assert_int_equal(history_render(&server->history, since, out), 0);
	(void)fclose(out);
	root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL)
		fail_msg("%s: %s", error.text, text);
	free(text);
	return (root);
}

/* The last value of a series. */
static json_int_t
newest(const json_t *root, const char *group, const char *name)
{
	const json_t *values =
	    json_object_get(json_object_get(root, group), name);

	assert_true(json_is_array(values));
	return (json_integer_value(
	    json_array_get(values, json_array_size(values) - 1)));
}

static void
the_first_look_makes_no_point(void **state)
{
	struct server server;
	json_t *root;

	(void)state;
	begin(&server);
	root = render(&server, 0);
	assert_int_equal(json_integer_value(json_object_get(root, "next")), 0);
	assert_int_equal(json_array_size(json_object_get(root, "time_ms")), 0);
	json_decref(root);
	end(&server);
}

static void
rates_are_per_second_and_never_negative(void **state)
{
	struct server server;
	uint64_t *stats = server.status.totals.stats;
	json_t *root;

	(void)state;
	begin(&server);
	stats[STAT_requests] = 500;
	stats[STAT_requests_active] = 7;
	server.status.totals.completions[0] = 30;
	server.status.totals.completions[3] = 70;
	server.status.master.workers_died = 2;
	server.status.master.connections_open = 5;
	look(&server, 2000);
	root = render(&server, 0);
	assert_int_equal(newest(root, "series", "requests"), 250);
	assert_int_equal(newest(root, "series", "active"), 7);
	assert_int_equal(newest(root, "series", "completions"), 50);
	assert_int_equal(newest(root, "series", "deaths"), 2);
	assert_int_equal(newest(root, "series", "connections"), 5);
	json_decref(root);

	stats[STAT_requests] = 100;
	look(&server, 1000);
	root = render(&server, 0);
	assert_int_equal(newest(root, "series", "requests"), 0);
	assert_int_equal(newest(root, "series", "deaths"), 0);
	json_decref(root);
	end(&server);
}

/* A slow second before must not be seen in a quick one after it. */
static void
times_are_of_that_second(void **state)
{
	struct server server;
	struct figures_module *module;
	json_t *root, *hello;

	(void)state;
	begin(&server);
	module = figures_module(&server.status.totals, "", "hello");
	assert_non_null(module);
	module->stats[MODULE_STAT_calls] = 10;
	module->histograms[MODULE_HISTOGRAM_callback_time]
	    .buckets[histogram_bucket(5000000000)] = 10;
	look(&server, 1000);
	module->stats[MODULE_STAT_calls] = 30;
	module->histograms[MODULE_HISTOGRAM_callback_time]
	    .buckets[histogram_bucket(100000)] = 20;
	server.status.totals.histograms[HISTOGRAM_request_time]
	    .buckets[histogram_bucket(2000000)] = 20;
	look(&server, 1000);
	root = render(&server, 0);
	hello = json_object_get(json_object_get(root, "modules"), "hello");
	assert_int_equal(json_integer_value(json_array_get(
			     json_object_get(hello, "calls"), 1)),
	    20);
	assert_in_range(json_integer_value(json_array_get(
			    json_object_get(hello, "p99_us"), 0)),
	    4000000, 6000000);
	assert_in_range(json_integer_value(json_array_get(
			    json_object_get(hello, "p99_us"), 1)),
	    90, 120);
	assert_in_range(newest(root, "series", "p50_us"), 1700, 2300);
	json_decref(root);
	end(&server);
}

static void
the_oldest_go_and_since_asks_for_the_rest(void **state)
{
	struct server server;
	json_t *root;

	(void)state;
	begin(&server);
	for (int i = 0; i < HISTORY_POINTS + 10; i++)
		look(&server, 1000);
	root = render(&server, 0);
	assert_int_equal(
	    json_integer_value(json_object_get(root, "first")), 10);
	assert_int_equal(json_integer_value(json_object_get(root, "next")),
	    HISTORY_POINTS + 10);
	assert_int_equal(
	    json_array_size(json_object_get(root, "time_ms")), HISTORY_POINTS);
	json_decref(root);

	root = render(&server, HISTORY_POINTS + 7);
	assert_int_equal(json_array_size(json_object_get(root, "time_ms")), 3);
	json_decref(root);

	/* A number that only another life can have told: all there is. */
	root = render(&server, UINT64_MAX);
	assert_int_equal(
	    json_array_size(json_object_get(root, "time_ms")), HISTORY_POINTS);
	json_decref(root);
	end(&server);
}

/* Names come from memory that a module may have written over. */
static void
names_cant_break_the_json(void **state)
{
	struct server server;
	json_t *root;
	char name[16];

	(void)state;
	begin(&server);
	assert_non_null(
	    figures_module(&server.status.totals, "", "a\"b\\c\x01\xff"));
	look(&server, 1000);
	for (int i = 0; i < HISTORY_MODULES * 2; i++) {
		(void)snprintf(name, sizeof(name), "m%d", i);
		assert_non_null(
		    figures_module(&server.status.totals, "", name));
	}
	look(&server, 1000);
	root = render(&server, 0);
	assert_int_equal(json_object_size(json_object_get(root, "modules")),
	    HISTORY_MODULES);
	assert_non_null(
	    json_object_get(json_object_get(root, "modules"), "a?b?c??"));
	json_decref(root);
	end(&server);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_first_look_makes_no_point),
	cmocka_unit_test(rates_are_per_second_and_never_negative),
	cmocka_unit_test(times_are_of_that_second),
	cmocka_unit_test(the_oldest_go_and_since_asks_for_the_rest),
	cmocka_unit_test(names_cant_break_the_json),
};

UNIT_MAIN(tests)

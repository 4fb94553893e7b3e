/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a worker tells monitors: its histograms, and each request in its slot.
 */
#include "harness.h"

#include "shm/activity.h"
#include "shm/slot.h"
#include "shm/stats.h"
#include "worker/ticks.h"

#include <string.h>

static struct bh_ticket ticket;

static struct histogram
worker_histogram(enum worker_histogram which)
{
	struct histogram h;

	stats_read_histogram(&harness_worker()->segment, -1, which, &h);
	return (h);
}

static struct histogram
module_histogram(enum module_histogram which)
{
	struct histogram h;

	stats_read_histogram(&harness_worker()->segment, 0, which, &h);
	return (h);
}

/* The only slot in use, as a monitor sees it. */
static struct slot_sight
sight(void)
{
	struct slot_sight seen;
	uint32_t i;

	for (i = 0; i < harness_worker()->segment.geometry.slots; i++)
		if (slot_look(&harness_worker()->segment.slots[i], i, &seen))
			return (seen);
	fail_msg("no slot is in use");
	return (seen);
}

CALLBACK(take_long)
{
	const uint64_t start = ticks_now();

	while (ticks_between(start, ticks_now()) < 2000000)
		;
	answer(context, "hello");
	return (BH_FINISH_REQUEST);
}

CALLBACK(take_ticket)
{
	assert_int_equal(bh_context_take_ticket(context, &ticket), 0);
	return (BH_PENDING);
}

COMPLETION(answer_it)
{
	answer(context, "hello");
	return (BH_FINISH_REQUEST);
}

CALLBACK(read_it)
{
	char buffer[100];
	size_t size;

	assert_int_equal(
	    bh_request_read_entity_body(bh_context_request(context), buffer,
		sizeof(buffer), false, &size, NULL),
	    0);
	answer(context, "hello");
	return (BH_FINISH_REQUEST);
}

TEST(times_are_in_the_histograms)
{
	struct client *client;
	struct histogram h;

	ticks_calibrate();
	harness_serve(OPS(.on_execute_request_handler = take_long));
	client = client_open(CLIENT_TCP);
	client_send(client, GET GET);
	client_expect(client, OK(5, "hello") OK(5, "hello"));
	h = module_histogram(MODULE_HISTOGRAM_callback_time);
	assert_int_equal(histogram_count(&h), 2);
	assert_in_range(h.sum, 4000000, INT64_MAX);
	assert_in_range(histogram_quantile(&h, 1), 1700000, INT64_MAX);
	h = worker_histogram(HISTOGRAM_request_time);
	assert_int_equal(histogram_count(&h), 2);
	assert_in_range(histogram_quantile(&h, 1), 1700000, INT64_MAX);
	h = module_histogram(MODULE_HISTOGRAM_pending_time);
	assert_int_equal(histogram_count(&h), 0);
}

TEST(a_parked_request_is_told_of)
{
	struct client *client;
	struct slot_sight seen;
	struct histogram h;

	harness_serve(OPS(.on_map_request_handler = take_ticket,
	    .on_async_completion = answer_it));
	client = client_open(CLIENT_TCP);
	client_send(client, GET_FROM("/a/page?q=1"));
	harness_run();
	seen = sight();
	assert_int_equal(seen.state, SLOT_HANDLING);
	assert_string_equal(seen.text, "GET /a/page?q=1");
	assert_true(seen.request.request != 0);
	assert_true(seen.request.started_ns != 0);
	assert_true(seen.waits);
	assert_int_equal(seen.module, 0);
	assert_int_equal(seen.step, 8); /* map_request_handler */
	assert_int_equal(seen.op, OPERATION_POST);
	assert_int_equal(harness_post(&ticket, 1, 0), 0);
	harness_run();
	client_expect(client, OK(5, "hello"));
	seen = sight();
	assert_int_equal(seen.state, SLOT_IDLE);
	assert_int_equal(seen.request.request, 0);
	assert_false(seen.waits);
	h = module_histogram(MODULE_HISTOGRAM_pending_time);
	assert_int_equal(histogram_count(&h), 1);
	h = module_histogram(MODULE_HISTOGRAM_callback_time);
	assert_int_equal(histogram_count(&h), 2);
}

TEST(a_synchronous_call_that_waits_is_told_of)
{
	struct client *client;
	struct slot_sight seen;

	harness_serve(OPS(.on_execute_request_handler = read_it));
	client = client_open(CLIENT_TCP);
	client_send(client, POST(5));
	harness_run();
	seen = sight();
	assert_string_equal(seen.text, "POST /");
	assert_true(seen.waits);
	assert_int_equal(seen.step, 14); /* execute_request_handler */
	assert_int_equal(seen.op, OPERATION_READ_ENTITY_BODY);
	client_send(client, "12345");
	client_expect(client, OK(5, "hello"));
	assert_false(sight().waits);
}

TEST(a_refused_request_shows_no_text)
{
	struct client *client;
	uint32_t i, slots;

	harness_serve(OPS(.on_execute_request_handler = take_long));
	client = client_open(CLIENT_TCP);
	client_send(client, "GET /secret\r\nnonsense\r\n\r\n");
	harness_run();
	assert_int_equal(harness_stat(STAT_bad_requests), 1);
	slots = harness_worker()->segment.geometry.slots;
	for (i = 0; i < slots; i++)
		assert_int_equal(harness_worker()->segment.slots[i].text[0], 0);
}

static const struct CMUnitTest tests[] = {
	HARNESS_TEST(times_are_in_the_histograms),
	HARNESS_TEST(a_parked_request_is_told_of),
	HARNESS_TEST(a_synchronous_call_that_waits_is_told_of),
	HARNESS_TEST(a_refused_request_shows_no_text),
};

HARNESS_MAIN(tests)

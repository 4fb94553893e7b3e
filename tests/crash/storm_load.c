/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Busy and idle clients, and a killer.
 */
#include "tests/crash/storm_load.h"

#include "tests/crash/storm_caller.h"
#include "tests/support/process.h"
#include "tests/support/test.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	WORKERS_MAX = 64,
	OPEN_RETRY_MS = 10
};

struct busy {
	pthread_t thread;
	const struct storm *storm;
	const char *request;
	const struct response *expected;
	atomic_bool *over;
	struct storm_result result;
};

static double
now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return ((double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6);
}

static bool
is_right(
    struct caller *caller, const struct response *expected, enum got *ret_got)
{
	struct response response;
	bool right = false;

	*ret_got = caller_receive(caller, &response);
	if (*ret_got == GOT_RESPONSE) {
		right = response.status == 200 &&
			response.body_bytes == expected->body_bytes &&
			memcmp(response.body, expected->body,
			    expected->body_bytes) == 0;
		response_free(&response);
	}
	return (right);
}

/* One request on a busy client's connection; false: open another. */
static bool
exchange(struct busy *busy, struct caller *caller)
{
	double took, before = now_ms();
	bool sent, right;
	enum got got;

	sent = caller_send(caller, busy->request, strlen(busy->request));
	right = is_right(caller, busy->expected, &got);
	took = now_ms() - before;
	if (took > busy->result.slowest_ms)
		busy->result.slowest_ms = took;
	if (right) {
		busy->result.answers++;
		return (true);
	}
	busy->result.busy_errors++;
	busy->result.busy_resets +=
	    !sent || got == GOT_RESET || got == GOT_BROKEN;
	busy->result.busy_wrong += got == GOT_RESPONSE;
	if (busy->result.first_error == NULL)
		busy->result.first_error =
		    got == GOT_RESPONSE ? "another answer" : got_name(got);
	return (false);
}

static void *
be_busy(void *argument)
{
	struct busy *busy = argument;
	struct caller caller;

	while (!atomic_load(busy->over)) {
		if (!caller_open(&caller, busy->storm->port)) {
			busy->result.busy_errors++;
			busy->result.first_error = "no connection";
			test_sleep_ms(OPEN_RETRY_MS);
			continue;
		}
		while (!atomic_load(busy->over) && exchange(busy, &caller))
			continue;
		caller_close(&caller);
	}
	return (NULL);
}

static void
kill_one(const struct storm *storm, struct storm_result *result)
{
	pid_t workers[WORKERS_MAX];
	size_t count;

	count = process_children(
	    storm->master, storm->worker, workers, WORKERS_MAX);
	/* The eldest: it has its share of the connections. */
	if (count > 0 && kill(workers[0], storm->signal) == 0)
		result->killed++;
}

static void
add(struct storm_result *sum, const struct storm_result *one)
{
	sum->answers += one->answers;
	sum->busy_errors += one->busy_errors;
	sum->busy_resets += one->busy_resets;
	sum->busy_wrong += one->busy_wrong;
	if (one->slowest_ms > sum->slowest_ms)
		sum->slowest_ms = one->slowest_ms;
	if (sum->first_error == NULL)
		sum->first_error = one->first_error;
}

static void
learn(const struct storm *storm, const char *request, struct response *expected)
{
	struct caller caller;

	if (!caller_open(&caller, storm->port) ||
	    !caller_send(&caller, request, strlen(request)) ||
	    caller_receive(&caller, expected) != GOT_RESPONSE ||
	    expected->status != 200)
		fail_msg("no answer 200 to %s", storm->target);
	caller_close(&caller);
}

/* Each has one request before the storm, and one after it. */
static void
start_idle(struct caller *idle, const struct storm *storm, const char *request,
    const struct response *expected)
{
	enum got got;
	unsigned i;

	for (i = 0; i < storm->idle; i++)
		if (!caller_open(&idle[i], storm->port) ||
		    !caller_send(&idle[i], request, strlen(request)) ||
		    !is_right(&idle[i], expected, &got))
			fail_msg("no answer before the storm");
}

static void
end_idle(struct caller *idle, const struct storm *storm, const char *request,
    const struct response *expected, struct storm_result *result)
{
	enum got got;
	unsigned i;

	for (i = 0; i < storm->idle; i++) {
		if (caller_ended(&idle[i]))
			result->idle_lost++;
		else if (!caller_send(&idle[i], request, strlen(request)) ||
			 !is_right(&idle[i], expected, &got))
			result->idle_errors++;
		caller_close(&idle[i]);
	}
}

void
storm_run(const struct storm *storm, struct storm_result *ret_result)
{
	struct caller *idle = calloc(storm->idle + 1, sizeof(*idle));
	struct busy *busy = calloc(storm->busy + 1, sizeof(*busy));
	atomic_bool over = false;
	struct response expected;
	char request[512];
	unsigned i;

	assert_true(idle != NULL && busy != NULL);
	memset(ret_result, 0, sizeof(*ret_result));
	(void)snprintf(request, sizeof(request),
	    "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", storm->target);
	learn(storm, request, &expected);
	start_idle(idle, storm, request, &expected);
	for (i = 0; i < storm->busy; i++) {
		busy[i].storm = storm;
		busy[i].request = request;
		busy[i].expected = &expected;
		busy[i].over = &over;
		assert_int_equal(
		    pthread_create(&busy[i].thread, NULL, be_busy, &busy[i]),
		    0);
	}
	for (i = 0; i < storm->kills; i++) {
		test_sleep_ms(storm->interval_ms);
		if (storm->strike != NULL)
			storm->strike(storm, ret_result);
		else
			kill_one(storm, ret_result);
	}
	test_sleep_ms(storm->interval_ms);
	atomic_store(&over, true);
	for (i = 0; i < storm->busy; i++) {
		(void)pthread_join(busy[i].thread, NULL);
		add(ret_result, &busy[i].result);
	}
	end_idle(idle, storm, request, &expected, ret_result);
	response_free(&expected);
	free(idle);
	free(busy);
}

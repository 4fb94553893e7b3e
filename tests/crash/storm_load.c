/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Busy and idle clients, and a killer.
 */
#include "tests/crash/storm_load.h"

#include "tests/crash/storm_caller.h"
#include "tests/crash/storm_watch.h"
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
#include <unistd.h>

enum {
	WORKERS_MAX = 64,
	OPEN_RETRY_MS = 10,
	LOOK_MS = 50,
	STALL_MS = 500,
};

/* What all clients of a storm share. */
struct field {
	const struct storm *storm;
	const char *request;
	const struct response *expected;
	atomic_bool calm; /* nobody has been killed yet */
	atomic_bool over;
};

struct busy {
	pthread_t thread;
	struct field *field;
	_Atomic pid_t id;
	_Atomic int fd;
	_Atomic int64_t asked_ms; /* 0: waits for nothing */
	struct storm_result result;
};

static double
now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return ((double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6);
}

/* One request on a busy client's connection; false: open another. */
static bool
exchange(struct busy *busy, struct caller *caller)
{
	const struct field *field = busy->field;
	double took, before = now_ms();
	bool sent, right;
	double *slowest;
	enum got got;

	slowest = atomic_load(&field->calm) ? &busy->result.calm_ms
					    : &busy->result.slowest_ms;
	atomic_store(&busy->asked_ms, test_now_ms());
	sent = caller_send(caller, field->request, strlen(field->request));
	got = caller_expect(caller, field->expected, &right);
	atomic_store(&busy->asked_ms, 0);
	took = now_ms() - before;
	if (took > *slowest)
		*slowest = took;
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

	atomic_store(&busy->id, gettid());
	while (!atomic_load(&busy->field->over)) {
		if (!caller_open(&caller, busy->field->storm->port)) {
			busy->result.busy_errors++;
			busy->result.first_error = "no connection";
			test_sleep_ms(OPEN_RETRY_MS);
			continue;
		}
		while (
		    !atomic_load(&busy->field->over) && exchange(busy, &caller))
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
	if (one->calm_ms > sum->calm_ms)
		sum->calm_ms = one->calm_ms;
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
	    expected->status != 200 ||
	    response_header(expected, "Content-Length") == NULL)
		fail_msg("no answer 200 with a length to %s", storm->target);
	caller_close(&caller);
}

static bool
is_answered(struct caller *caller, const struct field *field)
{
	bool right;

	return (
	    caller_send(caller, field->request, strlen(field->request)) &&
	    caller_expect(caller, field->expected, &right) == GOT_RESPONSE &&
	    right);
}

/* Each has one request before the storm, and one after it. */
static void
start_idle(struct caller *idle, const struct field *field)
{
	unsigned i;

	for (i = 0; i < field->storm->idle; i++)
		if (!caller_open(&idle[i], field->storm->port) ||
		    !is_answered(&idle[i], field))
			fail_msg("no answer before the storm");
}

static void
end_idle(
    struct caller *idle, const struct field *field, struct storm_result *result)
{
	unsigned i;

	for (i = 0; i < field->storm->idle; i++) {
		if (caller_ended(&idle[i]))
			result->idle_lost++;
		else if (!is_answered(&idle[i], field))
			result->idle_errors++;
		caller_close(&idle[i]);
	}
}

static void
start_busy(struct busy *busy, struct field *field)
{
	unsigned i;

	for (i = 0; i < field->storm->busy; i++) {
		busy[i].field = field;
		assert_int_equal(
		    pthread_create(&busy[i].thread, NULL, be_busy, &busy[i]),
		    0);
	}
}

static void
end_busy(struct busy *busy, struct field *field, struct storm_result *result)
{
	unsigned i;

	atomic_store(&field->over, true);
	for (i = 0; i < field->storm->busy; i++) {
		(void)pthread_join(busy[i].thread, NULL);
		add(result, &busy[i].result);
	}
}

/* Who waits longest, and for how long? NULL: nobody waits. */
static struct busy *
find_longest(struct busy *busy, const struct storm *storm, int64_t *ret_ms)
{
	int64_t asked, now = test_now_ms();
	struct busy *longest = NULL;
	unsigned i;

	*ret_ms = 0;
	for (i = 0; i < storm->busy; i++) {
		asked = atomic_load(&busy[i].asked_ms);
		if (asked != 0 && now - asked > *ret_ms) {
			*ret_ms = now - asked;
			longest = &busy[i];
		}
	}
	return (longest);
}

/* Let the load go on for a while, and look whether somebody stands still. */
static void
let_run(struct busy *busy, const struct storm *storm, int64_t ms)
{
	const int64_t end = test_now_ms() + ms;
	int64_t left, limit = STALL_MS, waited;
	struct busy *longest;

	while ((left = end - test_now_ms()) > 0) {
		test_sleep_ms(left < LOOK_MS ? left : LOOK_MS);
		longest = find_longest(busy, storm, &waited);
		if (waited < limit)
			continue;
		(void)fprintf(stderr,
		    "%lld ms before the next kill, a client has waited for "
		    "%lld ms:\n",
		    (long long)(end - test_now_ms()), (long long)waited);
		storm_watch_tell_client(
		    atomic_load(&longest->id), atomic_load(&longest->fd));
		storm_watch_tell(storm->master);
		limit = 2 * waited;
	}
}

void
storm_run(const struct storm *storm, struct storm_result *ret_result)
{
	struct caller *idle = calloc(storm->idle + 1, sizeof(*idle));
	struct busy *busy = calloc(storm->busy + 1, sizeof(*busy));
	struct field field = { .storm = storm, .calm = true };
	struct response expected;
	char request[512];
	unsigned i;

	assert_true(idle != NULL && busy != NULL);
	memset(ret_result, 0, sizeof(*ret_result));
	(void)snprintf(request, sizeof(request),
	    "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", storm->target);
	learn(storm, request, &expected);
	field.request = request;
	field.expected = &expected;
	start_idle(idle, &field);
	start_busy(busy, &field);
	let_run(busy, storm, storm->calm_ms);
	atomic_store(&field.calm, false);
	for (i = 0; i < storm->kills; i++) {
		if (storm->strike != NULL)
			storm->strike(storm, ret_result);
		else
			kill_one(storm, ret_result);
		let_run(busy, storm, storm->interval_ms);
	}
	end_busy(busy, &field, ret_result);
	end_idle(idle, &field, ret_result);
	response_free(&expected);
	free(idle);
	free(busy);
}

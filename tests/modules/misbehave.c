/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * misbehave: breaks one rule of the module interface at each of its paths,
 * and answers, where it gets that far, with what the server said to it.
 */
#include "answer.h"

#include <errno.h>
#include <pthread.h>

enum {
	KEPT_MAX = 8,
};

struct misbehave {
	struct bh_context *kept[KEPT_MAX]; /* of requests that are over */
	size_t kept_count;
	int second;           /* what a forbidden call said */
	unsigned completions; /* for the current wait */
	char byte;
};

static struct misbehave state; /* one worker, one request at a time */

static enum bh_notification_status
second_post(struct bh_context *context)
{
	int first;

	first = bh_context_post_completion(context, 7);
	state.second = bh_context_post_completion(context, 8);
	return (first == 0 ? BH_PENDING : answer(context, "first %d\n", first));
}

static enum bh_notification_status
ticket_twice(struct bh_context *context)
{
	struct bh_ticket ticket;
	int first;

	first = bh_context_take_ticket(context, &ticket);
	if (first != 0)
		return (answer(context, "take %d\n", first));
	first = bh_ticket_post(&ticket, 7, 0);
	state.second = bh_ticket_post(&ticket, 8, 0);
	return (first == 0 ? BH_PENDING : answer(context, "first %d\n", first));
}

static enum bh_notification_status
two_operations(struct bh_context *context)
{
	static const struct bh_data_chunk chunk = {
		.type = BH_CHUNK_MEMORY,
		.buffer = "x",
		.length = 1,
	};
	struct bh_response *response = bh_context_response(context);
	int first;

	first = bh_response_write_entity_chunks(
	    response, &chunk, 1, true, true, NULL, NULL);
	state.second = bh_response_flush(response, true, true, NULL, NULL);
	return (first == 0 ? BH_PENDING : answer(context, "first %d\n", first));
}

/* Hold several requests at once, so that their contexts differ. */
static enum bh_notification_status
keep(struct bh_context *context)
{
	int error;

	if (state.kept_count < KEPT_MAX)
		state.kept[state.kept_count++] = context;
	error = bh_request_read_entity_body(
	    bh_context_request(context), &state.byte, 1, false, NULL, NULL);
	return (answer(context, "kept, read %d\n", error));
}

static enum bh_notification_status
use_stale(struct bh_context *context)
{
	int good = 0, status = 0;
	size_t i, tried = 0;

	for (i = 0; i < state.kept_count; i++) {
		if (state.kept[i] == context)
			continue; /* its memory is this request's now */
		tried++;
		status = bh_context_post_completion(state.kept[i], 1);
		good += status == -ESTALE;
		good += bh_context_request_id(state.kept[i]) == 0;
		good += bh_context_allocate(state.kept[i], 8) == NULL;
	}
	state.kept_count = 0;
	return (answer(context, "%zu tried, %s (%d)\n", tried,
	    good == (int)tried * 3 ? "all refused" : "some accepted", status));
}

static void *
meddle(void *context)
{
	state.second = bh_context_post_completion(context, 1);
	return (NULL);
}

static enum bh_notification_status
other_thread(struct bh_context *context)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, meddle, context) != 0 ||
	    pthread_join(thread, NULL) != 0)
		return (answer(context, "no thread\n"));
	return (answer(context, "%d\n", state.second));
}

static enum bh_notification_status
beyond_length(struct bh_context *context)
{
	static const struct bh_data_chunk chunk = {
		.type = BH_CHUNK_MEMORY,
		.buffer = "abcde",
		.length = 5,
	};
	struct bh_response *response = bh_context_response(context);

	(void)bh_response_set_header(response, "Content-Length", "3", true);
	state.second = bh_response_write_entity_chunks(
	    response, &chunk, 1, false, false, NULL, NULL);
	return (answer(context, "%d\n", state.second));
}

static enum bh_notification_status
after_end(struct bh_context *context)
{
	static const struct bh_data_chunk chunk = {
		.type = BH_CHUNK_MEMORY,
		.buffer = "whole\n",
		.length = 6,
	};
	struct bh_response *response = bh_context_response(context);
	int again;

	(void)bh_response_write_entity_chunks(
	    response, &chunk, 1, false, false, NULL, NULL);
	again = bh_response_write_entity_chunks(
	    response, &chunk, 1, false, false, NULL, NULL);
	if (again == 0)
		return (answer(context, "accepted\n"));
	return (BH_FINISH_REQUEST);
}

static enum bh_notification_status
forged_header(struct bh_context *context)
{
	struct bh_response *response = bh_context_response(context);
	int name, value;

	value =
	    bh_response_set_header(response, "X-A", "1\r\nX-Forged: 1", true);
	name = bh_response_set_header(response, "X-B: 1\r\nX-C", "1", true);
	return (answer(context, "%d %d\n", value, name));
}

static enum bh_notification_status
null_context(struct bh_context *context)
{
	return (answer(context, "%d %d\n", bh_context_post_completion(NULL, 1),
	    bh_context_allocate(NULL, 1) == NULL));
}

static enum bh_notification_status
on_execute(
    void *self, struct bh_context *context, struct bh_event_provider *provider)
{
	static const struct {
		const char *path;
		enum bh_notification_status (*act)(struct bh_context *);
	} acts[] = {
		{ "/misbehave/second_post", second_post },
		{ "/misbehave/ticket_twice", ticket_twice },
		{ "/misbehave/two_operations", two_operations },
		{ "/misbehave/keep", keep },
		{ "/misbehave/use_stale", use_stale },
		{ "/misbehave/other_thread", other_thread },
		{ "/misbehave/beyond_length", beyond_length },
		{ "/misbehave/after_end", after_end },
		{ "/misbehave/forged_header", forged_header },
		{ "/misbehave/null_context", null_context },
	};
	size_t i;

	(void)self;
	(void)provider;
	state.completions = 0;
	if (path_is(context, "/misbehave/pending_nothing"))
		return (BH_PENDING);
	if (path_is(context, "/misbehave/bad_status"))
		return ((enum bh_notification_status)77);
	for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (path_is(context, acts[i].path))
			return (acts[i].act(context));
	return (BH_CONTINUE);
}

static enum bh_notification_status
on_async_completion(void *self, struct bh_context *context,
    uint32_t notification, bool post_notification,
    struct bh_event_provider *provider, const struct bh_completion_info *info)
{
	(void)self;
	(void)notification;
	(void)post_notification;
	(void)provider;
	state.completions++;
	return (answer(context,
	    "completion %u, operation %u, bytes %llu, status %d, second %d\n",
	    state.completions, (unsigned)bh_completed_operation(info),
	    (unsigned long long)bh_completion_bytes(info),
	    bh_completion_status(info), state.second));
}

static enum bh_notification_status
on_begin_request(
    void *self, struct bh_context *context, struct bh_event_provider *provider)
{
	volatile uintptr_t nowhere = 8;

	(void)self;
	(void)provider;
	if (path_is(context, "/misbehave/crash"))
		*(volatile char *)nowhere = 1;
	return (BH_CONTINUE);
}

static const struct bh_module_ops ops = {
	.size = sizeof(ops),
	.on_begin_request = on_begin_request,
	.on_execute_request_handler = on_execute,
	.on_async_completion = on_async_completion,
};

int
bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server)
{
	(void)server_version;
	(void)server;
	return (bh_registration_set_request_notifications(registration, &ops,
	    NULL, BH_RQ_BEGIN_REQUEST | BH_RQ_EXECUTE_REQUEST_HANDLER, 0));
}

BH_MODULE();

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * offloader: gives work to other threads. /offloader/<what>?<milliseconds>.
 */
#include "answer.h"

#include <bulkhead/log.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

struct work {
	unsigned milliseconds;
	pthread_t dispatcher;
	bool elsewhere; /* it ran on another thread */
};

static int
sleep_awhile(void *argument)
{
	struct work *work = argument;

	work->elsewhere = !pthread_equal(pthread_self(), work->dispatcher);
	bh_log(NULL, BH_LOG_INFO, "at work for %u ms", work->milliseconds);
	(void)usleep(work->milliseconds * 1000);
	return (-ENOENT);
}

static int
crash(void *argument)
{
	volatile uintptr_t nowhere = 8;

	(void)sleep_awhile(argument);
	*(volatile char *)nowhere = 1;
	return (0);
}

/* What no work may do. */
static int
leave(void *argument)
{
	(void)sleep_awhile(argument);
	pthread_exit(NULL);
}

static int
leave_all(void *argument)
{
	(void)sleep_awhile(argument);
	exit(3);
}

static int
leave_all_now(void *argument)
{
	(void)sleep_awhile(argument);
	_exit(3);
}

static int
leave_all_quickly(void *argument)
{
	(void)sleep_awhile(argument);
	quick_exit(3);
}

/* On a thread of its own that outlives the request. */
static void *
leave_alone(void *argument)
{
	static struct work work;

	work.milliseconds = (unsigned)(uintptr_t)argument;
	(void)leave_all(&work);
	return (NULL);
}

static int
start_alone(unsigned milliseconds)
{
	pthread_t thread;

	return (pthread_create(
	    &thread, NULL, leave_alone, (void *)(uintptr_t)milliseconds));
}

/* Beyond the end of the stack, wherever that is. */
static int
use_it_up(void *argument)
{
	volatile char room[64 * 1024];

	room[0] = 1;
	if (argument != NULL)
		return (use_it_up(argument) + room[0]);
	return (0);
}

static enum bh_notification_status
on_execute(
    void *self, struct bh_context *context, struct bh_event_provider *provider)
{
	struct bh_str query;
	struct work *work;
	int error, status = 1;

	(void)self;
	(void)provider;
	work = bh_context_allocate(context, sizeof(*work));
	if (work == NULL)
		return (BH_CONTINUE);
	query = bh_request_query(bh_context_request(context));
	*work = (struct work){ .dispatcher = pthread_self(),
		.milliseconds =
		    (unsigned)(query.length == 0
				   ? 0
				   : strtoul(query.data, NULL, 10)) };
	if (path_is(context, "/offloader/sync")) {
		error = bh_offload(context, sleep_awhile, work, false, &status);
		return (answer(
		    context, "%d %d %d\n", error, status, work->elsewhere));
	}
	if (path_is(context, "/offloader/async"))
		error = bh_offload(context, sleep_awhile, work, true, NULL);
	else if (path_is(context, "/offloader/crash"))
		error = bh_offload(context, crash, work, true, NULL);
	else if (path_is(context, "/offloader/leave"))
		error = bh_offload(context, leave, work, true, NULL);
	else if (path_is(context, "/offloader/exit"))
		error = bh_offload(context, leave_all, work, true, NULL);
	else if (path_is(context, "/offloader/_exit"))
		error = bh_offload(context, leave_all_now, work, true, NULL);
	else if (path_is(context, "/offloader/quick_exit"))
		error =
		    bh_offload(context, leave_all_quickly, work, true, NULL);
	else if (path_is(context, "/offloader/alone"))
		return (
		    answer(context, "%d\n", start_alone(work->milliseconds)));
	else if (path_is(context, "/offloader/overflow"))
		error = bh_offload(context, use_it_up, work, true, NULL);
	else if (path_is(context, "/offloader/forget")) {
		(void)bh_offload(context, sleep_awhile, work, true, NULL);
		return (answer(context, "forgotten\n"));
	} else if (path_is(context, "/offloader/twice")) {
		(void)bh_offload(context, sleep_awhile, work, true, NULL);
		error = bh_offload(context, sleep_awhile, work, true, NULL);
		return (error == -EBUSY ? BH_PENDING : BH_CONTINUE);
	} else
		return (BH_CONTINUE);
	return (error == 0 ? BH_PENDING : answer(context, "%d\n", error));
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
	return (answer(context, "operation %u, status %d\n",
	    (unsigned)bh_completed_operation(info),
	    bh_completion_status(info)));
}

static const struct bh_module_ops ops = {
	.size = sizeof(ops),
	.on_execute_request_handler = on_execute,
	.on_async_completion = on_async_completion,
};

int
bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server)
{
	(void)server_version;
	(void)server;
	/* The server keeps to it; asked, so that it isn't a mistake. */
	(void)bh_registration_setting(registration, "path");
	return (bh_registration_set_request_notifications(
	    registration, &ops, NULL, BH_RQ_EXECUTE_REQUEST_HANDLER, 0));
}

BH_MODULE();

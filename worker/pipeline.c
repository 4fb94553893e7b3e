/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The request pipeline.
 *
 * Life of a request, step 6 of 11: from conn.c; to the modules; on pending
 * to async.c; back from dispatch.c with the completion; to response.c; then
 * to conn.c.
 */
#include "worker/pipeline.h"

#include "shm/activity.h"
#include "shm/base/log.h"
#include "worker/access_log.h"
#include "worker/async.h"
#include "worker/conn.h"
#include "worker/meter.h"
#include "worker/site_request.h"
#include "worker/ticks.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *
pipeline_step_here(char ret_name[static PIPELINE_STEP])
{
	uint32_t step;
	uint64_t word;

	if (worker_thread_activity == NULL)
		return (NULL);
	word = atomic_load_explicit(
	    &worker_thread_activity->word, memory_order_relaxed);
	if (!activity_unpack(word, NULL, &step, NULL) || step == ACTIVITY_NONE)
		return (NULL);
	activity_step_name(step, ret_name, PIPELINE_STEP);
	return (ret_name);
}

void
pipeline_module_error_about(
    struct bh_registration *module, uint64_t request_id, const char *text)
{
	char step[PIPELINE_STEP];

	log_module(LOG_ERR, module == NULL ? NULL : module->name, request_id,
	    pipeline_step_here(step), text);
	if (!worker_on_dispatch_thread())
		return; /* the figures have one writer */
	WORKER_STAT_ADD(worker_self, module_errors, 1);
	if (module != NULL)
		stat_add(&module->stats[MODULE_STAT_errors], 1);
}

void
pipeline_module_error(struct bh_registration *module,
    const struct request *request, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	pipeline_module_error_about(
	    module, request == NULL ? 0 : request->id, text);
}

static const struct pipeline_call *
current_call(const struct request *request)
{
	return (&request->worker->modules.calls[request->call]);
}

/* The module's own object for this request, made when first needed. */
static int
module_self(
    struct request *request, struct bh_registration *module, void **ret_self)
{
	uint32_t bit = UINT32_C(1) << module->id;
	int error;

	if (module->ops->get_module == NULL) {
		*ret_self = module->self;
		return (0);
	}
	if (!(request->selves_made & bit)) {
		request->selves[module->id] = NULL;
		error = module->ops->get_module(module->self,
		    request_context(request), &request->selves[module->id]);
		if (error != 0)
			return (error);
		request->selves_made |= bit;
	}
	*ret_self = request->selves[module->id];
	return (0);
}

/* A callback that began then is over: its time and its memory. */
static void
account(
    struct worker *worker, const struct bh_registration *module, uint64_t began)
{
	const uint64_t now = ticks_now();

	worker->last_ticks = now;
	histogram_add(stats_module_histogram(
			  module->stats, MODULE_HISTOGRAM_callback_time),
	    ticks_between(began, now));
	meter_charge(module->stats);
}

/*
 * Run one callback of the current module: with ${info} its
 * on_async_completion, else the step's own. The activity word names it, for
 * whoever has to explain our death.
 */
static enum bh_notification_status
invoke(struct request *request, const struct bh_completion_info *info)
{
	struct worker *worker = request->worker;
	const struct pipeline_call *call = current_call(request);
	struct bh_registration *module = call->module;
	const struct running before = worker->running;
	const uint64_t began = ticks_now();
	enum bh_notification_status status;
	uint64_t activity;
	void *self;
	int error;

	meter_charge(before.module == NULL ? NULL : before.module->stats);
	activity = activity_set(worker->activity,
	    activity_pack(module->id,
		call->step | (info == NULL ? 0 : ACTIVITY_ASYNC), request->id));
	atomic_store_explicit(
	    &worker->activity->since_ns, worker->now_ns, memory_order_relaxed);
	worker->running.request = request;
	worker->running.module = module;
	request->state = REQUEST_RUNNING;
	stat_add(&module->stats[MODULE_STAT_calls], 1);
	if ((error = module_self(request, module, &self)) != 0) {
		pipeline_module_error(
		    module, request, "get_module failed: %s", strerror(-error));
		request->modules &= ~(UINT32_C(1) << module->id);
		response_error(request, 500);
		status = BH_FINISH_REQUEST;
	} else if (info == NULL) {
		status = call->callback(
		    self, request_context(request), &request->provider);
	} else {
		stat_add(&module->stats[MODULE_STAT_completions], 1);
		if (request->parked_ticks != 0) {
			request->waited_ticks += began - request->parked_ticks;
			histogram_add(stats_module_histogram(module->stats,
					  MODULE_HISTOGRAM_pending_time),
			    ticks_between(request->parked_ticks, began));
		}
		request->parked_ticks = 0;
		status = module->ops->on_async_completion(self,
		    request_context(request), UINT32_C(1) << (call->step / 2),
		    call->step % 2 != 0, &request->provider, info);
	}
	worker->running = before;
	(void)activity_set(worker->activity, activity);
	account(worker, module, began);
	return (status);
}

/* A completion that came while its module's callback still ran. */
static struct pending *
held_completion(struct request *request)
{
	if (request->io.held)
		return (&request->io);
	if (request->posted.held)
		return (&request->posted);
	return (NULL);
}

static enum bh_notification_status
deliver(struct request *request, struct pending *pending)
{
	struct bh_completion_info info = {
		.bytes = (uint64_t)pending->bytes,
		.entity = pending->entity,
		.status = pending->status,
		.op = pending->op,
	};

	/* The module may start the next operation from inside. */
	memset(pending, 0, sizeof(*pending));
	return (invoke(request, &info));
}

/* Is a thread of ours at work for it? */
static bool
is_offloaded(const struct request *request)
{
	return (request->posted.ref != 0 &&
		request->posted.op == OPERATION_OFFLOAD);
}

/*
 * BH_PENDING: is there something to wait for? Pending with nothing
 * outstanding would wait for ever.
 */
static bool
park(struct request *request)
{
	if (request->io.ref != 0 || request->posted.ref != 0) {
		request->state = REQUEST_PARKED;
		request->parked_ticks = request->worker->last_ticks;
		conn_note_waiting(request->conn, request->worker,
		    current_call(request)->module->id,
		    current_call(request)->step,
		    request->io.ref != 0 ? request->io.op : request->posted.op);
		/*
		 * A ticket's thread may be gone; the socket has its limits,
		 * and offloaded work can't be taken back.
		 */
		if (request->io.ref == 0 && !is_offloaded(request))
			conn_set_deadline(request->conn, request->worker,
			    site_request_pending_ns(request));
		WORKER_STAT_ADD(request->worker, requests_parked, 1);
		stat_add(
		    &current_call(request)->module->stats[MODULE_STAT_pending],
		    1);
		return (true);
	}
	pipeline_module_error(current_call(request)->module, request,
	    "returned BH_PENDING with no operation outstanding and no ticket "
	    "taken: the request would wait for ever; it is answered 500");
	response_error(request, 500);
	return (false);
}

/*
 * A callback has moved on. A ticket that is still out is void; an operation
 * on the socket must end before anyone else may use the response, and so must
 * offloaded work, which may use what the request owns. True when there is
 * such a one to wait for.
 */
static bool
leave_behind(struct request *request, enum bh_notification_status status)
{
	struct bh_registration *module = current_call(request)->module;

	if (!is_offloaded(request) &&
	    (request->posted.ref != 0 || request->posted.held)) {
		async_void(request, &request->posted);
		pipeline_module_error(module, request,
		    "returned without waiting for the completion that it "
		    "asked for; the completion is dropped");
	}
	if (request->io.held)
		memset(&request->io, 0, sizeof(request->io));
	if (request->io.ref == 0 && !is_offloaded(request))
		return (false);
	pipeline_module_error(module, request,
	    "returned without waiting for the operation that it started; its "
	    "completion is dropped");
	request->after = status;
	request->state = REQUEST_WAITING;
	return (true);
}

/* All callbacks are through: what the modules made is disposed of. */
static void
dispose(struct request *request)
{
	struct worker *worker = request->worker;
	struct bh_registration *module;
	uint64_t before;
	uint32_t i;

	if (request->selves_made == 0)
		return;
	for (i = 0; i < worker->modules.count; i++) {
		module = &worker->modules.list[i];
		if (!(request->selves_made >> i & 1) ||
		    module->ops->dispose == NULL)
			continue;
		before = activity_set(worker->activity,
		    activity_pack(i, ACTIVITY_DISPOSING, request->id));
		module->ops->dispose(request->selves[i]);
		(void)activity_set(worker->activity, before);
	}
	request->selves_made = 0;
}

static void
over(struct request *request)
{
	struct worker *worker = request->worker;
	unsigned status = request->response.status;
	char text[160];

	dispose(request);
	WORKER_STAT_ADD(worker, requests, 1);
	histogram_add(
	    stats_worker_histogram(worker->stats, HISTOGRAM_request_time),
	    ticks_between(request->began_ticks, ticks_now()));
	if (!request->response.headers_sent)
		status = 0; /* its client left before */
	if (status >= 500)
		WORKER_STAT_ADD(worker, responses_5xx, 1);
	else if (status >= 400)
		WORKER_STAT_ADD(worker, responses_4xx, 1);
	else if (status >= 300)
		WORKER_STAT_ADD(worker, responses_3xx, 1);
	else if (status >= 200)
		WORKER_STAT_ADD(worker, responses_2xx, 1);
	if (status >= 500 && request->error_status != 0) {
		(void)snprintf(text, sizeof(text), "answered %u: %s", status,
		    strerror(-request->error_status));
		log_module(LOG_WARNING, request->error_module, request->id,
		    NULL, text);
	}
	if (access_log_on(worker))
		access_log_request(request);
	conn_request_over(request->conn, worker);
}

/* On to the next call that concerns this request. */
static void
skip_others(struct request *request)
{
	const struct modules *modules = &request->worker->modules;

	while (
	    request->call < modules->call_count &&
	    !(request->modules >> modules->calls[request->call].module->id & 1))
		request->call++;
}

/*
 * May the next call be made now? Not while the response that must precede it
 * is on its way, and not when there is none.
 */
static bool
may_call(struct request *request)
{
	const struct modules *modules = &request->worker->modules;

	request->state = REQUEST_RUNNING;
	skip_others(request);
	if (request->call >= modules->log_call && !request->response.finished &&
	    !response_finish(request)) {
		request->state = REQUEST_SENDING;
		return (false);
	}
	if (request->call >= modules->call_count) {
		over(request);
		return (false);
	}
	return (true);
}

/*
 * The current call has answered ${status}. Settle what that leaves: false
 * when the request has to wait before it can move on.
 */
static bool
settle(struct request *request, enum bh_notification_status *status)
{
	struct pending *held;

	while (*status != BH_CONTINUE && *status != BH_FINISH_REQUEST) {
		if (*status != BH_PENDING) {
			pipeline_module_error(current_call(request)->module,
			    request,
			    "returned %d, which is no answer to a "
			    "notification; the request is answered 500",
			    (int)*status);
			response_error(request, 500);
			*status = BH_FINISH_REQUEST;
		} else if ((held = held_completion(request)) != NULL)
			*status = deliver(request, held);
		else if (park(request))
			return (false);
		else
			*status = BH_FINISH_REQUEST;
	}
	return (!leave_behind(request, *status));
}

/* Go on from the current call, which has answered ${status}. */
static void
advance(struct request *request, enum bh_notification_status status)
{
	size_t log_call = request->worker->modules.log_call;

	while (settle(request, &status)) {
		if (status == BH_FINISH_REQUEST && request->call < log_call)
			request->call = log_call;
		else
			request->call++;
		if (!may_call(request))
			return;
		status = invoke(request, NULL);
	}
}

/* A module that this request can't do without is in quarantine. */
static void
answer_unavailable(struct request *request)
{
	const struct modules *modules = &request->worker->modules;
	char seconds[16];

	response_error(request, 503);
	(void)snprintf(
	    seconds, sizeof(seconds), "%u", (unsigned)modules->retry_after_s);
	if (modules->retry_after_s > 0)
		(void)response_set_header(
		    request, "Retry-After", seconds, true);
	request->call = modules->log_call;
}

void
pipeline_start(struct request *request)
{
	const struct http_span path = request->head.path;
	uint32_t missing;

	request->modules = modules_for(&request->worker->modules,
	    (const char *)request->bytes + path.offset, path.length, &missing);
	request->call = 0;
	if (request->rule != NULL) {
		request->modules &= request->rule->modules;
		missing &= request->rule->modules;
	}
	if (request->rule != NULL && request->rule->status != 0) {
		site_request_answer(request);
		request->call = request->worker->modules.log_call;
	} else if (missing != 0) {
		answer_unavailable(request);
	}
	if (may_call(request))
		advance(request, invoke(request, NULL));
}

void
pipeline_refuse(struct request *request, unsigned status)
{
	WORKER_STAT_ADD(request->worker, bad_requests, 1);
	request->body_bad = true;
	request->response.close = true;
	response_error(request, status);
	request->call = request->worker->modules.call_count;
	(void)may_call(request); /* there is none: it sends, and is over */
}

void
pipeline_sent(struct request *request, int64_t bytes, int status)
{
	response_sent(request, bytes, status);
	request->response.finished = true;
	request->response.sent_ticks = ticks_now();
	if (may_call(request))
		advance(request, invoke(request, NULL));
}

void
pipeline_complete(struct request *request, struct pending *pending)
{
	if (request->state == REQUEST_PARKED) {
		WORKER_STAT_ADD(request->worker, requests_parked, -1);
		conn_note_going_on(request->conn, request->worker);
		if (pending == &request->posted)
			conn_set_deadline(request->conn, request->worker, 0);
		advance(request, deliver(request, pending));
	} else if (request->state == REQUEST_WAITING) {
		memset(pending, 0, sizeof(*pending));
		if (request->io.ref != 0 || is_offloaded(request))
			return; /* for the other one */
		request->state = REQUEST_RUNNING;
		advance(request, request->after);
	} else {
		pending->held = true;
	}
}

void
pipeline_expire(struct request *request)
{
	WORKER_STAT_ADD(request->worker, requests_parked, -1);
	WORKER_STAT_ADD(request->worker, timeouts, 1);
	conn_note_going_on(request->conn, request->worker);
	async_void(request, &request->posted);
	pipeline_module_error(current_call(request)->module, request,
	    "left the request pending for %" PRIu64 " s without posting its "
	    "completion; it is answered 500",
	    site_request_pending_ns(request) / UINT64_C(1000000000));
	request->state = REQUEST_RUNNING;
	response_error(request, 500);
	advance(request, BH_FINISH_REQUEST);
}

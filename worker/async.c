/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations of modules. A record is reserved before anything is started, so
 * the completion has its place whatever happens; the engine, a thread's post
 * or this file publishes it; dispatch.c brings it back to async_complete().
 *
 * Life of a request, steps 8 and 9 of 11: from the API, to the engine; from
 * dispatch.c, to pipeline.c.
 */
#include "worker/async.h"

#include "shm/activity.h"
#include "shm/base/panic.h"
#include "worker/conn.h"
#include "worker/engine.h"
#include "worker/meter.h"
#include "worker/offload.h"
#include "worker/pipeline.h"
#include "worker/site_request.h"
#include "worker/stack.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

/* Start an operation: its record, and its description in the request. */
static int
reserve(struct request *request, struct pending *pending, enum operation op)
{
	int error;

	if (pending->ref != 0 || pending->held)
		return (-EBUSY);
	memset(pending, 0, sizeof(*pending));
	error = ring_reserve(&request->worker->consumer, CREDIT_NORMAL,
	    (uint16_t)op, request->conn->id, request->handle, &pending->ref);
	if (error == 0)
		pending->op = (uint16_t)op;
	return (error);
}

int
async_may_start(const struct request *request, struct async_mode mode)
{
	struct worker *worker = request->worker;

	if (worker->consumer.free_count <= RING_CONTROL_RESERVE)
		return (-EAGAIN);
	return (mode.async ? 0 : stack_prepare(worker->stacks));
}

/* It came to nothing, or it is done without a completion. */
static void
unreserve(struct request *request, struct pending *pending)
{
	(void)ring_cancel(&request->worker->consumer, pending->ref);
	memset(pending, 0, sizeof(*pending));
}

/* The activity word that goes away said which step of the module waits. */
static void
note_waiting(struct request *request, const struct bh_registration *module,
    uint64_t activity, uint16_t op)
{
	uint32_t step = ACTIVITY_NONE;

	(void)activity_unpack(activity, NULL, &step, NULL);
	conn_note_waiting(request->conn, request->worker, module->id, step, op);
}

/*
 * A synchronous call waits: its stack is parked, the loop goes on upon
 * another, and what says who is running follows the stack.
 */
static void
wait_for(struct request *request, struct pending *pending)
{
	struct worker *worker = request->worker;
	const struct running running = worker->running;
	uint64_t activity = activity_set(worker->activity, 0);

	meter_charge(running.module->stats);
	note_waiting(request, running.module, activity, pending->op);
	pending->waiter = stack_current(worker->stacks);
	worker->running = (struct running){ NULL, NULL };
	WORKER_STAT_ADD(worker, stacks_parked, 1);
	bh_assert(stack_park(worker->stacks) == 0); /* it was prepared */
	WORKER_STAT_ADD(worker, stacks_parked, -1);
	meter_charge(NULL);
	conn_note_going_on(request->conn, worker);
	worker->running = running;
	(void)activity_set(worker->activity, activity);
	atomic_store_explicit(
	    &worker->activity->since_ns, worker->now_ns, memory_order_relaxed);
	pending->waiter = NULL;
}

/* The result of a synchronous call that has waited. */
static int
take_result(struct pending *pending, size_t *ret_bytes)
{
	int status = pending->status;

	if (ret_bytes != NULL)
		*ret_bytes = (size_t)pending->bytes;
	memset(pending, 0, sizeof(*pending));
	return (status);
}

int
async_complete_inline(struct request *request, enum operation op,
    uint64_t bytes, struct async_mode mode, bool *ret_expected)
{
	struct pending *io = &request->io;
	int error;

	if (!mode.always) {
		if (ret_expected != NULL)
			*ret_expected = false;
		return (0);
	}
	if ((error = reserve(request, io, op)) != 0)
		return (error);
	io->done = true;
	ring_publish(&request->worker->producer, io->ref, (int64_t)bytes, 0, 0);
	return (0);
}

/* Body bytes that have arrived already, unframed, into ${place}. */
static int
take_buffered(
    struct request *request, uint8_t *place, size_t size, size_t *ret_taken)
{
	struct conn *conn = request->conn;
	const uint8_t *bytes, *data;
	size_t consumed, length;
	int error;

	while (conn->start < conn->end) {
		bytes = conn_bytes(conn, request->worker);
		error = http_body_next(&request->body, bytes + conn->start,
		    conn->end - conn->start, size, &consumed, &data, &length);
		conn->start += (uint32_t)consumed;
		if (error == -EBADMSG)
			return (error);
		if (length > 0) {
			memcpy(place, data, length);
			*ret_taken = length;
			return (request->body.received >
					site_request_body_max(request)
				    ? -EFBIG
				    : 0);
		}
		if (http_body_done(&request->body))
			return (-BH_EOF);
	}
	return (-EAGAIN);
}

static void
say_continue(struct request *request)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const struct iovec iov = { (void *)(uintptr_t)text, sizeof(text) - 1 };
	int64_t sent;

	request->continue_sent = true;
	/* The first bytes of an idle socket are taken or it is broken. */
	sent = engine_send(
	    request->worker->engine, conn_slot_number(request->conn), &iov, 1);
	if (sent > 0)
		request->conn->sent += (uint64_t)sent;
	if (sent != sizeof(text) - 1)
		request->conn->broken = true;
}

/*
 * Receive body bytes: those of a known length into the module's own memory,
 * bounded so that the next request's bytes stay in the socket; those in
 * chunks into the buffer, to be unframed.
 */
static int
receive_body(struct request *request, struct pending *io)
{
	struct conn *conn = request->conn;
	struct worker *worker = request->worker;
	uint8_t *place = io->place;
	size_t size = io->size;

	if (request->head.expect_continue && !request->continue_sent &&
	    !request->response.headers_sent)
		say_continue(request);
	if (conn->broken)
		return (-ECONNRESET);
	if (request->body.chunked) {
		if ((place = conn_body_room(conn, worker, &size)) == NULL)
			return (-EAGAIN);
	} else {
		if (size > request->body.remaining)
			size = (size_t)request->body.remaining;
		conn_note_body_outside(conn, worker);
	}
	conn_set_deadline(conn, worker, worker->limits.body_ns);
	engine_receive(
	    worker->engine, conn_slot_number(conn), place, size, io->ref);
	return (0);
}

int
async_read(struct request *request, void *buffer, size_t size,
    struct async_mode mode, size_t *ret_received, bool *ret_expected)
{
	struct pending *io = &request->io;
	size_t taken = 0;
	int error;

	if (io->ref != 0 || io->held)
		return (-EBUSY);
	if (request->body_bad)
		return (-EBADMSG);
	if (http_body_done(&request->body))
		return (-BH_EOF);
	error = take_buffered(request, buffer, size, &taken);
	if (error == 0) {
		if (ret_received != NULL)
			*ret_received = taken;
		return (async_complete_inline(request,
		    OPERATION_READ_ENTITY_BODY, taken, mode, ret_expected));
	}
	if (error != -EAGAIN) {
		request->body_bad = error != -BH_EOF;
		return (error);
	}
	if (!mode.async &&
	    (error = stack_prepare(request->worker->stacks)) != 0)
		return (error);
	if ((error = reserve(request, io, OPERATION_READ_ENTITY_BODY)) != 0)
		return (error);
	io->place = buffer;
	io->size = size;
	if ((error = receive_body(request, io)) != 0) {
		unreserve(request, io);
		return (error);
	}
	if (mode.async) {
		if (ret_expected != NULL)
			*ret_expected = true;
		return (0);
	}
	wait_for(request, io);
	return (take_result(io, ret_received));
}

int
async_flush(struct request *request, const struct bh_data_chunk *chunks,
    size_t count, enum operation op, bool last, struct async_mode mode,
    size_t *ret_sent, bool *ret_expected)
{
	struct pending *io = &request->io;
	int64_t sent;
	int error;

	if ((error = async_may_start(request, mode)) != 0 ||
	    (error = reserve(request, io, op)) != 0)
		return (error);
	sent = response_send(request, chunks, count, last, io->ref);
	if (sent < 0 && sent != -EINPROGRESS) {
		unreserve(request, io);
		return ((int)sent);
	}
	io->entity = request->response.output.entity;
	if (mode.async) {
		if (sent >= 0)
			ring_publish(
			    &request->worker->producer, io->ref, sent, 0, 0);
		if (ret_expected != NULL)
			*ret_expected = true;
		return (0);
	}
	if (sent >= 0) {
		if (ret_sent != NULL)
			*ret_sent = (size_t)sent;
		unreserve(request, io);
		return (0);
	}
	wait_for(request, io);
	return (take_result(io, ret_sent));
}

int
async_reserve_post(struct request *request)
{
	return (reserve(request, &request->posted, OPERATION_POST));
}

void
async_post(struct request *request, uint32_t bytes)
{
	ring_publish(&request->worker->producer, request->posted.ref,
	    (int64_t)bytes, 0, 0);
}

int
async_offload(struct request *request, bh_offload_fn *work, void *argument,
    bool async, int *ret_status)
{
	struct worker *worker = request->worker;
	struct pending *posted = &request->posted;
	struct offload_job *job = &request->job;
	int error;

	if (!async && (error = stack_prepare(worker->stacks)) != 0)
		return (error);
	if ((error = reserve(request, posted, OPERATION_OFFLOAD)) != 0)
		return (error);
	*job = (struct offload_job){
		.work = work,
		.argument = argument,
		.ref = posted->ref,
		/* The same step, but not on the dispatch thread. */
		.activity = atomic_load_explicit(
				&worker->activity->word, memory_order_relaxed) |
			    activity_flag(ACTIVITY_OFFLOAD),
	};
	if ((error = offload_submit(worker->offload, job)) != 0) {
		unreserve(request, posted);
		return (error);
	}
	if (async)
		return (0);
	wait_for(request, posted);
	error = take_result(posted, NULL);
	if (ret_status != NULL)
		*ret_status = error;
	return (0);
}

/* A thread of a module publishes through a producer of its own. */
static _Thread_local struct ring_producer thread_producer;
static pthread_key_t thread_key;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;

static void
thread_over(void *producer)
{
	ring_producer_fini(producer);
}

static void
thread_key_create(void)
{
	(void)pthread_key_create(&thread_key, thread_over);
}

static struct ring_producer *
own_producer(void)
{
	if (worker_on_dispatch_thread())
		return (&worker_self->producer);
	if (thread_producer.ring == NULL) {
		(void)pthread_once(&thread_once, thread_key_create);
		ring_producer_init(
		    &thread_producer, &worker_self->ring, PRODUCER_NONE);
		/* Gives the producer's id back when the thread ends. */
		(void)pthread_setspecific(thread_key, &thread_producer);
	}
	return (&thread_producer);
}

int
async_post_ticket(ring_ref ref, uint32_t bytes, int status)
{
	return (
	    ring_try_publish(own_producer(), ref, (int64_t)bytes, status, 0));
}

void
async_void(struct request *request, struct pending *pending)
{
	/* If its completion has been published, nobody will know its ref. */
	if (pending->ref != 0)
		(void)ring_cancel(&request->worker->consumer, pending->ref);
	memset(pending, 0, sizeof(*pending));
}

/*
 * Bytes of a body have come, or haven't. Returns false when more must be
 * received before the module has anything to hear.
 */
static bool
body_received(
    struct request *request, struct pending *io, int64_t bytes, int status)
{
	struct conn *conn = request->conn;
	size_t taken = 0, consumed, length;
	const uint8_t *data;
	int error;

	conn_set_deadline(conn, request->worker, 0);
	if (status == 0 && bytes == 0) {
		conn->fin = true;
		status = -ECONNRESET; /* its end was promised, and isn't here */
	}
	if (status != 0) {
		io->status = status;
		request->body_bad = true;
		return (true);
	}
	conn->received += (uint64_t)bytes;
	WORKER_STAT_ADD(request->worker, bytes_received, bytes);
	if (!request->body.chunked) {
		(void)http_body_next(&request->body, io->place, (size_t)bytes,
		    (size_t)bytes, &consumed, &data, &length);
		io->bytes = bytes;
		return (true);
	}
	conn->end += (uint32_t)bytes;
	error = take_buffered(request, io->place, io->size, &taken);
	if (error == -EAGAIN) {
		io->ref = ring_rearm(&request->worker->consumer, io->ref);
		error = receive_body(request, io);
		if (error == 0)
			return (false);
	}
	request->body_bad = error != 0 && error != -BH_EOF;
	io->bytes = (int64_t)taken;
	io->status = error;
	return (true);
}

/*
 * What the completion means for request and response; false when the
 * operation goes on.
 */
static bool
settle(struct request *request, struct pending *pending,
    const struct completion *completion)
{
	if (!pending->done && pending->op == OPERATION_READ_ENTITY_BODY)
		return (body_received(
		    request, pending, completion->bytes, completion->status));
	pending->bytes = completion->bytes;
	pending->status = completion->status;
	if (request->response.sending && pending == &request->io)
		response_sent(request, completion->bytes, completion->status);
	return (true);
}

void
async_complete(struct worker *worker, const struct completion *completion)
{
	struct request *request = request_by_handle(worker, completion->token);
	struct pending *pending = NULL;
	ring_ref ref;

	if (request != NULL && request->io.ref == completion->ref)
		pending = &request->io;
	else if (request != NULL && request->posted.ref == completion->ref)
		pending = &request->posted;
	if (pending == NULL) {
		/* Void: nobody waits for it any more. */
		ring_release(&worker->consumer, completion->ref);
		return;
	}
	if (!settle(request, pending, completion))
		return;
	ref = pending->ref;
	pending->ref = 0;
	if (pending->waiter != NULL) {
		ring_release(&worker->consumer, ref);
		stack_resume(worker->stacks, pending->waiter);
	}
	/* The record says DISPATCHING until the module has answered. */
	pipeline_complete(request, pending);
	ring_release(&worker->consumer, ref);
}

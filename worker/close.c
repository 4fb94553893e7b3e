/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The endings of connections, and what brings them about: the peer, a time
 * limit, the end of the worker.
 *
 * Life of a request, step 11 of 11.
 */
#include "worker/close.h"

#include "shm/base/clock.h"
#include "shm/base/log.h"
#include "worker/buffers.h"
#include "worker/engine.h"
#include "worker/link.h"
#include "worker/pipeline.h"
#include "worker/request.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	SWEEP_MS = 250,  /* between two parts of a sweep */
	SWEEP_PARTS = 4, /* so each connection is looked at once a second */
	FRESH_MS = 500,  /* for a first request, when we are to finish */
};

/* It isn't ours any more; what is left of it here is the report. */
static void
let_go(struct conn *conn, struct worker *worker, enum message_type report,
    enum close_how how)
{
	static const struct slot_request nothing;
	uint32_t slot = conn_slot_number(conn);
	uint32_t generation = conn_id_generation(conn->id);

	engine_remove(worker->engine, slot);
	(void)close(conn->fd);
	slot_set_request(&worker->segment.slots[slot], &nothing);
	buffer_release(worker, &conn->buffer);
	conn_set_state(conn, worker, SLOT_FREE);
	conn->id = 0;
	worker->conns_open--;
	WORKER_STAT_ADD(worker, connections_open, -1);
	link_report(worker->link, report, slot, generation, how);
}

static void
finish(struct conn *conn, struct worker *worker, enum close_how how)
{
	let_go(conn, worker, MESSAGE_CLOSED, how);
}

void
conn_release(struct conn *conn, struct worker *worker)
{
	let_go(conn, worker, MESSAGE_RELEASED, 0);
}

void
conn_receive_nowhere(struct conn *conn, struct worker *worker, uint64_t most)
{
	/* Never read, so all may share it. */
	static uint8_t nowhere[65536];

	engine_receive(worker->engine, conn_slot_number(conn), nowhere,
	    most < sizeof(nowhere) ? (size_t)most : sizeof(nowhere), 0);
}

void
conn_close(struct conn *conn, struct worker *worker)
{
	(void)shutdown(conn->fd, SHUT_WR);
	if (conn->fin || conn->broken) {
		finish(conn, worker, CLOSE_ORDERLY);
		return;
	}
	conn_set_state(conn, worker, SLOT_CLOSING);
	conn_set_deadline(conn, worker, worker->limits.linger_ns);
	conn_receive_nowhere(conn, worker, UINT64_MAX);
}

void
conn_reset(struct conn *conn, struct worker *worker)
{
	static const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

	/* AF_UNIX has no RST: its peer sees the end of both directions. */
	if (connect(conn->fd, &nowhere, sizeof(nowhere)) == -1)
		(void)shutdown(conn->fd, SHUT_RDWR);
	WORKER_STAT_ADD(worker, resets, 1);
	finish(conn, worker, CLOSE_RESET);
}

void
conn_lingered(
    struct conn *conn, struct worker *worker, int64_t bytes, int status)
{
	if (status == 0 && bytes > 0)
		conn_receive_nowhere(conn, worker, UINT64_MAX);
	else
		finish(conn, worker, CLOSE_ORDERLY);
}

void
conn_publish(struct conn *conn, struct worker *worker, enum operation op)
{
	ring_ref ref;

	if (ring_reserve(&worker->consumer, CREDIT_CONTROL, (uint16_t)op,
		conn->id, 0, &ref) != 0) {
		conn->due = conn->due || op == OPERATION_CONN_NEXT;
		conn_set_deadline(conn, worker, 1);
		return;
	}
	ring_publish(&worker->producer, ref, 0, 0, 0);
}

void
conn_broken(struct conn *conn)
{
	/* A request in the pipeline finds out when it next needs us. */
	conn->broken = true;
}

/* A request is being handled and its client is slow: one of its operations. */
static void
operation_timeout(struct conn *conn, struct worker *worker)
{
	uint64_t limit =
	    conn->request->state == REQUEST_SENDING ||
		    conn->request->io.op != OPERATION_READ_ENTITY_BODY
		? worker->limits.send_ns
		: worker->limits.body_ns;
	uint64_t last = engine_progress(worker->engine, conn_slot_number(conn));

	if (conn->request->state == REQUEST_PARKED &&
	    conn->request->io.ref == 0) {
		conn->deadline_ns = 0;
		pipeline_expire(conn->request);
		return;
	}
	if (last + limit > worker->now_ns) {
		conn->deadline_ns = last + limit;
		return;
	}
	WORKER_STAT_ADD(worker, timeouts, 1);
	conn->deadline_ns = 0;
	conn->broken = true;
	engine_fail(worker->engine, conn_slot_number(conn), -ETIMEDOUT);
}

void
conn_timeout(struct conn *conn, struct worker *worker)
{
	if (conn->deadline_ns == 0 || conn->deadline_ns > worker->now_ns)
		return; /* something has happened meanwhile */
	if (conn->due) {
		conn->due = false;
		conn_next(conn, worker);
		return;
	}
	if (conn->request != NULL) {
		operation_timeout(conn, worker);
		return;
	}
	if (conn->state == SLOT_CLOSING) {
		finish(conn, worker, CLOSE_ORDERLY);
		return;
	}
	/* The receive that didn't come; or that has, just now. */
	if (!engine_abandon(worker->engine, conn_slot_number(conn)))
		return;
	WORKER_STAT_ADD(worker, timeouts, 1);
	if (conn->state == SLOT_READING && conn->unread == 0)
		conn_refuse(conn, worker, 408);
	else
		conn_close(conn, worker);
}

/* Who has sent a part of a request may send the rest, but not at leisure. */
static void
shorten_deadline(struct conn *conn, struct worker *worker, uint64_t ns)
{
	uint64_t last = worker->now_ns + ns;

	if (conn->deadline_ns == 0 || conn->deadline_ns > last)
		conn->deadline_ns = last;
}

/* Nobody connects to say nothing: the first request is on its way. */
static bool
is_fresh(const struct conn *conn, const struct worker *worker)
{
	return (conn->state == SLOT_IDLE && !worker->retiring &&
		atomic_load_explicit(
		    &worker->segment.slots[conn_slot_number(conn)].served,
		    memory_order_relaxed) == 0);
}

void
conns_drain(struct worker *worker)
{
	struct conn *conn;
	uint32_t slot;

	for (slot = 0; slot < worker->conns_used; slot++) {
		conn = &worker->conns[slot];
		if (conn->id == 0)
			continue;
		if (conn->state == SLOT_READING && !worker->retiring)
			shorten_deadline(
			    conn, worker, worker->limits.linger_ns);
		if (is_fresh(conn, worker)) {
			shorten_deadline(
			    conn, worker, FRESH_MS * CLOCK_NS_PER_MS);
			continue;
		}
		if (conn->state != SLOT_IDLE ||
		    !engine_abandon(worker->engine, slot))
			continue;
		if (worker->retiring)
			conn_release(conn, worker);
		else
			conn_close(conn, worker);
	}
}

int
conns_sweep(struct worker *worker)
{
	uint32_t part, i;
	struct conn *conn;

	if (worker->conns_open == 0)
		return (-1);
	if (worker->now_ns < worker->sweep_ns)
		return ((int)((worker->sweep_ns - worker->now_ns) /
			      CLOCK_NS_PER_MS) +
			1);
	worker->sweep_ns = worker->now_ns + SWEEP_MS * CLOCK_NS_PER_MS;
	part = worker->conns_used / SWEEP_PARTS + 1;
	for (i = 0; i < part; i++, worker->sweep++) {
		if (worker->sweep >= worker->conns_used)
			worker->sweep = 0;
		conn = &worker->conns[worker->sweep];
		if (conn->id != 0 && conn->deadline_ns != 0 &&
		    conn->deadline_ns <= worker->now_ns)
			conn_publish(conn, worker, OPERATION_CONN_TIMEOUT);
	}
	return (SWEEP_MS);
}

void
conns_close_fds(struct worker *worker)
{
	uint32_t slot;

	for (slot = 0; slot < worker->conns_used; slot++)
		if (worker->conns[slot].id != 0)
			(void)close(worker->conns[slot].fd);
}

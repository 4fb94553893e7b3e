/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dispatch loop. A turn, in this order:
 *
 *	1. completions from the ring, up to a budget: each goes to whoever it
 *	   concerns, and the flight recorder keeps it;
 *	2. reports to the master, all in one message;
 *	3. time limits;
 *	4. the engine: kernel events become completions; it waits only when the
 *	   ring is empty and has been told so (ring_may_sleep).
 *
 * A callback may park the stack that the loop stands on and let the loop go
 * on upon another (stack.h): so between turns, and after a callback, nothing
 * is known from before but what is in struct worker.
 *
 * Life of a request, step 9 of 11: from shm/ring.c, to async.c and conn.c.
 */
#include "worker/dispatch.h"

#include "shm/base/clock.h"
#include "shm/base/log.h"
#include "shm/recorder.h"
#include "worker/async.h"
#include "worker/conn.h"
#include "worker/engine.h"
#include "worker/link.h"
#include "worker/stack.h"
#include "worker/ticks.h"

#include <stdlib.h>

enum {
	BUDGET = 512,      /* completions in one turn */
	LINK_RETRY_MS = 5, /* when the master's socket was full */
};

/*
 * The master wants us to finish; or it is gone, and that means the same. A
 * worker that retires may still be told to drain.
 */
static void
finish(struct worker *worker, bool retire)
{
	if (worker->draining || (retire && worker->retiring))
		return;
	if (worker->master_gone) {
		log_warn("the master is gone: finishing what there is");
		worker->give_up_ns = worker->now_ns + worker->limits.orphan_ns;
	}
	worker->retiring = retire;
	worker->draining = !retire;
	atomic_store_explicit(&worker->segment.consumer->state,
	    SEGMENT_DRAINING, memory_order_relaxed);
	conns_drain(worker);
}

static void
dispatch_message(struct worker *worker, const struct completion *completion)
{
	switch (completion->conn) {
	case MESSAGE_DRAIN:
		finish(worker, false);
		break;
	case MESSAGE_RETIRE:
		finish(worker, true);
		break;
	case MESSAGE_QUARANTINE:
		worker->modules.quarantined = (uint32_t)completion->aux;
		worker->modules.retry_after_s =
		    (uint32_t)(completion->aux >> 32);
		break;
	default:
		break;
	}
}

/* A completion that concerns a connection, not an operation of a module. */
static void
dispatch_conn(struct worker *worker, const struct completion *completion)
{
	struct conn *conn;

	if (completion->op == OPERATION_CONN_ARRIVED) {
		conn_arrived(worker, completion->conn, (int)completion->aux);
		return;
	}
	if ((conn = conn_find(worker, completion->conn)) == NULL)
		return; /* it has ended meanwhile */
	switch (completion->op) {
	case OPERATION_CONN_RECEIVED:
		conn_received(
		    conn, worker, completion->bytes, completion->status);
		break;
	case OPERATION_CONN_SENT:
		conn_sent(conn, worker, completion->bytes, completion->status);
		break;
	case OPERATION_CONN_NEXT:
		conn_next(conn, worker);
		break;
	case OPERATION_CONN_TIMEOUT:
		conn_timeout(conn, worker);
		break;
	case OPERATION_CONN_BROKEN:
		conn_broken(conn);
		break;
	default:
		log_err("completion of unknown operation %u", completion->op);
		break;
	}
}

static void
dispatch(struct worker *worker, const struct completion *completion)
{
	recorder_write(&worker->segment, completion);
	if (completion->op < SEGMENT_OPERATIONS)
		stat_add(&worker->stats[STAT_completions + completion->op], 1);
	if (completion->op < OPERATION_CONN_ARRIVED) {
		async_complete(worker, completion); /* releases it */
		return;
	}
	if (completion->op == OPERATION_MASTER_MESSAGE)
		dispatch_message(worker, completion);
	else
		dispatch_conn(worker, completion);
	ring_release(&worker->consumer, completion->ref);
}

static void
begin_turn(struct worker *worker)
{
	struct segment_consumer *consumer = worker->segment.consumer;
	uint64_t turn =
	    atomic_load_explicit(&consumer->turn, memory_order_relaxed);

	worker->now_ns = clock_now();
	worker->turn_ticks = ticks_now();
	atomic_store_explicit(
	    &consumer->turn_ns, worker->now_ns, memory_order_relaxed);
	atomic_store_explicit(&consumer->turn, turn + 1, memory_order_relaxed);
	stat_set(&worker->stats[STAT_turns], turn + 1);
	stat_set(
	    &worker->stats[STAT_ring_depth], ring_depth(&worker->consumer));
}

/* What the ring counts in private; true also while the loop then waits. */
static void
publish_figures(struct worker *worker)
{
	stat_set(&worker->stats[STAT_records_used],
	    worker->segment.geometry.records - worker->consumer.free_count);
	stat_set(&worker->stats[STAT_ring_poisoned], worker->consumer.poisoned);
	stat_set(
	    &worker->stats[STAT_ring_fallbacks], worker->consumer.fallbacks);
	stat_set(&worker->stats[STAT_ring_corrupt], worker->consumer.corrupt);
}

/*
 * Something has written over the ring: no completion can be believed any
 * more. The successor takes over what can be.
 */
static void
check_ring(const struct worker *worker)
{
	if (worker->consumer.corrupt == 0)
		return;
	log_err("the completion ring holds what can't be: something has "
		"written over it");
	abort();
}

/* How long the engine may wait: not at all while there is work. */
static int
patience(struct worker *worker)
{
	int sweep_ms = conns_sweep(worker);
	bool reported = link_flush(worker->link);

	publish_figures(worker);
	check_ring(worker);
	if (engine_ready(worker->engine) || !ring_may_sleep(&worker->consumer))
		return (0);
	WORKER_STAT_ADD(worker, sleeps, 1);
	stat_set(&worker->stats[STAT_ring_depth], 0);
	if (!reported && (sweep_ms < 0 || sweep_ms > LINK_RETRY_MS))
		return (LINK_RETRY_MS);
	return (sweep_ms);
}

/*
 * Drained: no connection, and so no request, is left. Without a master nobody
 * would end us if one never ended.
 */
static bool
is_finished(struct worker *worker)
{
	if (worker->give_up_ns != 0 && worker->now_ns >= worker->give_up_ns)
		return (true);
	return ((worker->draining || worker->retiring) &&
		worker->conns_open == 0 && link_flush(worker->link));
}

void
dispatch_loop(void *argument)
{
	struct worker *worker = argument;
	struct completion completion;
	int budget;

	for (;;) {
		begin_turn(worker);
		for (budget = BUDGET;
		     budget > 0 && ring_consume(&worker->consumer, &completion);
		     budget--)
			dispatch(worker, &completion);
		if (is_finished(worker))
			stack_pool_leave(worker->stacks);
		engine_poll(worker->engine, patience(worker));
		ring_awake(&worker->consumer);
	}
}

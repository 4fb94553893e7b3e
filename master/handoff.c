/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Step 3 of a request's life: hand over. Runs in the master.
 */
#include "master/handoff.h"

#include "master/balance.h"
#include "master/channel.h"
#include "master/master.h"
#include "master/recover.h"
#include "shm/base/clock.h"
#include "shm/base/fd.h"
#include "shm/base/log.h"

#include <errno.h>
#include <string.h>

struct handover_message {
	struct message_header header;
	struct message_connection items[MESSAGE_CONNECTIONS];
};

static void
describe(const struct connection *connection, struct message_connection *item)
{
	item->slot = connection->slot;
	item->generation = connection->generation;
	item->why = HANDOVER_ACCEPTED;
	if (connection->migrated)
		item->why = HANDOVER_MIGRATED;
	if (connection->wreck != NULL)
		item->why = HANDOVER_RECOVERED;
	item->crashes = connection->crashes;
	item->named = connection->named;
	item->accepted_ns = connection->accepted_ns;
	item->peer = connection->peer;
}

/*
 * One message for the whole batch. Its connections come all from accept, or
 * all from one wreck, whose descriptors then go first.
 */
static int
send_message(const struct worker *worker)
{
	const struct wreck *wreck = worker->batch[0]->wreck;
	struct handover_message message;
	int fds[MESSAGE_WRECK_FDS + MESSAGE_CONNECTIONS];
	size_t size = worker->batched * sizeof(message.items[0]);
	size_t count = 0;

	message_init(&message.header,
	    wreck == NULL ? MESSAGE_HANDOVER : MESSAGE_RECOVER,
	    (uint32_t)worker->batched, (uint32_t)size);
	if (wreck != NULL) {
		fds[count++] = wreck->fds.ro;
		fds[count++] = wreck->fds.buffers;
	}
	for (size_t i = 0; i < worker->batched; i++) {
		describe(worker->batch[i], &message.items[i]);
		fds[count++] = worker->batch[i]->fd;
	}
	return (fd_send(worker->socket, &message, sizeof(message.header) + size,
	    fds, count));
}

/* One line after a second, and again at each doubling. */
static void
tell_shortage(struct handoff *handoff, size_t waiting, int error)
{
	const uint64_t tell = HANDOFF_TELL_MS * CLOCK_NS_PER_MS;
	uint64_t now = clock_now(), lasted;

	if (handoff->short_ns == 0 || now - handoff->refused_ns > tell) {
		handoff->short_ns = now;
		handoff->tell_ns = tell;
	}
	handoff->refused_ns = now;
	lasted = now - handoff->short_ns;
	if (lasted < handoff->tell_ns)
		return;
	while (handoff->tell_ns <= lasted)
		handoff->tell_ns *= 2;
	log_warn("no connection can be handed to a worker for %u s, %zu wait: "
		 "%s",
	    (unsigned)(lasted / CLOCK_NS_PER_SEC), waiting,
	    error == -ETOOMANYREFS
		? "a module, or another process of this user, keeps too many "
		  "descriptors in messages that nobody receives"
		: "the system is short of memory");
}

static void
end_shortage(struct handoff *handoff)
{
	if (handoff->short_ns != 0 &&
	    handoff->tell_ns > HANDOFF_TELL_MS * CLOCK_NS_PER_MS)
		log_info("connections are handed to workers again");
	handoff->short_ns = 0;
}

/* The batch didn't go: why not says when to try ${worker} again. */
static void
take_back(struct worker *worker, int error)
{
	while (worker->batched > 0)
		connections_requeue(&worker->master->connections,
		    worker->batch[--worker->batched]);
	switch (error) {
	case -EAGAIN:
		worker->blocked = true;
		channel_watch_room(worker);
		break;
	case -ETOOMANYREFS:
	case -ENOBUFS:
	case -ENOMEM:
		worker->rest_ns =
		    clock_now() + HANDOFF_RETRY_MS * CLOCK_NS_PER_MS;
		tell_shortage(&worker->master->handoff,
		    worker->master->connections.queued, error);
		break;
	default:
		channel_mute(worker);
		supervise_event(worker, WORKER_HUNG_UP);
		break;
	}
}

static void
send_batch(struct worker *worker)
{
	int error;

	if (worker->batched == 0)
		return;
	error = send_message(worker);
	if (error != 0)
		take_back(worker, error);
	else
		end_shortage(&worker->master->handoff);
	worker->batched = 0;
}

/* Returns false when nobody can take the head of the queue now. */
static bool
assign_head(struct pool *pool, uint64_t now)
{
	struct connection *connection = TAILQ_FIRST(&pool->queue.list);
	struct worker *worker;

	worker =
	    balance_choose(pool->workers, pool->worker_count, now, &pool->turn);
	if (worker == NULL)
		return (false);
	if (worker->batched > 0 &&
	    worker->batch[0]->wreck != connection->wreck) {
		send_batch(worker);
		return (true); /* it may be full now: choose again */
	}
	worker->batch[worker->batched] = connection;
	connections_offer(
	    &pool->master->connections, connection, &worker->owner);
	if (++worker->batched == MESSAGE_CONNECTIONS)
		send_batch(worker);
	return (true);
}

static void
reset_queue(struct pool *pool)
{
	struct connection *connection;

	while ((connection = TAILQ_FIRST(&pool->queue.list)) != NULL)
		connections_reset(&pool->master->connections, connection);
}

/* Each round sends all it can or makes a worker wait, so there are few. */
static void
assign_queue(struct pool *pool)
{
	uint64_t now = clock_now();
	bool room = true;

	while (room && pool->queue.count > 0) {
		while (room && pool->queue.count > 0)
			room = assign_head(pool, now);
		for (uint32_t i = 0; i < pool->worker_count; i++)
			send_batch(&pool->workers[i]);
	}
}

static void
run_pool(struct pool *pool)
{
	if (pool->queue.count == 0)
		return;
	if (pool->master->phase >= MASTER_DRAINING ||
	    pool->generation->state == GENERATION_RETIRED) {
		reset_queue(pool);
		return;
	}
	balance_refresh(pool->workers, pool->worker_count);
	assign_queue(pool);
}

void
handoff_run(struct master *master)
{
	struct pool *pool;

	if (master->connections.queued == 0)
		return;
	/* Without a worker that serves, the next one to serve runs us. */
	watch_refresh(master);
	TAILQ_FOREACH(pool, &master->pools, link)
	{
		run_pool(pool);
	}
	if (master->phase >= MASTER_DRAINING)
		return;
	if (master->connections.queued == 0)
		server_queue_empty(master);
	else if (!master->handoff.retry.armed &&
		 server_count_workers(master, WORKER_SERVING) > 0)
		loop_timer_set(
		    &master->loop, &master->handoff.retry, HANDOFF_RETRY_MS);
}

static void
retry_due(struct loop_timer *timer)
{
	handoff_run(timer->owner);
}

void
handoff_init(struct handoff *handoff, struct master *master)
{
	memset(handoff, 0, sizeof(*handoff));
	handoff->retry.owner = master;
	handoff->retry.handle = retry_due;
}

static const char *
report_name(enum message_type type)
{
	switch (type) {
	case MESSAGE_TAKEN:
		return ("taken");
	case MESSAGE_CLOSED:
		return ("closed");
	case MESSAGE_RELEASED:
		return ("released");
	default:
		return ("refused");
	}
}

static void
complain(struct worker *worker, enum message_type type,
    const struct message_slot *slot)
{
	if (worker->bad_reports++ > 0)
		return;
	log_warn("worker %u (pid %d) reports slot %u generation %u as %s, "
		 "which it isn't; ignored, and so are more of these",
	    (unsigned)worker->number, (int)worker->pid, (unsigned)slot->slot,
	    (unsigned)slot->generation, report_name(type));
}

/* A worker that retires gives it back, between two requests. */
static bool
release(struct worker *worker, struct connection *connection)
{
	if (!worker->retired || connection->state != CONNECTION_HELD)
		return (false);
	connection->migrated = true;
	connection->crashes = connection->named = 0;
	connections_requeue(&worker->master->connections, connection);
	return (true);
}

/* Returns false when the report can't be true. */
static bool
follow(struct worker *worker, enum message_type type,
    const struct message_slot *slot)
{
	struct connections *table = &worker->master->connections;
	struct connection *connection;
	enum fate fate;

	connection = connections_find(
	    table, &worker->owner, slot->slot, slot->generation);
	if (connection == NULL)
		return (false);
	/* A short connection may be closed before it was confirmed. */
	if (type == MESSAGE_CLOSED) {
		connections_close(table, connection);
		return (true);
	}
	if (type == MESSAGE_RELEASED)
		return (release(worker, connection));
	if (connection->state != CONNECTION_OFFERED)
		return (false);
	if (type == MESSAGE_TAKEN) {
		if (!fate_of_taken(slot->how, &fate))
			return (false);
		connection->migrated = false;
		connections_taken(connection);
		connections_settle(connection, fate);
		connection->attempts = 0;
		return (true);
	}
	/* Its descriptors are short: others first, it after a rest. */
	connections_refused(table, connection);
	worker->rest_ns = clock_now() + HANDOFF_RETRY_MS * CLOCK_NS_PER_MS;
	return (true);
}

void
handoff_report(struct worker *worker, enum message_type type,
    const struct message_slot *slots, uint32_t count)
{
	/* Backwards, so that refused ones keep their order in the queue. */
	for (uint32_t i = count; i-- > 0;)
		if (!follow(worker, type, &slots[i]))
			complain(worker, type, &slots[i]);
	recover_clear_wrecks(worker->master);
	if (type == MESSAGE_REFUSED || type == MESSAGE_RELEASED)
		handoff_run(worker->master);
}

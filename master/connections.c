/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of client connections. Runs in the master; every step of a
 * connection from accept to its end passes through here.
 */
#include "master/connections.h"

#include "master/let_go.h"
#include "shm/base/panic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int
connections_init(struct connections *table, uint32_t max)
{
	memset(table, 0, sizeof(*table));
	TAILQ_INIT(&table->free);
	table->slots = calloc(max, sizeof(*table->slots));
	if (table->slots == NULL)
		return (-ENOMEM);
	table->max = max;
	for (uint32_t i = 0; i < max; i++) {
		table->slots[i].slot = i;
		table->slots[i].fd = -1;
		TAILQ_INSERT_TAIL(&table->free, &table->slots[i], link);
	}
	return (0);
}

void
connections_fini(struct connections *table)
{
	table->freed = NULL;
	for (uint32_t i = 0; i < table->max; i++)
		if (table->slots[i].state != CONNECTION_FREE)
			connections_reset(table, &table->slots[i]);
	free(table->slots);
	memset(table, 0, sizeof(*table));
}

void
connection_owner_init(struct connection_owner *owner)
{
	TAILQ_INIT(&owner->list);
	owner->count = 0;
	owner->offered = 0;
	owner->answers = 0;
	owner->taken = 0;
	owner->refused = 0;
}

void
connection_queue_init(struct connection_queue *queue)
{
	TAILQ_INIT(&queue->list);
	queue->count = 0;
}

/* Take it off the list that its state says it is on. */
static void
leave(struct connections *table, struct connection *connection)
{
	switch (connection->state) {
	case CONNECTION_FREE:
		TAILQ_REMOVE(&table->free, connection, link);
		table->open++;
		break;
	case CONNECTION_QUEUED:
		TAILQ_REMOVE(&connection->queue->list, connection, link);
		connection->queue->count--;
		table->queued--;
		break;
	case CONNECTION_OFFERED:
		connection->owner->offered--;
		connection->owner->answers++;
		/* FALLTHROUGH */
	case CONNECTION_HELD:
		TAILQ_REMOVE(&connection->owner->list, connection, link);
		connection->owner->count--;
		connection->owner = NULL;
		break;
	}
}

struct connection *
connections_open(struct connections *table, struct connection_queue *queue,
    int fd, const struct slot_peer *peer, uint64_t accepted_ns)
{
	struct connection *connection = TAILQ_FIRST(&table->free);

	if (connection == NULL)
		return (NULL);
	leave(table, connection);
	connection->state = CONNECTION_QUEUED;
	connection->queue = queue;
	TAILQ_INSERT_TAIL(&queue->list, connection, link);
	queue->count++;
	table->queued++;
	connection->fd = fd;
	connection->peer = *peer;
	connection->accepted_ns = accepted_ns;
	connection->wreck = NULL;
	connection->migrated = false;
	connection->crashes = connection->named = connection->attempts = 0;
	if (++connection->generation == 0)
		connection->generation = 1;
	return (connection);
}

bool
connections_restore(struct connections *table, const struct connection *saved,
    struct connection_queue *queue, struct connection_owner *owner,
    enum connection_state state)
{
	struct connection *connection;

	if (saved->slot >= table->max ||
	    table->slots[saved->slot].state != CONNECTION_FREE)
		return (false);
	connection = &table->slots[saved->slot];
	leave(table, connection);
	*connection = *saved;
	connection->queue = queue;
	connection->owner = owner;
	connection->state = state;
	if (connection->wreck != NULL)
		connection->wreck->connections++;
	if (owner == NULL) {
		TAILQ_INSERT_TAIL(&queue->list, connection, link);
		queue->count++;
		table->queued++;
		return (true);
	}
	TAILQ_INSERT_TAIL(&owner->list, connection, link);
	owner->count++;
	owner->offered += state == CONNECTION_OFFERED;
	return (true);
}

void
connections_offer(struct connections *table, struct connection *connection,
    struct connection_owner *owner)
{
	bh_assert(connection->state == CONNECTION_QUEUED);
	leave(table, connection);
	connection->state = CONNECTION_OFFERED;
	connection->owner = owner;
	TAILQ_INSERT_TAIL(&owner->list, connection, link);
	owner->count++;
	owner->offered++;
}

void
connections_requeue(struct connections *table, struct connection *connection)
{
	bh_assert(connection->owner != NULL);
	leave(table, connection);
	connection->state = CONNECTION_QUEUED;
	TAILQ_INSERT_HEAD(&connection->queue->list, connection, link);
	connection->queue->count++;
	table->queued++;
}

void
connections_settle(struct connection *connection, enum fate fate)
{
	struct wreck *wreck = connection->wreck;

	if (wreck == NULL)
		return;
	if (wreck->fates != NULL)
		fate_tell(wreck->fates, fate, connection->slot,
		    connection->generation, &connection->peer);
	connection->wreck = NULL;
	wreck->connections--;
}

void
connections_move(struct connections *table, struct connection_queue *from,
    struct connection_queue *to)
{
	for (uint32_t i = 0; i < table->max; i++)
		if (table->slots[i].queue == from)
			table->slots[i].queue = to;
	/* They have waited longer than any that came for ${to}. */
	TAILQ_CONCAT(&from->list, &to->list, link);
	TAILQ_CONCAT(&to->list, &from->list, link);
	to->count += from->count;
	from->count = 0;
}

void
connections_set_wreck(struct connection *connection, struct wreck *wreck)
{
	connections_settle(connection, FATE_SUCCESSOR_DIED);
	connection->wreck = wreck;
	wreck->connections++;
}

struct connection *
connections_find(struct connections *table,
    const struct connection_owner *owner, uint32_t slot, uint32_t generation)
{
	struct connection *connection;

	if (slot >= table->max)
		return (NULL);
	connection = &table->slots[slot];
	if (connection->owner != owner || connection->generation != generation)
		return (NULL);
	return (connection);
}

void
connections_refused(struct connections *table, struct connection *connection)
{
	bh_assert(connection->state == CONNECTION_OFFERED);
	connection->owner->refused++;
	connections_requeue(table, connection);
}

void
connections_taken(struct connection *connection)
{
	bh_assert(connection->owner != NULL);
	if (connection->state == CONNECTION_OFFERED) {
		connection->owner->offered--;
		connection->owner->answers++;
		connection->owner->taken++;
	}
	connection->state = CONNECTION_HELD;
}

void
connections_close(struct connections *table, struct connection *connection)
{
	bh_assert(connection->state != CONNECTION_FREE);
	if (connection->state == CONNECTION_OFFERED)
		connection->owner->taken++;
	leave(table, connection);
	connections_settle(connection, FATE_CLOSED);
	connection->state = CONNECTION_FREE;
	connection->queue = NULL;
	let_go_client(&connection->fd);
	/* The slot used last is the one whose memory is warm everywhere. */
	TAILQ_INSERT_HEAD(&table->free, connection, link);
	table->open--;
	if (table->freed != NULL)
		table->freed(table->freed_owner);
}

void
connections_reset(struct connections *table, struct connection *connection)
{
	static const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

	/*
	 * The kernel answers this with RST at once. A Unix socket refuses it
	 * and is ended by the close alone.
	 */
	(void)connect(connection->fd, &nowhere, sizeof(nowhere));
	connections_settle(connection, FATE_RESET);
	connections_close(table, connection);
}

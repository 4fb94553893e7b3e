/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections and wrecks over an exec. Each connection is an array, for there
 * may be many thousands of them. Runs in the master.
 */
#include "master/kept_master.h"

#include "master/master.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The places in a connection's array. */
enum {
	AT_SLOT,
	AT_GENERATION,
	AT_FD,
	AT_STATE,
	AT_POOL,   /* its place in master->pools */
	AT_WORKER, /* its owner's number; 0: none */
	AT_WRECK,  /* its place among the wrecks; -1: none */
	AT_MIGRATED,
	AT_CRASHES,
	AT_NAMED,
	AT_ATTEMPTS,
	AT_ACCEPTED,
	AT_PEER, /* five numbers: family, port, scope, address */
	AT_END = AT_PEER + 5,
};

struct saving {
	const struct master *master;
	struct kept *kept;
	json_t *connections;
};

static int64_t
place_of_wreck(const struct master *master, const struct wreck *wreck)
{
	const struct wreck *at;
	int64_t place = 0;

	SLIST_FOREACH(at, &master->wrecks, link)
	{
		if (at == wreck)
			return (place);
		place++;
	}
	return (-1);
}

static int64_t
place_of_pool(const struct master *master, const struct connection_queue *queue)
{
	const struct pool *pool;
	int64_t place = 0;

	TAILQ_FOREACH(pool, &master->pools, link)
	{
		if (&pool->queue == queue)
			return (place);
		place++;
	}
	return (-1);
}

static void
save_connection(
    struct saving *saving, const struct connection *connection, uint32_t worker)
{
	json_t *array = json_array();
	uint64_t address[2];
	int64_t values[AT_END];

	memcpy(address, connection->peer.address, sizeof(address));
	values[AT_SLOT] = connection->slot;
	values[AT_GENERATION] = connection->generation;
	values[AT_FD] = connection->fd;
	values[AT_STATE] = connection->state;
	values[AT_POOL] = place_of_pool(saving->master, connection->queue);
	values[AT_WORKER] = worker;
	values[AT_WRECK] = place_of_wreck(saving->master, connection->wreck);
	values[AT_MIGRATED] = connection->migrated;
	values[AT_CRASHES] = connection->crashes;
	values[AT_NAMED] = connection->named;
	values[AT_ATTEMPTS] = connection->attempts;
	values[AT_ACCEPTED] = (int64_t)connection->accepted_ns;
	values[AT_PEER] = connection->peer.family;
	values[AT_PEER + 1] = connection->peer.port;
	values[AT_PEER + 2] = connection->peer.scope;
	values[AT_PEER + 3] = (int64_t)address[0];
	values[AT_PEER + 4] = (int64_t)address[1];
	for (size_t i = 0; i < AT_END; i++)
		(void)json_array_append_new(array, json_integer(values[i]));
	(void)json_array_append_new(
	    saving->kept->fds, json_integer(connection->fd));
	(void)json_array_append_new(saving->connections, array);
}

/* In the order of their lists, which is that of their waiting. */
static void
save_pool(struct saving *saving, const struct pool *pool)
{
	const struct connection *connection;

	TAILQ_FOREACH(connection, &pool->queue.list, link)
	{
		save_connection(saving, connection, 0);
	}
	for (uint32_t i = 0; i < pool->worker_count; i++) {
		TAILQ_FOREACH(connection, &pool->workers[i].owner.list, link)
		{
			save_connection(
			    saving, connection, pool->workers[i].number);
		}
	}
}

int
kept_connections_save(
    const struct master *master, json_t *root, struct kept *kept)
{
	json_t *wrecks = json_array(), *generations = json_array(), *object;
	struct saving saving = { master, kept, json_array() };
	const struct wreck *wreck;
	const struct pool *pool;

	SLIST_FOREACH(wreck, &master->wrecks, link)
	{
		object = json_object();
		kept_set(object, "segment", kept_fd(kept, wreck->fds.ro));
		kept_set(object, "buffers", kept_fd(kept, wreck->fds.buffers));
		(void)json_array_append_new(wrecks, object);
	}
	/* A slot's next generation must not be one that it had. */
	for (uint32_t i = 0; i < master->connections.max; i++)
		(void)json_array_append_new(generations,
		    json_integer(master->connections.slots[i].generation));
	TAILQ_FOREACH(pool, &master->pools, link)
	{
		save_pool(&saving, pool);
	}
	kept_set(root, "wrecks", wrecks);
	kept_set(root, "slot_generations", generations);
	kept_set(root, "connections", saving.connections);
	/* One that memory was too short for would be held by nobody. */
	return (json_array_size(saving.connections) == master->connections.open
		    ? 0
		    : -ENOMEM);
}

static int
load_wreck(struct master *master, const json_t *object, struct reason *why)
{
	struct wreck *wreck = calloc(1, sizeof(*wreck)), *last;
	int error;

	if (wreck == NULL)
		return (reason_set(why, -ENOMEM, "out of memory"));
	wreck->fds.rw = -1;
	wreck->fds.ro = (int)kept_number(object, "segment", -1);
	wreck->fds.buffers = (int)kept_number(object, "buffers", -1);
	error = segment_map_reader(wreck->fds.ro, &wreck->view);
	if (error != 0) {
		free(wreck);
		return (reason_set(
		    why, error, "a wreck can't be read: %s", strerror(-error)));
	}
	/* In their order, by which connections name them. */
	last = SLIST_FIRST(&master->wrecks);
	while (last != NULL && SLIST_NEXT(last, link) != NULL)
		last = SLIST_NEXT(last, link);
	if (last == NULL)
		SLIST_INSERT_HEAD(&master->wrecks, wreck, link);
	else
		SLIST_INSERT_AFTER(last, wreck, link);
	return (0);
}

static struct worker *
find_worker(const struct master *master, int64_t number)
{
	struct worker *worker;

	worker =
	    number < 1 ? NULL : pools_next_worker(master, (uint32_t)number - 1);
	return (worker != NULL && worker->number == number ? worker : NULL);
}

static struct pool *
find_pool(const struct master *master, int64_t place)
{
	struct pool *pool;

	TAILQ_FOREACH(pool, &master->pools, link)
	{
		if (place-- == 0)
			return (pool);
	}
	return (NULL);
}

static struct wreck *
find_wreck(const struct master *master, int64_t place)
{
	struct wreck *wreck;

	SLIST_FOREACH(wreck, &master->wrecks, link)
	{
		if (place-- == 0)
			return (wreck);
	}
	return (NULL);
}

static int
load_connection(
    struct master *master, const int64_t *values, struct reason *why)
{
	struct pool *pool = find_pool(master, values[AT_POOL]);
	struct worker *worker = find_worker(master, values[AT_WORKER]);
	enum connection_state state = (enum connection_state)values[AT_STATE];
	const uint64_t address[2] = { (uint64_t)values[AT_PEER + 3],
		(uint64_t)values[AT_PEER + 4] };
	struct connection saved = {
		.slot = (uint32_t)values[AT_SLOT],
		.generation = (uint32_t)values[AT_GENERATION],
		.fd = (int)values[AT_FD],
		.accepted_ns = (uint64_t)values[AT_ACCEPTED],
		.migrated = values[AT_MIGRATED] != 0,
		.crashes = (uint16_t)values[AT_CRASHES],
		.named = (uint16_t)values[AT_NAMED],
		.attempts = (uint16_t)values[AT_ATTEMPTS],
		.wreck = find_wreck(master, values[AT_WRECK]),
		.peer = { .family = (uint16_t)values[AT_PEER],
		    .port = (uint16_t)values[AT_PEER + 1],
		    .scope = (uint32_t)values[AT_PEER + 2] },
	};

	memcpy(saved.peer.address, address, sizeof(address));
	if (pool == NULL || state == CONNECTION_FREE ||
	    state > CONNECTION_HELD ||
	    (worker == NULL) != (state == CONNECTION_QUEUED) ||
	    !connections_restore(&master->connections, &saved, &pool->queue,
		worker == NULL ? NULL : &worker->owner, state))
		return (reason_set(why, -EINVAL,
		    "what is said of the connection in slot %lld can't be",
		    (long long)values[AT_SLOT]));
	return (0);
}

int
kept_connections_load(
    struct master *master, const json_t *root, struct reason *why)
{
	struct connections *table = &master->connections;
	const json_t *array, *value;
	int64_t values[AT_END];
	size_t i, j;
	int error = 0;

	json_array_foreach(json_object_get(root, "wrecks"), i, value)
	{
		if (error == 0)
			error = load_wreck(master, value, why);
	}
	json_array_foreach(json_object_get(root, "slot_generations"), i, value)
	{
		if (i < table->max)
			table->slots[i].generation =
			    (uint32_t)json_integer_value(value);
	}
	array = json_object_get(root, "connections");
	for (i = 0; error == 0 && i < json_array_size(array); i++) {
		value = json_array_get(array, i);
		for (j = 0; j < AT_END; j++)
			values[j] =
			    json_integer_value(json_array_get(value, j));
		error = load_connection(master, values, why);
	}
	return (error);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one table of all client connections: slot n -> descriptor, generation,
 * owner, state. It lives in the master's private memory and is the truth;
 * what workers say about a connection is checked against it.
 *
 *	         connections_open          connections_offer
 *	  FREE --------------------> QUEUED -----------------> OFFERED
 *	   ^                           ^   refused, owner died   |
 *	   |                           '-------------------------'
 *	   |  closed, reset                         taken        |
 *	   '------------------------------- HELD <---------------'
 *
 * Each connection is on exactly one list: the free ones, its pool's queue, or
 * its owner's. The descriptor is open from connections_open() until FREE.
 */
#ifndef MASTER_CONNECTIONS_H
#define MASTER_CONNECTIONS_H

#include "master/fate.h"
#include "shm/segment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * What a dead worker left, kept for those who adopt its connections. Made and
 * let go by recover.c.
 */
struct wreck {
	SLIST_ENTRY(wreck) link;
	struct segment_fds fds; /* ro and buffers */
	struct segment view;
	size_t connections;    /* whose wreck it is */
	struct fates *fates;   /* where it is told what becomes of them */
	struct report *report; /* whose these are; both or neither are NULL */
};

enum connection_state {
	CONNECTION_FREE = 0,
	CONNECTION_QUEUED,  /* with the master, waiting for a worker */
	CONNECTION_OFFERED, /* sent to its owner, which hasn't confirmed it */
	CONNECTION_HELD,    /* confirmed by its owner */
};

struct connection {
	TAILQ_ENTRY(connection) link;
	struct connection_owner *owner; /* OFFERED, HELD */
	struct connection_queue *queue; /* its pool's; NULL: FREE */
	uint64_t accepted_ns;
	struct slot_peer peer;
	int fd;
	uint32_t slot;
	uint32_t generation; /* from 1; never 0 */
	enum connection_state state;
	bool migrated; /* given back by its owner: it was used before */
	/* Of a connection whose owner died: see recover.h. */
	struct wreck *wreck; /* what its last owner knew of it, or NULL */
	uint16_t crashes;    /* deaths in a row that its request was in */
	uint16_t named;      /* of these, named by an activity word */
	uint16_t attempts;   /* successors that died before taking it */
};

TAILQ_HEAD(connection_list, connection);

/* What waits for a worker of one pool, oldest first. */
struct connection_queue {
	struct connection_list list;
	size_t count;
};

/* What a worker owns. Empty when zeroed and connection_owner_init()ed. */
struct connection_owner {
	struct connection_list list;
	size_t count;
	size_t offered;   /* of these, not confirmed yet */
	uint64_t answers; /* confirmed, refused or closed, so far */
	uint64_t taken;   /* of these, confirmed or closed by it */
	uint64_t refused; /* and refused by it */
};

struct connections {
	struct connection *slots;
	uint32_t max;
	struct connection_list free;
	size_t open;   /* not FREE */
	size_t queued; /* in all queues */
	/* Called after a slot became free, by whoever freed it. */
	void (*freed)(void *owner);
	void *freed_owner;
};

/*
 * connections_init(table, max): 0 or -ENOMEM.
 * connections_fini(table): reset what is open and free the memory.
 */
int connections_init(struct connections *table, uint32_t max);
void connections_fini(struct connections *table);

void connection_owner_init(struct connection_owner *owner);
void connection_queue_init(struct connection_queue *queue);

/*
 * connections_open(table, queue, fd, peer, accepted_ns):
 * A new connection: a free slot with its next generation, at the end of its
 * pool's ${queue}. Takes ${fd}. Returns NULL, with ${fd} still the caller's,
 * when the table is full.
 */
struct connection *connections_open(struct connections *table,
    struct connection_queue *queue, int fd, const struct slot_peer *peer,
    uint64_t accepted_ns);

/*
 * connections_restore(table, saved, queue, owner, state):
 * ${saved} as another image of this program had it: it takes its slot in
 * ${state} and goes to the end of the ${queue} of its pool, or of the list of
 * its ${owner}. False when the slot isn't free or isn't there.
 */
bool connections_restore(struct connections *table,
    const struct connection *saved, struct connection_queue *queue,
    struct connection_owner *owner, enum connection_state state);

/*
 * connections_move(table, from, to):
 * What was of the pool with the queue ${from} is of the one with ${to} from now
 * on: those that wait there, before all others, and those that will once their
 * owner gives them back.
 */
void connections_move(struct connections *table, struct connection_queue *from,
    struct connection_queue *to);

/* connections_offer(table, connection, owner): QUEUED -> OFFERED. */
void connections_offer(struct connections *table, struct connection *connection,
    struct connection_owner *owner);

/*
 * connections_requeue(table, connection):
 * OFFERED, or HELD by a dead owner -> QUEUED, at the head: it has waited
 * longest.
 */
void connections_requeue(
    struct connections *table, struct connection *connection);

/*
 * connections_set_wreck(connection, wreck):
 * From now on ${wreck} is the one that knows of it. If it had another one,
 * its successor has died.
 */
void connections_set_wreck(struct connection *connection, struct wreck *wreck);

/*
 * connections_settle(connection, fate):
 * It needs its wreck no longer, if it has one: ${fate} is what became of it.
 */
void connections_settle(struct connection *connection, enum fate fate);

/*
 * connections_find(table, owner, slot, generation):
 * The connection that ${owner} reports about, or NULL when it isn't the owner
 * of that slot in that generation. Any values are safe.
 */
struct connection *connections_find(struct connections *table,
    const struct connection_owner *owner, uint32_t slot, uint32_t generation);

/* connections_refused(table, connection): OFFERED -> QUEUED, says its owner. */
void connections_refused(
    struct connections *table, struct connection *connection);

/* connections_taken(connection): OFFERED -> HELD; HELD stays. */
void connections_taken(struct connection *connection);

/*
 * connections_close(table, connection):
 * -> FREE. Closes our copy of the descriptor, whatever a module has made of its
 * SO_LINGER (let_go.h); the worker has ended the connection in one of the two
 * ways before.
 */
void connections_close(
    struct connections *table, struct connection *connection);

/*
 * connections_reset(table, connection):
 * -> FREE. Ends the connection by a reset, whoever holds other copies of the
 * descriptor, so that the client sees it cut off, never quietly complete.
 */
void connections_reset(
    struct connections *table, struct connection *connection);

#endif

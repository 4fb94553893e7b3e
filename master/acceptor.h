/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Step 1 of a request's life: accept. New connections enter the queue of their
 * listener's pool and are handed over at the end of the turn. While there is no
 * room for more, the listeners are out of the poll set.
 */
#ifndef MASTER_ACCEPTOR_H
#define MASTER_ACCEPTOR_H

#include "master/config.h"
#include "master/listener.h"

enum {
	ACCEPT_BATCH = 64,     /* in one turn of one listener */
	ACCEPT_RETRY_MS = 100, /* after the system ran out of something */
	ACCEPT_QUIET_S = 60,   /* between two warnings that we are full */
};

struct generation;
struct master;

/* Listeners in the order of their configuration. */
struct listener_set {
	struct listener *listeners[CONFIG_LISTENERS_MAX];
	size_t count;
};

struct acceptor {
	struct master *master;
	struct listener_set now;
	struct listener_set next; /* of a reload: some are of ${now} too */
	struct loop_timer retry;
	bool accepting; /* the server wants connections */
	bool paused;    /* but there is no room: not in the poll set */
	uint64_t accepted;
	uint64_t warned_ns;
};

/*
 * acceptor_init(acceptor, master): no listeners.
 */
void acceptor_init(struct acceptor *acceptor, struct master *master);

/*
 * acceptor_prepare(acceptor, generation, why):
 * Listen on every address of the generation's configuration, accepting nothing
 * yet: what is listened on already stays as it is, the rest is opened. Returns
 * 0, or -errno with the line in ${why} and nothing changed.
 */
int acceptor_prepare(struct acceptor *acceptor, struct generation *generation,
    struct reason *why);

/*
 * acceptor_restore(acceptor, listener, address, pool):
 * ${listener}, from another image of this program, is listened on for ${pool}
 * from the start. Takes it.
 */
void acceptor_restore(struct acceptor *acceptor, struct listener *listener,
    const struct address *address, struct pool *pool);

/*
 * acceptor_switch(acceptor, generation):
 * From now on those that were prepared are listened on, for the pools of
 * ${generation}. Accept what has connected to the others, and close them.
 * acceptor_abandon() forgets what was prepared.
 */
void acceptor_switch(struct acceptor *acceptor, struct generation *generation);
void acceptor_abandon(struct acceptor *acceptor);

/*
 * acceptor_start(acceptor): accept from now on. Returns 0 or -errno.
 */
int acceptor_start(struct acceptor *acceptor);

/*
 * acceptor_stop(acceptor):
 * Accept what has connected so far, as there is room, and close the
 * listeners. Also undoes acceptor_prepare() alone. Stopped is fine.
 */
void acceptor_stop(struct acceptor *acceptor);

#endif

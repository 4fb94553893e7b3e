/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Step 1 of a request's life: accept. New connections enter the table's queue
 * and are handed over at the end of the turn. While there is no room for more,
 * the listeners are out of the poll set.
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

struct master;

struct acceptor {
	struct master *master;
	struct listener listeners[CONFIG_LISTENERS_MAX];
	size_t count;
	struct loop_timer retry;
	bool accepting; /* the server wants connections */
	bool paused;    /* but there is no room: not in the poll set */
	uint64_t accepted;
	uint64_t warned_ns;
};

/*
 * acceptor_open(acceptor, master, why):
 * Listen on every address of the configuration, accepting nothing yet.
 * Returns 0, or -errno with the line in ${why}.
 */
int acceptor_open(
    struct acceptor *acceptor, struct master *master, struct reason *why);

/*
 * acceptor_start(acceptor): accept from now on. Returns 0 or -errno.
 */
int acceptor_start(struct acceptor *acceptor);

/*
 * acceptor_stop(acceptor):
 * Accept what has connected so far, as there is room, and close the
 * listeners. Also undoes acceptor_open() alone. Stopped is fine.
 */
void acceptor_stop(struct acceptor *acceptor);

#endif

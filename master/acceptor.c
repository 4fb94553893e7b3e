/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Step 1 of a request's life: accept. Runs in the master.
 */
#include "master/acceptor.h"

#include "master/master.h"
#include "shm/base/clock.h"
#include "shm/base/fd.h"
#include "shm/base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static void
pause_accepting(struct acceptor *acceptor, const char *reason)
{
	uint64_t now = clock_now();

	if (acceptor->paused)
		return;
	acceptor->paused = true;
	for (size_t i = 0; i < acceptor->count; i++)
		loop_remove(
		    &acceptor->master->loop, &acceptor->listeners[i].source);
	if (acceptor->warned_ns != 0 &&
	    now - acceptor->warned_ns < ACCEPT_QUIET_S * CLOCK_NS_PER_SEC)
		return;
	acceptor->warned_ns = now;
	log_warn("%s: %zu of %u connections are open; new ones wait", reason,
	    acceptor->master->connections.open,
	    (unsigned)acceptor->master->connections.max);
}

static int
watch_listeners(struct acceptor *acceptor)
{
	struct listener *listener;
	int error;

	for (size_t i = 0; i < acceptor->count; i++) {
		listener = &acceptor->listeners[i];
		if (listener->source.added)
			continue;
		error = loop_add(&acceptor->master->loop, &listener->source,
		    listener->fd, EPOLLIN);
		if (error != 0)
			return (error);
	}
	return (0);
}

static void
resume_accepting(struct acceptor *acceptor)
{
	if (!acceptor->paused || !acceptor->accepting)
		return;
	loop_timer_clear(&acceptor->master->loop, &acceptor->retry);
	acceptor->paused = false;
	if (watch_listeners(acceptor) == 0)
		return;
	/* The kernel is out of memory for it: try again later. */
	pause_accepting(acceptor, "can't watch the listeners");
	loop_timer_set(
	    &acceptor->master->loop, &acceptor->retry, ACCEPT_RETRY_MS);
}

static void
retry_due(struct loop_timer *timer)
{
	resume_accepting(timer->owner);
}

/* A connection ended: there is room for one. */
static void
connection_freed(void *owner)
{
	resume_accepting(owner);
}

/*
 * accept4(2) failed with ${error}. Returns true when the next connection may
 * be tried at once.
 */
static bool
survive(struct acceptor *acceptor, int error)
{
	switch (error) {
	case EAGAIN:
		return (false);
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		/* It may be others who use them up: look again by the clock. */
		pause_accepting(acceptor, strerror(error));
		loop_timer_set(
		    &acceptor->master->loop, &acceptor->retry, ACCEPT_RETRY_MS);
		return (false);
	default:
		/* accept(2): what happened to a connection before we got it */
		return (true);
	}
}

/* Returns false when there is nothing more to accept now. */
static bool
accept_one(struct acceptor *acceptor, struct listener *listener, uint64_t now)
{
	struct connections *table = &acceptor->master->connections;
	struct sockaddr_storage storage;
	struct slot_peer peer;
	socklen_t length = sizeof(storage);
	int fd;

	if (table->open == table->max) {
		pause_accepting(acceptor, "the connection table is full");
		return (false);
	}
	memset(&storage, 0, sizeof(storage));
	fd = accept4(listener->fd, (struct sockaddr *)&storage, &length,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return (survive(acceptor, errno));
	address_peer(&storage, &peer);
	(void)connections_open(table, fd, &peer, now); /* there is room */
	acceptor->accepted++;
	return (true);
}

static void
accept_batch(struct acceptor *acceptor, struct listener *listener, int most)
{
	uint64_t now = clock_now();

	for (int i = 0; i < most; i++)
		if (!accept_one(acceptor, listener, now))
			break;
}

static void
listener_ready(struct loop_source *source, uint32_t events)
{
	struct listener *listener = source->owner;
	struct acceptor *acceptor = listener->acceptor;

	(void)events;
	accept_batch(acceptor, listener, ACCEPT_BATCH);
	handoff_run(acceptor->master);
}

int
acceptor_open(
    struct acceptor *acceptor, struct master *master, struct reason *why)
{
	const struct config *config = master->config;
	struct listener *listener;
	int error;

	memset(acceptor, 0, sizeof(*acceptor));
	acceptor->master = master;
	acceptor->retry.owner = acceptor;
	acceptor->retry.handle = retry_due;
	for (size_t i = 0; i < config->listener_count; i++) {
		listener = &acceptor->listeners[i];
		error = activation_listen(master->activation, listener,
		    &config->listeners[i].address, why);
		if (error != 0)
			return (error);
		listener->acceptor = acceptor;
		listener->source.owner = listener;
		listener->source.handle = listener_ready;
		acceptor->count++;
	}
	return (0);
}

int
acceptor_start(struct acceptor *acceptor)
{
	struct connections *table = &acceptor->master->connections;

	table->freed = connection_freed;
	table->freed_owner = acceptor;
	acceptor->accepting = true;
	return (watch_listeners(acceptor));
}

void
acceptor_stop(struct acceptor *acceptor)
{
	struct listener *listener;

	for (size_t i = 0; i < acceptor->count; i++) {
		listener = &acceptor->listeners[i];
		/* Who has connected shall not be turned away by a RST. */
		if (acceptor->accepting)
			accept_batch(acceptor, listener, SOMAXCONN);
		loop_remove(&acceptor->master->loop, &listener->source);
		listener_close(listener);
	}
	if (acceptor->master != NULL)
		loop_timer_clear(&acceptor->master->loop, &acceptor->retry);
	acceptor->accepting = false;
	acceptor->count = 0;
}

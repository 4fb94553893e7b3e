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
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void
pause_accepting(struct acceptor *acceptor, const char *reason)
{
	uint64_t now = clock_now();

	if (acceptor->paused)
		return;
	acceptor->paused = true;
	for (size_t i = 0; i < acceptor->now.count; i++)
		loop_remove(&acceptor->master->loop,
		    &acceptor->now.listeners[i]->source);
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

	for (size_t i = 0; i < acceptor->now.count; i++) {
		listener = acceptor->now.listeners[i];
		if (listener->source.added)
			continue;
		error = loop_add(&acceptor->master->loop, &listener->source,
		    listener->fd, EPOLLIN);
		if (error != 0)
			return (error);
	}
	return (0);
}

/* The kernel may be out of memory for it: then try again later. */
static void
watch_or_rest(struct acceptor *acceptor)
{
	if (watch_listeners(acceptor) == 0)
		return;
	pause_accepting(acceptor, "can't watch the listeners");
	loop_timer_set(
	    &acceptor->master->loop, &acceptor->retry, ACCEPT_RETRY_MS);
}

static void
resume_accepting(struct acceptor *acceptor)
{
	if (!acceptor->paused || !acceptor->accepting)
		return;
	loop_timer_clear(&acceptor->master->loop, &acceptor->retry);
	acceptor->paused = false;
	watch_or_rest(acceptor);
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
	/* There is room. */
	(void)connections_open(table, &listener->pool->queue, fd, &peer, now);
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

void
acceptor_init(struct acceptor *acceptor, struct master *master)
{
	memset(acceptor, 0, sizeof(*acceptor));
	acceptor->master = master;
	acceptor->retry.owner = acceptor;
	acceptor->retry.handle = retry_due;
}

/* One that is listened on already and that nobody else goes on with. */
static struct listener *
find_kept(struct acceptor *acceptor, const struct address *address)
{
	struct listener *listener;

	for (size_t i = 0; i < acceptor->now.count; i++) {
		listener = acceptor->now.listeners[i];
		if (!listener->kept &&
		    address_equal(&listener->address, address)) {
			listener->kept = true;
			return (listener);
		}
	}
	return (NULL);
}

static void
own(struct acceptor *acceptor, struct listener *listener,
    const struct address *address)
{
	listener->acceptor = acceptor;
	listener->address = *address;
	listener->source.owner = listener;
	listener->source.handle = listener_ready;
}

void
acceptor_restore(struct acceptor *acceptor, struct listener *listener,
    const struct address *address, struct pool *pool)
{
	own(acceptor, listener, address);
	listener->pool = pool;
	acceptor->now.listeners[acceptor->now.count++] = listener;
}

static int
prepare_one(struct acceptor *acceptor, const struct address *address,
    struct reason *why)
{
	struct listener *listener = find_kept(acceptor, address);
	int error;

	if (listener == NULL) {
		listener = malloc(sizeof(*listener));
		if (listener == NULL)
			return (reason_set(why, -ENOMEM, "out of memory"));
		error = activation_listen(
		    acceptor->master->activation, listener, address, why);
		if (error != 0) {
			free(listener);
			return (error);
		}
		own(acceptor, listener, address);
	}
	acceptor->next.listeners[acceptor->next.count++] = listener;
	return (0);
}

static void
free_listener(struct acceptor *acceptor, struct listener *listener)
{
	loop_remove(&acceptor->master->loop, &listener->source);
	listener_close(listener);
	free(listener);
}

/* systemd needn't keep those that nobody wants any more. */
static void
drop_next(struct acceptor *acceptor, bool forget)
{
	struct listener *listener;

	for (size_t i = 0; i < acceptor->next.count; i++) {
		listener = acceptor->next.listeners[i];
		if (listener->kept) {
			listener->kept = false;
			continue;
		}
		if (forget)
			activation_forget(listener);
		free_listener(acceptor, listener);
	}
	acceptor->next.count = 0;
}

void
acceptor_abandon(struct acceptor *acceptor)
{
	drop_next(acceptor, true);
}

int
acceptor_prepare(struct acceptor *acceptor, struct generation *generation,
    struct reason *why)
{
	const struct config *config = generation->config;
	int error;

	for (size_t i = 0; i < config->listener_count; i++) {
		error =
		    prepare_one(acceptor, &config->listeners[i].address, why);
		if (error != 0) {
			/* At a failed start a restart wants them back. */
			drop_next(acceptor, acceptor->accepting);
			return (error);
		}
	}
	return (0);
}

/* Who has connected shall not be turned away by a RST. */
static void
close_listener(struct acceptor *acceptor, struct listener *listener)
{
	if (acceptor->accepting)
		accept_batch(acceptor, listener, SOMAXCONN);
	free_listener(acceptor, listener);
}

void
acceptor_switch(struct acceptor *acceptor, struct generation *generation)
{
	const struct config *config = generation->config;
	struct listener_set before = acceptor->now;
	struct listener *listener;

	acceptor->now = acceptor->next;
	acceptor->next.count = 0;
	for (size_t i = 0; i < before.count; i++)
		if (!before.listeners[i]->kept) {
			activation_forget(before.listeners[i]);
			close_listener(acceptor, before.listeners[i]);
		}
	for (size_t i = 0; i < acceptor->now.count; i++) {
		listener = acceptor->now.listeners[i];
		listener->kept = false;
		listener->pool = &generation->pools[config->listeners[i].pool];
	}
	if (acceptor->accepting && !acceptor->paused)
		watch_or_rest(acceptor);
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
	struct listener_set before = acceptor->now;

	drop_next(acceptor, false);
	acceptor->now.count = 0;
	for (size_t i = 0; i < before.count; i++)
		close_listener(acceptor, before.listeners[i]);
	if (acceptor->master != NULL)
		loop_timer_clear(&acceptor->master->loop, &acceptor->retry);
	acceptor->accepting = false;
}

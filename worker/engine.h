/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The I/O engine: it turns kernel events into completions in the worker's
 * ring, and nothing else. Its user starts operations and hears of their ends
 * through the dispatch loop only. One engine exists, over epoll; the
 * interface is one that io_uring can serve as well: at most one receive and
 * one send are outstanding per connection, and their places stay fixed until
 * the completion.
 *
 * Dispatch thread only.
 */
#ifndef WORKER_ENGINE_H
#define WORKER_ENGINE_H

#include "shm/ring.h"
#include "shm/slot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct engine;

struct engine_config {
	struct ring_consumer *consumer;
	struct ring_producer *producer;
	uint32_t slots;
	int wake_fd;            /* eventfd of the ring; not owned */
	int link_fd;            /* the master's socket; not owned */
	const uint64_t *now_ns; /* time of the loop's turn */
	void *argument;         /* of the functions below */
	/*
	 * A place for bytes that have arrived on an idle connection, named in
	 * its slot before this returns. False: none is free; the connection
	 * waits for engine_place_free().
	 */
	bool (*take_place)(
	    void *argument, uint32_t slot, void **ret_place, size_t *ret_size);
	/* The place wasn't needed after all. */
	void (*return_place)(void *argument, uint32_t slot);
	/* The master's socket is readable; publish what it says. */
	void (*link_readable)(void *argument);
};

/* engine_create(config, ret_engine): 0 or -errno. */
int engine_create(
    const struct engine_config *config, struct engine **ret_engine);
void engine_free(struct engine *engine);

/*
 * engine_add(engine, id, fd):
 * Watch a connection. Its slot is free in the engine. Returns 0 or -errno.
 */
int engine_add(struct engine *engine, conn_id id, int fd);

/*
 * engine_remove(engine, slot):
 * Stop watching (EPOLL_CTL_DEL: the master holds a copy of the descriptor, so
 * close(2) alone would leave it registered) and drop what is outstanding
 * without a completion. The descriptor stays open.
 */
void engine_remove(struct engine *engine, uint32_t slot);

/*
 * engine_receive(engine, slot, place, size, ref):
 * Receive up to ${size} bytes into ${place}. Completes ${ref}, or with ${ref}
 * 0 a record of its own as CONN_RECEIVED, with the bytes (0: the peer's FIN)
 * or -errno. ${place} NULL: take_place() gives it when bytes have arrived.
 * Never completes inside this call.
 */
void engine_receive(struct engine *engine, uint32_t slot, void *place,
    size_t size, ring_ref ref);

/*
 * engine_send(engine, slot, iov, count):
 * Hand bytes to the socket now. Returns how many it took, or -errno
 * (-EAGAIN: none now).
 */
int64_t engine_send(struct engine *engine, uint32_t slot,
    const struct iovec *iov, size_t count);

/*
 * engine_send_rest(engine, slot, iov, count, sent, ref):
 * Go on until all is taken: ${iov} and what it points to must live until the
 * completion, and the array is used up. Completes ${ref}, or with ${ref} 0 a
 * record of its own as CONN_SENT, with ${sent} plus the bytes taken, and 0 or
 * -errno.
 */
void engine_send_rest(struct engine *engine, uint32_t slot, struct iovec *iov,
    size_t count, int64_t sent, ring_ref ref);

/*
 * engine_fail(engine, slot, status):
 * Give up what is outstanding on a connection: a send, and a receive that has
 * a ${ref} of its caller, complete with ${status}. Other receives stay.
 */
void engine_fail(struct engine *engine, uint32_t slot, int status);

/*
 * engine_abandon(engine, slot):
 * Forget a receive: its time is over. False: none is outstanding; its
 * completion is in the ring already.
 */
bool engine_abandon(struct engine *engine, uint32_t slot);

/* engine_progress(engine, slot): when it last moved a byte, in ns. */
uint64_t engine_progress(const struct engine *engine, uint32_t slot);

/* engine_place_free(engine): take_place() would succeed once more. */
void engine_place_free(struct engine *engine);

/* engine_link_gone(engine): the master's socket has ended; stop watching. */
void engine_link_gone(struct engine *engine);

/*
 * engine_poll(engine, timeout_ms):
 * One turn: publish what is ready, waiting up to ${timeout_ms} (0: not at
 * all; -1: until something happens).
 */
void engine_poll(struct engine *engine, int timeout_ms);

/*
 * engine_ready(engine): is there work that no kernel event will tell of? Then
 * the loop must not wait.
 */
bool engine_ready(const struct engine *engine);

#endif

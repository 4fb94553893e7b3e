/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations of modules: starting them, waiting for them on a parked stack,
 * and what becomes of their completions.
 *
 * Life of a request, steps 8 and 9 of 11. Dispatch thread only, but for
 * async_post_ticket().
 */
#ifndef WORKER_ASYNC_H
#define WORKER_ASYNC_H

#include "worker/request.h"

/* How the module wants to hear of the end. */
struct async_mode {
	bool async;
	bool always; /* asynchronous without a place to say "inline" */
};

/*
 * async_read(request, buffer, size, mode, ret_received, ret_expected),
 * async_flush(request, chunks, count, op, last, mode, ret_sent,
 * ret_expected):
 * The API's calls on a request that is known to be good; ${op} is FLUSH or
 * WRITE_ENTITY_CHUNKS. See <bulkhead/async.h>.
 */
int async_read(struct request *request, void *buffer, size_t size,
    struct async_mode mode, size_t *ret_received, bool *ret_expected);
int async_flush(struct request *request, const struct bh_data_chunk *chunks,
    size_t count, enum operation op, bool last, struct async_mode mode,
    size_t *ret_sent, bool *ret_expected);

/*
 * async_complete_inline(request, op, bytes, mode, ret_expected):
 * The operation needed no socket: say so, or post when asked to always.
 * ${bytes} were read; a buffered write has handed 0 to the socket.
 */
int async_complete_inline(struct request *request, enum operation op,
    uint64_t bytes, struct async_mode mode, bool *ret_expected);

/*
 * async_may_start(request, mode):
 * Would an operation that needs the socket, or a post, find a record, and a
 * synchronous one a stack to wait on? 0, -EAGAIN or -ENOMEM. Asked before
 * anything is done that can't be undone.
 */
int async_may_start(const struct request *request, struct async_mode mode);

/* async_reserve_post(request): a record for a post or a ticket. */
int async_reserve_post(struct request *request);

/* async_post(request, bytes): post it from the dispatch thread. */
void async_post(struct request *request, uint32_t bytes);

/*
 * async_offload(request, work, argument, async, ret_status): bh_offload() of
 * a request that is known to be good.
 */
int async_offload(struct request *request, bh_offload_fn *work, void *argument,
    bool async, int *ret_status);

/*
 * async_post_ticket(ref, bytes, status): any thread. 0 or -ESTALE.
 */
int async_post_ticket(ring_ref ref, uint32_t bytes, int status);

/* async_void(request, pending): its completion isn't wanted any more. */
void async_void(struct request *request, struct pending *pending);

/*
 * async_complete(worker, completion):
 * A completion of a module's operation has been taken from the ring. Releases
 * its record. May not return: when a synchronous call waits for it, that
 * call's stack continues and the running one is given up.
 */
void async_complete(struct worker *worker, const struct completion *completion);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations that may have to wait, and their completions
 * [IHttpCompletionInfo, IHttpCompletionInfo2, ReadEntityBody,
 * WriteEntityChunks, Flush, PostCompletion].
 *
 * Each can be asked for in three ways:
 *
 *   synchronously (async false)
 *	The call returns when it is done. A call that must wait parks the
 *	stack it stands on; the worker serves others meanwhile.
 *   asynchronously, with ret_completion_expected
 *	It may finish inline: *ret_completion_expected is false, the result is
 *	there, and no completion comes. Otherwise it is true: return
 *	BH_PENDING, and exactly one on_async_completion() follows.
 *   asynchronously, with NULL
 *	A call that answers 0 always posts a completion.
 *
 * Inline is what needs no socket: a buffered write, and body bytes that have
 * arrived. What is handed to the socket is completed through the ring.
 *
 * A call that answers other than 0 has started nothing. Of all:
 *	-EBUSY	another operation of this request is outstanding
 *	-EAGAIN	no completion record, or no stack, is free just now
 *	-ENOMEM	there is no memory for a stack to wait on
 *	-ENOTSUP asynchronous, but the module has no on_async_completion
 *	-ESTALE	the context is over; -EPERM: not the dispatch thread
 */
#ifndef BULKHEAD_ASYNC_H
#define BULKHEAD_ASYNC_H

#include <bulkhead/http.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * End of the request's body, as -BH_EOF: from the call or as a completion's
 * status, with 0 bytes. Beyond every errno.
 */
#define BH_EOF 4096

/* Which operation a completion tells of. 1 is IIS's; the rest are ours. */
enum bh_operation {
	BH_OP_READ_ENTITY_BODY = 1,
	BH_OP_WRITE_ENTITY_CHUNKS = 2,
	BH_OP_FLUSH = 3,
	BH_OP_POST = 4,
	BH_OP_OFFLOAD = 5,
};

/* A piece of a response body [HTTP_DATA_CHUNK]. */
enum bh_chunk_type {
	BH_CHUNK_MEMORY = 0, /* [HttpDataChunkFromMemory] */
};
struct bh_data_chunk {
	enum bh_chunk_type type;
	const void *buffer;
	size_t length;
};

/*
 * bh_request_read_entity_body(request, buffer, size, async, ret_received,
 * ret_completion_expected):
 * [ReadEntityBody] Read up to ${size} (at least 1) bytes of the body, without
 * its framing, into ${buffer}, which must live until the completion. Returns
 * 0 with *${ret_received} (may be NULL) bytes unless a completion is
 * expected; -BH_EOF after the last byte; -ECONNRESET when the client is gone;
 * -EBADMSG for malformed framing; -EFBIG for a body beyond the server's
 * limit; -ETIMEDOUT when it doesn't come. The completion's bytes are those
 * read.
 */
int bh_request_read_entity_body(struct bh_request *request, void *buffer,
    size_t size, bool async, size_t *ret_received,
    bool *ret_completion_expected);

/*
 * bh_response_write_entity_chunks(response, chunks, count, async, more_data,
 * ret_sent, ret_completion_expected):
 * [WriteEntityChunks] Add to the response's body. While the response is
 * buffered (the default) the bytes are copied and nothing is sent, unless
 * more than 4 MiB are waiting: then this flushes too. With buffering disabled
 * the bytes are sent from where they are, status and headers first, and must
 * live until the completion. ${more_data} false says that this is the body's
 * end. *${ret_sent} (may be NULL) is the number of entity bytes taken.
 * Returns 0, -EPIPE after the body's end, -EMSGSIZE beyond a Content-Length
 * that was set, -EINVAL for an unknown chunk type, -ENOMEM, -ECONNRESET.
 */
int bh_response_write_entity_chunks(struct bh_response *response,
    const struct bh_data_chunk *chunks, size_t count, bool async,
    bool more_data, size_t *ret_sent, bool *ret_completion_expected);

/*
 * bh_response_flush(response, async, more_data, ret_sent,
 * ret_completion_expected):
 * [Flush] Send status, headers and everything buffered. ${more_data} false
 * ends the response. *${ret_sent} (may be NULL), and the completion's bytes,
 * are the bytes handed to the client's socket by this operation, head and
 * framing included. Errors as above.
 */
int bh_response_flush(struct bh_response *response, bool async,
    bool more_data, size_t *ret_sent, bool *ret_completion_expected);

/*
 * bh_context_post_completion(context, bytes):
 * [PostCompletion] Post a completion with status 0 and these ${bytes} to the
 * module that is running: its on_async_completion() is called after it has
 * returned BH_PENDING. Returns 0 or as above. From another thread, use a
 * ticket.
 */
int bh_context_post_completion(struct bh_context *context, uint32_t bytes);

/* The right to post one completion for one request, from any thread. */
struct bh_ticket {
	uint64_t opaque[2];
};

/*
 * bh_context_take_ticket(context, ret_ticket):
 * Reserve a completion that a thread of the module will post. Return
 * BH_PENDING after it; a ticket that is still out when the callback returns
 * something else is void. Returns 0 or as above.
 */
int bh_context_take_ticket(
    struct bh_context *context, struct bh_ticket *ret_ticket);

/*
 * bh_ticket_post(ticket, bytes, status):
 * Post the completion: ${bytes} and ${status} (0 or -errno) are what
 * on_async_completion() gets. Any thread, without locks, also while the
 * callback that took the ticket still runs. Returns 0, or -ESTALE when the
 * ticket was used already or its request is over: harmless, and logged with
 * the module's name.
 */
int bh_ticket_post(
    const struct bh_ticket *ticket, uint32_t bytes, int status);

/*
 * Work for another thread: what it returns, 0 or -errno, becomes the
 * completion's status. It calls nothing of this API but bh_log() and
 * bh_ticket_post().
 */
typedef int bh_offload_fn(void *argument);

/*
 * bh_offload(context, work, argument, async, ret_status):
 * Run ${work}(${argument}) on one of the worker's offload threads
 * (offload-threads), for what blocks without the server's doing: a database
 * call, getaddrinfo(3), a large file. Asynchronous: return BH_PENDING, and
 * on_async_completion() follows. Synchronous: the worker serves others until
 * it is done, and its result is in *${ret_status}, which is 0 otherwise.
 * Nothing ends ${work}, so the request lasts as long as it does, also when
 * its client is gone or its callback has returned without waiting. Work that
 * ends its thread, which it must not, has the status -ECANCELED. Returns 0
 * or as above; -EAGAIN also when no thread could be started.
 */
int bh_offload(struct bh_context *context, bh_offload_fn *work,
    void *argument, bool async, int *ret_status);

/*
 * [GetCompletionBytes] Bytes read, bytes handed to the socket, or the number
 * that was posted.
 */
uint64_t bh_completion_bytes(const struct bh_completion_info *info);

/*
 * The entity's share of a write's or flush's bytes: no head, no framing. Both
 * are 0 for a write that was only buffered.
 */
uint64_t bh_completion_entity_bytes(const struct bh_completion_info *info);

/* [GetCompletionStatus] 0, -BH_EOF, or another negative errno. */
int bh_completion_status(const struct bh_completion_info *info);

/* [GetCompletedOperation] Which operation it was: enum bh_operation. */
uint32_t bh_completed_operation(const struct bh_completion_info *info);

/*
 * bh_status_to_hresult(status):
 * The HRESULT that IIS documents for a status: 0 is S_OK, -BH_EOF is
 * 0x80070026, -ECONNRESET 0x80070040, -ECANCELED 0x800703E3 ...; 0x80004005
 * (E_FAIL) for one without a counterpart. Any thread.
 */
uint32_t bh_status_to_hresult(int status);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A response: status, headers, buffered body, and its way to the socket.
 *
 * Life of a request, step 10 of 11.
 */
#ifndef WORKER_RESPONSE_H
#define WORKER_RESPONSE_H

#include "shm/ring.h"

#include <bulkhead/async.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct bh_registration;
struct request;

enum {
	RESPONSE_HEADERS_MAX = 64,
	RESPONSE_HEADERS_SIZE = 16384, /* bytes of all fields */
	RESPONSE_SMALL = 1024,         /* body bytes that need no allocation */
	RESPONSE_BLOCK = 65536,
	RESPONSE_IOV_SMALL = 8,
};

struct response_header {
	const char *name, *value; /* in the request's memory */
	uint32_t name_length, value_length;
};

/* Buffered body bytes. */
struct response_block {
	struct response_block *next;
	size_t used, size;
	uint8_t *bytes;
};

/* One output's bytes on their way: what a send or flush hands over. */
struct response_output {
	struct iovec *iov;
	size_t count, capacity;
	uint64_t total;  /* bytes, head and framing included */
	uint64_t entity; /* the body's share */
	char chunk_line[24];
};

struct response {
	uint16_t status; /* 0: nobody has set one */
	const char *reason;
	uint32_t header_count;
	uint32_t headers_size;
	uint64_t length; /* what the module's Content-Length said */
	uint64_t taken;  /* entity bytes written by modules so far */
	uint64_t buffered;
	uint64_t sent; /* bytes of this response handed to the socket */
	uint64_t sending_ticks; /* when its last send was begun; or 0 */
	uint64_t sent_ticks;    /* when that was over; or 0 */
	struct response_block *last_block;
	struct response_output output;
	struct bh_registration *author; /* who wrote to it last */
	bool has_length;
	bool has_date, has_server;
	bool unbuffered;
	bool touched; /* some module has said something */
	bool headers_sent;
	bool chunked;
	bool complete; /* the body's end is in the buffer */
	bool ended;    /* the body's end is on its way, or out */
	bool sending;  /* output is with the engine */
	bool finished; /* the last byte is in the kernel, or it has failed */
	bool failed;   /* the client is gone or it can't be completed */
	bool close;    /* the connection ends after it */
	bool reset;    /* the connection is to be reset */
	/* Everything above is cleared for a new request. */
	struct response_block first_block;
	struct response_header headers[RESPONSE_HEADERS_MAX];
	struct iovec small_iov[RESPONSE_IOV_SMALL];
	uint8_t small_bytes[RESPONSE_SMALL];
};

/* response_init(response): nothing said, nothing allocated. */
void response_init(struct response *response);

/* response_free(response): let go of what was allocated. */
void response_free(struct response *response);

/*
 * response_clear(request), response_set_header(...) ...: the API's calls, on
 * a request that is known to be good. See <bulkhead/http.h>.
 */
int response_clear(struct request *request);
int response_set_status(
    struct request *request, unsigned status, const char *reason);
int response_set_header(
    struct request *request, const char *name, const char *value, bool replace);
int response_delete_header(struct request *request, const char *name);

/*
 * response_copy(request, chunks, count):
 * Append copies to the buffered body. Returns 0 or -ENOMEM (with nothing
 * appended).
 */
int response_copy(
    struct request *request, const struct bh_data_chunk *chunks, size_t count);

/* response_is_bodiless(request): HEAD, or a status that has no body. */
bool response_is_bodiless(const struct request *request);

/* response_drop_body(response): forget what is buffered. */
void response_drop_body(struct response *response);

/*
 * response_error(request, status):
 * Make it the server's own plain answer of that status.
 */
void response_error(struct request *request, unsigned status);

/*
 * response_send(request, chunks, count, last, ref):
 * Hand everything buffered, then ${chunks} (used in place), to the socket,
 * head first; ${last} ends the response. Returns the bytes taken when all
 * were; -EINPROGRESS when the engine goes on and will complete ${ref} (0: a
 * CONN_SENT of its own), after which response_sent() must be called; or
 * -errno with the response failed.
 */
int64_t response_send(struct request *request,
    const struct bh_data_chunk *chunks, size_t count, bool last, ring_ref ref);

/*
 * response_sent(request, bytes, status):
 * The engine has finished an output: ${bytes} in all, ${status} 0 or -errno.
 */
void response_sent(struct request *request, int64_t bytes, int status);

/*
 * response_finish(request):
 * No module has anything more to say: send what is missing, or end the
 * connection visibly when it can't be completed. Returns false when that
 * waits for CONN_SENT.
 */
bool response_finish(struct request *request);

#endif

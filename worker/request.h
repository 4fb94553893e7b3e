/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One request: what the client sent, where it stands in the pipeline, and the
 * operations that are outstanding for it. The public struct bh_context,
 * bh_request and bh_response are all handles of it.
 */
#ifndef WORKER_REQUEST_H
#define WORKER_REQUEST_H

#include "worker/arena.h"
#include "worker/http_body.h"
#include "worker/http_parse.h"
#include "worker/offload.h"
#include "worker/response.h"
#include "worker/worker.h"

struct conn;
struct site_rule;
struct stack;

/*
 *	RUNNING --callback returned PENDING--> PARKED --completion--> RUNNING
 *	RUNNING --an operation it forgot is outstanding--> WAITING --> RUNNING
 *	RUNNING --pipeline through--> SENDING --> RUNNING (log, end) --> gone
 */
enum request_state {
	REQUEST_RUNNING, /* a callback, or the pipeline between two, runs */
	REQUEST_PARKED,  /* a module waits for its completion */
	REQUEST_WAITING, /* for an operation whose module didn't wait */
	REQUEST_SENDING, /* for the end of the response */
};

/* One outstanding operation. ref 0: there is none. */
struct pending {
	ring_ref ref;
	uint16_t op;
	bool done;            /* nothing remains to be made of its bytes */
	bool held;            /* completed, but its module isn't parked yet */
	struct stack *waiter; /* a synchronous call's */
	uint8_t *place;       /* of a read */
	size_t size;
	int64_t bytes; /* the result, once held or resumed */
	uint64_t entity;
	int32_t status;
};

/* The public struct bh_completion_info. */
struct bh_completion_info {
	uint64_t bytes;
	uint64_t entity;
	int32_t status;
	uint16_t op;
};

/* The public struct bh_event_provider. */
struct bh_event_provider {
	struct request *request;
};

struct request {
	struct worker *worker;
	struct conn *conn;
	uint64_t handle; /* what modules hold: count:40 | slot:24; 0: free */
	uint64_t id;
	uint64_t began_ticks;  /* its turn: the head was whole */
	uint64_t parked_ticks; /* when it was parked; or 0 */
	uint64_t waited_ticks; /* parked, in all */
	uint64_t read_ns; /* from its first byte until its head was whole */
	struct request *next_free;
	enum request_state state;

	const uint8_t *bytes; /* the head's first byte, in its buffer */
	uint32_t head_buffer; /* index; kept until the request is over */
	struct http_head head;
	struct http_body body;
	uint32_t replays; /* how often a worker died with it before */
	bool headless;    /* there is no head that could be understood */
	bool continue_sent;
	bool body_bad; /* framing broken or too long: the connection ends */

	const struct site_rule *rule; /* of its site; NULL: none */
	uint32_t modules;             /* that take part in it: a bit each */
	size_t call;                  /* index in modules->calls */
	enum bh_notification_status after; /* of a WAITING request */
	void *selves[SEGMENT_MODULES_MAX];
	uint32_t selves_made; /* a bit a module */
	struct bh_event_provider provider;
	int error_status;
	const char *error_module;

	struct pending io;     /* a read, write or flush */
	struct pending posted; /* a post, a ticket, or work offloaded */
	struct offload_job job; /* posted.op OFFLOAD: the work */
	struct response response;
	char address[48]; /* text of the peer's, once asked for */
	struct arena arena;
};

/*
 * request_new(worker, conn): a clean request for a connection, or NULL.
 * request_free(request): its end; the handle is void from now on.
 */
struct request *request_new(struct worker *worker, struct conn *conn);
void request_free(struct request *request);

/* request_name(request): its head is whole: give it its id and handle. */
void request_name(struct request *request);

/* request_forget_head(request): none that could be understood has come. */
void request_forget_head(struct request *request);

/* request_by_handle(worker, handle): the living request, or NULL. */
struct request *request_by_handle(struct worker *worker, uint64_t handle);

/*
 * request_body_is_short(request):
 * Could what is left of its body be read to the end cheaply, so that the
 * connection may serve another request? Not when it is long, broken, or may
 * never be sent (an unanswered Expect). How long one in chunks is shows later.
 */
bool request_body_is_short(const struct request *request);

/* request_client_gone(request): nothing can be sent to its client any more. */
bool request_client_gone(const struct request *request);

/* request_context(request): what its modules are given. */
static inline struct bh_context *
request_context(const struct request *request)
{
	return ((struct bh_context *)(uintptr_t)request->handle);
}

/* requests_free(worker): at the process's end. */
void requests_free(struct worker *worker);

#endif

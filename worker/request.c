/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Request objects: made when a connection's bytes are first parsed, recycled
 * when the request is over. A handle names slot and count, so one that a
 * module kept too long finds nothing.
 *
 * Life of a request, step 5 of 11: from conn.c, to pipeline.c.
 */
#include "worker/request.h"

#include "worker/conn.h"

#include <stdlib.h>
#include <string.h>

enum {
	REQUESTS_KEPT = 256, /* free objects that aren't given back */
};

struct request *
request_new(struct worker *worker, struct conn *conn)
{
	struct request *request = worker->free_requests;

	if (request != NULL) {
		worker->free_requests = request->next_free;
		worker->free_request_count--;
	} else if ((request = malloc(sizeof(*request))) == NULL) {
		return (NULL);
	}
	request->worker = worker;
	request->conn = conn;
	/* Handle and id are given when the head is whole. */
	request->handle = 0;
	request->id = 0;
	request->state = REQUEST_RUNNING;
	request->continue_sent = request->body_bad = false;
	request->replays = 0;
	request->call = 0;
	request->rule = NULL;
	request->parked_ticks = request->waited_ticks = 0;
	request->headless = false;
	request->selves_made = 0;
	request->provider.request = request;
	request->error_status = 0;
	request->error_module = NULL;
	memset(&request->io, 0, sizeof(request->io));
	memset(&request->posted, 0, sizeof(request->posted));
	request->address[0] = '\0';
	response_init(&request->response);
	arena_init(&request->arena);
	return (request);
}

void
request_name(struct request *request)
{
	struct worker *worker = request->worker;

	worker->request_count++;
	if (worker->request_count == 0)
		worker->request_count = 1;
	request->id =
	    request_id_make(worker->segment.incarnation, worker->request_count);
	request->handle = request_handle_make(
	    worker->request_count, conn_slot_number(request->conn));
}

void
request_forget_head(struct request *request)
{
	request->headless = true;
	request->head.method = HTTP_GET;
	request->head.minor = 1;
	request->head.keep_alive = request->head.expect_continue = false;
	request->head.header_count = 0;
}

void
request_free(struct request *request)
{
	struct worker *worker = request->worker;

	request->handle = 0;
	response_free(&request->response);
	arena_reset(&request->arena);
	if (worker->free_request_count >= REQUESTS_KEPT) {
		free(request);
		return;
	}
	request->next_free = worker->free_requests;
	worker->free_requests = request;
	worker->free_request_count++;
}

struct request *
request_by_handle(struct worker *worker, uint64_t handle)
{
	const uint32_t slot = request_handle_slot(handle);
	struct request *request;

	if (handle == 0 || slot >= worker->conns_used)
		return (NULL);
	request = worker->conns[slot].request;
	if (request == NULL || request->handle != handle)
		return (NULL);
	return (request);
}

bool
request_body_is_short(const struct request *request)
{
	if (request->body_bad)
		return (false);
	if (http_body_done(&request->body))
		return (true);
	return (
	    (!request->head.expect_continue || request->continue_sent) &&
	    request->body.remaining <= request->worker->limits.discard_max &&
	    request->body.remaining <= HTTP_BODY_PACKED_MAX);
}

bool
request_client_gone(const struct request *request)
{
	return (request->conn->broken);
}

void
requests_free(struct worker *worker)
{
	struct request *request;

	while ((request = worker->free_requests) != NULL) {
		worker->free_requests = request->next_free;
		free(request);
	}
	worker->free_request_count = 0;
}

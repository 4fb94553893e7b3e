/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A response's way to the socket: its head, its framing, and the gathering of
 * all its pieces into one send.
 *
 * Life of a request, step 10 of 11: from async.c and pipeline.c, to the
 * engine.
 */
#include "worker/response.h"

#include "shm/base/log.h"
#include "worker/conn.h"
#include "worker/engine.h"
#include "worker/http_status.h"
#include "worker/pipeline.h"
#include "worker/request.h"
#include "worker/ticks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	/* Status line and the server's own fields, reason left out. */
	HEAD_OWN_MAX = 320,
};

/* A head being written into memory that is large enough. */
struct writer {
	char *at;
};

static void
put(struct writer *writer, const char *text, size_t length)
{
	memcpy(writer->at, text, length);
	writer->at += length;
}

static void
put_text(struct writer *writer, const char *text)
{
	put(writer, text, strlen(text));
}

static void
put_number(struct writer *writer, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	put(writer, digits + at, sizeof(digits) - at);
}

#define STATUS_LINE_200 "HTTP/1.1 200 OK\r\n"
#define SERVER_LINE     "Server: Bulkhead\r\n"

/*
 * What most heads begin with changes once a second, and so is it made: the
 * status line of 200, Server and Date. Returns it; its end is behind Date's
 * line.
 */
static const struct worker_head *
common_head(struct worker *worker)
{
	struct worker_head *head = &worker->head;
	struct timespec now;
	struct tm tm;

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if ((uint64_t)now.tv_sec == head->made_s)
		return (head);
	head->made_s = (uint64_t)now.tv_sec;
	(void)gmtime_r(&now.tv_sec, &tm);
	/* The C locale's names are the ones that HTTP wants. */
	head->length = strftime(head->text, sizeof(head->text),
	    STATUS_LINE_200 SERVER_LINE "Date: %a, %d %b %Y %H:%M:%S GMT\r\n",
	    &tm);
	return (head);
}

/* The head's beginning when it isn't the common one. */
static void
put_beginning(struct request *request, struct writer *writer)
{
	const struct worker_head *common = common_head(request->worker);
	const struct response *response = &request->response;
	const size_t date = strlen(STATUS_LINE_200 SERVER_LINE);

	put_text(writer, "HTTP/1.1 ");
	put_number(writer, response->status);
	put(writer, " ", 1);
	put_text(writer, response->reason != NULL
			     ? response->reason
			     : http_reason(response->status));
	put(writer, "\r\n", 2);
	if (!response->has_server)
		put_text(writer, SERVER_LINE);
	if (!response->has_date)
		put(writer, common->text + date, common->length - date);
}

static void
put_status_and_own(struct request *request, struct writer *writer)
{
	const struct response *response = &request->response;
	const struct worker_head *common;

	if (response->status != 200 || response->reason != NULL ||
	    response->has_server || response->has_date) {
		put_beginning(request, writer);
		return;
	}
	common = common_head(request->worker);
	put(writer, common->text, common->length);
}

/*
 * How the body's end will be told (RFC 9112 section 6): a length, chunks, or
 * the connection's end. ${last} and ${entity}: this output is the whole body.
 */
static void
put_framing(
    struct request *request, struct writer *writer, bool last, uint64_t entity)
{
	struct response *response = &request->response;

	if (response->status == 204)
		return;
	if (!response->has_length && last &&
	    !(response->status == 304 && entity == 0)) {
		response->has_length = true;
		response->length = entity;
	}
	if (response->has_length) {
		put_text(writer, "Content-Length: ");
		put_number(writer, response->length);
		put_text(writer, "\r\n");
	} else if (response->status == 304) {
		return;
	} else if (request->head.minor >= 1) {
		response->chunked = !response_is_bodiless(request);
		put_text(writer, "Transfer-Encoding: chunked\r\n");
	} else {
		response->close = true;
	}
}

static void
put_connection(struct request *request, struct writer *writer, bool last)
{
	struct response *response = &request->response;

	if (!request->head.keep_alive || request->worker->draining ||
	    (last && !request_body_is_short(request)))
		response->close = true;
	if (response->close)
		put_text(writer, "Connection: close\r\n");
	else if (request->head.minor == 0)
		put_text(writer, "Connection: keep-alive\r\n");
}

static int
build_head(
    struct request *request, bool last, uint64_t entity, struct iovec *ret_head)
{
	struct response *response = &request->response;
	size_t reason_length = 0;
	struct writer writer;
	uint32_t i;

	if (response->status == 0)
		response->status = 200;
	if (response->reason != NULL)
		reason_length = strlen(response->reason);
	writer.at = arena_alloc(&request->arena,
	    HEAD_OWN_MAX + reason_length + response->headers_size);
	if (writer.at == NULL)
		return (-ENOMEM);
	ret_head->iov_base = writer.at;
	put_status_and_own(request, &writer);
	for (i = 0; i < response->header_count; i++) {
		put(&writer, response->headers[i].name,
		    response->headers[i].name_length);
		put(&writer, ": ", 2);
		put(&writer, response->headers[i].value,
		    response->headers[i].value_length);
		put(&writer, "\r\n", 2);
	}
	put_framing(request, &writer, last, entity);
	put_connection(request, &writer, last);
	put(&writer, "\r\n", 2);
	ret_head->iov_len = (size_t)(writer.at - (char *)ret_head->iov_base);
	return (0);
}

static void
add(struct response_output *output, const void *bytes, size_t length)
{
	if (length == 0)
		return;
	output->iov[output->count++] =
	    (struct iovec){ (void *)(uintptr_t)bytes, length };
	output->total += length;
}

/* Pieces: head, chunk line, blocks, chunks, ends. Grows for the request. */
static int
prepare(struct request *request, size_t count)
{
	struct response_output *output = &request->response.output;
	const struct response_block *block;
	size_t need = count + 4;

	for (block = &request->response.first_block; block != NULL;
	     block = block->next)
		need++;
	output->count = 0;
	output->total = output->entity = 0;
	if (need <= output->capacity)
		return (0);
	output->iov =
	    arena_alloc(&request->arena, 2 * need * sizeof(*output->iov));
	if (output->iov == NULL) {
		output->iov = request->response.small_iov;
		output->capacity = RESPONSE_IOV_SMALL;
		return (-ENOMEM);
	}
	output->capacity = 2 * need;
	return (0);
}

/* The body's pieces in their framing. */
static void
add_body(struct request *request, const struct bh_data_chunk *chunks,
    size_t count, bool last)
{
	struct response *response = &request->response;
	struct response_output *output = &response->output;
	const struct response_block *block;
	bool framed = response->chunked && output->entity > 0;
	size_t i;

	if (response_is_bodiless(request)) {
		output->entity = 0;
		return;
	}
	if (framed)
		add(output, output->chunk_line,
		    (size_t)snprintf(output->chunk_line,
			sizeof(output->chunk_line), "%" PRIx64 "\r\n",
			output->entity));
	for (block = &response->first_block; block != NULL; block = block->next)
		add(output, block->bytes, block->used);
	for (i = 0; i < count; i++)
		add(output, chunks[i].buffer, chunks[i].length);
	if (framed && last)
		add(output, "\r\n0\r\n\r\n", 7);
	else if (framed)
		add(output, "\r\n", 2);
	else if (response->chunked && last)
		add(output, "0\r\n\r\n", 5);
}

static int
gather(struct request *request, const struct bh_data_chunk *chunks,
    size_t count, bool last)
{
	struct response *response = &request->response;
	struct response_output *output = &response->output;
	struct iovec head;
	uint64_t entity = response->buffered;
	size_t i;
	int error;

	if ((error = prepare(request, count)) != 0)
		return (error);
	for (i = 0; i < count; i++)
		entity += chunks[i].length;
	if (!response->headers_sent) {
		error = build_head(request, last, entity, &head);
		if (error != 0)
			return (error);
		add(output, head.iov_base, head.iov_len);
	}
	output->entity = entity;
	add_body(request, chunks, count, last);
	return (0);
}

void
response_sent(struct request *request, int64_t bytes, int status)
{
	struct response *response = &request->response;
	struct conn *conn = request->conn;

	response->sending = false;
	response->sent += (uint64_t)bytes;
	conn->sent += (uint64_t)bytes;
	conn_set_deadline(conn, request->worker, 0);
	WORKER_STAT_ADD(request->worker, bytes_sent, bytes);
	response_drop_body(response);
	if (status != 0) {
		response->failed = true;
		conn->broken = true;
	}
}

/* What the socket didn't take at once goes on in the engine. */
static void
send_rest(struct request *request, int64_t sent, ring_ref ref)
{
	struct response_output *output = &request->response.output;
	size_t skip = (size_t)sent;
	struct iovec *iov = output->iov;

	while (skip >= iov->iov_len) {
		skip -= iov->iov_len;
		iov++;
	}
	iov->iov_base = (uint8_t *)iov->iov_base + skip;
	iov->iov_len -= skip;
	request->response.sending = true;
	conn_set_deadline(
	    request->conn, request->worker, request->worker->limits.send_ns);
	engine_send_rest(request->worker->engine,
	    conn_slot_number(request->conn), iov,
	    output->count - (size_t)(iov - output->iov), sent, ref);
}

int64_t
response_send(struct request *request, const struct bh_data_chunk *chunks,
    size_t count, bool last, ring_ref ref)
{
	struct response *response = &request->response;
	struct response_output *output = &response->output;
	int64_t sent;
	int error;

	if (response->failed || response->reset || request->conn->broken)
		return (-ECONNRESET);
	if ((error = gather(request, chunks, count, last)) != 0)
		return (error);
	response->headers_sent = true;
	response->ended = response->ended || last;
	response->sending_ticks = ticks_now();
	conn_note_response(request->conn, request->worker, output->total, last);
	conn_set_state(request->conn, request->worker,
	    last ? SLOT_SENDING : SLOT_HANDLING);
	if (output->total == 0) {
		response_drop_body(response);
		return (0);
	}
	sent = engine_send(request->worker->engine,
	    conn_slot_number(request->conn), output->iov, output->count);
	if (sent == (int64_t)output->total) {
		response_sent(request, sent, 0);
		return (sent);
	}
	if (sent < 0 && sent != -EAGAIN) {
		response_sent(request, 0, (int)sent);
		return (-ECONNRESET);
	}
	send_rest(request, sent < 0 ? 0 : sent, ref);
	return (-EINPROGRESS);
}

bool
response_finish(struct request *request)
{
	struct response *response = &request->response;
	bool short_of_length = response->has_length &&
			       response->taken != response->length &&
			       !response_is_bodiless(request);

	if (!response->touched && !response->headers_sent)
		response_error(request, 404);
	else if (short_of_length && !response->failed && !response->reset) {
		pipeline_module_error(response->author, request,
		    "the body has %" PRIu64 " bytes, not the %" PRIu64
		    " of its Content-Length",
		    response->taken, response->length);
		response_error(request, 500);
	}
	if (!response->reset && !response->failed && !response->ended &&
	    response_send(request, NULL, 0, true, 0) == -EINPROGRESS)
		return (false);
	if (!response->ended)
		response->failed = true;
	response->finished = true;
	response->sent_ticks = ticks_now();
	return (true);
}

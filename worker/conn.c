/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection's life in the order in which it happens: it arrives, bytes
 * come, a request is made of them and handed to the pipeline, the answer is
 * out, the next one begins or the connection ends.
 *
 * Life of a request, steps 4 and 11 of 11: from link.c, to request.c and
 * pipeline.c; from pipeline.c back to the beginning.
 */
#include "worker/conn.h"

#include "shm/base/log.h"
#include "shm/base/panic.h"
#include "worker/buffers.h"
#include "worker/close.h"
#include "worker/engine.h"
#include "worker/http_parse.h"
#include "worker/link.h"
#include "worker/pipeline.h"
#include "worker/request.h"
#include "worker/site_request.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Unframing body bytes wants this much room at once. */
enum {
	BODY_ROOM_MIN = 4096
};

int
conns_create(struct worker *worker)
{
	size_t size = worker->segment.geometry.slots * sizeof(struct conn);

	/* Pages come when a slot is used. */
	worker->conns = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (worker->conns == MAP_FAILED) {
		worker->conns = NULL;
		return (-ENOMEM);
	}
	return (buffers_create(worker));
}

void
conns_free(struct worker *worker)
{
	buffers_free(worker);
	if (worker->conns == NULL)
		return;
	(void)munmap(worker->conns,
	    worker->segment.geometry.slots * sizeof(struct conn));
	worker->conns = NULL;
}

static struct conn_slot *
slot_of(const struct conn *conn, const struct worker *worker)
{
	return (&worker->segment.slots[conn_slot_number(conn)]);
}

void
conn_set_state(struct conn *conn, struct worker *worker, enum slot_state state)
{
	if (conn->state == state)
		return;
	conn->state = state;
	slot_set_state(slot_of(conn, worker), state, worker->now_ns);
}

void
conn_set_deadline(struct conn *conn, struct worker *worker, uint64_t ns)
{
	conn->deadline_ns = ns == 0 ? 0 : worker->now_ns + ns;
}

struct conn *
conn_find(struct worker *worker, conn_id id)
{
	uint32_t slot = conn_id_slot(id);

	if (id == 0 || slot >= worker->conns_used ||
	    worker->conns[slot].id != id)
		return (NULL);
	return (&worker->conns[slot]);
}

static void
wait_for_request(struct conn *conn, struct worker *worker)
{
	conn_set_state(conn, worker, SLOT_IDLE);
	conn_set_deadline(conn, worker, worker->limits.idle_ns);
	engine_receive(worker->engine, conn_slot_number(conn), NULL, 0, 0);
}

/* Say in the slot where the bytes are of what begins here. */
static void
note_place(struct conn *conn, struct worker *worker)
{
	struct slot_request place = { 0 };

	place.buffer = conn->buffer;
	place.offset = conn->start;
	/* Bytes of the connection before the buffer's byte `start`. */
	place.consumed = conn->received - (conn->end - conn->start);
	place.started_ns = worker->now_ns;
	place.unread = conn->unread;
	slot_set_request(slot_of(conn, worker), &place);
}

bool
conn_take_place(
    void *argument, uint32_t slot, void **ret_place, size_t *ret_size)
{
	struct worker *worker = argument;
	struct conn *conn = &worker->conns[slot];

	if (!buffer_take(worker, &conn->buffer))
		return (false);
	conn->start = conn->end = 0;
	conn->scanned = 0;
	note_place(conn, worker);
	conn_set_state(conn, worker, SLOT_READING);
	/* From a head's first byte: the next ones don't prolong it. */
	conn_set_deadline(conn, worker, worker->limits.head_ns);
	*ret_place = conn_bytes(conn, worker);
	*ret_size = worker->segment.geometry.buffer_size;
	return (true);
}

static void
release_buffer(struct conn *conn, struct worker *worker)
{
	static const struct slot_request nothing;

	if (conn->buffer == 0)
		return;
	slot_set_request(slot_of(conn, worker), &nothing);
	buffer_release(worker, &conn->buffer);
	conn->start = conn->end = 0;
}

void
conn_return_place(void *argument, uint32_t slot)
{
	struct worker *worker = argument;
	struct conn *conn = &worker->conns[slot];

	release_buffer(conn, worker);
	conn_set_state(conn, worker, SLOT_IDLE);
	conn_set_deadline(conn, worker, worker->limits.idle_ns);
}

/* Requests in the pipeline: a figure, and the load that the master reads. */
static void
count_active(struct worker *worker, int by)
{
	WORKER_STAT_ADD(worker, requests_active, by);
	atomic_store_explicit(&worker->segment.consumer->load,
	    (uint32_t)worker->stats[STAT_requests_active],
	    memory_order_relaxed);
}

/* What monitors are shown of it: one that was refused says nothing. */
static void
note_text(struct conn_slot *slot, const struct request *request, bool refused)
{
	static const uint64_t nothing;
	const struct http_head *head = &request->head;

	slot_go_on(slot);
	if (refused)
		slot_set_text(slot, &nothing, 0);
	else
		slot_set_text(slot, request->bytes + head->method_name.offset,
		    (size_t)(head->target.offset + head->target.length -
			     head->method_name.offset));
}

/* A head that is whole, or refused: the request begins. */
static void
begin_request(struct conn *conn, struct worker *worker, struct request *request,
    unsigned refused)
{
	struct conn_slot *slot = slot_of(conn, worker);
	struct slot_request place;

	conn->request = request;
	request->began_ticks = worker->turn_ticks;
	request->replays = conn->replays;
	conn->replays = 0;
	request_name(request);
	request->head_buffer = conn->buffer;
	note_text(slot, request, refused != 0);
	place = slot_own_request(slot);
	place.request = request->id;
	request->read_ns = worker->now_ns - place.started_ns;
	place.started_ns = worker->now_ns;
	if (refused == 0 && request->head.method != HTTP_POST &&
	    request->head.method != HTTP_PATCH)
		place.flags |= SLOT_REPLAYABLE;
	slot_set_request(slot, &place);
	conn_set_state(conn, worker, SLOT_HANDLING);
	conn_set_deadline(conn, worker, 0);
	count_active(worker, 1);
	if (refused != 0) {
		pipeline_refuse(request, refused);
		return;
	}
	conn->start += (uint32_t)request->head.length;
	http_body_init(&request->body, request->head.chunked,
	    request->head.content_length);
	pipeline_start(request);
}

/* The buffer is full of a pipelined request's first part: give it a whole. */
static bool
move_to_fresh_buffer(struct conn *conn, struct worker *worker)
{
	uint32_t fresh, old = conn->buffer;
	uint32_t length = conn->end - conn->start;

	if (!buffer_take(worker, &fresh))
		return (false);
	memcpy(segment_buffer(&worker->segment, fresh - 1),
	    conn_bytes(conn, worker) + conn->start, length);
	conn->buffer = fresh;
	conn->start = 0;
	conn->end = length;
	note_place(conn, worker); /* one store: the old place or the new */
	buffer_release(worker, &old);
	return (true);
}

static void
receive_more(struct conn *conn, struct worker *worker)
{
	size_t room = worker->segment.geometry.buffer_size - conn->end;

	if (room == 0) {
		if (!move_to_fresh_buffer(conn, worker)) {
			conn_reset(conn, worker);
			return;
		}
		room = worker->segment.geometry.buffer_size - conn->end;
	}
	conn_set_state(conn, worker, SLOT_READING);
	engine_receive(worker->engine, conn_slot_number(conn),
	    conn_bytes(conn, worker) + conn->end, room, 0);
}

/* Make a request of the bytes from `start`, or wait for more of them. */
static void
parse(struct conn *conn, struct worker *worker)
{
	const uint8_t *bytes = conn_bytes(conn, worker) + conn->start;
	struct request *request;
	int status;

	if ((request = request_new(worker, conn)) == NULL) {
		log_err("out of memory for a request");
		conn_reset(conn, worker);
		return;
	}
	request->bytes = bytes;
	status = http_parse_head(
	    bytes, conn->end - conn->start, &conn->scanned, &request->head);
	if (status == -EAGAIN) {
		request_free(request);
		if (conn->fin) {
			conn_close(conn, worker);
			return;
		}
		receive_more(conn, worker);
		return;
	}
	if (status != 0) {
		request_forget_head(request);
	} else {
		if (worker->sites.count > 0)
			request->rule = site_request_find(request);
		if (request->head.content_length >
		    site_request_body_max(request))
			status = 413;
	}
	begin_request(conn, worker, request, (unsigned)status);
}

/* Unframe what is there of the unwanted body. False: it can't be. */
static bool
skip_unread(struct conn *conn, struct worker *worker, struct http_body *body)
{
	const uint8_t *data;
	size_t used, length;

	if (!http_body_unpack(conn->unread, body))
		return (false);
	while (conn->start < conn->end && !http_body_done(body)) {
		if (http_body_next(body, conn_bytes(conn, worker) + conn->start,
			conn->end - conn->start, SIZE_MAX, &used, &data,
			&length) == -EBADMSG)
			return (false);
		conn->start += (uint32_t)used;
	}
	conn->unread = http_body_pack(body);
	return (conn->received + body->remaining <= conn->unread_end &&
		conn->unread != 0);
}

/*
 * Throw away what is left of a body that no module wanted. The slot says how
 * far that is, so that a successor can go on with it.
 */
static void
discard(struct conn *conn, struct worker *worker)
{
	size_t room = worker->segment.geometry.buffer_size;
	struct http_body body;

	if (!skip_unread(conn, worker, &body)) {
		conn_close(conn, worker);
		return;
	}
	if (http_body_done(&body)) {
		conn->unread = 0;
		note_place(conn, worker);
		/* Through the ring: no request runs below another's end. */
		conn_publish(conn, worker, OPERATION_CONN_NEXT);
		return;
	}
	/* The next request's bytes stay in the socket where that's known. */
	if (!body.chunked && room > body.remaining)
		room = (size_t)body.remaining;
	conn->start = conn->end = 0;
	note_place(conn, worker);
	engine_receive(worker->engine, conn_slot_number(conn),
	    conn_bytes(conn, worker), room, 0);
}

/* The request is over, or was when its worker died; its body isn't. */
static void
start_discarding(struct conn *conn, struct worker *worker)
{
	conn->unread_end = conn->received + worker->limits.discard_max;
	conn_set_state(conn, worker, SLOT_READING);
	conn_set_deadline(conn, worker, worker->limits.body_ns);
	discard(conn, worker);
}

/* What its last owner's death, if there was one, left to do. */
static void
begin(struct conn *conn, struct worker *worker)
{
	if (conn->adoption != ADOPTION_FRESH)
		WORKER_STAT_ADD(worker, connections_adopted, 1);
	switch (conn->adoption) {
	case ADOPTION_FRESH:
		wait_for_request(conn, worker);
		break;
	case ADOPTION_RESUME:
		if (conn->unread != 0) {
			start_discarding(conn, worker);
			break;
		}
		if (conn->replays > 0)
			WORKER_STAT_ADD(worker, requests_replayed, 1);
		conn_set_state(conn, worker, SLOT_READING);
		conn_set_deadline(conn, worker, worker->limits.head_ns);
		parse(conn, worker);
		break;
	case ADOPTION_REFUSE:
		WORKER_STAT_ADD(worker, requests_lost, 1);
		conn_refuse(conn, worker, 502);
		break;
	case ADOPTION_CLOSE:
		conn_close(conn, worker);
		break;
	case ADOPTION_RESET:
	case ADOPTION_GONE:
		conn_reset(conn, worker);
		break;
	}
}

/* The same for the master, whose crash report waits for it. */
static enum taken_how
tell_how(const struct conn *conn)
{
	static const enum taken_how hows[] = {
		[ADOPTION_FRESH] = TAKEN_QUIETLY,
		[ADOPTION_RESUME] = TAKEN_QUIETLY,
		[ADOPTION_REFUSE] = TAKEN_REFUSED,
		[ADOPTION_CLOSE] = TAKEN_CLOSED,
		[ADOPTION_RESET] = TAKEN_RESET,
		[ADOPTION_GONE] = TAKEN_GONE,
	};

	if (conn->adoption == ADOPTION_RESUME && conn->replays > 0)
		return (TAKEN_REPLAYED);
	return (hows[conn->adoption]);
}

void
conn_arrived(struct worker *worker, conn_id id, int fd)
{
	uint32_t slot = conn_id_slot(id);
	struct conn *conn = &worker->conns[slot];
	int error;

	bh_assert(conn->id == 0);
	if ((error = engine_add(worker->engine, id, fd)) != 0) {
		log_err("can't watch a connection: %s", strerror(-error));
		(void)close(fd);
		buffer_release(worker, &conn->buffer);
		link_report(worker->link, MESSAGE_REFUSED, slot,
		    conn_id_generation(id), 0);
		return;
	}
	conn->id = id;
	conn->fd = fd;
	conn->state = SLOT_IDLE;
	if (slot >= worker->conns_used)
		worker->conns_used = slot + 1;
	worker->conns_open++;
	WORKER_STAT_ADD(worker, connections, 1);
	WORKER_STAT_ADD(worker, connections_open, 1);
	link_report(worker->link, MESSAGE_TAKEN, slot, conn_id_generation(id),
	    tell_how(conn));
	begin(conn, worker);
}

void
conn_received(
    struct conn *conn, struct worker *worker, int64_t bytes, int status)
{
	if (bytes > 0) {
		conn->received += (uint64_t)bytes;
		WORKER_STAT_ADD(worker, bytes_received, bytes);
	}
	if (conn->state == SLOT_CLOSING) {
		conn_lingered(conn, worker, bytes, status);
		return;
	}
	if (status != 0) {
		conn_reset(conn, worker);
		return;
	}
	if (bytes == 0) {
		/* Nothing is owed: no request, or only a part of one. */
		conn->fin = true;
		conn_close(conn, worker);
		return;
	}
	conn->end += (uint32_t)bytes;
	if (conn->unread != 0) {
		discard(conn, worker);
		return;
	}
	parse(conn, worker);
}

void
conn_next(struct conn *conn, struct worker *worker)
{
	if (conn->start < conn->end) {
		conn->scanned = 0;
		conn_set_state(conn, worker, SLOT_READING);
		conn_set_deadline(conn, worker, worker->limits.head_ns);
		parse(conn, worker);
		return;
	}
	release_buffer(conn, worker);
	if (worker->draining)
		conn_close(conn, worker);
	else if (worker->retiring)
		conn_release(conn, worker);
	else
		wait_for_request(conn, worker);
}

void
conn_sent(struct conn *conn, struct worker *worker, int64_t bytes, int status)
{
	(void)worker;
	if (conn->request != NULL)
		pipeline_sent(conn->request, bytes, status);
}

void
conn_refuse(struct conn *conn, struct worker *worker, unsigned status)
{
	struct request *request;
	size_t scanned = 0;

	if ((request = request_new(worker, conn)) == NULL) {
		conn_reset(conn, worker);
		return;
	}
	request->bytes =
	    conn->buffer == 0 ? NULL : conn_bytes(conn, worker) + conn->start;
	if (conn->buffer == 0 ||
	    http_parse_head(request->bytes, conn->end - conn->start, &scanned,
		&request->head) != 0)
		request_forget_head(request);
	begin_request(conn, worker, request, status);
}

void
conn_request_over(struct conn *conn, struct worker *worker)
{
	struct request *request = conn->request;
	bool reset = request->response.reset || request->response.failed;
	bool go_on = !request->response.close && !conn->fin &&
		     request_body_is_short(request);

	atomic_store_explicit(&slot_of(conn, worker)->served,
	    atomic_load_explicit(
		&slot_of(conn, worker)->served, memory_order_relaxed) +
		1,
	    memory_order_relaxed);
	count_active(worker, -1);
	if (request->head_buffer != conn->buffer)
		buffer_release(worker, &request->head_buffer);
	conn->unread = 0;
	if (go_on && !http_body_done(&request->body))
		conn->unread = http_body_pack(&request->body);
	conn->request = NULL;
	request_free(request);
	if (reset || conn->broken) {
		conn_reset(conn, worker);
	} else if (!go_on) {
		conn_close(conn, worker);
	} else if (conn->unread != 0) {
		start_discarding(conn, worker);
	} else if (conn->start == conn->end) {
		conn_next(conn, worker);
	} else {
		/*
		 * Its turn comes through the ring, behind the others'. The
		 * slot says at once that this request is over: its line is the
		 * log's last now, and won't be then.
		 */
		note_place(conn, worker);
		conn_publish(conn, worker, OPERATION_CONN_NEXT);
	}
}

void
conn_note_response(
    struct conn *conn, struct worker *worker, uint64_t total, bool last)
{
	const struct response *response = &conn->request->response;
	struct slot_request place;

	place = slot_own_request(slot_of(conn, worker));
	if (!(place.flags & SLOT_RESPONDING))
		place.written = conn->sent;
	place.flags |= SLOT_RESPONDING |
		       slot_answer(response->status,
			   response->author == NULL ? SEGMENT_MODULES_MAX
						    : response->author->id);
	if (response->close || (last && !request_body_is_short(conn->request)))
		place.flags |= SLOT_LAST;
	place.response_end = last ? conn->sent + total : 0;
	slot_set_request(slot_of(conn, worker), &place);
}

void
conn_note_waiting(struct conn *conn, struct worker *worker, uint32_t module,
    uint32_t step, uint16_t op)
{
	slot_wait(slot_of(conn, worker), slot_waiting_pack(module, step, op),
	    worker->now_ns);
}

void
conn_note_going_on(struct conn *conn, struct worker *worker)
{
	slot_go_on(slot_of(conn, worker));
}

void
conn_note_body_outside(struct conn *conn, struct worker *worker)
{
	struct slot_request place;

	place = slot_own_request(slot_of(conn, worker));
	if (place.flags & SLOT_BODY_OUTSIDE)
		return;
	place.flags |= SLOT_BODY_OUTSIDE;
	slot_set_request(slot_of(conn, worker), &place);
}

void
conn_note_replayable(struct conn *conn, struct worker *worker, bool replayable)
{
	struct slot_request place;

	place = slot_own_request(slot_of(conn, worker));
	place.flags &= ~(uint32_t)SLOT_REPLAYABLE;
	if (replayable)
		place.flags |= SLOT_REPLAYABLE;
	slot_set_request(slot_of(conn, worker), &place);
}

uint8_t *
conn_body_room(struct conn *conn, struct worker *worker, size_t *ret_size)
{
	size_t size = worker->segment.geometry.buffer_size;
	uint32_t fresh;

	/* Behind the head while that leaves room for more than crumbs. */
	if (size - conn->end < BODY_ROOM_MIN) {
		conn_note_body_outside(conn, worker);
		if (conn->buffer == conn->request->head_buffer &&
		    size - conn->request->head.length -
			    (size_t)(conn->request->bytes -
				     conn_bytes(conn, worker)) >=
			BODY_ROOM_MIN) {
			conn->end = (uint32_t)(conn->request->bytes -
					       conn_bytes(conn, worker)) +
				    (uint32_t)conn->request->head.length;
		} else if (conn->buffer == conn->request->head_buffer) {
			if (!buffer_take(worker, &fresh))
				return (NULL);
			conn->buffer = fresh;
			conn->end = 0;
		} else {
			conn->end = 0;
		}
		conn->start = conn->end;
	}
	*ret_size = size - conn->end;
	return (conn_bytes(conn, worker) + conn->end);
}

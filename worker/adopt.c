/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Adoption. Runs in a successor, when the master's RECOVER has come and
 * before the connections' own completions.
 *
 * Life of a request, between steps 3 and 4 of 11, after a crash.
 */
#include "worker/adopt.h"

#include "shm/base/log.h"
#include "shm/line_log.h"
#include "worker/access_format.h"
#include "worker/access_log.h"
#include "worker/buffers.h"
#include "worker/http_body.h"
#include "worker/http_parse.h"
#include "worker/witness.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* What is known of one connection while it is being decided about. */
struct finding {
	struct slot_request place; /* by the wreck */
	enum slot_state state;
	struct witness witness;
	const uint8_t *bytes; /* saved ones: the wreck's, then in our buffer */
	size_t length;
	uint64_t unread; /* before them: a body nobody wants, packed */
	bool again; /* they begin with a request that a death interrupted */
};

int
adopt_open(int ro, int buffers, struct adopt_wreck *ret_wreck)
{
	int error;

	memset(ret_wreck, 0, sizeof(*ret_wreck));
	error = segment_map_reader(ro, &ret_wreck->segment);
	if (error != 0)
		return (error);
	error = wreck_map_buffers(buffers, &ret_wreck->segment.geometry,
	    &ret_wreck->buffers, &ret_wreck->buffers_size);
	if (error != 0)
		segment_unmap(&ret_wreck->segment);
	return (error);
}

void
adopt_close(struct adopt_wreck *wreck)
{
	if (wreck->buffers != NULL)
		(void)munmap(
		    (void *)(uintptr_t)wreck->buffers, wreck->buffers_size);
	segment_unmap(&wreck->segment);
	wreck->buffers = NULL;
}

/*
 * The bytes that were read since the request's place was noted are in the
 * buffer, unless body bytes went elsewhere. False: more than can be.
 */
static bool
find_bytes(const struct adopt_wreck *wreck, struct finding *finding)
{
	const struct segment_geometry *geometry = &wreck->segment.geometry;
	const struct slot_request *place = &finding->place;
	uint64_t length = finding->witness.consumed - place->consumed;

	if (place->flags & SLOT_BODY_OUTSIDE)
		length = geometry->buffer_size - place->offset;
	if (finding->witness.consumed < place->consumed ||
	    length > geometry->buffer_size - place->offset)
		return (false);
	finding->bytes = wreck->buffers +
			 (size_t)(place->buffer - 1) * geometry->buffer_size +
			 place->offset;
	finding->length = (size_t)length;
	return (true);
}

/*
 * Of a body, ${at} bytes into the bytes: what is here of it is skipped, and
 * what isn't is left to be thrown away. False: its framing is broken.
 */
static bool
skip_body(struct finding *finding, struct http_body *body, size_t at)
{
	const uint8_t *data;
	size_t used, length;

	while (at < finding->length && !http_body_done(body)) {
		if (http_body_next(body, finding->bytes + at,
			finding->length - at, SIZE_MAX, &used, &data,
			&length) == -EBADMSG)
			return (false);
		at += used;
	}
	finding->bytes += at;
	finding->length -= at;
	if (http_body_done(body))
		return (true);
	finding->unread = http_body_pack(body);
	return (finding->unread != 0);
}

/*
 * Its response is out as a whole. What follows its request in the bytes? The
 * request is parsed again to find its end. False: that can't be told, or the
 * connection was to end.
 */
static bool
skip_request(struct finding *finding)
{
	struct http_head head;
	struct http_body body;
	size_t scanned = 0;
	uint64_t end;

	if ((finding->place.flags & SLOT_LAST) ||
	    http_parse_head(finding->bytes, finding->length, &scanned, &head) !=
		0)
		return (false);
	if (!(finding->place.flags & SLOT_BODY_OUTSIDE)) {
		http_body_init(&body, head.chunked, head.content_length);
		return (skip_body(finding, &body, head.length));
	}
	/* Its bytes aren't here, but of a known length the kernel knows. */
	end = finding->place.consumed + head.length + head.content_length;
	if (head.chunked || finding->witness.consumed > end)
		return (false);
	finding->length = 0;
	http_body_init(&body, false, end - finding->witness.consumed);
	return (skip_body(finding, &body, 0));
}

/* It was throwing away a body: go on where it was. */
static enum adoption
judge_unread(struct finding *finding)
{
	struct http_body body;

	if (!http_body_unpack(finding->place.unread, &body))
		return (ADOPTION_RESET);
	return (
	    skip_body(finding, &body, 0) ? ADOPTION_RESUME : ADOPTION_CLOSE);
}

/*
 * No request's bytes. Its end may have begun, or been reached without the
 * report; the kernel knows, but for the very first step of it.
 */
static enum adoption
judge_idle(const struct finding *finding)
{
	if (finding->witness.dead)
		return (ADOPTION_GONE);
	if (finding->state == SLOT_CLOSING || finding->witness.fin_sent)
		return (ADOPTION_CLOSE);
	return (ADOPTION_FRESH);
}

/* A request that was in the pipeline, without a response byte on its way. */
static enum adoption
judge_unanswered(struct finding *finding, const struct message_connection *item)
{
	const uint32_t flags = finding->place.flags;

	if (!(flags & SLOT_REPLAYABLE) || (flags & SLOT_BODY_OUTSIDE) ||
	    item->named >= ADOPT_NAMED_MAX || item->crashes > ADOPT_CRASHES_MAX)
		return (ADOPTION_REFUSE);
	finding->again = true;
	return (ADOPTION_RESUME);
}

/*
 * Its answer is out as a whole; was that logged? Our own line, after its
 * worker's death, has no times.
 */
static void
log_answered(struct worker *worker, const struct adopt_wreck *wreck,
    const struct message_connection *item, const struct finding *finding)
{
	const struct slot_request *place = &finding->place;
	const uint32_t module = slot_answer_module(place->flags);
	char name[SEGMENT_MODULE_NAME];
	struct http_head head;
	size_t scanned = 0;
	struct access_entry entry = {
		.peer = &item->peer,
		.bytes = finding->bytes,
		.status = slot_answer_status(place->flags),
		.sent = place->response_end - place->written,
		.end = ACCESS_WHOLE,
		.request = place->request,
		.worker = wreck->segment.worker,
		.replays = place->replays,
		.total_ns = ACCESS_UNKNOWN,
		.read_ns = ACCESS_UNKNOWN,
		.handle_ns = ACCESS_UNKNOWN,
		.wait_ns = ACCESS_UNKNOWN,
		.send_ns = ACCESS_UNKNOWN,
	};

	if (!access_log_on(worker) ||
	    line_log_tells_of(&wreck->segment, place->request))
		return;
	if (module < wreck->segment.geometry.modules) {
		segment_module_name(&wreck->segment, module, name);
		entry.module = name;
	}
	if (http_parse_head(finding->bytes, finding->length, &scanned, &head) ==
	    0)
		entry.head = &head;
	access_log_entry(worker, &entry);
}

/* Is any byte of its response on its way? */
static bool
is_begun(const struct finding *finding)
{
	return ((finding->place.flags & SLOT_RESPONDING) &&
		finding->witness.written != finding->place.written);
}

static enum adoption
judge(struct worker *worker, const struct adopt_wreck *wreck,
    const struct message_connection *item, struct finding *finding)
{
	const struct slot_request *place = &finding->place;
	const struct witness *witness = &finding->witness;

	if (witness->dead)
		return (ADOPTION_GONE);
	if (finding->state == SLOT_CLOSING || witness->fin_sent)
		return (ADOPTION_CLOSE);
	if ((place->flags & SLOT_REFUSED) && !is_begun(finding))
		return (ADOPTION_REFUSE);
	if (place->unread != 0)
		return (judge_unread(finding));
	if (place->request == 0)
		return (ADOPTION_RESUME);
	if (!is_begun(finding))
		return (judge_unanswered(finding, item));
	if (place->response_end == 0 || witness->written < place->response_end)
		return (ADOPTION_RESET);
	log_answered(worker, wreck, item, finding);
	return (skip_request(finding) ? ADOPTION_RESUME : ADOPTION_CLOSE);
}

/*
 * The saved bytes, in a buffer of ours before they are looked at: of a wreck
 * that a child of the dead worker still has mapped, they may change.
 */
static bool
copy_bytes(struct worker *worker, struct finding *finding, struct conn *conn)
{
	if (!buffer_take(worker, &conn->buffer))
		return (false);
	memcpy(conn_bytes(conn, worker), finding->bytes, finding->length);
	finding->bytes = conn_bytes(conn, worker);
	return (true);
}

/*
 * Ask wreck and kernel. What can't be understood is reset. False: no buffer is
 * free.
 */
static bool
investigate(struct worker *worker, const struct adopt_wreck *wreck,
    const struct message_connection *item, int fd, struct finding *finding,
    struct conn *conn)
{
	int error;

	conn->adoption = ADOPTION_RESET;
	if (wreck == NULL ||
	    !wreck_slot(&wreck->segment, item->slot, item->generation,
		&finding->state, &finding->place) ||
	    (finding->place.flags & SLOT_CUT))
		return (true);
	error = witness_ask(fd, &finding->witness);
	if (error == -ENOTSUP && finding->place.buffer == 0 &&
	    finding->state == SLOT_IDLE)
		conn->adoption = ADOPTION_FRESH;
	else if (error == 0 && finding->place.buffer == 0)
		conn->adoption = judge_idle(finding);
	if (error != 0 || finding->place.buffer == 0 ||
	    !find_bytes(wreck, finding))
		return (true);
	if (!copy_bytes(worker, finding, conn))
		return (false);
	conn->adoption = judge(worker, wreck, item, finding);
	return (true);
}

/* What is left of the saved bytes becomes the beginning of our buffer. */
static void
keep_bytes(struct worker *worker, const struct finding *finding,
    struct conn *conn, struct slot_request *ret_place)
{
	memmove(conn_bytes(conn, worker), finding->bytes, finding->length);
	conn->end = (uint32_t)finding->length;
	ret_place->buffer = conn->buffer;
	ret_place->consumed = finding->witness.consumed - finding->length;
	ret_place->started_ns = worker->now_ns;
	ret_place->replays = conn->replays;
	ret_place->unread = conn->unread = finding->unread;
}

/*
 * What was decided stands in the slot with the bytes: should we die before we
 * have come to this connection, the next one doesn't decide anew, by less.
 */
static void
open_slot(struct worker *worker, const struct message_connection *item,
    const struct conn *conn, struct slot_request *place)
{
	enum slot_state state = SLOT_IDLE;

	switch (conn->adoption) {
	case ADOPTION_FRESH:
	case ADOPTION_RESUME:
		break;
	case ADOPTION_REFUSE:
		place->flags = SLOT_REFUSED;
		break;
	case ADOPTION_RESET:
		place->flags = SLOT_CUT;
		state = SLOT_CLOSING;
		break;
	case ADOPTION_CLOSE:
	case ADOPTION_GONE: /* the kernel says so again */
		state = SLOT_CLOSING;
		break;
	}
	slot_adopt(&worker->segment.slots[item->slot], item->generation, state,
	    &item->peer, item->accepted_ns, place);
}

bool
adopt(struct worker *worker, const struct adopt_wreck *wreck,
    const struct message_connection *item, int fd, struct conn *conn)
{
	struct slot_request place = { .request = 0 };
	struct finding finding;

	memset(&finding, 0, sizeof(finding));
	memset(conn, 0, sizeof(*conn));
	if (!investigate(worker, wreck, item, fd, &finding, conn))
		return (false);
	conn->received = finding.witness.consumed;
	conn->sent = finding.witness.written;
	if (conn->adoption == ADOPTION_RESUME && finding.length == 0 &&
	    finding.unread == 0)
		conn->adoption = ADOPTION_FRESH;
	/* One that was to be begun again, but wasn't yet, keeps its past. */
	if (finding.again || finding.place.replays > 0)
		conn->replays = item->crashes;
	/* The 502 too wants to know its request's method. */
	if (conn->adoption == ADOPTION_RESUME ||
	    conn->adoption == ADOPTION_REFUSE)
		keep_bytes(worker, &finding, conn, &place);
	else
		buffer_release(worker, &conn->buffer);
	open_slot(worker, item, conn, &place);
	return (true);
}

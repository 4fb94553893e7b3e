/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP/1 body framing. Runs in a worker while a request's entity is read:
 * between steps 5 and 8 of its life.
 *
 * The states of a chunked body, in the order in which bytes lead through
 * them:
 *
 *	SIZE_FIRST -> SIZE -> [SIZE_SPACE] -> [EXTENSION] -> SIZE_LF
 *	    of a chunk:      -> DATA -> DATA_CR -> DATA_LF -> SIZE_FIRST
 *	    of the last one: -> LINE_FIRST
 *	LINE_FIRST -> LINE_NAME -> LINE_VALUE -> LINE_LF -> LINE_FIRST
 *	LINE_FIRST -> END_LF -> DONE
 *
 * Every state but DATA takes one byte at a time. Framing is a few bytes per
 * chunk; entity bytes aren't looked at.
 */
#include "worker/http_body.h"

#include <errno.h>

#include "worker/http_fields.h"

enum state {
	DONE,
	FAILED,
	DATA,
	DATA_CR,
	DATA_LF,
	SIZE_FIRST,
	SIZE,
	SIZE_SPACE, /* spaces, which an extension must follow */
	EXTENSION,
	SIZE_LF,
	LINE_FIRST, /* of a trailer field, or of the last, empty line */
	LINE_NAME,
	LINE_VALUE,
	LINE_LF,
	END_LF,
	STATES
};

/* A packed body: this bit, chunked:1, state:8, line:16, remaining:32. */
#define PACKED         (UINT64_C(1) << 63)
#define PACKED_CHUNKED (UINT64_C(1) << 62)

enum {
	PACKED_LINE_AT = 32,
	PACKED_STATE_AT = 48,
};

static int
hex_digit(uint8_t byte)
{
	if (byte >= '0' && byte <= '9')
		return (byte - '0');
	byte |= 0x20;
	return (byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1);
}

static bool
is_value_byte(uint8_t byte)
{
	const char text = (char)byte;

	return (http_is_field_value(&text, 1));
}

static bool
is_token_byte(uint8_t byte)
{
	const char text = (char)byte;

	return (http_is_token(&text, 1));
}

void
http_body_init(struct http_body *body, bool chunked, uint64_t length)
{
	*body = (struct http_body){
		.remaining = chunked ? 0 : length,
		.state = chunked      ? SIZE_FIRST
			 : length > 0 ? DATA
				      : DONE,
		.chunked = chunked,
	};
}

bool
http_body_done(const struct http_body *body)
{
	return (body->state == DONE);
}

/* A byte of a chunk's size line. Returns the next state. */
static enum state
step_size_line(struct http_body *body, uint8_t byte)
{
	const enum state state = (enum state)body->state;
	int digit;

	if (++body->line > HTTP_CHUNK_LINE_MAX)
		return (FAILED);
	if (state == SIZE_FIRST || state == SIZE) {
		digit = hex_digit(byte);
		if (digit >= 0) {
			if (body->remaining > UINT64_MAX >> 4)
				return (FAILED);
			body->remaining =
			    body->remaining << 4 | (unsigned)digit;
			return (SIZE);
		}
		if (state == SIZE_FIRST)
			return (FAILED);
	}
	if (byte == '\r')
		return (state == SIZE_SPACE ? FAILED : SIZE_LF);
	if (state == EXTENSION)
		return (is_value_byte(byte) ? EXTENSION : FAILED);
	if (byte == ';')
		return (EXTENSION);
	return (byte == ' ' ? SIZE_SPACE : FAILED);
}

/* A byte after the last chunk's size line. Returns the next state. */
static enum state
step_trailers(struct http_body *body, uint8_t byte)
{
	if (++body->line > HTTP_TRAILERS_MAX)
		return (FAILED);
	switch ((enum state)body->state) {
	case LINE_FIRST:
		if (byte == '\r')
			return (END_LF);
		return (is_token_byte(byte) ? LINE_NAME : FAILED);
	case LINE_NAME:
		if (byte == ':')
			return (LINE_VALUE);
		return (is_token_byte(byte) ? LINE_NAME : FAILED);
	case LINE_VALUE:
		if (byte == '\r')
			return (LINE_LF);
		return (is_value_byte(byte) ? LINE_VALUE : FAILED);
	case LINE_LF:
		return (byte == '\n' ? LINE_FIRST : FAILED);
	case END_LF:
	default:
		return (byte == '\n' ? DONE : FAILED);
	}
}

/* Any byte of framing. Returns the next state. */
static enum state
step(struct http_body *body, uint8_t byte)
{
	switch ((enum state)body->state) {
	case DATA_CR:
		return (byte == '\r' ? DATA_LF : FAILED);
	case DATA_LF:
		body->line = 0;
		return (byte == '\n' ? SIZE_FIRST : FAILED);
	case SIZE_FIRST:
	case SIZE:
	case SIZE_SPACE:
	case EXTENSION:
		return (step_size_line(body, byte));
	case SIZE_LF:
		/* The line ends on its 256th byte at the latest. */
		if (byte != '\n' || ++body->line > HTTP_CHUNK_LINE_MAX)
			return (FAILED);
		body->line = 0;
		return (body->remaining > 0 ? DATA : LINE_FIRST);
	default:
		return (step_trailers(body, byte));
	}
}

/* The run of entity bytes at the front of ${length} > 0 bytes. */
static size_t
take_run(struct http_body *body, size_t length, size_t max)
{
	size_t run = length < max ? length : max;

	if (run > body->remaining)
		run = (size_t)body->remaining;
	body->remaining -= run;
	body->received += run;
	if (body->remaining == 0)
		body->state = body->chunked ? DATA_CR : DONE;
	return (run);
}

int
http_body_next(struct http_body *body, const uint8_t *bytes, size_t length,
    size_t max, size_t *ret_consumed, const uint8_t **ret_data,
    size_t *ret_data_length)
{
	size_t at = 0, run = 0;

	while (at < length && body->state != DATA && body->state != DONE &&
	       body->state != FAILED)
		body->state = step(body, bytes[at++]);
	if (body->state == FAILED)
		return (-EBADMSG);
	if (at < length && body->state == DATA)
		run = take_run(body, length - at, max);
	*ret_data = bytes + at;
	*ret_data_length = run;
	*ret_consumed = at + run;
	return (run > 0 || body->state == DONE ? 0 : -EAGAIN);
}

uint64_t
http_body_pack(const struct http_body *body)
{
	if (body->state == FAILED || body->remaining > HTTP_BODY_PACKED_MAX)
		return (0);
	return (PACKED | (body->chunked ? PACKED_CHUNKED : 0) |
		(uint64_t)body->state << PACKED_STATE_AT |
		(uint64_t)body->line << PACKED_LINE_AT | body->remaining);
}

bool
http_body_unpack(uint64_t word, struct http_body *ret_body)
{
	const struct http_body body = {
		.remaining = word & UINT32_MAX,
		.state = word >> PACKED_STATE_AT & UINT8_MAX,
		.line = word >> PACKED_LINE_AT & UINT16_MAX,
		.chunked = (word & PACKED_CHUNKED) != 0,
	};

	if (http_body_pack(&body) != word || body.state >= STATES ||
	    body.line > HTTP_TRAILERS_MAX ||
	    (body.state == DATA && body.remaining == 0) ||
	    (!body.chunked && body.state != DATA && body.state != DONE))
		return (false);
	*ret_body = body;
	return (true);
}

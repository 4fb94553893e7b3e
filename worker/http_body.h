/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP/1 body framing: where the entity's bytes are among the bytes of the
 * connection. Pure; nothing is copied.
 */
#ifndef WORKER_HTTP_BODY_H
#define WORKER_HTTP_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HTTP_CHUNK_LINE_MAX = 256, /* a chunk's size line with extensions */
	HTTP_TRAILERS_MAX = 8192,  /* all trailer fields; they are dropped */
};

#define HTTP_BODY_PACKED_MAX UINT32_MAX

/* One body being taken apart. */
struct http_body {
	uint64_t remaining; /* of the length, or of the current chunk */
	uint64_t received;  /* entity bytes so far */
	uint32_t state;     /* private to http_body.c */
	uint32_t line;      /* bytes of the current framing line or trailers */
	bool chunked;
};

/*
 * http_body_init(body, chunked, length):
 * A body of ${length} bytes, or a chunked one (${length} is ignored).
 */
void http_body_init(struct http_body *body, bool chunked, uint64_t length);

/*
 * http_body_done(body): has the body's last byte, framing included, been
 * taken? True at once for a body of length 0.
 */
bool http_body_done(const struct http_body *body);

/*
 * http_body_next(body, bytes, length, max, ret_consumed, ret_data,
 * ret_data_length):
 * Take the next run of entity bytes, at most ${max} > 0, from ${bytes}.
 * *${ret_consumed} is how many of the ${length} bytes were used up (framing
 * before the run, and the run); the run is *${ret_data_length} bytes at
 * *${ret_data}, inside ${bytes}. Bytes after the body's end are left alone.
 *
 * Returns 0 (with a run, or without one when the body has just been done), or
 * -EAGAIN (all bytes used, no entity byte among them), or -EBADMSG for
 * malformed framing: the connection can't be used further.
 */
int http_body_next(struct http_body *body, const uint8_t *bytes, size_t length,
    size_t max, size_t *ret_consumed, const uint8_t **ret_data,
    size_t *ret_data_length);

/*
 * http_body_pack(body):
 * How far a body has been taken, in a word that is never 0, for a slot; but
 * for `received`. 0 when it can't be: its framing is broken, or more than
 * HTTP_BODY_PACKED_MAX bytes remain.
 */
uint64_t http_body_pack(const struct http_body *body);

/*
 * http_body_unpack(word, ret_body):
 * Back again. The word may come from a wreck: false when no body packs so.
 */
bool http_body_unpack(uint64_t word, struct http_body *ret_body);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP/1 request heads: a pure function over bytes that stay where they are.
 * It keeps nothing between calls but how far it has looked, so a successor
 * can parse the same bytes of a wreck again.
 *
 * Life of a request, step 5 of 11.
 */
#ifndef WORKER_HTTP_PARSE_H
#define WORKER_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HTTP_HEADERS_MAX = 100,
	HTTP_TARGET_MAX = 8192, /* bytes of a request target: 414 beyond */
	HTTP_HEAD_MAX = 16384,  /* bytes of a head: 431 beyond */
};

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_PATCH,
	HTTP_METHODS
};

/* Bytes of a head, by their offset from the first byte that was parsed. */
struct http_span {
	uint16_t offset;
	uint16_t length;
};

struct http_header {
	struct http_span name;
	struct http_span value; /* without the white space around it */
};

/* What a head says. Spans point into the bytes that were parsed. */
struct http_head {
	enum http_method method;
	uint8_t minor;   /* HTTP/1.minor: 0 or 1 */
	bool keep_alive; /* the client lets us keep the connection */
	bool chunked;
	bool expect_continue;
	bool has_length;
	bool host_seen;          /* a Host field was there */
	uint64_t content_length; /* of the body; 0 without one */
	size_t length; /* of the head, empty lines before it included */
	struct http_span method_name;
	struct http_span target; /* as sent */
	/*
	 * Of the target, from its '/', undecoded. Empty for "*" and for an
	 * absolute target without a path.
	 */
	struct http_span path;
	struct http_span query; /* after the '?', undecoded; length 0: none */
	struct http_span host; /* authority: of the target, else Host's value */
	uint32_t header_count;
	struct http_header headers[HTTP_HEADERS_MAX];
};

/*
 * http_parse_head(bytes, length, scanned, ret_head):
 * Parse a request head at the start of ${length} bytes. *${scanned} is 0 for
 * the first call on these bytes; the function stores how far it has looked
 * (and at what: it isn't an offset for others), so that a head that trickles
 * in costs linear time. With -EAGAIN the bytes may move before the next call,
 * but not change. At 0 again, the answer is the same: it depends on nothing
 * but the bytes.
 *
 * Returns 0 when the head is whole; -EAGAIN when more bytes are needed; or
 * the status of the answer that refuses it: 400, 405 (CONNECT, TRACE), 414,
 * 417 (an expectation that isn't 100-continue), 431, 501 (unknown method,
 * a transfer coding other than chunked) or 505. ${ret_head} is whole only
 * after 0.
 *
 * Strict where leniency has been an attack (RFC 9112): bare CR or LF, white
 * space before a colon, obs-fold, control bytes, Transfer-Encoding together
 * with Content-Length or in HTTP/1.0, differing or malformed Content-Length
 * fields, HTTP/1.1 without exactly one Host: all 400. A head that can't
 * become good any more is refused at once where its request line or its size
 * shows it, at the latest when its last byte is there. After a refusal the
 * connection can't be used further: where the next head begins isn't known.
 */
int http_parse_head(const uint8_t *bytes, size_t length, size_t *scanned,
    struct http_head *ret_head);

/* http_method_name(method): "GET" ... */
const char *http_method_name(enum http_method method);

#endif

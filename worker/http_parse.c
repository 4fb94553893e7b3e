/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP/1 request heads. Runs in a worker: step 5 of a request's life, and
 * again in a successor over the bytes of a wreck.
 *
 * One pass from left to right over the whole head; the first byte that can't
 * be part of a good head decides the answer, so the answer is the same
 * however the bytes were split on their way. When a head trickles in, the
 * pass isn't repeated for every piece: http_parse_head() looks at the new
 * bytes alone and starts the pass only when they can change its result.
 */
#include "worker/http_parse.h"

#include <errno.h>
#include <string.h>

#include "worker/http_fields.h"
#include "worker/http_scan.h"
#include "worker/http_target.h"

enum {
	EMPTY_LINES_MAX = 4, /* before a request line: RFC 9112, 2.2 */
	METHOD_MAX = 24,     /* longer than any registered method */
	SCANNED_BITS = 16,   /* of *scanned are the offset, the rest is phase */
};

_Static_assert(HTTP_HEAD_MAX < 1 << SCANNED_BITS, "an offset doesn't fit");

/* What the last of the bytes belonged to. */
enum phase {
	PHASE_START,  /* empty lines, method or version: a few bytes */
	PHASE_TARGET, /* the request target, whose form is known */
	PHASE_FIELDS, /* after the request line */
};

/* The pass's functions return this, -EAGAIN or the status that refuses. */
enum {
	STEP_OK = 0,
};

struct parser {
	const uint8_t *start;
	struct scan_bounds bounds;
	const uint8_t *at;
	struct http_head *head;
	enum phase phase;
	unsigned options; /* of enum http_option: what Connection says */
};

static const char method_names[HTTP_METHODS][8] = {
	[HTTP_GET] = "GET",
	[HTTP_HEAD] = "HEAD",
	[HTTP_POST] = "POST",
	[HTTP_PUT] = "PUT",
	[HTTP_DELETE] = "DELETE",
	[HTTP_OPTIONS] = "OPTIONS",
	[HTTP_PATCH] = "PATCH",
};

static inline struct http_span
span(const struct parser *parser, const uint8_t *from, const uint8_t *to)
{
	return ((struct http_span){
	    .offset = (uint16_t)(from - parser->start),
	    .length = (uint16_t)(to - from),
	});
}

/* --- The request line -------------------------------------------------- */

static SCAN_SELDOM int
skip_empty_lines(struct parser *parser)
{
	unsigned lines;

	for (lines = 0; parser->at < parser->bounds.end; lines++) {
		if (*parser->at != '\r' && *parser->at != '\n')
			return (STEP_OK);
		if (*parser->at == '\n' || lines == EMPTY_LINES_MAX)
			return (400);
		if (parser->bounds.end - parser->at < 2)
			return (-EAGAIN);
		if (parser->at[1] != '\n')
			return (400);
		parser->at += 2;
	}
	return (-EAGAIN);
}

/* A method that we don't serve. ${length} is without the space after it. */
static SCAN_SELDOM int
refuse_method(const struct parser *parser, size_t length)
{
	static const char preface[] = "PRI * HTTP/2.0";
	const uint8_t *at = parser->at;
	size_t there = (size_t)(parser->bounds.end - at);

	if (length == 7 && memcmp(at, "CONNECT", 7) == 0)
		return (405);
	if (length == 5 && memcmp(at, "TRACE", 5) == 0)
		return (405);
	/* A client that takes us for an HTTP/2 server is told so. */
	if (there > sizeof(preface) - 1)
		there = sizeof(preface) - 1;
	if (length == 3 && memcmp(at, preface, there) == 0)
		return (there < sizeof(preface) - 1 ? -EAGAIN : 505);
	return (501);
}

static SCAN_SELDOM int
parse_any_method(struct parser *parser)
{
	const uint8_t *at = parser->at, *limit = parser->bounds.end, *stop;
	size_t length;
	unsigned i;

	if (limit - at > METHOD_MAX + 1)
		limit = at + METHOD_MAX + 1;
	stop = scan_token(at, limit);
	length = (size_t)(stop - at);
	if (length > METHOD_MAX)
		return (501);
	if (stop == limit)
		return (-EAGAIN);
	if (*stop != ' ' || length == 0)
		return (400);
	for (i = 0; i < HTTP_METHODS; i++) {
		if (length == strlen(method_names[i]) &&
		    memcmp(at, method_names[i], length) == 0) {
			parser->head->method = (enum http_method)i;
			parser->head->method_name = span(parser, at, stop);
			parser->at = stop + 1;
			return (STEP_OK);
		}
	}
	return (refuse_method(parser, length));
}

static inline int
parse_method(struct parser *parser)
{
	if (parser->bounds.end - parser->at < 4 ||
	    memcmp(parser->at, "GET ", 4) != 0)
		return (parse_any_method(parser));
	parser->head->method = HTTP_GET;
	parser->head->method_name = span(parser, parser->at, parser->at + 3);
	parser->at += 4;
	return (STEP_OK);
}

/* ${end} is the end of the path; a query may follow. */
static SCAN_SELDOM int
split_target(struct parser *parser, const uint8_t *end)
{
	const uint8_t *authority, *path;

	if (*parser->at == '*') {
		parser->head->path = span(parser, end, end);
		return (STEP_OK);
	}
	path = http_target_split(parser->bounds, parser->at, end, &authority);
	if (path == NULL)
		return (400);
	parser->head->host = span(parser, authority, path);
	parser->head->path = span(parser, path, end);
	return (STEP_OK);
}

static int
parse_target(struct parser *parser)
{
	const uint8_t *at = parser->at, *limit, *path_end, *stop;
	struct scan_bounds bounds = parser->bounds;
	struct http_head *head = parser->head;
	int r;

	if (at == bounds.end)
		return (-EAGAIN);
	if (*at != '/' &&
	    (r = http_target_check(at, bounds.end, head->method)) != STEP_OK)
		return (r);
	parser->phase = PHASE_TARGET;
	if (bounds.end - at > HTTP_TARGET_MAX + 1)
		bounds = scan_bounds(at, HTTP_TARGET_MAX + 1);
	limit = bounds.end;
	path_end = stop = scan_path(bounds, at);
	head->query.length = 0;
	if (stop < limit && *stop == '?') {
		stop = scan_target(bounds, stop + 1);
		head->query = span(parser, path_end + 1, stop);
	}
	if (stop - at > HTTP_TARGET_MAX)
		return (414);
	if (stop == limit)
		return (-EAGAIN);
	if (*stop != ' ')
		return (400);
	head->target = span(parser, at, stop);
	head->path = span(parser, at, path_end);
	if (*at != '/' && (r = split_target(parser, path_end)) != STEP_OK)
		return (r);
	parser->at = stop + 1;
	return (STEP_OK);
}

/* Whatever isn't exactly HTTP/1.1 and CRLF, byte by byte. */
static SCAN_SELDOM int
parse_any_version(struct parser *parser)
{
	static const char expected[] = "HTTP/#.#\r\n";
	const uint8_t *at = parser->at;
	size_t i, length = (size_t)(parser->bounds.end - at);

	for (i = 0; i < sizeof(expected) - 1; i++) {
		if (i == length)
			return (-EAGAIN);
		if (expected[i] == '#' ? at[i] < '0' || at[i] > '9'
				       : at[i] != (uint8_t)expected[i])
			return (400);
		if (i == 5 && at[i] == '0')
			return (400);
		if (i == 7 && at[5] != '1')
			return (505);
	}
	parser->head->minor = at[7] == '0' ? 0 : 1;
	parser->at += i;
	return (STEP_OK);
}

static inline int
parse_version(struct parser *parser)
{
	parser->phase = PHASE_START;
	if (parser->bounds.end - parser->at < 10 ||
	    memcmp(parser->at, "HTTP/1.1\r\n", 10) != 0)
		return (parse_any_version(parser));
	parser->head->minor = 1;
	parser->at += 10;
	return (STEP_OK);
}

/* --- The header section ------------------------------------------------ */

static int
note_host(struct parser *parser, const uint8_t *at, const uint8_t *end)
{
	struct http_head *head = parser->head;

	if (head->host_seen)
		return (400);
	if (at != end && !http_target_is_authority(parser->bounds, at, end))
		return (400);
	head->host_seen = true;
	/* An authority in the target goes before. */
	if (head->host.length == 0)
		head->host = span(parser, at, end);
	return (STEP_OK);
}

/* Does the field say how to read the rest? */
static inline int
note_field(struct parser *parser, const uint8_t *name, size_t length,
    const uint8_t *at, const uint8_t *end)
{
	struct http_head *head = parser->head;

	switch (length) {
	case 4:
		if (scan_is_word(name, "host", 4))
			return (note_host(parser, at, end));
		break;
	case 6:
		if (scan_is_word(name, "expect", 6))
			return (http_fields_expect(head, at, end));
		break;
	case 10:
		if (scan_is_word(name, "connection", 10))
			parser->options |= http_fields_connection(at, end);
		break;
	case 14:
		if (scan_is_word(name, "content-length", 14))
			return (http_fields_content_length(head, at, end));
		break;
	case 17:
		if (scan_is_word(name, "transfer-encoding", 17))
			return (http_fields_transfer_encoding(head, at, end));
		break;
	default:
		break;
	}
	return (STEP_OK);
}

/* The empty line at parser->at, which ends the head. */
static int
parse_end(struct parser *parser)
{
	struct http_head *head = parser->head;

	if (parser->bounds.end - parser->at < 2)
		return (-EAGAIN);
	if (parser->at[1] != '\n')
		return (400);
	if (head->minor != 0 && !head->host_seen)
		return (400);
	if ((parser->options & HTTP_OPTION_CLOSE) != 0)
		head->keep_alive = false;
	else
		head->keep_alive =
		    head->minor != 0 ||
		    (parser->options & HTTP_OPTION_KEEP_ALIVE) != 0;
	head->length = (size_t)(parser->at + 2 - parser->start);
	return (STEP_OK);
}

/*
 * The end of the value that begins at ${at}, where a CRLF is; or NULL, and
 * what the bytes there are instead in *${ret_step}.
 */
static inline const uint8_t *
value_end(struct scan_bounds bounds, const uint8_t *at, int *ret_step)
{
	for (;; at++) {
		at = scan_value(bounds, at);
		if (at < bounds.end - 1 && memcmp(at, "\r\n", 2) == 0)
			return (at);
		if (at == bounds.end || *at != '\t')
			break;
	}
	if (at == bounds.end || (*at == '\r' && at + 1 == bounds.end))
		*ret_step = -EAGAIN;
	else
		*ret_step = 400;
	return (NULL);
}

/* One header line, which isn't empty. */
static inline int
parse_field(struct parser *parser)
{
	const struct scan_bounds bounds = parser->bounds;
	const uint8_t *const name = parser->at;
	const uint8_t *colon, *value, *end;
	struct http_header *header;
	int r;

	colon = scan_plain(bounds, name);
	if (colon == bounds.end || *colon != ':') {
		colon = scan_token(colon, bounds.end);
		if (colon == bounds.end)
			return (-EAGAIN);
	}
	/* White space before the colon and a folded line end here. */
	if (*colon != ':' || colon == name)
		return (400);
	end = value_end(bounds, colon + 1, &r);
	if (end == NULL)
		return (r);
	parser->at = end + 2;

	/* In a value only white space is that low; a colon ends the search. */
	while (end[-1] <= ' ')
		end--;
	for (value = colon + 1; *value <= ' ' && value < end; value++)
		continue;
	header = &parser->head->headers[parser->head->header_count++];
	header->name = span(parser, name, colon);
	header->value = span(parser, value, end);
	return (note_field(parser, name, (size_t)(colon - name), value, end));
}

static inline int
parse_fields(struct parser *parser)
{
	int r;

	parser->phase = PHASE_FIELDS;
	do {
		if (parser->at == parser->bounds.end)
			return (-EAGAIN);
		if (*parser->at == '\r')
			return (parse_end(parser));
		if (parser->head->header_count == HTTP_HEADERS_MAX)
			return (431);
		r = parse_field(parser);
	} while (r == STEP_OK);
	return (r);
}

static int
parse(struct parser *parser)
{
	int r;

	if (parser->at == parser->bounds.end)
		return (-EAGAIN);
	if (*parser->at < ' ' && (r = skip_empty_lines(parser)) != STEP_OK)
		return (r);
	if ((r = parse_method(parser)) != STEP_OK ||
	    (r = parse_target(parser)) != STEP_OK ||
	    (r = parse_version(parser)) != STEP_OK)
		return (r);
	return (parse_fields(parser));
}

/* Does a line in [from, length) end the head, or end wrongly? */
static bool
ends_head(const uint8_t *bytes, size_t from, size_t length)
{
	const uint8_t *newline;
	size_t at;

	for (; from < length; from = at + 1) {
		newline = memchr(bytes + from, '\n', length - from);
		if (newline == NULL)
			return (false);
		at = (size_t)(newline - bytes);
		if (at < 2 || bytes[at - 1] != '\r' || bytes[at - 2] < ' ')
			return (true);
	}
	return (false);
}

/* Can the bytes after those that were looked at change the answer? */
static SCAN_SELDOM bool
may_be_decided(const uint8_t *bytes, size_t length, size_t scanned)
{
	const size_t from = scanned & ((1U << SCANNED_BITS) - 1);

	if (from > length || length >= HTTP_HEAD_MAX)
		return (true);
	switch ((enum phase)(scanned >> SCANNED_BITS)) {
	case PHASE_TARGET:
		return (length > HTTP_TARGET_MAX ||
			scan_target(scan_bounds(bytes + from, length - from),
			    bytes + from) != bytes + length);
	case PHASE_FIELDS:
		return (ends_head(bytes, from, length));
	case PHASE_START:
	default:
		return (true);
	}
}

int
http_parse_head(const uint8_t *bytes, size_t length, size_t *scanned,
    struct http_head *ret_head)
{
	const size_t visible = length < HTTP_HEAD_MAX ? length : HTTP_HEAD_MAX;
	size_t phase = *scanned >> SCANNED_BITS;
	struct parser parser;
	int r = -EAGAIN;

	if (*scanned == 0 || may_be_decided(bytes, length, *scanned)) {
		parser = (struct parser){
			.start = bytes,
			.bounds = scan_bounds(bytes, visible),
			.at = bytes,
			.head = ret_head,
		};
		ret_head->chunked = false;
		ret_head->expect_continue = false;
		ret_head->has_length = false;
		ret_head->host_seen = false;
		ret_head->content_length = 0;
		ret_head->host = (struct http_span){ 0 };
		ret_head->header_count = 0;
		r = parse(&parser);
		phase = parser.phase;
	}
	if (r == -EAGAIN && length >= HTTP_HEAD_MAX)
		r = 431;
	if (r == -EAGAIN)
		*scanned = visible | phase << SCANNED_BITS;
	return (r);
}

const char *
http_method_name(enum http_method method)
{
	return (method_names[method]);
}

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

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "worker/http_scan.h"

enum {
	EMPTY_LINES_MAX = 4, /* before a request line: RFC 9112, 2.2 */
	METHOD_MAX = 24,     /* longer than any registered method */
	PORT_DIGITS = 5,
	SCANNED_BITS = 16, /* of *scanned are the offset, the rest is phase */
};

_Static_assert(HTTP_HEAD_MAX < 1 << SCANNED_BITS, "an offset doesn't fit");

/* What the last of the bytes belonged to. */
enum phase {
	PHASE_START,  /* empty lines, method or version: a few bytes */
	PHASE_TARGET, /* the request target, whose form is known */
	PHASE_FIELDS, /* after the request line */
};

/* What is known about the head beside ret_head; bits of parser.seen. */
enum {
	SEEN_CLOSE = 1,
	SEEN_KEEP_ALIVE = 2,
	SEEN_AUTHORITY = 4, /* in the target: the Host field doesn't count */
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
	unsigned seen;
};

/* Functions that ordinary requests don't need stay out of the others' way. */
#define SELDOM __attribute__((cold, noinline))

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

/*
 * Are the bytes from ${at} on the beginning of ${text}, or all of it? Any
 * case when ${lower}; then ${text} is in lower case.
 */
static bool
begins_like(const struct parser *parser, const uint8_t *at, const char *text,
    bool lower)
{
	for (; at < parser->bounds.end && *text != '\0'; at++, text++) {
		if (*at == (uint8_t)*text)
			continue;
		if (!lower || *at < 'A' || *at > 'Z' ||
		    (*at | 0x20) != (uint8_t)*text)
			return (false);
	}
	return (true);
}

/* Next element of the comma list [at, end), trimmed; where to go on. */
static const uint8_t *
next_element(const uint8_t *at, const uint8_t *end, const uint8_t **ret_element,
    size_t *ret_length)
{
	const uint8_t *comma, *last;

	comma = memchr(at, ',', (size_t)(end - at));
	last = comma != NULL ? comma : end;
	while (at < last && (*at == ' ' || *at == '\t'))
		at++;
	*ret_element = at;
	end = last;
	while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*ret_length = (size_t)(end - at);
	return (comma != NULL ? comma + 1 : NULL);
}

/* --- The request line -------------------------------------------------- */

static SELDOM int
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
static SELDOM int
refuse_method(const struct parser *parser, size_t length)
{
	static const char preface[] = "PRI * HTTP/2.0";
	const uint8_t *at = parser->at;

	if (length == 7 && memcmp(at, "CONNECT", 7) == 0)
		return (405);
	if (length == 5 && memcmp(at, "TRACE", 5) == 0)
		return (405);
	/* A client that takes us for an HTTP/2 server is told so. */
	if (length == 3 && begins_like(parser, at, preface, false)) {
		if (parser->bounds.end - at < (ptrdiff_t)sizeof(preface) - 1)
			return (-EAGAIN);
		return (505);
	}
	return (501);
}

static SELDOM int
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

/* [at, end) is what stands between '[' and ']'. */
static bool
is_ipv6(const uint8_t *at, const uint8_t *end)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;
	size_t length = (size_t)(end - at);

	if (length >= sizeof(text) || memchr(at, '\0', length) != NULL)
		return (false);
	memcpy(text, at, length);
	text[length] = '\0';
	return (inet_pton(AF_INET6, text, &address) == 1);
}

static bool
is_hex_digit(uint8_t byte)
{
	return ((byte >= '0' && byte <= '9') ||
		((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f'));
}

/* Past the address in brackets at ${at}, or NULL. */
static const uint8_t *
skip_address(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *bracket;

	bracket = memchr(at, ']', (size_t)(end - at));
	if (bracket == NULL || !is_ipv6(at + 1, bracket))
		return (NULL);
	return (bracket + 1);
}

/* Past the host name at ${at}. */
static SELDOM const uint8_t *
skip_name(const uint8_t *at, const uint8_t *end)
{
	while (at < end) {
		if (scan_is(*at, SCAN_HOST))
			at++;
		else if (*at == '%' && end - at >= 3 && is_hex_digit(at[1]) &&
			 is_hex_digit(at[2]))
			at += 3;
		else
			break;
	}
	return (at);
}

/* Is [at, end) "host" or "host:port"? Never empty. */
static bool
is_authority(const struct parser *parser, const uint8_t *at, const uint8_t *end)
{
	const uint8_t *host = at;
	unsigned digit, port = 0;

	/* What ends an authority isn't plain: the run can't pass ${end}. */
	at = scan_plain(parser->bounds, at);
	if (at != end && *at != ':')
		at = *host == '[' ? skip_address(at, end) : skip_name(at, end);
	if (at == NULL || at == host)
		return (false);
	if (at == end)
		return (true);
	if (*at != ':')
		return (false);
	if (end - ++at > PORT_DIGITS)
		return (false);
	for (; at < end; at++) {
		digit = *at - (unsigned)'0';
		if (digit > 9)
			return (false);
		port = port * 10 + digit;
	}
	return (port <= UINT16_MAX);
}

/* The bytes before the authority of an absolute target, or -EAGAIN or 400. */
static int
scheme_length(const struct parser *parser)
{
	static const char *const schemes[] = { "http://", "https://" };
	size_t i, length;

	for (i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		if (!begins_like(parser, parser->at, schemes[i], true))
			continue;
		length = strlen(schemes[i]);
		if ((size_t)(parser->bounds.end - parser->at) < length)
			return (-EAGAIN);
		return ((int)length);
	}
	return (400);
}

/* A target that doesn't begin with '/': its form, before it is looked at. */
static SELDOM int
check_form(const struct parser *parser)
{
	int r;

	if (*parser->at != '*') {
		r = scheme_length(parser);
		return (r == 400 || r == -EAGAIN ? r : STEP_OK);
	}
	if (parser->head->method != HTTP_OPTIONS)
		return (400);
	if (parser->bounds.end - parser->at < 2)
		return (-EAGAIN);
	return (parser->at[1] == ' ' ? STEP_OK : 400);
}

/* ${end} is the end of the path; a query may follow. */
static SELDOM int
split_target(struct parser *parser, const uint8_t *end)
{
	const uint8_t *authority, *path;

	if (*parser->at == '*') {
		parser->head->path = span(parser, end, end);
		return (STEP_OK);
	}
	authority = parser->at + scheme_length(parser);
	path = memchr(authority, '/', (size_t)(end - authority));
	if (path == NULL)
		path = end;
	if (!is_authority(parser, authority, path))
		return (400);
	parser->head->host = span(parser, authority, path);
	parser->head->path = span(parser, path, end);
	parser->seen |= SEEN_AUTHORITY;
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
	if (*at != '/' && (r = check_form(parser)) != STEP_OK)
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
static SELDOM int
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

/* --- Fields that say how to read the rest ------------------------------ */

static int
note_host(struct parser *parser, const uint8_t *at, const uint8_t *end)
{
	struct http_head *head = parser->head;

	if (head->host_seen)
		return (400);
	if (at != end && !is_authority(parser, at, end))
		return (400);
	head->host_seen = true;
	if ((parser->seen & SEEN_AUTHORITY) == 0)
		head->host = span(parser, at, end);
	return (STEP_OK);
}

static int
note_connection(struct parser *parser, const uint8_t *at, const uint8_t *end)
{
	const uint8_t *element;
	size_t length;

	while (at != NULL) {
		at = next_element(at, end, &element, &length);
		if (SCAN_IS_WORD(element, length, "close"))
			parser->seen |= SEEN_CLOSE;
		else if (SCAN_IS_WORD(element, length, "keep-alive"))
			parser->seen |= SEEN_KEEP_ALIVE;
	}
	return (STEP_OK);
}

/* A list of the same number, as RFC 9110, 8.6 lets us take it, or 400. */
static int
note_content_length(
    struct parser *parser, const uint8_t *at, const uint8_t *end)
{
	struct http_head *head = parser->head;
	const uint8_t *element;
	uint64_t value;
	size_t i, length;

	while (at != NULL) {
		at = next_element(at, end, &element, &length);
		for (value = 0, i = 0; i < length; i++) {
			if (element[i] < '0' || element[i] > '9' ||
			    __builtin_mul_overflow(value, 10, &value) ||
			    __builtin_add_overflow(
				value, element[i] - '0', &value))
				return (400);
		}
		if (length == 0 || head->chunked ||
		    (head->has_length && value != head->content_length))
			return (400);
		head->has_length = true;
		head->content_length = value;
	}
	return (STEP_OK);
}

/* Nothing may follow "chunked", which is the only coding that we know. */
static int
note_transfer_encoding(
    struct parser *parser, const uint8_t *at, const uint8_t *end)
{
	struct http_head *head = parser->head;
	const uint8_t *element;
	size_t length;

	if (head->minor == 0 || head->has_length)
		return (400);
	while (at != NULL) {
		at = next_element(at, end, &element, &length);
		if (head->chunked || length == 0 ||
		    !scan_is(*element, SCAN_TOKEN))
			return (400);
		if (!SCAN_IS_WORD(element, length, "chunked"))
			return (501);
		head->chunked = true;
	}
	return (STEP_OK);
}

static SELDOM int
note_expect(struct parser *parser, const uint8_t *at, const uint8_t *end)
{
	const uint8_t *element;
	size_t length;

	while (at != NULL) {
		at = next_element(at, end, &element, &length);
		if (!SCAN_IS_WORD(element, length, "100-continue"))
			return (417);
	}
	/* A client of HTTP/1.0 would take the 100 for the answer. */
	parser->head->expect_continue = parser->head->minor != 0;
	return (STEP_OK);
}

static inline int
note_field(struct parser *parser, const uint8_t *name, size_t length,
    const uint8_t *at, const uint8_t *end)
{
	switch (length) {
	case 4:
		if (scan_is_word(name, "host", 4))
			return (note_host(parser, at, end));
		break;
	case 6:
		if (scan_is_word(name, "expect", 6))
			return (note_expect(parser, at, end));
		break;
	case 10:
		if (scan_is_word(name, "connection", 10))
			return (note_connection(parser, at, end));
		break;
	case 14:
		if (scan_is_word(name, "content-length", 14))
			return (note_content_length(parser, at, end));
		break;
	case 17:
		if (scan_is_word(name, "transfer-encoding", 17))
			return (note_transfer_encoding(parser, at, end));
		break;
	default:
		break;
	}
	return (STEP_OK);
}

/* --- The header section ------------------------------------------------ */

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
	if ((parser->seen & SEEN_CLOSE) != 0)
		head->keep_alive = false;
	else
		head->keep_alive =
		    head->minor != 0 || (parser->seen & SEEN_KEEP_ALIVE) != 0;
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
static SELDOM bool
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

/* --- What others ask --------------------------------------------------- */

static uint8_t
lower_case(uint8_t byte)
{
	return (byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
}

const struct http_header *
http_find_header(const uint8_t *bytes, const struct http_head *head,
    const char *name, size_t name_length)
{
	const uint8_t *is;
	uint32_t i;
	size_t at;

	for (i = 0; i < head->header_count; i++) {
		if (head->headers[i].name.length != name_length)
			continue;
		is = bytes + head->headers[i].name.offset;
		for (at = 0; at < name_length; at++)
			if (lower_case(is[at]) != lower_case((uint8_t)name[at]))
				break;
		if (at == name_length)
			return (&head->headers[i]);
	}
	return (NULL);
}

const char *
http_method_name(enum http_method method)
{
	return (method_names[method]);
}

bool
http_is_token(const char *text, size_t length)
{
	const uint8_t *at = (const uint8_t *)text;

	return (length > 0 && scan_token(at, at + length) == at + length);
}

bool
http_is_field_value(const char *text, size_t length)
{
	const uint8_t *at = (const uint8_t *)text, *end = at + length;
	const struct scan_bounds bounds = scan_bounds(at, length);

	for (at = scan_value(bounds, at); at < end && *at == '\t';)
		at = scan_value(bounds, at + 1);
	return (at == end);
}

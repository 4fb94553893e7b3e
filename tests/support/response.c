/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A strict reader of HTTP/1.1 responses.
 */
#include "tests/support/response.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bsd/stdlib.h>

enum {
	TAKE_MORE = 0,
	TAKE_WRONG = -1,
	CHUNK_DIGITS_MAX = 8,
};

static ssize_t
wrong(const char **ret_error, const char *what)
{
	*ret_error = what;
	return (TAKE_WRONG);
}

static bool
is_token_char(char c)
{
	return (isalnum((unsigned char)c) ||
		(c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL));
}

/* Length of a head with its empty line; 0: not whole; -1: a bare CR or LF. */
static ssize_t
head_length(const char *bytes, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		if (bytes[i] == '\n' && (i == 0 || bytes[i - 1] != '\r'))
			return (-1);
		if (bytes[i] == '\r' && i + 1 < length && bytes[i + 1] != '\n')
			return (-1);
		if (bytes[i] == '\0')
			return (-1);
		if (i >= 3 && memcmp(bytes + i - 3, "\r\n\r\n", 4) == 0)
			return ((ssize_t)i + 1);
	}
	return (0);
}

/* "HTTP/1.1 200 OK" */
static bool
parse_status_line(const char *line, struct response *r)
{
	if (strncmp(line, "HTTP/1.", 7) != 0 ||
	    (line[7] != '0' && line[7] != '1') || line[8] != ' ')
		return (false);
	r->minor = line[7] - '0';
	if (line[9] < '1' || line[9] > '5' ||
	    !isdigit((unsigned char)line[10]) ||
	    !isdigit((unsigned char)line[11]) || line[12] != ' ')
		return (false);
	r->status =
	    (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
	for (line += 13; *line != '\0'; line++)
		if (iscntrl((unsigned char)*line) && *line != '\t')
			return (false);
	return (true);
}

/* "Name: value", cut up in place. */
static bool
parse_header_line(char *line, struct response *r)
{
	char *colon, *end, *value;
	size_t i;

	if (r->header_count == RESPONSE_HEADERS_MAX)
		return (false);
	colon = strchr(line, ':');
	if (colon == NULL || colon == line)
		return (false);
	for (i = 0; line + i < colon; i++)
		if (!is_token_char(line[i]))
			return (false);
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	end = value + strlen(value);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	for (i = 0; value[i] != '\0'; i++)
		if (iscntrl((unsigned char)value[i]) && value[i] != '\t')
			return (false);
	r->headers[r->header_count].name = line;
	r->headers[r->header_count].value = value;
	r->header_count++;
	return (true);
}

/* Status line and header lines of a whole head. */
static bool
parse_head(const char *bytes, size_t length, struct response *r)
{
	char *end, *line;

	r->header_count = 0;
	r->head = malloc(length + 1);
	if (r->head == NULL)
		return (false);
	memcpy(r->head, bytes, length);
	r->head[length] = '\0';
	r->head_bytes = length;
	line = r->head;
	end = strstr(line, "\r\n");
	*end = '\0';
	if (!parse_status_line(line, r))
		return (false);
	for (line = end + 2; (end = strstr(line, "\r\n")) != line;
	     line = end + 2) {
		*end = '\0';
		if (!parse_header_line(line, r))
			return (false);
	}
	return (true);
}

static size_t
count_header(const struct response *r, const char *name)
{
	size_t count = 0, i;

	for (i = 0; i < r->header_count; i++)
		count += strcasecmp(r->headers[i].name, name) == 0;
	return (count);
}

const char *
response_header(const struct response *response, const char *name)
{
	size_t i;

	for (i = 0; i < response->header_count; i++)
		if (strcasecmp(response->headers[i].name, name) == 0)
			return (response->headers[i].value);
	return (NULL);
}

/* A chunk's size line at bytes: its length, or 0 (more), or -1. */
static ssize_t
parse_chunk_size(const char *bytes, size_t length, size_t *ret_size)
{
	size_t digits = 0, size = 0;
	char c;

	for (; digits < length && isxdigit((unsigned char)bytes[digits]);
	     digits++) {
		c = (char)tolower((unsigned char)bytes[digits]);
		size = size * 16 + (size_t)(isdigit((unsigned char)c)
						? c - '0'
						: c - 'a' + 10);
	}
	if (digits > CHUNK_DIGITS_MAX)
		return (-1);
	if (length < digits + 2)
		return (length > digits && bytes[digits] != '\r' ? -1 : 0);
	if (digits == 0 || memcmp(bytes + digits, "\r\n", 2) != 0)
		return (-1); /* our server sends no chunk extensions */
	*ret_size = size;
	return ((ssize_t)digits + 2);
}

/* A chunked body: wire bytes taken, or TAKE_*. */
static ssize_t
take_chunked(const char *bytes, size_t length, struct response *r,
    const char **ret_error)
{
	size_t at = 0, size;
	ssize_t line;

	r->body = malloc(length + 1); /* decoding only shrinks */
	if (r->body == NULL)
		return (wrong(ret_error, "no memory"));
	for (;;) {
		line = parse_chunk_size(bytes + at, length - at, &size);
		if (line == -1)
			return (wrong(ret_error, "malformed chunk size"));
		if (line == 0)
			return (TAKE_MORE);
		at += (size_t)line;
		if (length - at < size + 2)
			return (TAKE_MORE);
		if (memcmp(bytes + at + size, "\r\n", 2) != 0)
			return (wrong(ret_error,
			    size == 0 ? "trailers, or no empty line at the end"
				      : "no CRLF after a chunk"));
		memcpy(r->body + r->body_bytes, bytes + at, size);
		r->body_bytes += size;
		at += size + 2;
		if (size == 0)
			return ((ssize_t)at);
	}
}

/* A body of ${size} bytes. */
static ssize_t
take_plain(const char *bytes, size_t length, size_t size, struct response *r,
    const char **ret_error)
{
	if (length < size)
		return (TAKE_MORE);
	r->body = malloc(size + 1);
	if (r->body == NULL)
		return (wrong(ret_error, "no memory"));
	memcpy(r->body, bytes, size);
	r->body_bytes = size;
	return ((ssize_t)size);
}

static ssize_t
take_body(const char *bytes, size_t length, bool eof, bool head_request,
    struct response *r, const char **ret_error)
{
	const char *coding, *connection, *error, *size_text;
	long long size;

	coding = response_header(r, "Transfer-Encoding");
	size_text = response_header(r, "Content-Length");
	connection = response_header(r, "Connection");
	if (coding != NULL && size_text != NULL)
		return (wrong(ret_error, "both body lengths"));
	if (count_header(r, "Content-Length") > 1 ||
	    count_header(r, "Transfer-Encoding") > 1)
		return (wrong(ret_error, "a body length twice"));
	if (coding != NULL && strcmp(coding, "chunked") != 0)
		return (wrong(ret_error, "unknown transfer coding"));
	size = 0;
	if (size_text != NULL) {
		size = strtonum(size_text, 0, INT64_MAX, &error);
		if (error != NULL)
			return (wrong(ret_error, "malformed Content-Length"));
	}
	if (head_request || r->status == 204 || r->status == 304)
		return (take_plain(bytes, length, 0, r, ret_error));
	if (coding != NULL) {
		r->chunked = true;
		return (take_chunked(bytes, length, r, ret_error));
	}
	if (size_text != NULL)
		return (take_plain(bytes, length, (size_t)size, r, ret_error));
	if (r->minor == 1 &&
	    (connection == NULL || strcasecmp(connection, "close") != 0))
		return (wrong(ret_error, "no body length and no close"));
	r->until_eof = true;
	if (!eof)
		return (TAKE_MORE);
	return (take_plain(bytes, length, length, r, ret_error));
}

ssize_t
response_parse(const char *bytes, size_t length, bool eof, bool head_request,
    struct response *ret_response, const char **ret_error)
{
	struct response r = { .status = 0 };
	ssize_t taken;
	size_t at = 0;
	bool empty;

	for (;;) {
		taken = head_length(bytes + at, length - at);
		if (taken == -1)
			return (wrong(ret_error, "a bare CR, LF or NUL"));
		if (taken == 0) {
			if (eof)
				return (wrong(ret_error, "cut in its head"));
			return (TAKE_MORE);
		}
		if (!parse_head(bytes + at, (size_t)taken, &r)) {
			response_free(&r);
			return (wrong(ret_error, "malformed head"));
		}
		at += (size_t)taken;
		if (r.status >= 200)
			break;
		r.interim++;
		response_free(&r);
	}
	taken = take_body(
	    bytes + at, length - at, eof, head_request, &r, ret_error);
	/* A body of no bytes takes none, which isn't TAKE_MORE. */
	empty = taken == 0 && r.body != NULL && !r.chunked;
	if (taken < 0 || (taken == 0 && !empty)) {
		response_free(&r);
		if (taken == TAKE_MORE && eof)
			return (wrong(ret_error, "cut in its body"));
		return (taken);
	}
	r.body[r.body_bytes] = '\0';
	r.wire_bytes = r.head_bytes + (size_t)taken;
	*ret_response = r;
	return ((ssize_t)at + taken);
}

void
response_free(struct response *response)
{
	free(response->head);
	free(response->body);
	response->head = NULL;
	response->body = NULL;
}

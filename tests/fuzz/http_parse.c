/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a request head: what is said about them is inside of them, is
 * said again the second time and when they come in pieces, and a refused
 * beginning stays refused however it goes on.
 */
#include <errno.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "worker/http_fields.h"
#include "worker/http_parse.h"

static void
check_span(struct http_span span, struct http_span inside)
{
	MUST(span.offset >= inside.offset);
	MUST(span.offset + span.length <= inside.offset + inside.length);
}

static void
check_head(const uint8_t *data, size_t size, const struct http_head *head)
{
	const char *text = (const char *)data;
	const struct http_header *found;
	struct http_span all;
	uint32_t i;

	MUST(head->length <= size && head->length <= HTTP_HEAD_MAX);
	MUST(memcmp(data + head->length - 4, "\r\n\r\n", 4) == 0);
	all = (struct http_span){ .length = (uint16_t)head->length };
	check_span(head->method_name, all);
	check_span(head->target, all);
	check_span(head->path, head->target);
	if (head->query.length > 0)
		check_span(head->query, head->target);
	check_span(head->host, all);
	MUST(head->method < HTTP_METHODS && head->minor <= 1);
	MUST(head->minor == 0 || head->host_seen);
	MUST(!head->chunked || (!head->has_length && head->minor == 1));
	MUST(head->has_length || head->content_length == 0);
	MUST(head->header_count <= HTTP_HEADERS_MAX);
	MUST(head->target.length > 0 && head->target.length <= HTTP_TARGET_MAX);
	for (i = 0; i < head->header_count; i++) {
		check_span(head->headers[i].name, all);
		check_span(head->headers[i].value, all);
		MUST(http_is_token(text + head->headers[i].name.offset,
		    head->headers[i].name.length));
		MUST(http_is_field_value(text + head->headers[i].value.offset,
		    head->headers[i].value.length));
		found = http_find_header(data, head,
		    text + head->headers[i].name.offset,
		    head->headers[i].name.length);
		MUST(found != NULL && found <= &head->headers[i]);
	}
}

static void
check_answer(int r)
{
	MUST(r == 0 || r == -EAGAIN || r == 400 || r == 405 || r == 414 ||
	     r == 417 || r == 431 || r == 501 || r == 505);
}

/* The answer to the first ${cut} bytes, and then to all, is ${whole}'s. */
static void
check_cut(const uint8_t *data, size_t size, size_t cut, int r,
    const struct http_head *whole)
{
	static struct http_head head;
	uint8_t *copy = malloc(cut > 0 ? cut : 1);
	size_t scanned = 0;
	int prefix;

	MUST(copy != NULL);
	memcpy(copy, data, cut);
	prefix = http_parse_head(copy, cut, &scanned, &head);
	free(copy);
	check_answer(prefix);
	if (prefix == -EAGAIN) {
		MUST(r != 0 || cut < whole->length);
		prefix = http_parse_head(data, size, &scanned, &head);
		/* A bad field may be left until the head's end is there. */
		if (prefix == -EAGAIN && r != 0)
			return;
	}
	MUST(prefix == r);
	MUST(r != 0 || head.length == whole->length);
	MUST(r != 0 || head.header_count == whole->header_count);
	MUST(r != 0 || head.keep_alive == whole->keep_alive);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_head head, again;
	size_t scanned = 0, cut, step;
	int r;

	r = http_parse_head(data, size, &scanned, &head);
	check_answer(r);
	MUST(r != -EAGAIN || size < HTTP_HEAD_MAX);
	if (r == 0)
		check_head(data, size, &head);
	scanned = 0;
	MUST(http_parse_head(data, size, &scanned, &again) == r);
	MUST(r != 0 || again.length == head.length);

	step = size < 64 ? 1 : size / 16;
	for (cut = 0; cut < size; cut += step)
		check_cut(data, size, cut, r, &head);
	if (r == 0) {
		check_cut(data, size, head.length - 1, r, &head);
		check_cut(data, size, head.length, r, &head);
	}
	return (0);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of request heads share.
 */
#include "tests/unit/worker/http_heads.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void
assert_same_span(struct http_span a, struct http_span b)
{
	assert_int_equal(a.offset, b.offset);
	assert_int_equal(a.length, b.length);
}

static void
assert_same_head(const struct http_head *a, const struct http_head *b)
{
	uint32_t i;

	assert_int_equal(a->method, b->method);
	assert_int_equal(a->minor, b->minor);
	assert_int_equal(a->keep_alive, b->keep_alive);
	assert_int_equal(a->chunked, b->chunked);
	assert_int_equal(a->expect_continue, b->expect_continue);
	assert_int_equal(a->has_length, b->has_length);
	assert_int_equal(a->host_seen, b->host_seen);
	assert_int_equal(a->content_length, b->content_length);
	assert_int_equal(a->length, b->length);
	assert_same_span(a->method_name, b->method_name);
	assert_same_span(a->target, b->target);
	assert_same_span(a->path, b->path);
	assert_int_equal(a->query.length, b->query.length);
	if (a->query.length > 0)
		assert_int_equal(a->query.offset, b->query.offset);
	assert_same_span(a->host, b->host);
	assert_int_equal(a->header_count, b->header_count);
	for (i = 0; i < a->header_count; i++) {
		assert_same_span(a->headers[i].name, b->headers[i].name);
		assert_same_span(a->headers[i].value, b->headers[i].value);
	}
}

int
heads_parse(const char *text, size_t length, size_t *scanned,
    struct http_head *ret_head)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, text, length);
	/* What isn't set by the parser would differ from call to call. */
	memset(ret_head, (int)(length & 0xff), sizeof(*ret_head));
	r = http_parse_head(copy, length, scanned, ret_head);
	free(copy);
	return (r);
}

void
heads_check(const char *text, size_t length, int is, int expected)
{
	if (is == expected)
		return;
	print_message("%d instead of %d: \"%.*s\"\n", is, expected,
	    (int)(length < 200 ? length : 200), text);
	assert_int_equal(is, expected);
}

void
heads_verify(
    const char *text, size_t length, int expected, struct http_head *whole)
{
	struct http_head head;
	size_t scanned = 0, drops = 0, cut, needed = length;
	int r = -EAGAIN;

	heads_check(
	    text, length, heads_parse(text, length, &scanned, whole), expected);
	for (cut = 0; cut <= length && r == -EAGAIN; cut++)
		r = heads_parse(text, cut, &drops, &head);
	heads_check(text, length, r, expected);
	if (r == 0) {
		needed = whole->length;
		assert_int_equal(cut - 1, needed);
		assert_same_head(&head, whole);
	}
	for (cut = 0; cut <= length; cut++) {
		scanned = 0;
		r = heads_parse(text, cut, &scanned, &head);
		if (r == -EAGAIN) {
			if (expected == 0)
				assert_true(cut < needed);
			r = heads_parse(text, length, &scanned, &head);
		}
		heads_check(text, cut, r, expected);
		if (r == 0)
			assert_same_head(&head, whole);
	}
}

void
heads_verify_all(const struct sample *samples, size_t count)
{
	struct http_head head;
	size_t i;

	for (i = 0; i < count; i++)
		heads_verify(samples[i].bytes, samples[i].length,
		    samples[i].expected, &head);
}

void
heads_parse_good(const char *text, struct http_head *head)
{
	heads_verify(text, strlen(text), 0, head);
}

void
heads_assert_text(const char *text, struct http_span span, const char *expected)
{
	assert_int_equal(span.length, strlen(expected));
	assert_memory_equal(text + span.offset, expected, span.length);
}

int
heads_parse_fields(const char *fields, struct http_head *head)
{
	char text[1024];
	size_t scanned = 0;

	(void)snprintf(
	    text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
	return (heads_parse(text, strlen(text), &scanned, head));
}

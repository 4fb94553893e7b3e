/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of request heads share. heads_verify() feeds every text
 * whole, byte by byte and in two pieces at every place, each from a buffer
 * that ends where the bytes do.
 */
#ifndef TESTS_UNIT_WORKER_HTTP_HEADS_H
#define TESTS_UNIT_WORKER_HTTP_HEADS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "worker/http_parse.h"

/* A text, which may contain NUL, and what becomes of it. */
struct sample {
	const char *bytes;
	size_t length;
	int expected;
};

#define SAMPLE(text, expected)                    \
	{                                         \
		text, sizeof(text) - 1, expected, \
	}

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* With a good request line before and a good end after. */
#define FIELDS(fields, expected) \
	SAMPLE("GET / HTTP/1.1\r\nHost: a\r\n" fields "\r\n", expected)

/*
 * heads_parse(text, length, scanned, ret_head):
 * Parse the first ${length} bytes where a byte more would be out of bounds.
 */
int heads_parse(const char *text, size_t length, size_t *scanned,
    struct http_head *ret_head);

/* heads_parse_fields(fields, head): these after "GET / HTTP/1.1" and Host. */
int heads_parse_fields(const char *fields, struct http_head *head);

/* heads_check(text, length, is, expected): fail with the text if not equal. */
void heads_check(const char *text, size_t length, int is, int expected);

/*
 * heads_verify(text, length, expected, whole):
 * Whole, in drops, and cut in two: the same answer, never a later one.
 */
void heads_verify(
    const char *text, size_t length, int expected, struct http_head *whole);

/* heads_verify_all(samples, count): each of them. */
void heads_verify_all(const struct sample *samples, size_t count);

/* heads_parse_good(text, head): heads_verify() that it is accepted. */
void heads_parse_good(const char *text, struct http_head *head);

/* heads_assert_text(text, span, expected): the span's bytes of the text. */
void heads_assert_text(
    const char *text, struct http_span span, const char *expected);

#endif

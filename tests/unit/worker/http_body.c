/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Body framing: every text is fed whole, byte by byte and in two pieces at
 * every place, and must give the same entity bytes, end and verdict.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "worker/http_body.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* What came of feeding a text. */
struct outcome {
	int result; /* 0: done, or -EAGAIN or -EBADMSG */
	size_t consumed;
	size_t entity_length;
	char entity[16384];
};

/* --- Helpers ----------------------------------------------------------- */

/* Feed ${length} bytes from a buffer that ends where they do. */
static void
feed(struct http_body *body, const char *text, size_t length, size_t max,
    struct outcome *outcome)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);
	const uint8_t *data;
	size_t at = 0, consumed, data_length;
	int r;

	assert_non_null(copy);
	memcpy(copy, text, length);
	do {
		r = http_body_next(body, copy + at, length - at, max, &consumed,
		    &data, &data_length);
		if (r == -EBADMSG)
			break;
		assert_true(consumed <= length - at);
		assert_true(data_length <= max);
		if (data_length > 0) {
			/* The run ends what was consumed. */
			assert_ptr_equal(
			    data + data_length, copy + at + consumed);
			assert_true(data >= copy + at);
			memcpy(outcome->entity + outcome->entity_length, data,
			    data_length);
		}
		if (r == -EAGAIN) {
			assert_int_equal(data_length, 0);
			assert_int_equal(consumed, length - at);
		}
		at += consumed;
		outcome->entity_length += data_length;
		assert_int_equal(body->received, outcome->entity_length);
	} while (r == 0 && !http_body_done(body));
	outcome->result = r;
	outcome->consumed += at;
	free(copy);
}

/* Whoever goes on with it knows no more than what was packed. */
static void
through_a_slot(struct http_body *body, int result)
{
	const uint64_t received = body->received;
	uint64_t word = http_body_pack(body);

	if (result == -EBADMSG) {
		assert_int_equal(word, 0);
		return;
	}
	if (body->remaining > HTTP_BODY_PACKED_MAX)
		return;
	assert_int_not_equal(word, 0);
	memset(body, 0xff, sizeof(*body));
	assert_true(http_body_unpack(word, body));
	assert_int_equal(body->received, 0);
	assert_int_equal(http_body_pack(body), word);
	body->received = received;
}

/* In pieces of ${first}, then ${step} bytes. */
static void
feed_pieces(bool chunked, uint64_t entity, const char *text, size_t length,
    size_t first, size_t step, size_t max, struct outcome *outcome)
{
	struct http_body body;
	size_t at = 0, piece = first;

	memset(outcome, 0, sizeof(*outcome));
	http_body_init(&body, chunked, entity);
	do {
		if (piece > length - at)
			piece = length - at;
		feed(&body, text + at, piece, max, outcome);
		through_a_slot(&body, outcome->result);
		at += piece;
		piece = step;
	} while (outcome->result == -EAGAIN && at < length);
}

static void
verify(bool chunked, uint64_t entity_length, const char *text, size_t length,
    int expected, const char *entity)
{
	static struct outcome whole, pieces;
	const size_t maxima[] = { SIZE_MAX, 1, 3 };
	size_t cut, i;

	feed_pieces(
	    chunked, entity_length, text, length, length, 1, SIZE_MAX, &whole);
	if (whole.result != expected)
		print_message("%d instead of %d: %.*s\n", whole.result,
		    expected, (int)(length < 200 ? length : 200), text);
	assert_int_equal(whole.result, expected);
	if (entity != NULL) {
		assert_int_equal(whole.entity_length, strlen(entity));
		assert_memory_equal(whole.entity, entity, strlen(entity));
	}
	for (i = 0; i < COUNT(maxima); i++) {
		for (cut = 0; cut <= length; cut++) {
			feed_pieces(chunked, entity_length, text, length, cut,
			    cut == 0 ? 1 : length, maxima[i], &pieces);
			assert_int_equal(pieces.result, whole.result);
			if (expected == -EBADMSG)
				continue;
			assert_int_equal(pieces.consumed, whole.consumed);
			assert_int_equal(
			    pieces.entity_length, whole.entity_length);
			assert_memory_equal(
			    pieces.entity, whole.entity, whole.entity_length);
		}
	}
}

static void
verify_chunked(const char *text, int expected, const char *entity)
{
	verify(true, 0, text, strlen(text), expected, entity);
}

/* --- Bodies of a known length ------------------------------------------ */

static void
is_done_at_once_without_a_body(void **state)
{
	const uint8_t *data;
	struct http_body body;
	size_t consumed, length;

	(void)state;
	http_body_init(&body, false, 0);
	assert_true(http_body_done(&body));
	assert_int_equal(http_body_next(&body, (const uint8_t *)"GET", 3, 100,
			     &consumed, &data, &length),
	    0);
	assert_int_equal(consumed, 0);
	assert_int_equal(length, 0);
}

static void
takes_as_many_bytes_as_announced(void **state)
{
	static struct outcome outcome;

	(void)state;
	verify(false, 5, "hello", 5, 0, "hello");
	verify(false, 5, "helloGET / HTTP/1.1", 19, 0, "hello");
	verify(false, 5, "hell", 4, -EAGAIN, "hell");
	verify(false, UINT64_MAX, "hell", 4, -EAGAIN, "hell");
	feed_pieces(false, 5, "hello, world", 12, 12, 1, SIZE_MAX, &outcome);
	assert_int_equal(outcome.consumed, 5);
}

static void
gives_no_more_than_asked_for(void **state)
{
	const uint8_t *text = (const uint8_t *)"6\r\nabcdef\r\n0\r\n\r\n";
	struct http_body body;
	const uint8_t *data;
	size_t consumed, length;

	(void)state;
	http_body_init(&body, true, 0);
	assert_int_equal(
	    http_body_next(&body, text, 16, 4, &consumed, &data, &length), 0);
	assert_int_equal(consumed, 7);
	assert_int_equal(length, 4);
	assert_ptr_equal(data, text + 3);
	assert_int_equal(
	    http_body_next(&body, text + 7, 9, 4, &consumed, &data, &length),
	    0);
	assert_int_equal(consumed, 2);
	assert_int_equal(length, 2);
	assert_false(http_body_done(&body));
	assert_int_equal(
	    http_body_next(&body, text + 9, 7, 4, &consumed, &data, &length),
	    0);
	assert_int_equal(consumed, 7);
	assert_int_equal(length, 0);
	assert_true(http_body_done(&body));
	assert_int_equal(body.received, 6);
}

/* --- Chunked bodies ---------------------------------------------------- */

static void
joins_chunks(void **state)
{
	static struct outcome outcome;
	static const char text[] = "3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\n";

	(void)state;
	verify_chunked("0\r\n\r\n", 0, "");
	verify_chunked("5\r\nhello\r\n0\r\n\r\n", 0, "hello");
	verify_chunked("1\r\na\r\n2\r\nbc\r\n000\r\n\r\n", 0, "abc");
	verify_chunked("00A\r\n0123456789\r\n0\r\n\r\n", 0, "0123456789");
	verify_chunked("a\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n", 0,
	    "\r\n\r\n\r\n\r\n\r\n");
	verify_chunked("aB\r\n", -EAGAIN, "");
	verify_chunked("5\r\nhel", -EAGAIN, "hel");
	verify_chunked("5\r\nhello\r\n0\r\n\r", -EAGAIN, "hello");
	verify_chunked("5\r\nhello\r\n0\r\n", -EAGAIN, "hello");

	/* What is pipelined after it is left alone. */
	verify_chunked(text, 0, "abc");
	feed_pieces(
	    true, 0, text, strlen(text), strlen(text), 1, SIZE_MAX, &outcome);
	assert_int_equal(outcome.consumed, strlen("3\r\nabc\r\n0\r\n\r\n"));
}

static void
ignores_extensions_and_trailers(void **state)
{
	(void)state;
	verify_chunked("1;a\r\nx\r\n0;b=c\r\n\r\n", 0, "x");
	verify_chunked("1 ; a = \"b;c\t\" \r\nx\r\n0  ;\r\n\r\n", 0, "x");
	verify_chunked("1;\r\nx\r\n0\r\na: b\r\nc:\r\n\r\n", 0, "x");
	verify_chunked("0\r\nContent-Length: 5\r\n\r\n", 0, "");
	verify_chunked("0\r\na: \xe4\tb\r\n\r\nGET", 0, "");
}

static void
refuses_malformed_framing(void **state)
{
	static const char *const bad[] = {
		"\r\n",
		"g",
		"-1\r\n",
		"+1\r\n",
		" 1\r\n",
		"0x1\r\n",
		"1 \r\n",
		"1\t;\r\n",
		"1 2\r\n",
		"1\n",
		"1\rx",
		"1\r\r\n",
		"1,\r\n",
		";a\r\n",
		"1;a\n",
		"1;a\rb",
		"1;\x01\r\n",
		"1;\x7f\r\n",
		"1\r\nab",
		"1\r\na\n",
		"1\r\na\rb",
		"1\r\na0\r\n",
		"1\r\n\r\n\r\n0",
		"0\r\n\n",
		"0\r\n\rx",
		"0\r\n a: b\r\n",
		"0\r\na b\r\n",
		"0\r\na : b\r\n",
		"0\r\n: b\r\n",
		"0\r\na: b\n",
		"0\r\na: b\rc",
		"0\r\na: \x01",
		"0\r\na\r\n",
		"0\r\na: b\r\n c\r\n",
		"1\r\na\r\n\r\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++)
		verify_chunked(bad[i], -EBADMSG, NULL);
	verify(true, 0, "1\0\r\n", 4, -EBADMSG, NULL);
	verify(true, 0, "0\r\na: \0\r\n", 9, -EBADMSG, NULL);
}

static void
refuses_sizes_beyond_64_bits(void **state)
{
	(void)state;
	verify_chunked("ffffffffffffffff\r\nabc", -EAGAIN, "abc");
	verify_chunked("0000ffffffffffffffff\r\nabc", -EAGAIN, "abc");
	verify_chunked("10000000000000000", -EBADMSG, NULL);
	verify_chunked("fffffffffffffffff", -EBADMSG, NULL);
}

/* ${before}, then ${length} - others bytes of ${fill}, then ${after}. */
static void
verify_padded(const char *before, char fill, size_t length, const char *after,
    int expected)
{
	static char text[HTTP_TRAILERS_MAX + 100];
	size_t padding = length - strlen(before) - strlen(after);
	struct outcome *outcome = malloc(sizeof(*outcome));

	assert_non_null(outcome);
	memcpy(text, before, strlen(before));
	memset(text + strlen(before), fill, padding);
	memcpy(text + strlen(before) + padding, after, strlen(after));
	feed_pieces(true, 0, text, length, length, 1, SIZE_MAX, outcome);
	assert_int_equal(outcome->result, expected);
	feed_pieces(true, 0, text, length, 1, 1, SIZE_MAX, outcome);
	assert_int_equal(outcome->result, expected);
	free(outcome);
}

static void
bounds_framing(void **state)
{
	(void)state;
	verify_padded("1;", 'a', HTTP_CHUNK_LINE_MAX, "\r\n", -EAGAIN);
	verify_padded("1;", 'a', HTTP_CHUNK_LINE_MAX + 1, "\r\n", -EBADMSG);
	verify_padded("", '0', HTTP_CHUNK_LINE_MAX + 1, "", -EBADMSG);
	verify_padded("1;", 'a', HTTP_CHUNK_LINE_MAX + 1, "", -EBADMSG);

	verify_padded("0\r\na:", 'b', 3 + HTTP_TRAILERS_MAX, "\r\n\r\n", 0);
	verify_padded(
	    "0\r\na:", 'b', 3 + HTTP_TRAILERS_MAX + 1, "\r\n\r\n", -EBADMSG);
	verify_padded("0\r\na:", 'b', 3 + HTTP_TRAILERS_MAX + 1, "", -EBADMSG);
}

static void
stays_refused(void **state)
{
	const uint8_t *data = NULL;
	struct http_body body;
	size_t consumed = 7, length = 7;

	(void)state;
	http_body_init(&body, true, 0);
	assert_int_equal(http_body_next(&body, (const uint8_t *)"x", 1, 10,
			     &consumed, &data, &length),
	    -EBADMSG);
	assert_int_equal(http_body_next(&body, (const uint8_t *)"0\r\n\r\n", 5,
			     10, &consumed, &data, &length),
	    -EBADMSG);
	assert_false(http_body_done(&body));
	/* Outputs are untouched. */
	assert_int_equal(consumed, 7);
	assert_int_equal(length, 7);
	assert_null(data);
}

static void
unpacks_nothing_that_cannot_be(void **state)
{
	struct http_body body, back;
	uint64_t word, good;
	unsigned bit, kept = 0;

	(void)state;
	assert_false(http_body_unpack(0, &back));
	assert_false(http_body_unpack(UINT64_MAX, &back));
	http_body_init(&body, false, UINT64_C(1) << 32);
	assert_int_equal(http_body_pack(&body), 0);
	http_body_init(&body, false, 7);
	good = http_body_pack(&body);
	/* Another length, or the same in chunks, could be. */
	for (bit = 0; bit < 64; bit++) {
		word = good ^ UINT64_C(1) << bit;
		kept += http_body_unpack(word, &back);
	}
	assert_in_range(kept, 32, 48);
	http_body_init(&body, false, 0);
	assert_true(http_body_unpack(http_body_pack(&body), &back));
	assert_true(http_body_done(&back));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_done_at_once_without_a_body),
		cmocka_unit_test(takes_as_many_bytes_as_announced),
		cmocka_unit_test(gives_no_more_than_asked_for),
		cmocka_unit_test(joins_chunks),
		cmocka_unit_test(ignores_extensions_and_trailers),
		cmocka_unit_test(refuses_malformed_framing),
		cmocka_unit_test(refuses_sizes_beyond_64_bits),
		cmocka_unit_test(bounds_framing),
		cmocka_unit_test(stays_refused),
		cmocka_unit_test(unpacks_nothing_that_cannot_be),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}

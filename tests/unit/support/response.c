/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The strict reader of responses: process tests believe it, so it must not
 * accept what a server may not send.
 */
#include "tests/support/response.h"

#include "tests/support/test.h"

#include <string.h>

static ssize_t
parse(const char *bytes, bool eof, struct response *ret_response)
{
	const char *error = "";

	return (response_parse(
	    bytes, strlen(bytes), eof, false, ret_response, &error));
}

static void
takes_a_response_with_a_length(void **state)
{
	static const char bytes[] =
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-a:  b \r\n\r\nhelloHTTP";
	struct response r;

	(void)state;
	assert_int_equal(parse(bytes, false, &r), sizeof(bytes) - 1 - 4);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.body, "hello");
	assert_string_equal(response_header(&r, "x-A"), "b");
	assert_null(response_header(&r, "X"));
	assert_int_equal(r.wire_bytes, sizeof(bytes) - 1 - 4);
	response_free(&r);
}

static void
takes_a_chunked_response(void **state)
{
	static const char bytes[] =
	    "HTTP/1.1 100 Continue\r\n\r\n"
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n0A\r\n there you\r\n0\r\n\r\n";
	struct response r;

	(void)state;
	assert_int_equal(parse(bytes, false, &r), sizeof(bytes) - 1);
	assert_int_equal(r.interim, 1);
	assert_string_equal(r.body, "hello there you");
	assert_int_equal(r.wire_bytes, sizeof(bytes) - 1 - 25);
	response_free(&r);
}

static void
takes_an_empty_body(void **state)
{
	struct response r;

	(void)state;
	assert_true(parse("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false,
			&r) > 0);
	assert_int_equal(r.body_bytes, 0);
	response_free(&r);
	assert_true(parse("HTTP/1.1 204 No Content\r\n\r\n", false, &r) > 0);
	response_free(&r);
	assert_true(parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
			  "\r\n0\r\n\r\n",
			false, &r) > 0);
	response_free(&r);
}

static void
takes_a_body_up_to_the_end_only_when_close_was_said(void **state)
{
	struct response r;

	(void)state;
	assert_int_equal(
	    parse("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc", false, &r),
	    0);
	assert_true(parse("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc",
			true, &r) > 0);
	assert_string_equal(r.body, "abc");
	assert_true(r.until_eof);
	response_free(&r);
	assert_int_equal(parse("HTTP/1.1 200 OK\r\n\r\nabc", true, &r), -1);
}

static void
waits_for_every_byte(void **state)
{
	static const char bytes[] =
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n0\r\n\r\n";
	char part[sizeof(bytes)];
	struct response r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bytes) - 1; i++) {
		memcpy(part, bytes, i);
		part[i] = '\0';
		assert_int_equal(parse(part, false, &r), 0);
		assert_int_equal(parse(part, true, &r), -1);
	}
}

static void
refuses_what_a_server_may_not_send(void **state)
{
	static const char *const wrong[] = {
		"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
		"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
		"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\na",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
		"Content-Length: 1\r\n\r\na",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"g\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"1\r\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"123456789\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
	};
	struct response r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (parse(wrong[i], false, &r) != -1)
			fail_msg("accepted: %s", wrong[i]);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_response_with_a_length),
		cmocka_unit_test(takes_a_chunked_response),
		cmocka_unit_test(takes_an_empty_body),
		cmocka_unit_test(
		    takes_a_body_up_to_the_end_only_when_close_was_said),
		cmocka_unit_test(waits_for_every_byte),
		cmocka_unit_test(refuses_what_a_server_may_not_send),
	};

	return (RUN_TESTS(argc, argv, tests));
}

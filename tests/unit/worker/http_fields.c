/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fields of a request head: of which bytes they are, what those mean that
 * say how to read the rest, and finding them.
 */
#include "tests/unit/worker/http_heads.h"

#include <stdio.h>
#include <string.h>

#include "worker/http_fields.h"

/* --- Bytes ------------------------------------------------------------- */

/* Each byte value at ${offset} of a good text; ${good} says which may be. */
static void
try_all_bytes(const char *text, size_t offset, bool (*good)(uint8_t))
{
	char changed[256];
	struct http_head head;
	size_t scanned, length = strlen(text);
	unsigned byte;
	int r;

	for (byte = 0; byte < 256; byte++) {
		memcpy(changed, text, length);
		changed[offset] = (char)byte;
		scanned = 0;
		r = heads_parse(changed, length, &scanned, &head);
		if ((r == 0) != good((uint8_t)byte))
			print_message(
			    "byte %02x at %zu: %d\n", byte, offset, r);
		assert_int_equal(r == 0, good((uint8_t)byte));
		assert_true(r == 0 || r == 400);
	}
}

static bool
may_be_in_a_target(uint8_t byte)
{
	return (byte > 0x20 && byte < 0x7f && byte != '#');
}

static bool
may_be_in_a_name(uint8_t byte)
{
	return (byte != 0 &&
		strchr("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
		       "ABCDEFGHIJKLMNOPQRSTUVWXYZ:",
		    byte) != NULL);
}

static bool
may_be_in_a_value(uint8_t byte)
{
	return (byte == '\t' || (byte >= 0x20 && byte != 0x7f));
}

static bool
may_be_in_a_host(uint8_t byte)
{
	return (byte != 0 &&
		strchr("-._~!$&'()*+,;=0123456789abcdefghijklmnopqrstuvwxyz"
		       "ABCDEFGHIJKLMNOPQRSTUVWXYZ:",
		    byte) != NULL);
}

static void
judges_each_byte_at_each_place(void **state)
{
	static const char text[] =
	    "GET /0123456789012345678901234567?a=b01234567890123456789 "
	    "HTTP/1.1\r\n0123456789012345678901234567890123456789: b\r\n"
	    "a: 012345678901234567890123456789\r\nHost: abc9\r\n\r\n";
	const char *query = strchr(text, '?'), *version = strstr(text, " HTTP");
	const char *name = strstr(text, "\r\n") + 2, *colon = strchr(text, ':');
	const char *value = strstr(text, "a: ") + 3, *at;
	const char *host = strstr(text, "abc9");

	(void)state;
	for (at = text + 5; at < version; at++)
		if (at != query)
			try_all_bytes(
			    text, (size_t)(at - text), may_be_in_a_target);
	for (at = name + 1; at < colon; at++)
		try_all_bytes(text, (size_t)(at - text), may_be_in_a_name);
	for (at = value; *at != '\r'; at++)
		try_all_bytes(text, (size_t)(at - text), may_be_in_a_value);
	/* Before the last byte, which is a good port too. */
	try_all_bytes(text, (size_t)(host + 2 - text), may_be_in_a_host);
}

/* --- What they mean ---------------------------------------------------- */

static void
keeps_the_connection_as_asked(void **state)
{
	static const struct {
		const char *text;
		bool keep_alive;
	} cases[] = {
		{ "1.1\r\nHost: a\r\n", true },
		{ "1.1\r\nHost: a\r\nConnection: close\r\n", false },
		{ "1.1\r\nHost: a\r\nconnection:CLOSE\r\n", false },
		{ "1.1\r\nHost: a\r\nConnection: keep-alive\r\n", true },
		{ "1.1\r\nHost: a\r\nConnection: a, close ,b\r\n", false },
		{ "1.1\r\nHost: a\r\nConnection: ,,\tclose\r\n", false },
		{ "1.1\r\nHost: a\r\nConnection: closed\r\n", true },
		{ "1.1\r\nHost: a\r\nConnection: clos, e\r\n", true },
		{ "1.1\r\nHost: a\r\nConnection: close x\r\n", true },
		{ "1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
		  "Connection: close\r\n",
		    false },
		{ "1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n",
		    false },
		{ "1.1\r\nHost: a\r\nConnection:\r\n", true },
		{ "1.7\r\nHost: a\r\n", true },
		{ "1.0\r\n", false },
		{ "1.0\r\nConnection: keep-alive\r\n", true },
		{ "1.0\r\nConnection: x, Keep-Alive\r\n", true },
		{ "1.0\r\nConnection: keep-alive, close\r\n", false },
		{ "1.0\r\nConnection: close\r\nConnection: keep-alive\r\n",
		    false },
		{ "1.0\r\nKeep-Alive: 5\r\n", false },
	};
	struct http_head head;
	char text[128];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(
		    text, sizeof(text), "GET / HTTP/%s\r\n", cases[i].text);
		heads_parse_good(text, &head);
		assert_int_equal(head.keep_alive, cases[i].keep_alive);
	}
}

static void
takes_no_two_framings(void **state)
{
	static const struct sample samples[] = {
		FIELDS("Transfer-Encoding: chunked\r\n", 0),
		FIELDS("transfer-encoding:\tCHUNKED \r\n", 0),
		FIELDS("Transfer-Encoding: chunked\r\n"
		       "Content-Length: 1\r\n",
		    400),
		FIELDS("Content-Length: 1\r\n"
		       "Transfer-Encoding: chunked\r\n",
		    400),
		FIELDS("Transfer-Encoding: chunked, chunked\r\n", 400),
		FIELDS("Transfer-Encoding: chunked\r\n"
		       "Transfer-Encoding: chunked\r\n",
		    400),
		FIELDS("Transfer-Encoding: chunked, gzip\r\n", 400),
		FIELDS("Transfer-Encoding: chunked,\r\n", 400),
		FIELDS("Transfer-Encoding: ,chunked\r\n", 400),
		FIELDS("Transfer-Encoding:\r\n", 400),
		FIELDS("Transfer-Encoding: \"chunked\"\r\n", 400),
		FIELDS("Transfer-Encoding: gzip\r\n", 501),
		FIELDS("Transfer-Encoding: gzip, chunked\r\n", 501),
		FIELDS("Transfer-Encoding: identity\r\n", 501),
		FIELDS("Transfer-Encoding: xchunked\r\n", 501),
		FIELDS("Transfer-Encoding: chunke\r\n", 501),
		FIELDS("Transfer-Encoding: chunked;a=b\r\n", 501),
		FIELDS("Transfer-Encoding: chunked x\r\n", 501),
		FIELDS("Transfer-Encoding\t: chunked\r\n", 400),
		FIELDS("Transfer-Encoding: chunked\x0b\r\n", 400),
		SAMPLE("GET / HTTP/1.0\r\nHost: a\r\n"
		       "Transfer-Encoding: chunked\r\n\r\n",
		    400),
	};
	struct http_head head;

	(void)state;
	heads_verify_all(samples, COUNT(samples));
	assert_int_equal(
	    heads_parse_fields("Transfer-Encoding: chunked\r\n", &head), 0);
	assert_true(head.chunked);
	assert_false(head.has_length);
	assert_int_equal(head.content_length, 0);
}

static void
reads_lengths_strictly(void **state)
{
	static const struct {
		const char *fields;
		int expected;
		uint64_t length;
	} cases[] = {
		{ "Content-Length: 0\r\n", 0, 0 },
		{ "Content-Length: 00012\r\n", 0, 12 },
		{ "content-length:12\r\nCONTENT-LENGTH: 12\r\n", 0, 12 },
		{ "Content-Length: 12, 12\r\n", 0, 12 },
		{ "Content-Length: 18446744073709551615\r\n", 0, UINT64_MAX },
		{ "Content-Length: 18446744073709551616\r\n", 400, 0 },
		{ "Content-Length: 99999999999999999999\r\n", 400, 0 },
		{ "Content-Length: 184467440737095516150\r\n", 400, 0 },
		{ "Content-Length: 12, 13\r\n", 400, 0 },
		{ "Content-Length: 12,\r\n", 400, 0 },
		{ "Content-Length: ,12\r\n", 400, 0 },
		{ "Content-Length: 12\r\nContent-Length: 13\r\n", 400, 0 },
		{ "Content-Length:\r\n", 400, 0 },
		{ "Content-Length: +1\r\n", 400, 0 },
		{ "Content-Length: -1\r\n", 400, 0 },
		{ "Content-Length: 1 2\r\n", 400, 0 },
		{ "Content-Length: 0x10\r\n", 400, 0 },
		{ "Content-Length: 1.0\r\n", 400, 0 },
		{ "Content-Length: 1a\r\n", 400, 0 },
		{ "Content-Length: \"1\"\r\n", 400, 0 },
	};
	struct http_head head;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		heads_check(cases[i].fields, strlen(cases[i].fields),
		    heads_parse_fields(cases[i].fields, &head),
		    cases[i].expected);
		if (cases[i].expected != 0)
			continue;
		assert_true(head.has_length);
		assert_int_equal(head.content_length, cases[i].length);
	}
	assert_int_equal(heads_parse_fields("", &head), 0);
	assert_false(head.has_length);
}

static void
meets_only_one_expectation(void **state)
{
	static const struct sample samples[] = {
		FIELDS("Expect: 200-ok\r\n", 417),
		FIELDS("Expect: 100-continue, 200-ok\r\n", 417),
		FIELDS("Expect: 100-continues\r\n", 417),
		FIELDS("Expect:\r\n", 417),
	};
	struct http_head head;

	(void)state;
	heads_verify_all(samples, COUNT(samples));
	assert_int_equal(
	    heads_parse_fields("eXPECT: 100-Continue\r\n", &head), 0);
	assert_true(head.expect_continue);
	assert_int_equal(heads_parse_fields("Expected: 1\r\n", &head), 0);
	assert_false(head.expect_continue);
	heads_parse_good(
	    "GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", &head);
	assert_false(head.expect_continue);
}

/* --- What others ask --------------------------------------------------- */

static void
finds_headers_in_any_case(void **state)
{
	static const char text[] = "GET / HTTP/1.0\r\nX-One: 1\r\n"
				   "x-two: 2\r\nX-ONE: 3\r\na@: 4\r\n\r\n";
	static const char good[] = "GET / HTTP/1.0\r\nX-One: 1\r\n"
				   "x-two: 2\r\nX-ONE: 3\r\na`: 4\r\n\r\n";
	const uint8_t *bytes = (const uint8_t *)good;
	struct http_head head;

	(void)state;
	heads_verify(text, sizeof(text) - 1, 400, &head);
	heads_parse_good(good, &head);
	assert_ptr_equal(
	    http_find_header(bytes, &head, "x-one", 5), &head.headers[0]);
	assert_ptr_equal(
	    http_find_header(bytes, &head, "X-TWO", 5), &head.headers[1]);
	assert_ptr_equal(
	    http_find_header(bytes, &head, "a`", 2), &head.headers[3]);
	assert_null(http_find_header(bytes, &head, "a@", 2));
	assert_null(http_find_header(bytes, &head, "x-on", 4));
	assert_null(http_find_header(bytes, &head, "x-ones", 6));
	assert_null(http_find_header(bytes, &head, "", 0));
}

static void
tells_tokens_and_values(void **state)
{
	char text[1];
	unsigned byte;

	(void)state;
	for (byte = 0; byte < 256; byte++) {
		text[0] = (char)byte;
		assert_int_equal(http_is_token(text, 1),
		    byte != ':' && may_be_in_a_name((uint8_t)byte));
		assert_int_equal(http_is_field_value(text, 1),
		    may_be_in_a_value((uint8_t)byte));
	}
	assert_false(http_is_token("", 0));
	assert_true(http_is_field_value("", 0));
	assert_true(http_is_token("Content-Type", 12));
	assert_false(http_is_token("Content Type", 12));
	assert_true(http_is_field_value("a\tb 0123456789 0123456789\t", 26));
	assert_false(http_is_field_value("a\tb 0123456789 0123456789\r", 26));
	assert_false(http_is_field_value("a\tb\n0123456789 0123456789 ", 26));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges_each_byte_at_each_place),
		cmocka_unit_test(keeps_the_connection_as_asked),
		cmocka_unit_test(takes_no_two_framings),
		cmocka_unit_test(reads_lengths_strictly),
		cmocka_unit_test(meets_only_one_expectation),
		cmocka_unit_test(finds_headers_in_any_case),
		cmocka_unit_test(tells_tokens_and_values),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}

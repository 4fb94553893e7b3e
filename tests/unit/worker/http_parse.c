/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Request heads: what is accepted, what it means, what is refused and how
 * soon. verify() feeds every text whole, byte by byte and in two pieces at
 * every place, each from a buffer that ends where the bytes do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>

#include "worker/http_fields.h"
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

/* --- Helpers ----------------------------------------------------------- */

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

/* Parse the first ${length} bytes where a byte more would be out of bounds. */
static int
parse_prefix(const char *text, size_t length, size_t *scanned,
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

static void
check(const char *text, size_t length, int is, int expected)
{
	if (is == expected)
		return;
	print_message("%d instead of %d: \"%.*s\"\n", is, expected,
	    (int)(length < 200 ? length : 200), text);
	assert_int_equal(is, expected);
}

/* Whole, in drops, and cut in two: the same answer, never a later one. */
static void
verify(const char *text, size_t length, int expected, struct http_head *whole)
{
	struct http_head head;
	size_t scanned = 0, drops = 0, cut, needed = length;
	int r = -EAGAIN;

	check(text, length, parse_prefix(text, length, &scanned, whole),
	    expected);
	for (cut = 0; cut <= length && r == -EAGAIN; cut++)
		r = parse_prefix(text, cut, &drops, &head);
	check(text, length, r, expected);
	if (r == 0) {
		needed = whole->length;
		assert_int_equal(cut - 1, needed);
		assert_same_head(&head, whole);
	}
	for (cut = 0; cut <= length; cut++) {
		scanned = 0;
		r = parse_prefix(text, cut, &scanned, &head);
		if (r == -EAGAIN) {
			if (expected == 0)
				assert_true(cut < needed);
			r = parse_prefix(text, length, &scanned, &head);
		}
		check(text, cut, r, expected);
		if (r == 0)
			assert_same_head(&head, whole);
	}
}

static void
verify_all(const struct sample *samples, size_t count)
{
	struct http_head head;
	size_t i;

	for (i = 0; i < count; i++)
		verify(samples[i].bytes, samples[i].length, samples[i].expected,
		    &head);
}

static void
parse_good(const char *text, struct http_head *head)
{
	verify(text, strlen(text), 0, head);
}

static void
assert_text(const char *text, struct http_span span, const char *expected)
{
	assert_int_equal(span.length, strlen(expected));
	assert_memory_equal(text + span.offset, expected, span.length);
}

/* The answer to a head of these fields after "GET / HTTP/1.1". */
static int
parse_fields(const char *fields, struct http_head *head)
{
	char text[1024];
	size_t scanned = 0;

	(void)snprintf(
	    text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
	return (parse_prefix(text, strlen(text), &scanned, head));
}

/* --- What a request says ----------------------------------------------- */

static void
says_where_everything_is(void **state)
{
	static const char text[] = "\r\nPOST /a/b?c=d&e HTTP/1.1\r\n"
				   "Host: example.com:8080\r\n"
				   "X-Empty:\r\n"
				   "X-Spaces: \t a b\t \r\n"
				   "Content-Length:12\r\n"
				   "\r\nbody and more";
	struct http_head head;

	(void)state;
	parse_good(text, &head);
	assert_int_equal(head.method, HTTP_POST);
	assert_int_equal(head.minor, 1);
	assert_true(head.keep_alive);
	assert_false(head.chunked);
	assert_false(head.expect_continue);
	assert_true(head.has_length);
	assert_true(head.host_seen);
	assert_int_equal(head.content_length, 12);
	assert_int_equal(
	    head.length, sizeof(text) - 1 - strlen("body and more"));
	assert_text(text, head.method_name, "POST");
	assert_text(text, head.target, "/a/b?c=d&e");
	assert_text(text, head.path, "/a/b");
	assert_text(text, head.query, "c=d&e");
	assert_text(text, head.host, "example.com:8080");
	assert_int_equal(head.header_count, 4);
	assert_text(text, head.headers[0].name, "Host");
	assert_text(text, head.headers[0].value, "example.com:8080");
	assert_text(text, head.headers[1].name, "X-Empty");
	assert_text(text, head.headers[1].value, "");
	assert_text(text, head.headers[2].name, "X-Spaces");
	assert_text(text, head.headers[2].value, "a b");
	assert_text(text, head.headers[3].name, "Content-Length");
	assert_text(text, head.headers[3].value, "12");
}

static void
starts_anew_for_every_head(void **state)
{
	struct http_head head;
	const char *second = "GET /x HTTP/1.0\r\n\r\n";
	size_t scanned = 0;

	(void)state;
	parse_good("PUT /?q HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
		   "Transfer-Encoding: chunked\r\n\r\n",
	    &head);
	assert_int_equal(http_parse_head((const uint8_t *)second,
			     strlen(second), &scanned, &head),
	    0);
	assert_int_equal(head.header_count, 0);
	assert_false(head.chunked);
	assert_false(head.expect_continue);
	assert_false(head.has_length);
	assert_false(head.host_seen);
	assert_false(head.keep_alive);
	assert_int_equal(head.query.length, 0);
	assert_int_equal(head.host.length, 0);
	assert_int_equal(head.minor, 0);
	assert_int_equal(head.method, HTTP_GET);
}

static void
leaves_the_next_request_alone(void **state)
{
	static const char text[] = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
				   "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
	struct http_head head;

	(void)state;
	parse_good(text, &head);
	assert_int_equal(head.length, (sizeof(text) - 1) / 2);
	assert_text(text, head.path, "/1");
}

static void
knows_its_methods(void **state)
{
	static const char *const names[HTTP_METHODS] = { "GET", "HEAD", "POST",
		"PUT", "DELETE", "OPTIONS", "PATCH" };
	struct http_head head;
	char text[64];
	int i;

	(void)state;
	for (i = 0; i < HTTP_METHODS; i++) {
		(void)snprintf(text, sizeof(text),
		    "%s / HTTP/1.1\r\nHost: a\r\n\r\n", names[i]);
		parse_good(text, &head);
		assert_int_equal(head.method, i);
		assert_text(text, head.method_name, names[i]);
		assert_string_equal(
		    http_method_name((enum http_method)i), names[i]);
	}
}

static void
reads_absolute_targets(void **state)
{
	static const struct {
		const char *target, *host, *path, *query;
	} cases[] = {
		{ "http://b/", "b", "/", "" },
		{ "http://b", "b", "", "" },
		{ "http://b?q=/", "b", "", "q=/" },
		{ "HTTP://b:80/x/y?z", "b:80", "/x/y", "z" },
		{ "https://[::1]:443/?", "[::1]:443", "/", "" },
		{ "http://example.com/http://c/", "example.com", "/http://c/",
		    "" },
	};
	struct http_head head;
	char text[128];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(text, sizeof(text),
		    "GET %s HTTP/1.1\r\nHost: other\r\n\r\n", cases[i].target);
		parse_good(text, &head);
		assert_text(text, head.target, cases[i].target);
		assert_text(text, head.host, cases[i].host);
		assert_text(text, head.path, cases[i].path);
		assert_text(text, head.query, cases[i].query);
		assert_true(head.host_seen);
	}
}

static void
reads_asterisk_of_options_only(void **state)
{
	static const char text[] = "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n";
	static const struct sample samples[] = {
		SAMPLE("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("OPTIONS */ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("OPTIONS *?a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("OPTIONS /* HTTP/1.1\r\nHost: a\r\n\r\n", 0),
	};
	struct http_head head;

	(void)state;
	parse_good(text, &head);
	assert_text(text, head.target, "*");
	assert_int_equal(head.path.length, 0);
	verify_all(samples, COUNT(samples));
}

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
		parse_good(text, &head);
		assert_int_equal(head.keep_alive, cases[i].keep_alive);
	}
}

static void
treats_later_minors_as_one(void **state)
{
	struct http_head head;

	(void)state;
	parse_good("GET / HTTP/1.9\r\nHost: a\r\n\r\n", &head);
	assert_int_equal(head.minor, 1);
	parse_good("GET / HTTP/1.0\r\n\r\n", &head);
	assert_int_equal(head.minor, 0);
}

/* --- What is refused --------------------------------------------------- */

static void
refuses_malformed_request_lines(void **state)
{
	static const struct sample samples[] = {
		SAMPLE(" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
		SAMPLE("GET / HTTP/1.1\rHost: a\r\n\r\n", 400),
		SAMPLE("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET /\r\n\r\n", 400),
		SAMPLE("GET /\n", 400),
		SAMPLE("GET \r\n", 400),
		SAMPLE("GET\r\n", 400),
		SAMPLE("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET ?a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET /?#a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET /?\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET http:/a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET http://?a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET http:// HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET http://b:x/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET http://b\\c/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
		SAMPLE("\xef\xbb\xbfGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("\0", 400),
		SAMPLE("(", 400),
	};

	(void)state;
	verify_all(samples, COUNT(samples));
}

static void
refuses_other_versions(void **state)
{
	static const struct sample samples[] = {
		SAMPLE("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
		SAMPLE("GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505),
		SAMPLE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
		SAMPLE("PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n", 501),
		SAMPLE("PRI * HTTP/1.1\r\n\r\n", 501),
		SAMPLE("GET / HTTP/0.9\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET / HTTP/1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET / HTTP/1.\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET / HTTP/11.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET / HTTP/1,1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET / HTTP/a.b\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET / http/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET / HTTP-1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET / HTTPS/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET / ICY/1.1\r\nHost: a\r\n\r\n", 400),
	};

	(void)state;
	verify_all(samples, COUNT(samples));
}

static void
refuses_other_methods(void **state)
{
	static const struct sample samples[] = {
		SAMPLE("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
		SAMPLE("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
		SAMPLE("PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
		SAMPLE("get / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
		SAMPLE("GETS / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
		SAMPLE("GE / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
		SAMPLE("ABCDEFGHIJKLMNOPQRSTUVWX /", 501),
		SAMPLE("ABCDEFGHIJKLMNOPQRSTUVWXY", 501),
		SAMPLE("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET: / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
	};

	(void)state;
	verify_all(samples, COUNT(samples));
}

static void
skips_a_few_empty_lines_first(void **state)
{
	static const struct sample samples[] = {
		SAMPLE("\r\nGET / HTTP/1.0\r\n\r\n", 0),
		SAMPLE("\r\n\r\n\r\n\r\nGET / HTTP/1.0\r\n\r\n", 0),
		SAMPLE("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.0\r\n\r\n", 400),
		SAMPLE("\nGET / HTTP/1.0\r\n\r\n", 400),
		SAMPLE("\r\n\nGET / HTTP/1.0\r\n\r\n", 400),
		SAMPLE("\rGET / HTTP/1.0\r\n\r\n", 400),
		SAMPLE("\r\n GET / HTTP/1.0\r\n\r\n", 400),
		SAMPLE("\r\n", -EAGAIN),
	};

	(void)state;
	verify_all(samples, COUNT(samples));
}

static void
refuses_malformed_header_lines(void **state)
{
	static const struct sample samples[] = {
		FIELDS("a: b\nc: d\r\n", 400),
		FIELDS("a: b\rc: d\r\n", 400),
		FIELDS("a: b\r\r\n", 400),
		FIELDS("a: b\r\n c\r\n", 400),
		FIELDS("a: b\r\n\tc\r\n", 400),
		FIELDS(" a: b\r\n", 400),
		FIELDS("a : b\r\n", 400),
		FIELDS("a\t: b\r\n", 400),
		FIELDS(": b\r\n", 400),
		FIELDS("a\r\n", 400),
		FIELDS("a b: c\r\n", 400),
		FIELDS("a\0: b\r\n", 400),
		FIELDS("a: \0\r\n", 400),
		FIELDS("a: b\x01\r\n", 400),
		FIELDS("a: b\x7f\r\n", 400),
		FIELDS("a\xe4: b\r\n", 400),
		FIELDS("a: b\xe4\r\n", 0),
		FIELDS("a: b\tc\r\n", 0),
		FIELDS("a:\t\t\r\n", 0),
		FIELDS("a:b:c\r\n", 0),
		FIELDS("\n", 400),
		FIELDS("\r", 400),
		SAMPLE("GET / HTTP/1.0\r\n\rx: y\r\n\r\n", 400),
		SAMPLE("GET / HTTP/1.0\r\n\n", 400),
		SAMPLE("GET / HTTP/1.0\r\n Host: a\r\n\r\n", 400),
		SAMPLE("GET / HTTP/1.1\r\nHost: a\r\n", -EAGAIN),
		SAMPLE("GET / HTTP/1.1\r\nHost: a\r\n\r", -EAGAIN),
	};

	(void)state;
	verify_all(samples, COUNT(samples));
}

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
		r = parse_prefix(changed, length, &scanned, &head);
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

static void
wants_one_valid_host(void **state)
{
	static const struct sample samples[] = {
		SAMPLE("GET / HTTP/1.1\r\n\r\n", 400),
		SAMPLE("GET http://a/ HTTP/1.1\r\n\r\n", 400),
		SAMPLE("GET / HTTP/1.1\r\nHosts: a\r\n\r\n", 400),
		SAMPLE("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
		SAMPLE("GET / HTTP/1.0\r\nHost: a\r\nhOST: a\r\n\r\n", 400),
		SAMPLE("GET http://a/ HTTP/1.1\r\nHost: b@\r\n\r\n", 400),
		SAMPLE("GET / HTTP/1.0\r\nHost: a b\r\n\r\n", 400),
		SAMPLE("GET / HTTP/1.1\r\nHost:\r\n\r\n", 0),
		SAMPLE("GET / HTTP/1.1\r\nHOST:a\r\n\r\n", 0),
	};
	static const char *const good[] = { "a", "a.b", "a.b.:80", "127.0.0.1",
		"a:", "a:0", "a:65535", "a:00080", "[::1]", "[::1]:80",
		"[2001:db8::192.0.2.33]", "a_b", "a%20b", "a%e4:1", "a,b;c=d",
		"[::]:", "0123456789abcdefghij.example:8080" };
	static const char *const bad[] = { ":80", ":", "a:b", "a:65536",
		"a:000080", "a:1:2", "a:-1", "a:+1", "a@b", "a/b", "a?b", "a b",
		"a\tb", "a%2", "a%2g", "%", "[::1", "::1", "[::1]a", "[]", "[",
		"]", "[::g]", "[::1%25eth0]", "[v1.a]", "a[::1]", "a\\b",
		"\"a\"", "<a>", "a\xe4", "a, a@", "[1.2.3.4]",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]" };
	struct http_head head;
	char text[128];
	size_t i;

	(void)state;
	verify_all(samples, COUNT(samples));
	for (i = 0; i < COUNT(good); i++) {
		(void)snprintf(text, sizeof(text),
		    "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", good[i]);
		parse_good(text, &head);
		assert_text(text, head.host, good[i]);
	}
	for (i = 0; i < COUNT(bad); i++) {
		(void)snprintf(text, sizeof(text),
		    "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", bad[i]);
		verify(text, strlen(text), 400, &head);
		(void)snprintf(text, sizeof(text),
		    "GET http://%s HTTP/1.1\r\nHost: a\r\n\r\n", bad[i]);
		if (strpbrk(bad[i], "/?") == NULL)
			verify(text, strlen(text), 400, &head);
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
	verify_all(samples, COUNT(samples));
	assert_int_equal(
	    parse_fields("Transfer-Encoding: chunked\r\n", &head), 0);
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
		check(cases[i].fields, strlen(cases[i].fields),
		    parse_fields(cases[i].fields, &head), cases[i].expected);
		if (cases[i].expected != 0)
			continue;
		assert_true(head.has_length);
		assert_int_equal(head.content_length, cases[i].length);
	}
	assert_int_equal(parse_fields("", &head), 0);
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
	verify_all(samples, COUNT(samples));
	assert_int_equal(parse_fields("eXPECT: 100-Continue\r\n", &head), 0);
	assert_true(head.expect_continue);
	assert_int_equal(parse_fields("Expected: 1\r\n", &head), 0);
	assert_false(head.expect_continue);
	parse_good("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", &head);
	assert_false(head.expect_continue);
}

/* --- How soon ---------------------------------------------------------- */

static void
refuses_at_the_byte_that_proves_it(void **state)
{
	/* The last byte of each is the first that can't be right. */
	static const struct sample samples[] = {
		SAMPLE("\x16", 400),
		SAMPLE("\x80", 400),
		SAMPLE("\n", 400),
		SAMPLE("\rG", 400),
		SAMPLE("GE\x01", 400),
		SAMPLE("FOO ", 501),
		SAMPLE("GET x", 400),
		SAMPLE("GET htto", 400),
		SAMPLE("GET http:/x", 400),
		SAMPLE("GET *", 400),
		SAMPLE("GET /01234567890123456789\x01", 400),
		SAMPLE("GET /01234567890123456789#", 400),
		SAMPLE("GET /?01234567890123456789\r", 400),
		SAMPLE("GET / X", 400),
		SAMPLE("GET / HTTP/2.0", 505),
		SAMPLE("GET / HTTP/1.x", 400),
		SAMPLE("GET / HTTP/1.1\n", 400),
		SAMPLE("GET / HTTP/1.1\rH", 400),
		SAMPLE("GET / HTTP/1.1\r\n\n", 400),
		SAMPLE("GET / HTTP/1.1\r\nHost: a\n", 400),
	};
	struct http_head head;
	size_t i, scanned;

	(void)state;
	verify_all(samples, COUNT(samples));
	for (i = 0; i < COUNT(samples); i++) {
		scanned = 0;
		assert_int_equal(parse_prefix(samples[i].bytes,
				     samples[i].length - 1, &scanned, &head),
		    -EAGAIN);
	}
}

/* Fill ${text} with a head of exactly ${length} bytes. */
static void
make_head(char *text, size_t length, size_t target)
{
	static const char rest[] = " HTTP/1.1\r\nHost: a\r\nb: ";
	size_t at = 4 + target + sizeof(rest) - 1;

	memset(text, 'x', length);
	memcpy(text, "GET /", 5);
	memcpy(text + 4 + target, rest, sizeof(rest) - 1);
	assert_true(at + 4 <= length);
	memcpy(text + length - 4, "\r\n\r\n", 4);
}

/* Every prefix in drops: -EAGAIN up to the ${decisive} byte. */
static void
trickle(const char *text, size_t decisive, int expected)
{
	struct http_head head;
	size_t length, scanned = 0;

	for (length = 0; length < decisive; length++)
		assert_int_equal(http_parse_head((const uint8_t *)text, length,
				     &scanned, &head),
		    -EAGAIN);
	assert_int_equal(
	    http_parse_head((const uint8_t *)text, decisive, &scanned, &head),
	    expected);
}

static void
bounds_targets_and_heads(void **state)
{
	static char text[HTTP_HEAD_MAX + 100];
	struct http_head head;
	size_t scanned = 0;

	(void)state;
	make_head(text, 10000, HTTP_TARGET_MAX);
	trickle(text, 10000, 0);
	assert_int_equal(parse_prefix(text, 10000, &scanned, &head), 0);
	assert_int_equal(head.target.length, HTTP_TARGET_MAX);

	make_head(text, 10000, HTTP_TARGET_MAX + 1);
	trickle(text, 4 + HTTP_TARGET_MAX + 1, 414);
	scanned = 0;
	assert_int_equal(parse_prefix(text, 10000, &scanned, &head), 414);

	make_head(text, HTTP_HEAD_MAX, 10);
	trickle(text, HTTP_HEAD_MAX, 0);
	scanned = 0;
	assert_int_equal(
	    parse_prefix(text, HTTP_HEAD_MAX + 50, &scanned, &head), 0);
	assert_int_equal(head.length, HTTP_HEAD_MAX);

	/* Not ended by its last allowed byte, it can't be good any more. */
	make_head(text, HTTP_HEAD_MAX + 1, 10);
	trickle(text, HTTP_HEAD_MAX, 431);
	scanned = 0;
	assert_int_equal(
	    parse_prefix(text, HTTP_HEAD_MAX + 1, &scanned, &head), 431);
}

static void
bounds_header_lines(void **state)
{
	static char text[4096];
	struct http_head head;
	size_t length, scanned = 0, i;

	(void)state;
	length = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.0\r\n");
	for (i = 0; i < HTTP_HEADERS_MAX; i++)
		length += (size_t)snprintf(
		    text + length, sizeof(text) - length, "a%zu: b\r\n", i);
	memcpy(text + length, "\r\n", 2);
	verify(text, length + 2, 0, &head);
	assert_int_equal(head.header_count, HTTP_HEADERS_MAX);
	assert_text(text, head.headers[99].name, "a99");

	memcpy(text + length, "c: d\r\n\r\n", 8);
	verify(text, length + 8, 431, &head);
	assert_int_equal(parse_prefix(text, length + 1, &scanned, &head), 431);
}

/*
 * What has been looked at is out of reach in later calls: if they looked
 * again, they would crash.
 */
static void
looks_at_a_slow_head_once(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t target = 2 * page > HTTP_TARGET_MAX ? 100 : page + 100;
	struct http_head head;
	size_t length, scanned = 0;
	char *text;

	(void)state;
	if (page > HTTP_HEAD_MAX / 4)
		skip();
	text = mmap(NULL, HTTP_HEAD_MAX, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(text, MAP_FAILED);
	make_head(text, HTTP_HEAD_MAX - 10, target);
	for (length = 1; length < HTTP_HEAD_MAX - 10; length++) {
		/* The pass over the request line and after it needs all. */
		if (length == 4 + target)
			assert_int_equal(mprotect(text, page, PROT_READ), 0);
		assert_int_equal(http_parse_head((const uint8_t *)text, length,
				     &scanned, &head),
		    -EAGAIN);
		if (length == page || length == target + 100)
			assert_int_equal(mprotect(text, page, PROT_NONE), 0);
	}
	assert_int_equal(mprotect(text, page, PROT_READ), 0);
	assert_int_equal(
	    http_parse_head((const uint8_t *)text, length, &scanned, &head), 0);
	assert_int_equal(munmap(text, HTTP_HEAD_MAX), 0);
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
	verify(text, sizeof(text) - 1, 400, &head);
	parse_good(good, &head);
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
		cmocka_unit_test(says_where_everything_is),
		cmocka_unit_test(starts_anew_for_every_head),
		cmocka_unit_test(leaves_the_next_request_alone),
		cmocka_unit_test(knows_its_methods),
		cmocka_unit_test(reads_absolute_targets),
		cmocka_unit_test(reads_asterisk_of_options_only),
		cmocka_unit_test(keeps_the_connection_as_asked),
		cmocka_unit_test(treats_later_minors_as_one),
		cmocka_unit_test(refuses_malformed_request_lines),
		cmocka_unit_test(refuses_other_versions),
		cmocka_unit_test(refuses_other_methods),
		cmocka_unit_test(skips_a_few_empty_lines_first),
		cmocka_unit_test(refuses_malformed_header_lines),
		cmocka_unit_test(judges_each_byte_at_each_place),
		cmocka_unit_test(wants_one_valid_host),
		cmocka_unit_test(takes_no_two_framings),
		cmocka_unit_test(reads_lengths_strictly),
		cmocka_unit_test(meets_only_one_expectation),
		cmocka_unit_test(refuses_at_the_byte_that_proves_it),
		cmocka_unit_test(bounds_targets_and_heads),
		cmocka_unit_test(bounds_header_lines),
		cmocka_unit_test(looks_at_a_slow_head_once),
		cmocka_unit_test(finds_headers_in_any_case),
		cmocka_unit_test(tells_tokens_and_values),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Request heads: where everything is, what is refused and how soon.
 */
#include "tests/unit/worker/http_heads.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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
	heads_parse_good(text, &head);
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
	heads_assert_text(text, head.method_name, "POST");
	heads_assert_text(text, head.target, "/a/b?c=d&e");
	heads_assert_text(text, head.path, "/a/b");
	heads_assert_text(text, head.query, "c=d&e");
	heads_assert_text(text, head.host, "example.com:8080");
	assert_int_equal(head.header_count, 4);
	heads_assert_text(text, head.headers[0].name, "Host");
	heads_assert_text(text, head.headers[0].value, "example.com:8080");
	heads_assert_text(text, head.headers[1].name, "X-Empty");
	heads_assert_text(text, head.headers[1].value, "");
	heads_assert_text(text, head.headers[2].name, "X-Spaces");
	heads_assert_text(text, head.headers[2].value, "a b");
	heads_assert_text(text, head.headers[3].name, "Content-Length");
	heads_assert_text(text, head.headers[3].value, "12");
}

static void
starts_anew_for_every_head(void **state)
{
	struct http_head head;
	const char *second = "GET /x HTTP/1.0\r\n\r\n";
	size_t scanned = 0;

	(void)state;
	heads_parse_good(
	    "PUT /?q HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
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
	heads_parse_good(text, &head);
	assert_int_equal(head.length, (sizeof(text) - 1) / 2);
	heads_assert_text(text, head.path, "/1");
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
		heads_parse_good(text, &head);
		assert_int_equal(head.method, i);
		heads_assert_text(text, head.method_name, names[i]);
		assert_string_equal(
		    http_method_name((enum http_method)i), names[i]);
	}
}

static void
treats_later_minors_as_one(void **state)
{
	struct http_head head;

	(void)state;
	heads_parse_good("GET / HTTP/1.9\r\nHost: a\r\n\r\n", &head);
	assert_int_equal(head.minor, 1);
	heads_parse_good("GET / HTTP/1.0\r\n\r\n", &head);
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
	heads_verify_all(samples, COUNT(samples));
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
	heads_verify_all(samples, COUNT(samples));
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
	heads_verify_all(samples, COUNT(samples));
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
	heads_verify_all(samples, COUNT(samples));
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
	heads_verify_all(samples, COUNT(samples));
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
	heads_verify_all(samples, COUNT(samples));
	for (i = 0; i < COUNT(samples); i++) {
		scanned = 0;
		assert_int_equal(heads_parse(samples[i].bytes,
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
	assert_int_equal(heads_parse(text, 10000, &scanned, &head), 0);
	assert_int_equal(head.target.length, HTTP_TARGET_MAX);

	make_head(text, 10000, HTTP_TARGET_MAX + 1);
	trickle(text, 4 + HTTP_TARGET_MAX + 1, 414);
	scanned = 0;
	assert_int_equal(heads_parse(text, 10000, &scanned, &head), 414);

	make_head(text, HTTP_HEAD_MAX, 10);
	trickle(text, HTTP_HEAD_MAX, 0);
	scanned = 0;
	assert_int_equal(
	    heads_parse(text, HTTP_HEAD_MAX + 50, &scanned, &head), 0);
	assert_int_equal(head.length, HTTP_HEAD_MAX);

	/* Not ended by its last allowed byte, it can't be good any more. */
	make_head(text, HTTP_HEAD_MAX + 1, 10);
	trickle(text, HTTP_HEAD_MAX, 431);
	scanned = 0;
	assert_int_equal(
	    heads_parse(text, HTTP_HEAD_MAX + 1, &scanned, &head), 431);
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
	heads_verify(text, length + 2, 0, &head);
	assert_int_equal(head.header_count, HTTP_HEADERS_MAX);
	heads_assert_text(text, head.headers[99].name, "a99");

	memcpy(text + length, "c: d\r\n\r\n", 8);
	heads_verify(text, length + 8, 431, &head);
	assert_int_equal(heads_parse(text, length + 1, &scanned, &head), 431);
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

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_where_everything_is),
		cmocka_unit_test(starts_anew_for_every_head),
		cmocka_unit_test(leaves_the_next_request_alone),
		cmocka_unit_test(knows_its_methods),
		cmocka_unit_test(treats_later_minors_as_one),
		cmocka_unit_test(refuses_malformed_request_lines),
		cmocka_unit_test(refuses_other_versions),
		cmocka_unit_test(refuses_other_methods),
		cmocka_unit_test(skips_a_few_empty_lines_first),
		cmocka_unit_test(refuses_malformed_header_lines),
		cmocka_unit_test(refuses_at_the_byte_that_proves_it),
		cmocka_unit_test(bounds_targets_and_heads),
		cmocka_unit_test(bounds_header_lines),
		cmocka_unit_test(looks_at_a_slow_head_once),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}

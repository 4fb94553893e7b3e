/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Request targets that don't begin with '/', and authorities: of targets and
 * of the Host field.
 */
#include "tests/unit/worker/http_heads.h"

#include <stdio.h>
#include <string.h>

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
		heads_parse_good(text, &head);
		heads_assert_text(text, head.target, cases[i].target);
		heads_assert_text(text, head.host, cases[i].host);
		heads_assert_text(text, head.path, cases[i].path);
		heads_assert_text(text, head.query, cases[i].query);
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
	heads_parse_good(text, &head);
	heads_assert_text(text, head.target, "*");
	assert_int_equal(head.path.length, 0);
	heads_verify_all(samples, COUNT(samples));
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
	heads_verify_all(samples, COUNT(samples));
	for (i = 0; i < COUNT(good); i++) {
		(void)snprintf(text, sizeof(text),
		    "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", good[i]);
		heads_parse_good(text, &head);
		heads_assert_text(text, head.host, good[i]);
	}
	for (i = 0; i < COUNT(bad); i++) {
		(void)snprintf(text, sizeof(text),
		    "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", bad[i]);
		heads_verify(text, strlen(text), 400, &head);
		(void)snprintf(text, sizeof(text),
		    "GET http://%s HTTP/1.1\r\nHost: a\r\n\r\n", bad[i]);
		if (strpbrk(bad[i], "/?") == NULL)
			heads_verify(text, strlen(text), 400, &head);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_absolute_targets),
		cmocka_unit_test(reads_asterisk_of_options_only),
		cmocka_unit_test(wants_one_valid_host),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}

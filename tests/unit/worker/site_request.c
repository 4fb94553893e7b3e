/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests under the rules of sites, in a whole worker.
 */
#include "tests/unit/worker/harness.h"

#include "worker/request.h"

#include <errno.h>
#include <string.h>

#define AT(host, path) "GET " path " HTTP/1.1\r\nHost: " host "\r\n\r\n"

/* The worker has these sites from now on: BOOT's list. */
#define SITES(list, count) set_sites((list), sizeof(list) - 1, (count))

static void
set_sites(const char *list, size_t size, size_t count)
{
	sites_free(&harness_worker()->sites);
	assert_int_equal(
	    sites_parse(&harness_worker()->sites, list, size, count), 0);
}

CALLBACK(say_first)
{
	note("first");
	answer(context, "first");
	return (BH_CONTINUE);
}

CALLBACK(say_second)
{
	note("second");
	answer(context, "second");
	return (BH_CONTINUE);
}

CALLBACK(log_it)
{
	note("log");
	return (BH_CONTINUE);
}

static void
start_two(void)
{
	harness_add("first",
	    OPS(.on_begin_request = say_first, .on_log_request = log_it),
	    BH_PRIORITY_MEDIUM, BH_PRIORITY_MEDIUM);
	harness_add("second", OPS(.on_begin_request = say_second),
	    BH_PRIORITY_MEDIUM, BH_PRIORITY_MEDIUM);
	harness_start();
}

TEST(a_rule_says_which_modules_see_a_request)
{
	struct client *client;

	start_two();
	SITES("s\0a\0\0/\0modules=2\0\0/x\0modules=1\0\0\0", 1);
	client = client_open(CLIENT_TCP);
	client_send(client, AT("a", "/"));
	client_expect(client, OK(6, "second"));
	assert_string_equal(harness_notes(), "second");
	client_send(client, AT("a", "/x"));
	client_expect(client, OK(5, "first"));
	assert_string_equal(harness_notes(), "first log");
	/* Of another host, as if there were no sites. */
	client_send(client, AT("b", "/x"));
	client_expect(client, OK(11, "firstsecond"));
	assert_string_equal(harness_notes(), "first second log");
}

TEST(a_refusal_is_logged_by_those_that_see_it)
{
	struct client *client;

	start_two();
	SITES("s\0a\0\0/\0status=404\0\0\0"
	      "t\0b\0\0/\0modules=2\0status=404\0\0\0",
	    2);
	client = client_open(CLIENT_TCP);
	client_send(client, AT("a", "/"));
	client_expect(client, NOT_FOUND);
	assert_string_equal(harness_notes(), "log");
	client_send(client, AT("b", "/"));
	client_expect(client, NOT_FOUND);
	assert_string_equal(harness_notes(), "");
}

TEST(strict_hosts_are_answered_421)
{
	struct client *client;

	start_two();
	SITES("s\0a\0\0/\0modules=2\0\0\0", 1);
	harness_worker()->sites.strict = true;
	client = client_open(CLIENT_TCP);
	client_send(client, AT("b", "/"));
	client_expect(client,
	    "HTTP/1.1 421 Misdirected Request\r\n"
	    "Content-Type: text/plain\r\nContent-Length: 24\r\n\r\n"
	    "421 Misdirected Request\n");
	client_send(client, AT("a", "/"));
	client_expect(client, OK(6, "second"));
}

TEST(a_quarantined_module_isnt_missed_where_it_isnt_seen)
{
	struct client *client;

	start_two();
	SITES("s\0a\0\0/\0modules=2\0\0/x\0modules=3\0\0\0", 1);
	harness_worker()->modules.quarantined = 1;
	client = client_open(CLIENT_TCP);
	client_send(client, AT("a", "/"));
	client_expect(client, OK(6, "second"));
	client_send(client, AT("a", "/x"));
	client_expect(client,
	    "HTTP/1.1 503 Service Unavailable\r\n"
	    "Content-Type: text/plain\r\nContent-Length: 24\r\n\r\n"
	    "503 Service Unavailable\n");
	harness_worker()->modules.quarantined = 0;
}

#define MOVED(to)                                          \
	"HTTP/1.1 301 Moved Permanently\r\n"               \
	"Content-Type: text/plain\r\nLocation: " to "\r\n" \
	"Content-Length: 22\r\n\r\n301 Moved Permanently\n"

TEST(redirects_take_the_target_along)
{
	struct client *client;

	start_two();
	SITES("s\0a\0\0/\0status=301\0location=https://b$target#x\0\0"
	      "/c\0status=301\0location=/d\0\0\0",
	    1);
	client = client_open(CLIENT_TCP);
	client_send(client, AT("a", "/x//y?z=$target"));
	client_expect(client, MOVED("https://b/x//y?z=$target#x"));
	client_send(client, AT("a", "/c/x?y"));
	client_expect(client, MOVED("/d"));
	client_send(client, AT("a", "http://a/x?y"));
	client_expect(client, MOVED("https://b/x?y#x"));
	client_send(client, AT("a", "http://a"));
	client_expect(client, MOVED("https://b/#x"));
	client_send(client, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
	client_expect(client, MOVED("https://b/#x"));
}

CALLBACK(read_all)
{
	char buffer[64];
	int error;

	do
		error = bh_request_read_entity_body(bh_context_request(context),
		    buffer, sizeof(buffer), false, NULL, NULL);
	while (error == 0);
	note("%s", error == -BH_EOF ? "whole" : strerror(-error));
	answer(context, "read");
	return (BH_CONTINUE);
}

TEST(a_rules_body_max_goes_before_the_pools)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = read_all));
	SITES("s\0a\0\0/\0body-max=4\0\0/x\0\0/y\0body-max=100\0\0\0", 1);
	harness_worker()->limits.body_max = 10;
	client = client_open(CLIENT_TCP);
	client_send(client,
	    "PUT /y HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n"
	    "0123456789a");
	client_expect(client, OK(4, "read"));
	assert_string_equal(harness_notes(), "whole");
	client_send(client,
	    "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nabcde\r\n0\r\n\r\n");
	client_wait_end(client);
	assert_string_equal(harness_notes(), strerror(EFBIG));
	client = client_open(CLIENT_TCP);
	client_send(
	    client, "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n");
	client_wait_text(client, 12);
	assert_memory_equal(client_text(client), "HTTP/1.1 413", 12);
}

static struct bh_ticket ticket;

CALLBACK(take_ticket)
{
	return (bh_context_take_ticket(context, &ticket) == 0
		    ? BH_PENDING
		    : BH_FINISH_REQUEST);
}

COMPLETION(never)
{
	return (BH_CONTINUE);
}

TEST(a_rules_pending_limit_goes_before_the_pools)
{
	struct client *client;

	harness_serve(
	    OPS(.on_begin_request = take_ticket, .on_async_completion = never));
	SITES("s\0a\0\0/\0pending-ns=5000000000\0\0\0", 1);
	client = client_open(CLIENT_TCP);
	client_send(client, AT("a", "/"));
	harness_run();
	harness_advance(1 * SECOND_MS);
	assert_int_equal(harness_stat(STAT_timeouts), 0);
	harness_advance(4 * SECOND_MS);
	client_expect(client, SERVER_ERROR);
	assert_int_equal(harness_stat(STAT_timeouts), 1);
}

static const struct CMUnitTest tests[] = {
	HARNESS_TEST(a_rule_says_which_modules_see_a_request),
	HARNESS_TEST(a_refusal_is_logged_by_those_that_see_it),
	HARNESS_TEST(strict_hosts_are_answered_421),
	HARNESS_TEST(a_quarantined_module_isnt_missed_where_it_isnt_seen),
	HARNESS_TEST(redirects_take_the_target_along),
	HARNESS_TEST(a_rules_body_max_goes_before_the_pools),
	HARNESS_TEST(a_rules_pending_limit_goes_before_the_pools),
};

HARNESS_MAIN(tests)

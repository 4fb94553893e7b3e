/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Synchronous calls that must wait when there is no memory for a stack: they
 * say so before anything is begun, and the request goes on.
 */
#include "harness.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1 /* it maps memory of its own, whenever it likes */
#else
#define SANITIZED 0
#endif

static struct rlimit before;

static void
no_more_memory(void)
{
	struct rlimit none;

	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	none = before;
	none.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
}

static void
memory_again(void)
{
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
}

CALLBACK(flush_without_memory)
{
	int error;

	answer(context, "hello");
	no_more_memory();
	error = bh_response_flush(
	    bh_context_response(context), false, false, NULL, NULL);
	memory_again();
	note("flush:%d,%d", error, bh_context_response_headers_sent(context));
	return (BH_CONTINUE);
}

CALLBACK(read_without_memory)
{
	static char bytes[10];
	size_t received = 0;
	int first, second;

	no_more_memory();
	first = bh_request_read_entity_body(bh_context_request(context), bytes,
	    sizeof(bytes), false, &received, NULL);
	memory_again();
	second = bh_request_read_entity_body(bh_context_request(context), bytes,
	    sizeof(bytes), false, &received, NULL);
	note("read:%d read:%d,%zu", first, second, received);
	answer(context, "hello");
	return (BH_CONTINUE);
}

TEST(a_flush_without_memory_sends_nothing_and_says_so)
{
	struct client *client;

	if (SANITIZED)
		skip();
	harness_serve(OPS(.on_begin_request = flush_without_memory));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "flush:-12,0");
}

TEST(a_read_without_memory_can_be_tried_again)
{
	struct client *client;

	if (SANITIZED)
		skip();
	harness_serve(OPS(.on_begin_request = read_without_memory));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(3));
	harness_run();
	client_send(client, "abc");
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "read:-12 read:0,3");
}

static const struct CMUnitTest tests[] = {
	HARNESS_TEST(a_flush_without_memory_sends_nothing_and_says_so),
	HARNESS_TEST(a_read_without_memory_can_be_tried_again),
};

HARNESS_MAIN(tests)

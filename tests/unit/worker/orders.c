/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the master orders: a module's quarantine, and to retire.
 */
#include "tests/unit/worker/harness.h"

#include "shm/message.h"
#include "shm/slot.h"
#include "worker/worker.h"

#include <stdio.h>
#include <string.h>

#define UNAVAILABLE                                      \
	"HTTP/1.1 503 Service Unavailable\r\n"           \
	"Content-Type: text/plain\r\nRetry-After: 7\r\n" \
	"Content-Length: 24\r\n\r\n503 Service Unavailable\n"

static void
quarantine(uint32_t modules)
{
	struct {
		struct message_header header;
		struct message_quarantine body;
	} message = { .body = { .modules = modules, .retry_after_s = 7 } };

	message_init(
	    &message.header, MESSAGE_QUARANTINE, 0, sizeof(message.body));
	harness_message(&message, sizeof(message), NULL, 0);
	harness_run();
}

static void
retire(void)
{
	struct message_header header;

	message_init(&header, MESSAGE_RETIRE, 0, 0);
	harness_message(&header, sizeof(header), NULL, 0);
	harness_run();
}

CALLBACK(hello)
{
	note("hello");
	answer(context, "hello");
	return (BH_CONTINUE);
}

CALLBACK(guard)
{
	note("guard");
	return (BH_CONTINUE);
}

static struct bh_registration *
module(uint32_t id)
{
	return (&harness_worker()->modules.list[id]);
}

static void
two_modules(void)
{
	harness_add("guard", OPS(.on_begin_request = guard), BH_PRIORITY_MEDIUM,
	    BH_PRIORITY_MEDIUM);
	harness_add("hello", OPS(.on_execute_request_handler = hello),
	    BH_PRIORITY_MEDIUM, BH_PRIORITY_MEDIUM);
	harness_start();
}

TEST(a_module_hears_only_of_its_path_and_below)
{
	struct client *client;

	two_modules();
	module_set_scope(module(1), "/a/");
	client = client_open(CLIENT_UNIX);
	client_send(client, GET_FROM("/a"));
	client_expect(client, OK(5, "hello"));
	client_send(client, GET_FROM("/a/b?c"));
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "guard hello guard hello");
	client_send(client, GET_FROM("/ab"));
	client_expect(client, NOT_FOUND);
	client_send(client, GET_FROM("/"));
	client_expect(client, NOT_FOUND);
	assert_string_equal(harness_notes(), "guard guard");
}

/* "/%61" is "/a" to who decodes it, and "/a/../b" to who doesn't. */
TEST(a_module_hears_of_its_path_in_every_spelling)
{
	static const char *const spellings[] = { GET_FROM("/%61"),
		GET_FROM("//a"), GET_FROM("/./a/b"), GET_FROM("/b/../a"),
		GET_FROM("/a%00"), GET_FROM("/a/../b") };
	struct client *client;

	two_modules();
	module_set_scope(module(1), "/a");
	client = client_open(CLIENT_UNIX);
	for (size_t i = 0; i < sizeof(spellings) / sizeof(*spellings); i++) {
		client_send(client, spellings[i]);
		client_expect(client, OK(5, "hello"));
	}
	client_send(client, GET_FROM("/%2561"));
	client_expect(client, NOT_FOUND);
	client_send(client, GET_FROM("/b/%2e%2e/c"));
	client_expect(client, NOT_FOUND);
}

TEST(who_needs_a_module_in_quarantine_gets_503)
{
	struct client *client;

	two_modules();
	module_set_scope(module(1), "/a");
	client = client_open(CLIENT_UNIX);
	quarantine(1u << 1);
	client_send(client, GET_FROM("/a"));
	client_expect(client, UNAVAILABLE);
	/* Nobody is asked about a request that can't be answered. */
	assert_string_equal(harness_notes(), "");
	client_send(client, GET_FROM("/b"));
	client_expect(client, NOT_FOUND);
	assert_string_equal(harness_notes(), "guard");
	quarantine(0);
	client_send(client, GET_FROM("/a"));
	client_expect(client, OK(5, "hello"));
}

TEST(an_optional_module_in_quarantine_is_skipped)
{
	struct client *client;

	two_modules();
	module(0)->optional = true;
	client = client_open(CLIENT_UNIX);
	quarantine(1u << 0);
	client_send(client, GET_FROM("/a"));
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "hello");
}

static struct bh_ticket ticket;

CALLBACK(take_ticket)
{
	assert_int_equal(bh_context_take_ticket(context, &ticket), 0);
	return (BH_PENDING);
}

COMPLETION(completed)
{
	answer(context, "hello");
	return (BH_CONTINUE);
}

TEST(a_parked_request_outlives_its_modules_quarantine)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = take_ticket,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	harness_run();
	quarantine(1);
	assert_int_equal(harness_post(&ticket, 0, 0), 0);
	client_expect(client, OK(5, "hello"));
}

TEST(retiring_releases_what_is_idle_at_once)
{
	struct client *fresh, *used;
	char expected[64];

	harness_serve(OPS(.on_begin_request = hello));
	fresh = client_open(CLIENT_TCP);
	used = client_open(CLIENT_TCP);
	client_send(used, GET);
	client_expect(used, OK(5, "hello"));
	(void)harness_reports();
	retire();
	(void)snprintf(expected, sizeof(expected),
	    "released %u.%u released %u.%u", fresh->slot, fresh->generation,
	    used->slot, used->generation);
	assert_string_equal(harness_reports(), expected);
	assert_int_equal(client_slot_state(fresh), SLOT_FREE);
	/* Neither was ended: the master hands them on. */
	client_read(fresh);
	client_read(used);
	assert_false(fresh->eof || fresh->reset || used->eof || used->reset);
	assert_true(harness_finished());
}

TEST(retiring_answers_first_what_was_asked)
{
	struct client *client;
	char expected[64];

	harness_serve(OPS(.on_begin_request = take_ticket,
	    .on_async_completion = completed));
	client = client_open(CLIENT_TCP);
	client_send(client, GET);
	harness_run();
	(void)harness_reports();
	retire();
	assert_string_equal(harness_reports(), "");
	assert_int_equal(harness_post(&ticket, 0, 0), 0);
	/* Without "Connection: close": it goes on elsewhere. */
	client_expect(client, OK(5, "hello"));
	(void)snprintf(expected, sizeof(expected), "released %u.%u",
	    client->slot, client->generation);
	assert_string_equal(harness_reports(), expected);
	assert_false(client->eof || client->reset);
	assert_true(harness_finished());
}

TEST(retiring_waits_for_the_rest_of_a_head)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = hello));
	client = client_open(CLIENT_TCP);
	client_send(client, "GET / HTTP/1.1\r\n");
	harness_run();
	retire();
	assert_false(harness_finished());
	client_send(client, "Host: a\r\n\r\n");
	client_expect(client, OK(5, "hello"));
	assert_true(harness_finished());
}

TEST(a_retiring_worker_may_still_be_told_to_drain)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = take_ticket,
	    .on_async_completion = completed));
	client = client_open(CLIENT_TCP);
	client_send(client, GET);
	harness_run();
	retire();
	harness_drain();
	harness_run();
	assert_int_equal(harness_post(&ticket, 0, 0), 0);
	client_expect(client, OK_CLOSE(5, "hello"));
}

static const struct CMUnitTest tests[] = {
	HARNESS_TEST(a_module_hears_only_of_its_path_and_below),
	HARNESS_TEST(a_module_hears_of_its_path_in_every_spelling),
	HARNESS_TEST(who_needs_a_module_in_quarantine_gets_503),
	HARNESS_TEST(an_optional_module_in_quarantine_is_skipped),
	HARNESS_TEST(a_parked_request_outlives_its_modules_quarantine),
	HARNESS_TEST(retiring_releases_what_is_idle_at_once),
	HARNESS_TEST(retiring_answers_first_what_was_asked),
	HARNESS_TEST(retiring_waits_for_the_rest_of_a_head),
	HARNESS_TEST(a_retiring_worker_may_still_be_told_to_drain),
};

HARNESS_MAIN(tests)

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pipeline: who is called, in which order, and what the answers of
 * callbacks do.
 */
#include "harness.h"

#include <errno.h>
#include <string.h>

/* --- Order ------------------------------------------------------------- */

CALLBACK(hello)
{
	answer(context, "hello");
	return (BH_CONTINUE);
}

TEST(answers_a_request)
{
	struct client *client;

	harness_serve(OPS(.on_execute_request_handler = hello));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
	client_send(client, GET GET);
	client_expect(client, OK(5, "hello") OK(5, "hello"));
}

static const struct CMUnitTest tests[] = {
	HARNESS_TEST(answers_a_request),
};

HARNESS_MAIN(tests)

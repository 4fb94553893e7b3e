/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One client: what it sends, and what may come back.
 *
 * Every request is answered, and rightly. When its worker died in the middle
 * it may have got 502 and an orderly end instead, and an answer on its way a
 * reset; never an end that looks like an answer, and never silence.
 */
#include "tests/crash/witness.h"

#include "tests/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PIPELINE_MAX = 4,
	OUT_MIN = 1000,
	OUT_RANGE = 1 << 21,
	IN_RANGE = 300000,
	LINE = 160
};

/* One request of a connection that goes on while this is true. */
typedef bool exchange_fn(struct witness *witness, struct caller *caller);

static unsigned
next_random(struct witness *witness)
{
	/* xorshift: each thread its own, repeatable from its number. */
	witness->random ^= witness->random << 13;
	witness->random ^= witness->random >> 17;
	witness->random ^= witness->random << 5;
	return (witness->random);
}

/* Some requests are parked, so that deaths meet them there. */
static unsigned
wait_ms(struct witness *witness)
{
	return (next_random(witness) % 4 == 0 ? next_random(witness) % 8 : 0);
}

static bool
complain(struct witness *witness, const char *what, const char *detail)
{
	witness->wrong++;
	if (witness->complaint[0] == '\0')
		(void)snprintf(witness->complaint, sizeof(witness->complaint),
		    "client %u, part %d, request %u: %s%.300s", witness->number,
		    (int)witness->part, witness->request, what, detail);
	return (false);
}

/* 502 says that the connection ends; and so it must, with nothing behind. */
static bool
take_refusal(struct witness *witness, struct caller *caller)
{
	struct response more;
	enum got got;

	witness->refused++;
	if ((got = caller_receive(caller, &more)) == GOT_RESPONSE)
		response_free(&more);
	if (got != GOT_FIN)
		return (
		    complain(witness, "502 is followed by ", got_name(got)));
	return (false);
}

static bool
pattern_is_right(const char *bytes, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (bytes[i] != (char)('a' + (i / 251 + i * 7) % 26))
			return (false);
	return (true);
}

/* A reset within a large answer: was what came before it right? */
static bool
take_cut(struct witness *witness, struct caller *caller)
{
	const char *body;

	witness->cut++;
	body = memmem(caller->bytes, caller->length, "\r\n\r\n", 4);
	if (body != NULL &&
	    !pattern_is_right(
		body + 4, caller->length - (size_t)(body + 4 - caller->bytes)))
		return (complain(witness, "wrong bytes before a reset", ""));
	return (false);
}

/* The answer must be 200 with this body, or with ${size} of the pattern. */
static bool
take_answer(struct witness *witness, struct caller *caller, const char *line,
    size_t size)
{
	struct response response;
	enum got got;
	int status;
	bool right;

	got = caller_receive(caller, &response);
	if (got == GOT_BROKEN && size > 0)
		return (take_cut(witness, caller));
	if (got != GOT_RESPONSE)
		return (complain(witness, got_name(got),
		    got == GOT_NONSENSE ? caller->error : ""));
	status = response.status;
	right = size > 0 ? response.body_bytes == size &&
			       pattern_is_right(response.body, size)
			 : strcmp(response.body, line) == 0;
	if (status == 200 && !right)
		(void)complain(witness, "wrong body: ", response.body);
	response_free(&response);
	if (status == 502)
		return (take_refusal(witness, caller));
	if (status != 200)
		return (complain(witness, "a wrong status", ""));
	witness->answered++;
	return (right);
}

static bool
pipelined(struct witness *witness, struct caller *caller)
{
	unsigned count = 1 + next_random(witness) % PIPELINE_MAX, i;
	char text[PIPELINE_MAX * LINE], line[LINE];
	int length = 0;

	for (i = 0; i < count; i++)
		length += snprintf(text + length, LINE,
		    "GET /faulty?key=%u-%u&wait=%u HTTP/1.1\r\n"
		    "Host: a\r\n\r\n",
		    witness->number, witness->request + i, wait_ms(witness));
	(void)caller_send(caller, text, (size_t)length);
	for (i = 0; i < count; i++) {
		(void)snprintf(line, sizeof(line), "GET %u-%u 0 0\n",
		    witness->number, witness->request);
		witness->request++;
		if (!take_answer(witness, caller, line, 0))
			return (false);
	}
	return (true);
}

static bool
trickled(struct witness *witness, struct caller *caller)
{
	char text[LINE], line[LINE];
	size_t length, first;

	length = (size_t)snprintf(text, sizeof(text),
	    "GET /faulty?key=%u-%u HTTP/1.1\r\nHost: a\r\n\r\n",
	    witness->number, witness->request);
	first = 1 + next_random(witness) % (length - 1);
	(void)caller_send(caller, text, first);
	test_sleep_ms(next_random(witness) % 20);
	(void)caller_send(caller, text + first, length - first);
	(void)snprintf(line, sizeof(line), "GET %u-%u 0 0\n", witness->number,
	    witness->request);
	witness->request++;
	return (take_answer(witness, caller, line, 0));
}

static void
remember(struct witness *witness, char got)
{
	char *grown;

	if (witness->request >= witness->got_size) {
		witness->got_size = witness->got_size * 2 + 1024;
		grown = realloc(witness->got, witness->got_size);
		if (grown == NULL)
			abort();
		witness->got = grown;
	}
	witness->got[witness->request] = got;
}

static bool
post(struct witness *witness, struct caller *caller)
{
	unsigned answered = witness->answered;
	char text[LINE], line[LINE];
	int length;
	bool goes_on;

	length = snprintf(text, sizeof(text),
	    "POST /faulty?count=1&key=%u-%u&wait=%u HTTP/1.1\r\nHost: a\r\n"
	    "Content-Length: 3\r\n\r\nabc",
	    witness->number, witness->request, wait_ms(witness));
	(void)caller_send(caller, text, (size_t)length);
	(void)snprintf(line, sizeof(line), "POST %u-%u 3 96354\n",
	    witness->number, witness->request);
	goes_on = take_answer(witness, caller, line, 0);
	remember(witness, witness->answered > answered ? POSTED : POST_REFUSED);
	witness->request++;
	return (goes_on);
}

static bool
out(struct witness *witness, struct caller *caller)
{
	size_t size = OUT_MIN + next_random(witness) % OUT_RANGE;
	char text[LINE];
	int length;

	length = snprintf(text, sizeof(text),
	    "GET /faulty?size=%zu HTTP/1.1\r\nHost: a\r\n\r\n", size);
	(void)caller_send(caller, text, (size_t)length);
	witness->request++;
	return (take_answer(witness, caller, "", size));
}

static bool
in(struct witness *witness, struct caller *caller)
{
	size_t size = next_random(witness) % IN_RANGE, i;
	char *text = malloc(size + LINE), line[LINE];
	unsigned long sum = 0;
	int head;
	bool goes_on;

	if (text == NULL)
		abort();
	head = snprintf(text, LINE,
	    "PUT /faulty?key=%u-%u HTTP/1.1\r\nHost: a\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    witness->number, witness->request, size);
	for (i = 0; i < size; i++) {
		text[(size_t)head + i] = (char)('A' + (i + size) % 23);
		sum = sum * 31 + (unsigned char)text[(size_t)head + i];
	}
	(void)caller_send(caller, text, (size_t)head + size);
	free(text);
	(void)snprintf(line, sizeof(line), "PUT %u-%u %zu %lu\n",
	    witness->number, witness->request, size, sum);
	witness->request++;
	goes_on = take_answer(witness, caller, line, 0);
	return (goes_on);
}

void *
witness_run(void *argument)
{
	static exchange_fn *const exchanges[WITNESS_PARTS] = {
		[WITNESS_PIPELINED] = pipelined,
		[WITNESS_POST] = post,
		[WITNESS_OUT] = out,
		[WITNESS_IN] = in,
		[WITNESS_TRICKLED] = trickled,
	};
	struct witness *witness = argument;
	struct caller caller;

	witness->random = 2463534242u + witness->number * 7919u;
	while (!atomic_load(witness->over)) {
		if (!caller_open(&caller, witness->port)) {
			(void)complain(
			    witness, "no connection: ", strerror(errno));
			break;
		}
		while (!atomic_load(witness->over) &&
		       exchanges[witness->part](witness, &caller))
			continue;
		caller_close(&caller);
	}
	return (NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A play from its beginning to its end, and what its clients must see.
 */
#include "tests/crash/conformance.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define GET_HELLO "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"

enum {
	END_MS = 10000,
	BODY_SMALL = 1000,
	BODY_LARGE = 400000,
	BEHIND = 2, /* pipelined requests behind the dying one */
	POISON_DEATHS = 2,
	TARGET = 256
};

/* What the dying request's client gets. */
enum outcome {
	OUTCOME_ANSWER,  /* faulty's answer, from another worker */
	OUTCOME_REFUSAL, /* 502 */
	OUTCOME_RESET,   /* a part of an answer, and a reset */
	OUTCOME_SENT,    /* the answer of the worker that died */
};

static bool
is_post(enum scene scene)
{
	return (scene == SCENE_POST || scene == SCENE_POST_PIPELINED);
}

static bool
is_put(enum scene scene)
{
	return (scene == SCENE_PUT || scene == SCENE_PUT_LARGE);
}

static bool
has_others_behind(enum scene scene)
{
	return (scene == SCENE_PIPELINED || scene == SCENE_POST_PIPELINED ||
		scene == SCENE_WHOLE_PIPELINED);
}

/* What faulty is told to do with its response before it dies. */
static const char *
respond_of(enum scene scene)
{
	switch (scene) {
	case SCENE_BUFFERED:
		return ("buffered");
	case SCENE_LENGTH:
		return ("length");
	case SCENE_CHUNKED:
		return ("chunked");
	case SCENE_WHOLE:
	case SCENE_WHOLE_PIPELINED:
	case SCENE_WHOLE_CLOSE:
		return ("whole");
	default:
		return ("");
	}
}

/* The table itself. */
static enum outcome
outcome_of(const struct play *what)
{
	const char *respond = respond_of(what->scene);
	bool late = what->place >= PLACE_LOG && what->place < PLACE_READ;

	if (late || strcmp(respond, "whole") == 0)
		return (OUTCOME_SENT);
	if (what->place == PLACE_FLUSH || strcmp(respond, "length") == 0 ||
	    strcmp(respond, "chunked") == 0)
		return (OUTCOME_RESET);
	if (is_post(what->scene) || what->scene == SCENE_POISON)
		return (OUTCOME_REFUSAL);
	/* A body that a module has read isn't in the segment any more. */
	if (what->scene == SCENE_PUT_LARGE && what->place > PLACE_EXECUTE)
		return (OUTCOME_REFUSAL);
	return (OUTCOME_ANSWER);
}

static const char *
method_of(enum scene scene)
{
	if (is_post(scene))
		return ("POST");
	if (is_put(scene))
		return ("PUT");
	return (scene == SCENE_HEAD ? "HEAD" : "GET");
}

static size_t
body_of(enum scene scene)
{
	if (scene == SCENE_PUT_LARGE)
		return (BODY_LARGE);
	return (is_post(scene) || is_put(scene) ? BODY_SMALL : 0);
}

static char
body_byte(size_t at)
{
	return ((char)('A' + at % 23));
}

/* The line that faulty answers with. */
static void
answer_of(enum scene scene, char *ret_text, size_t size)
{
	size_t i, length = body_of(scene);
	unsigned long sum = 0;

	for (i = 0; i < length; i++)
		sum = sum * 31 + (unsigned char)body_byte(i);
	(void)snprintf(
	    ret_text, size, "%s k %zu %lu\n", method_of(scene), length, sum);
}

static void
target_of(const struct play *what, char *ret_text, size_t size)
{
	(void)snprintf(ret_text, size,
	    "/faulty?how=%s&at=%s&key=k&times=%u&thread=%u&respond=%s&after=%u",
	    play_way(what->way), play_place(what->place),
	    what->scene == SCENE_POISON ? 0 : 1, what->thread,
	    respond_of(what->scene),
	    what->scene == SCENE_PUT_LARGE ? BODY_LARGE / 2 : 0);
}

/* The request, its body and what is pipelined behind it, in one piece. */
static void
send_request(struct client *client, const struct play *what)
{
	size_t body = body_of(what->scene), i;
	char *text = malloc(body + 2048), target[TARGET];
	int length;

	assert_non_null(text);
	target_of(what, target, sizeof(target));
	length = snprintf(text, 1024, "%s %s HTTP/1.1\r\nHost: a\r\n%s",
	    method_of(what->scene), target,
	    what->scene == SCENE_WHOLE_CLOSE ? "Connection: close\r\n" : "");
	if (body > 0)
		length += snprintf(
		    text + length, 64, "Content-Length: %zu\r\n", body);
	length += snprintf(text + length, 64, "\r\n");
	for (i = 0; i < body; i++)
		text[length++] = body_byte(i);
	for (i = 0; has_others_behind(what->scene) && i < BEHIND; i++)
		length += snprintf(text + length, 64, GET_HELLO);
	/* One that is refused early needn't read a large body. */
	(void)client_try_send(client, text, (size_t)length);
	free(text);
}

/* Its connection goes on after it, or ends as it should. */
static void
check_after(struct client *client, const struct play *what)
{
	size_t i;

	for (i = 0; has_others_behind(what->scene) && i < BEHIND; i++)
		expect(client, 200, NULL);
	if (what->scene == SCENE_WHOLE_CLOSE || what->finish) {
		expect_fin(client);
		return;
	}
	expect_hello(client);
	client_close(client);
}

static void
check_answer(struct client *client, const struct play *what, bool sent)
{
	char text[128];
	struct response response;
	bool part =
	    sent && (what->place < PLACE_LOG || what->place >= PLACE_READ);

	if (what->scene == SCENE_HEAD) {
		client_head_response(client, &response);
		assert_int_equal(response.status, 200);
		response_free(&response);
	} else {
		answer_of(what->scene, text, sizeof(text));
		expect(client, 200, part ? "0123456789" : text);
	}
	check_after(client, what);
}

/* What was sent, to the byte, and then an end that nobody can overlook. */
static void
check_reset(struct client *client, const struct play *what)
{
	static const char length_part[] = "\r\n\r\n0123456789";
	static const char chunked_part[] = "\r\n\r\na\r\n0123456789\r\n";
	static const char head_part[] = "\r\n\r\n";
	const char *part = chunked_part;
	char *end;

	if (what->scene == SCENE_HEAD)
		part = head_part;
	else if (what->scene == SCENE_LENGTH && what->place != PLACE_FLUSH)
		part = length_part;
	assert_int_equal(client_end(client, END_MS), CLIENT_RESET);
	assert_in_range(client->length, strlen(part) + 1, 4096);
	assert_memory_equal(client->bytes, "HTTP/1.1 200 OK\r\n", 17);
	end = memmem(client->bytes, client->length, "\r\n\r\n", 4);
	assert_non_null(end);
	assert_int_equal(client->bytes + client->length - end, strlen(part));
	assert_memory_equal(end, part, strlen(part));
	client_close(client);
}

static void
check_dying(struct client *client, const struct play *what)
{
	switch (outcome_of(what)) {
	case OUTCOME_ANSWER:
		check_answer(client, what, false);
		break;
	case OUTCOME_SENT:
		check_answer(client, what, true);
		break;
	case OUTCOME_REFUSAL:
		expect_refusal(client);
		break;
	case OUTCOME_RESET:
		check_reset(client, what);
		break;
	}
}

/* What the report of death ${index} of ${deaths} says of the connection. */
static void
name_outcome(const struct play *what, size_t index, size_t deaths,
    struct report *ret_report)
{
	const char **names = ret_report->outcomes;

	names[0] = names[1] = "adopted";
	switch (outcome_of(what)) {
	case OUTCOME_ANSWER:
		names[0] = names[1] = "replayed";
		break;
	case OUTCOME_REFUSAL:
		names[0] = names[1] = "answered_502";
		if (index + 1 < deaths) {
			names[0] = "replayed";
			names[1] = "successor_died"; /* before it said so */
		}
		break;
	case OUTCOME_RESET:
		names[0] = names[1] = "reset";
		break;
	case OUTCOME_SENT:
		if (what->scene == SCENE_WHOLE_CLOSE || what->finish)
			names[0] = "closed";
		break;
	}
}

static void
check_deaths(struct server *server, const struct play *what, uint16_t port)
{
	char prefix[80], target[TARGET], request[48];
	struct report report = { .way = what->way,
		.place = what->place,
		.thread = what->thread,
		.method = method_of(what->scene),
		.target = target,
		.port = port,
		.request = request };
	size_t i, deaths = 1;

	target_of(what, target, sizeof(target));
	if (what->scene == SCENE_POISON && outcome_of(what) == OUTCOME_REFUSAL)
		deaths = POISON_DEATHS;
	(void)snprintf(
	    prefix, sizeof(prefix), "k %s ", play_place(what->place));
	assert_int_equal(stage_lines(prefix), deaths);
	/* A thread of its own isn't in the activity words. */
	for (i = 0; what->thread < 2 && i < deaths; i++)
		stage_expect_log(server, what->way, what->place, prefix, i);
	for (i = 0; i < deaths; i++) {
		report.index = i;
		stage_request(prefix, i, request, sizeof(request));
		name_outcome(what, i, deaths, &report);
		stage_expect_report(server, &report);
	}
}

static uint16_t
port_of(const struct client *client)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);

	assert_int_equal(
	    getsockname(client->fd, (struct sockaddr *)&address, &size), 0);
	return (ntohs(address.sin_port));
}

/*
 * An address space limit kills a sanitizer's shadow, not a module; and what
 * has no body is not read.
 */
static bool
makes_sense(const struct play *what)
{
	if (what->place == PLACE_READ && body_of(what->scene) == 0)
		return (false);
	return (
	    !test_sanitized() || strcmp(play_way(what->way), "memory") != 0);
}

void
play(const struct play *what)
{
	struct bystanders bystanders;
	struct server *server;
	struct client client;
	uint16_t port;

	if (!makes_sense(what))
		return;
	print_message("%s at %s, thread %u%s\n", play_way(what->way),
	    play_place(what->place), what->thread,
	    what->finish ? ", finished" : "");
	server = what->way < WAY_COUNT ? stage_server("1", NULL)
				       : stage_server_impatient("1");
	bystanders_arrive(&bystanders, server);
	client_open(&client, server);
	expect_hello(&client);
	port = port_of(&client);
	server_log_skip(server);
	send_request(&client, what);
	if (what->finish)
		client_finish(&client);
	check_dying(&client, what);
	bystanders_check(&bystanders);
	check_deaths(server, what, port);
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

static unsigned
stride_of(unsigned stride)
{
	if (getenv("BULKHEAD_EXHAUSTIVE") != NULL)
		return (1);
	/* Each play takes longer there. */
	return (test_sanitized() ? 2 * stride : stride);
}

void
play_scene(enum scene scene, unsigned stride)
{
	struct play what = { .scene = scene };
	unsigned i;

	stride = stride_of(stride);
	for (i = (unsigned)scene % stride; i < PLACE_COUNT * WAY_COUNT;
	     i += stride) {
		what.place = i % PLACE_COUNT;
		what.way = (i + i / PLACE_COUNT) % WAY_COUNT;
		what.thread = i / 5 % 3 == 1;
		what.finish = i / 7 % 4 == 1;
		play(&what);
	}
}

void
play_hangs(enum scene scene, unsigned stride)
{
	struct play what = { .scene = scene };
	unsigned i;

	stride = stride_of(stride);
	for (i = (unsigned)scene % stride; i < 2 * PLACE_COUNT; i += stride) {
		what.place = i / 2;
		what.way = i % 2 == 0 ? WAY_STOP : WAY_LOOP;
		what.thread = i / 3 % 2;
		what.finish = i / 7 % 4 == 1;
		play(&what);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection in each state of DESIGN section 5's table, all of one worker;
 * it is killed from outside, and what does each client see? With arguments it
 * is a tool that asks any server the same:
 *
 *	crash.states --measure NAME PORT MASTER-PID WORKER-NAME SMALL SLOW
 *	    LARGE [SOCKET]
 *
 * SMALL, SLOW and LARGE are targets: one that is answered at once with little,
 * one whose answer takes a second and more, and one that is larger than what
 * the kernel takes from a server whose client doesn't read. At SOCKET it
 * listens and never answers: for SLOW, where a server can only forward.
 */
#include "tests/crash/storm_caller.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	SEEN_MAX = 96,
	REQUEST_MAX = 256,
	SETTLE_MS = 200, /* until all that was sent has been read and begun */
	SLOW_MS = 3000,  /* that it has ours begun, and not answered */
};

enum target {
	SMALL,
	SLOW,
	LARGE,
	TARGETS
};

struct place {
	const char *name;
	uint16_t port;
	pid_t master;
	const char *worker; /* the name of its only worker */
	const char *targets[TARGETS];
};

/* What a client does, and what it must see of us. */
struct state {
	const char *name;
	enum target target;
	bool answered;      /* it has had an answer to SMALL first */
	const char *before; /* what it has sent; %s is the target */
	bool reads;         /* and it has read the answer, before the kill */
	const char *after;  /* what it sends after the kill */
	const char *seen;
};

#define HEAD(method, headers) \
	method " %s HTTP/1.1\r\nHost: a\r\n" headers "\r\n"

static const struct state states[] = {
	{ "connected", SMALL, false, "", false, HEAD("GET", ""), "200" },
	{ "idle", SMALL, true, "", false, HEAD("GET", ""), "200" },
	{ "half a head", SMALL, true, "GET %s HTTP/1.1\r\nHo", false,
	    "st: a\r\n\r\n", "200" },
	{ "GET, waits", SLOW, true, HEAD("GET", ""), false, "", "200" },
	{ "PUT, half a body", SLOW, true,
	    HEAD("PUT", "Content-Length: 6\r\n") "abc", false, "def",
	    "502, closed" },
	{ "POST, waits", SLOW, true, HEAD("POST", "Content-Length: 0\r\n"),
	    false, "", "502, closed" },
	{ "answer half read", LARGE, true, HEAD("GET", ""), false, "",
	    "reset within" },
	{ "answer unread", SMALL, true, HEAD("GET", ""), false, HEAD("GET", ""),
	    "200, 200" },
	{ "last answer read", SMALL, true, HEAD("GET", "Connection: close\r\n"),
	    true, "", "closed" },
};

enum {
	STATES = sizeof(states) / sizeof(states[0])
};

static void
send_text(struct caller *caller, const struct place *place,
    const struct state *state, const char *format)
{
	char bytes[REQUEST_MAX];
	const char *mark = strstr(format, "%s");

	(void)strlcpy(bytes, format, sizeof(bytes));
	if (mark != NULL)
		(void)snprintf(bytes, sizeof(bytes), "%.*s%s%s",
		    (int)(mark - format), format, place->targets[state->target],
		    mark + 2);
	(void)caller_send(caller, bytes, strlen(bytes));
}

static void
expect_answer(struct caller *caller, const struct state *state)
{
	struct response response;

	if (caller_receive(caller, &response) != GOT_RESPONSE)
		fail_msg("%s: no answer before the kill", state->name);
	response_free(&response);
}

static void
arrive(
    struct caller *caller, const struct place *place, const struct state *state)
{
	static const struct state ask = { .target = SMALL };

	if (!caller_open(caller, place->port))
		fail_msg("%s: no connection", state->name);
	if (state->answered) {
		send_text(caller, place, &ask, HEAD("GET", ""));
		expect_answer(caller, state);
	}
	send_text(caller, place, state, state->before);
	if (state->reads)
		expect_answer(caller, state);
	else if (state->target == LARGE)
		(void)recv(caller->fd, &(char){ 0 }, 1, MSG_PEEK); /* begun */
}

/* How many answers the client has asked for and not read. */
static unsigned
count_due(const struct state *state)
{
	unsigned due = *state->before != '\0' && !state->reads;

	return (due + (strncmp(state->after, "GET", 3) == 0));
}

static const char *
end_name(enum got got)
{
	static const char *const names[GOT_COUNT] = {
		[GOT_FIN] = "closed",
		[GOT_CUT] = "cut off unseen",
		[GOT_RESET] = "reset",
		[GOT_BROKEN] = "reset within",
		[GOT_SILENCE] = "silence",
		[GOT_NONSENSE] = "nonsense",
	};

	return (names[got]);
}

/* "200, 200", "502, closed", "reset" ... */
static void
watch(struct caller *caller, const struct state *state, char seen[SEEN_MAX])
{
	unsigned due = count_due(state);
	struct response response;
	enum got got;
	bool go_on = true;
	char status[16];

	*seen = '\0';
	while (go_on) {
		if (due == 0 && !state->reads)
			return;
		got = caller_receive(caller, &response);
		if (*seen != '\0')
			(void)strlcat(seen, ", ", SEEN_MAX);
		if (got != GOT_RESPONSE) {
			(void)strlcat(seen, end_name(got), SEEN_MAX);
			return;
		}
		(void)snprintf(status, sizeof(status), "%d", response.status);
		(void)strlcat(seen, status, SEEN_MAX);
		/* After an error there may be the connection's end. */
		go_on = response.status >= 500 || --due > 0;
		response_free(&response);
	}
}

static void
kill_worker(const struct place *place)
{
	pid_t workers[2];

	/* A spare has a later number. */
	if (process_children(place->master, place->worker, workers, 2) == 0 ||
	    kill(workers[0], SIGKILL) != 0)
		fail_msg("there is no %s to kill", place->worker);
}

static void
play(const struct place *place, char seen[STATES][SEEN_MAX])
{
	struct caller callers[STATES];
	size_t i;

	for (i = 0; i < STATES; i++)
		arrive(&callers[i], place, &states[i]);
	test_sleep_ms(test_sanitized() ? 5 * SETTLE_MS : SETTLE_MS);
	kill_worker(place);
	for (i = 0; i < STATES; i++)
		send_text(&callers[i], place, &states[i], states[i].after);
	for (i = 0; i < STATES; i++) {
		watch(&callers[i], &states[i], seen[i]);
		caller_close(&callers[i]);
	}
}

static void
each_client_sees_what_the_table_says(void **state)
{
	char seen[STATES][SEEN_MAX], faulty[PATH_MAX], slow[64];
	struct place place = {
		.worker = "bulkhead-worker",
		.targets = { "/hello", slow, "/faulty?size=16000000" },
	};
	struct server *server;
	size_t i;

	(void)state;
	(void)snprintf(slow, sizeof(slow), "/faulty?wait=%d&key=k",
	    test_sanitized() ? 3 * SLOW_MS : SLOW_MS);
	server_module("faulty", faulty, sizeof(faulty));
	server = server_start(
	    "-w", "1", "-o", "spares=1", "-m", "hello", "-m", faulty, NULL);
	server->crash_expected = true;
	place.port = server->port;
	place.master = server->pid;
	play(&place, seen);
	for (i = 0; i < STATES; i++) {
		print_message("%-18s %s\n", states[i].name, seen[i]);
		assert_string_equal(seen[i], states[i].seen);
	}
	server_stop(server);
}

/* Somebody who takes connections and says nothing. */
static void
be_silent(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)strlcpy(address.sun_path, path, sizeof(address.sun_path));
	(void)unlink(path);
	if (fd == -1 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, STATES) != 0)
		fail_msg("%s: can't listen", path);
}

static int
measure(int argc, char **argv)
{
	struct place place = {
		.name = argv[2],
		.worker = argv[5],
		.targets = { argv[6], argv[7], argv[8] },
	};
	char seen[STATES][SEEN_MAX];
	const char *error = NULL;

	(void)signal(SIGPIPE, SIG_IGN);
	place.port = (uint16_t)strtonum(argv[3], 1, UINT16_MAX, &error);
	if (error == NULL)
		place.master = (pid_t)strtonum(argv[4], 1, INT32_MAX, &error);
	if (error != NULL) {
		(void)fprintf(stderr, "crash.states: %s\n", error);
		return (2);
	}
	if (argc == 10)
		be_silent(argv[9]);
	play(&place, seen);
	for (size_t i = 0; i < STATES; i++)
		(void)printf(
		    "%s: %-18s %s\n", place.name, states[i].name, seen[i]);
	return (0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(each_client_sees_what_the_table_says),
	};

	if ((argc == 9 || argc == 10) && strcmp(argv[1], "--measure") == 0)
		return (measure(argc, argv));
	return (RUN_TESTS(argc, argv, tests));
}

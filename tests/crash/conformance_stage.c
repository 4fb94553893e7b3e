/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every play needs: the server with the faulty module, the bystanders,
 * what the log must say.
 */
#include "tests/crash/conformance.h"

#include "tests/support/process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LOG_MS = 10000,
	END_MS = 10000
};

static const char *const places[PLACE_COUNT] = {
	"begin_request",
	"post_begin_request",
	"authenticate_request",
	"post_authenticate_request",
	"authorize_request",
	"post_authorize_request",
	"resolve_request_cache",
	"post_resolve_request_cache",
	"map_request_handler",
	"post_map_request_handler",
	"acquire_request_state",
	"post_acquire_request_state",
	"pre_execute_request_handler",
	"post_pre_execute_request_handler",
	"execute_request_handler",
	"post_execute_request_handler",
	"release_request_state",
	"post_release_request_state",
	"update_request_cache",
	"post_update_request_cache",
	"log_request",
	"post_log_request",
	"end_request",
	"post_end_request",
	"read",
	"write",
	"flush",
	"post",
};

/* How faulty calls it, and how the kernel does. */
static const struct {
	const char *name, *told;
} ways[] = {
	{ "segv", "SIGSEGV" },
	{ "abort", "SIGABRT" },
	{ "kill", "SIGKILL" },
	{ "bus", "SIGBUS" },
	{ "overflow", "SIGSEGV" },
	{ "smash", "SIGABRT" },
	{ "exit", "status 3" },
	{ "_exit", "status 3" },
	{ "memory", "SIGABRT" },
	{ "stop", "SIGABRT" },
	{ "loop", "SIGABRT" },
};

static char state_path[64];

const char *
play_place(unsigned place)
{
	return (places[place]);
}

const char *
play_way(unsigned way)
{
	return (ways[way].name);
}

const char *
play_end(unsigned way)
{
	return (ways[way].told);
}

static void
remove_state(void)
{
	(void)unlink(state_path);
}

static void
empty_state(void)
{
	int fd;

	if (state_path[0] != '\0') {
		if (truncate(state_path, 0) == -1)
			fail_msg("%s: %s", state_path, strerror(errno));
		return;
	}
	(void)snprintf(
	    state_path, sizeof(state_path), "/tmp/bulkhead-faulty-XXXXXX");
	if ((fd = mkstemp(state_path)) == -1)
		fail_msg("%s: %s", state_path, strerror(errno));
	(void)close(fd);
	(void)atexit(remove_state);
}

static struct server *
start(const char *workers, const char *hang_warn, const char *hang_limit,
    const char *listen)
{
	static unsigned turn; /* with and without a spare */
	char path[512], module[640], writable[96];
	struct server *server;

	empty_state();
	server_module("faulty", path, sizeof(path));
	(void)snprintf(module, sizeof(module), "%s,state=%s", path, state_path);
	(void)snprintf(
	    writable, sizeof(writable), "sandbox-write=%s", state_path);
	server = server_start("-w", workers, "-m", module, "-m", "hello", "-o",
	    writable, "-o", turn++ % 2 == 0 ? "spares=0" : "spares=1", "-o",
	    hang_warn, "-o", hang_limit, "-o", "quarantine-crashes=64", "-o",
	    "quarantine-window=1s", listen == NULL ? NULL : "-l", listen, NULL);
	server->crash_expected = true; /* a sanitizer reports them */
	return (server);
}

struct server *
stage_server(const char *workers, const char *listen)
{
	return (start(workers, "hang-warn=20s", "hang-limit=30s", listen));
}

struct server *
stage_server_impatient(const char *workers)
{
	/* A machine that is busy must not look like a hang. */
	return (start(workers, "hang-warn=20s",
	    test_sanitized() ? "hang-limit=5s" : "hang-limit=1s", NULL));
}

const char *
stage_state(void)
{
	return (state_path);
}

/* Walk the lines that begin so; the request of number ${index}. */
static size_t
walk(const char *prefix, size_t index, char *ret_request, size_t size)
{
	char *text = process_read_file(state_path, NULL);
	size_t found = 0, length = strlen(prefix);
	char *line, *next;

	assert_non_null(text);
	for (line = text; *line != '\0'; line = next) {
		next = strchr(line, '\n');
		assert_non_null(next);
		*next++ = '\0';
		if (strncmp(line, prefix, length) != 0)
			continue;
		if (found++ == index && ret_request != NULL)
			(void)snprintf(ret_request, size, "%s", line + length);
	}
	free(text);
	return (found);
}

size_t
stage_lines(const char *prefix)
{
	return (walk(prefix, 0, NULL, 0));
}

void
stage_request(const char *prefix, size_t index, char *ret_request, size_t size)
{
	assert_in_range(index + 1, 1, walk(prefix, index, ret_request, size));
}

void
stage_expect_log(struct server *server, unsigned way, unsigned place,
    const char *prefix, size_t index)
{
	char request[48], step[64];
	const char *line;

	(void)snprintf(step, sizeof(step), "%s%s",
	    place >= PLACE_READ ? "async of " : "",
	    places[place >= PLACE_READ ? PLACE_EXECUTE : place]);
	stage_request(prefix, index, request, sizeof(request));
	if (way >= WAY_COUNT) /* told twice: when it hangs, and when it dies */
		(void)server_log_wait(server, " in module faulty", LOG_MS);
	line = server_log_wait(server, "module faulty", LOG_MS);
	if (strstr(line, step) == NULL || strstr(line, request) == NULL)
		fail_msg("\"%s\" isn't of %s, request %s", line, step, request);
	/* A sanitizer makes an exit of most deaths. */
	if (!test_sanitized() && strstr(line, ways[way].told) == NULL)
		fail_msg("\"%s\" doesn't say %s", line, ways[way].told);
}

void
expect(struct client *client, int status, const char *body)
{
	struct response response;

	client_response(client, &response);
	if (response.status != status ||
	    (body != NULL && strcmp(response.body, body) != 0))
		fail_msg("got %d \"%.64s\", not %d \"%.64s\"", response.status,
		    response.body, status, body == NULL ? "" : body);
	response_free(&response);
}

void
expect_hello(struct client *client)
{
	client_send_text(client, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(client, 200, NULL);
}

void
expect_refusal(struct client *client)
{
	const char *connection;
	struct response r;

	client_response(client, &r);
	assert_int_equal(r.status, 502);
	connection = response_header(&r, "Connection");
	assert_non_null(connection);
	assert_string_equal(connection, "close");
	response_free(&r);
	expect_fin(client);
}

void
expect_fin(struct client *client)
{
	assert_int_equal(client_end(client, END_MS), CLIENT_FIN);
	assert_int_equal(client->length, 0);
	client_close(client);
}

void
bystanders_arrive(struct bystanders *all, const struct server *server)
{
	client_open(&all->idle, server);
	expect_hello(&all->idle);
	client_open(&all->half, server);
	client_send_text(&all->half, "GET /hel");
	client_open(&all->fresh, server);
	client_open(&all->lingering, server);
	client_send_text(&all->lingering, "GET / HTTP/1.1\r\n\r\n");
	expect(&all->lingering, 400, NULL);
	assert_int_equal(client_end(&all->lingering, END_MS), CLIENT_FIN);
}

void
bystanders_check(struct bystanders *all)
{
	int error = -1;
	socklen_t size = sizeof(error);

	assert_true(client_quiet(&all->idle, 0));
	expect_hello(&all->idle);
	client_close(&all->idle);
	client_send_text(&all->half, "lo HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(&all->half, 200, NULL);
	expect_hello(&all->half);
	client_close(&all->half);
	expect_hello(&all->fresh);
	client_close(&all->fresh);
	/* It has had its FIN; a reset on top of it would show here. */
	assert_int_equal(
	    getsockopt(all->lingering.fd, SOL_SOCKET, SO_ERROR, &error, &size),
	    0);
	assert_int_equal(error, 0);
	client_close(&all->lingering);
}

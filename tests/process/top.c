/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkheadctl top on a terminal: what is on the screen, and what keys do. The
 * terminal is tmux's, with a socket of its own.
 */
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	TOOL_MS = 10000,
	WAIT_MS = 15000,
};

struct terminal {
	char socket[128];
	char screen[16384]; /* when last looked at */
};

/* tmux with up to seven arguments; its output, to be freed. */
static int
tmux(const struct terminal *terminal, const char *const *arguments,
    struct process_result *ret_result)
{
	const char *argv[16] = { "tmux", "-f", "/dev/null", "-S",
		terminal->socket };
	size_t i;

	for (i = 0; i < 10 && arguments[i] != NULL; i++)
		argv[5 + i] = arguments[i];
	process_run(argv, TOOL_MS, ret_result);
	return (WEXITSTATUS(ret_result->status));
}

static void
tmux_do(const struct terminal *terminal, const char *const *arguments)
{
	struct process_result result;

	if (tmux(terminal, arguments, &result) != 0)
		fail_msg("tmux %s: %s", arguments[0], result.output);
	process_result_free(&result);
}
#define TMUX(terminal, ...) \
	tmux_do((terminal), (const char *const[]){ __VA_ARGS__, NULL })

static void
look(struct terminal *terminal)
{
	struct process_result result;

	assert_int_equal(
	    tmux(terminal, (const char *const[]){ "capture-pane", "-p", NULL },
		&result),
	    0);
	(void)snprintf(
	    terminal->screen, sizeof(terminal->screen), "%s", result.output);
	process_result_free(&result);
}

/* Until these words are on the screen, and those (or NULL) are not. */
static void
wait_screen(struct terminal *terminal, const char *words, const char * not )
{
	int64_t deadline = test_deadline(WAIT_MS);

	for (;;) {
		look(terminal);
		if (strstr(terminal->screen, words) != NULL &&
		    (not == NULL || strstr(terminal->screen, not ) == NULL))
			return;
		if (test_left_ms(deadline) == 0)
			fail_msg("no '%s' on the screen:\n%s", words,
			    terminal->screen);
		test_sleep_ms(50);
	}
}

static void
open_top(struct terminal *terminal, const struct server *server)
{
	char command[PATH_MAX + 256], program[PATH_MAX];

	(void)snprintf(
	    terminal->socket, sizeof(terminal->socket), "%s/tmux", server->dir);
	process_program("bulkheadctl", program, sizeof(program));
	(void)snprintf(command, sizeof(command),
	    "TERM=screen %s --control %s top --interval 200ms", program,
	    server->control);
	TMUX(terminal, "new-session", "-d", "-x", "150", "-y", "24", command);
}

/* Its session ends with the program, and tmux's server with the session. */
static void
wait_closed(const struct terminal *terminal)
{
	int64_t deadline = test_deadline(WAIT_MS);
	struct process_result result;
	int status;

	do {
		status = tmux(terminal,
		    (const char *const[]){ "list-sessions", NULL }, &result);
		process_result_free(&result);
		if (status != 0)
			break;
		test_sleep_ms(50);
	} while (test_left_ms(deadline) > 0);
	assert_int_not_equal(status, 0);
	(void)remove(terminal->socket);
}

static void
need_terminals(void)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);
	bool have =
	    fd != -1 && unlockpt(fd) == 0 && access(ptsname(fd), F_OK) == 0;

	if (fd != -1)
		(void)close(fd);
	if (process_have("tmux") && have)
		return;
	print_message("there is no tmux, or no terminals (devpts)\n");
	skip();
}

static void
shows_workers_modules_and_requests(void **state)
{
	struct server *server;
	struct terminal terminal;
	struct client busy;

	(void)state;
	need_terminals();
	server = server_start("-w", "2", "-m", "hello", "-m", "echo", NULL);
	client_open(&busy, server);
	/* Whose body never comes: it ends when we go. */
	client_send_text(&busy, "POST /echo?q=1 HTTP/1.1\r\nHost: a\r\n"
				"Content-Length: 10\r\n\r\n");
	open_top(&terminal, server);
	wait_screen(&terminal, "serving", NULL);
	assert_non_null(strstr(terminal.screen, "bulkhead " BULKHEAD_VERSION));
	assert_non_null(strstr(terminal.screen, "latency"));
	assert_non_null(strstr(terminal.screen, "by req/s, each 0.2 s"));
	wait_screen(&terminal, "1 in flight, of these 1 parked", NULL);
	TMUX(&terminal, "send-keys", "r");
	wait_screen(&terminal, "POST /echo?q=1", NULL);
	assert_non_null(strstr(terminal.screen, "reading body"));
	TMUX(&terminal, "send-keys", "m");
	wait_screen(&terminal, "calls/s", "POST /echo");
	TMUX(&terminal, "send-keys", ">");
	wait_screen(&terminal, "by errors", NULL);
	TMUX(&terminal, "send-keys", "?");
	wait_screen(&terminal, "sort by another column", NULL);
	TMUX(&terminal, "send-keys", "w");
	wait_screen(&terminal, "incarnation", "sort by another column");
	TMUX(&terminal, "send-keys", "p");
	wait_screen(&terminal, "PAUSED", NULL);
	/* A smaller terminal: lines are cut, nothing is drawn beyond. */
	TMUX(&terminal, "resize-window", "-x", "60", "-y", "9");
	wait_screen(&terminal, "worker  pool", "doing");
	TMUX(&terminal, "send-keys", "q");
	wait_closed(&terminal);
	client_close(&busy);
	server_stop(server);
}

static void
says_when_the_server_has_gone(void **state)
{
	struct server *server;
	struct terminal terminal;

	(void)state;
	need_terminals();
	server = server_start("-w", "1", "-m", "hello", NULL);
	open_top(&terminal, server);
	wait_screen(&terminal, "serving", NULL);
	assert_int_equal(kill(server->pid, SIGTERM), 0);
	wait_screen(&terminal, "no server at", NULL);
	assert_non_null(strstr(terminal.screen, "serving")); /* as it was */
	TMUX(&terminal, "send-keys", "q");
	wait_closed(&terminal);
	server_ended(server);
}

static const struct CMUnitTest tests[] = {
	PROCESS_TEST(shows_workers_modules_and_requests),
	PROCESS_TEST(says_when_the_server_has_gone),
};

int
main(int argc, char **argv)
{
	return (RUN_TESTS(argc, argv, tests));
}

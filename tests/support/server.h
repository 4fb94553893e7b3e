/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real server under test, on a port of its own choice, with its log in a
 * file. A test ends with server_stop(), which checks that it ended as it
 * should; server_teardown() cleans up after a test that didn't get that far,
 * and shows the log.
 */
#ifndef TESTS_SUPPORT_SERVER_H
#define TESTS_SUPPORT_SERVER_H

#include "tests/support/test.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	SERVER_READY_MS = 10000,
	SERVER_STOP_MS = 10000,
	SERVER_WORKERS_MAX = 16,
};

struct server {
	struct server *next; /* of those that run */
	pid_t pid;           /* 0: ended */
	uint16_t port;
	char dir[64];
	char control[96];
	char log_path[96];
	size_t log_mark;     /* server_log_find() looks from here on */
	char line[4096];     /* the last line that it found */
	bool crash_expected; /* sanitizers may report in the log */
};

/*
 * server_start(option...): start bulkhead with these options (up to NULL)
 * beyond -l, --control and -o (spares=0, state-dir=<dir>/state; the test's own
 * -o go behind), and wait until it is ready. Fails the test when
 * it isn't in time.
 */
struct server *server_start(const char *option, ...) __attribute__((sentinel));

/*
 * server_start_file(text): start bulkhead with --control and -c, a file with
 * this text. server_write_file(server, text): another text for its next reload.
 */
struct server *server_start_file(const char *text);
void server_write_file(const struct server *server, const char *text);

/*
 * server_start_by(script, option...): the same, by bash: ${script} makes what
 * the server inherits and ends with exec "$@".
 */
struct server *server_start_by(const char *script, const char *option, ...)
    __attribute__((sentinel));

/*
 * server_make(): a folder and nothing that runs in it yet.
 * server_file(server, name, format...): write a file of that folder; a file
 * that is there is replaced at once, as by mv(1).
 * server_path(server, name): its path, until the next call but three.
 * server_launch(server, option...): bulkhead with --control and these options
 * only; waits until it is ready.
 */
struct server *server_make(void);
void server_file(const struct server *server, const char *name,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
const char *server_path(const struct server *server, const char *name);
void server_launch(struct server *server, const char *option, ...)
    __attribute__((sentinel));

/*
 * server_stop(server): SIGTERM; it must exit 0 in time, leave no process of
 * it and no sanitizer's report in its log. Frees ${server}.
 */
void server_stop(struct server *server);

/*
 * server_ended(server): the same checks for one that has been told to end
 * already; server_ended_with() expects a wait status other than "exit 0".
 */
void server_ended(struct server *server);
void server_ended_with(struct server *server, int wait_status);

/*
 * server_log_wait(server, text, timeout_ms): wait until a line that holds
 * ${text} is in the log, beyond what was looked at before; returns the line
 * (valid until the next call) and goes on behind it. Fails the test when
 * there is none in time. server_log_find() looks once and may answer NULL.
 */
const char *server_log_wait(
    struct server *server, const char *text, int64_t timeout_ms);
const char *server_log_find(struct server *server, const char *text);

/* server_log_skip(server): go on behind everything that is there now. */
void server_log_skip(struct server *server);

/* server_workers(server, ret_pids): its workers' pids now; how many. */
size_t server_workers(
    struct server *server, pid_t ret_pids[static SERVER_WORKERS_MAX]);

/* server_teardown(state): for PROCESS_TEST. */
int server_teardown(void **state);

/*
 * server_module(name, ret_path, size): path of the test module
 * tests/modules/<name>.c.
 */
void server_module(const char *name, char *ret_path, size_t size);

/*
 * server_put_module(server, from, name, other_build):
 * Put the file ${from} into the server's folder under that name, as mv(1)
 * does it. ${other_build}: with another build id.
 */
void server_put_module(struct server *server, const char *from,
    const char *name, bool other_build);

#endif

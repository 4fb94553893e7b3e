/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real server under test.
 */
#include "tests/support/server.h"

#include "tests/support/process.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	LOG_STEP_MS = 2,
	LEFT_BEHIND_MS = 2000,
	DUMP_BYTES = 16384, /* of a log's end */
};

static struct server *running;

static int
remove_entry(
    const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	(void)remove(path);
	return (0);
}

/* The socket and whatever else the server made in its folder. */
static void
remove_dir(const char *dir)
{
	(void)nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void
forget(struct server *server)
{
	struct server **at;

	for (at = &running; *at != NULL; at = &(*at)->next)
		if (*at == server) {
			*at = server->next;
			break;
		}
	remove_dir(server->dir);
	free(server);
}

static void
dump_log(const struct server *server)
{
	char *log, *from;
	size_t length;

	log = process_read_file(server->log_path, &length);
	if (log == NULL)
		return;
	from = length > DUMP_BYTES ? log + length - DUMP_BYTES : log;
	print_error("---- log of pid %d\n", (int)server->pid);
	(void)fwrite(from, 1, length - (size_t)(from - log), stderr);
	print_error("---- end of log\n");
	free(log);
}

const char *
server_log_find(struct server *server, const char *text)
{
	char *end, *found, *log, *start;
	const char *line = NULL;
	size_t length;

	log = process_read_file(server->log_path, &length);
	if (log == NULL)
		fail_msg("%s is gone", server->log_path);
	found = server->log_mark < length ? strstr(log + server->log_mark, text)
					  : NULL;
	end = found != NULL ? strchr(found, '\n') : NULL;
	if (end != NULL) { /* a whole line */
		for (start = found; start > log && start[-1] != '\n';)
			start--;
		(void)snprintf(server->line, sizeof(server->line), "%.*s",
		    (int)(end - start), start);
		server->log_mark = (size_t)(end + 1 - log);
		line = server->line;
	}
	free(log);
	return (line);
}

void
server_log_skip(struct server *server)
{
	free(process_read_file(server->log_path, &server->log_mark));
}

const char *
server_log_wait(struct server *server, const char *text, int64_t timeout_ms)
{
	const char *line;
	int64_t deadline;

	deadline = test_deadline(timeout_ms);
	while ((line = server_log_find(server, text)) == NULL) {
		if (test_left_ms(deadline) == 0)
			fail_msg("no line with \"%s\" in the log", text);
		if (server->pid != 0 && kill(server->pid, 0) == -1)
			fail_msg("the server is gone");
		test_sleep_ms(LOG_STEP_MS);
	}
	return (line);
}

/* Wait for "ready"; an exit before it fails at once. */
static void
wait_ready(struct server *server)
{
	static const char listening[] = "listening on 127.0.0.1:";
	int64_t deadline;
	const char *line;
	int status;

	deadline = test_deadline(SERVER_READY_MS);
	while ((line = server_log_find(server, listening)) == NULL) {
		if (waitpid(server->pid, &status, WNOHANG) == server->pid) {
			dump_log(server);
			server->pid = 0;
			fail_msg("bulkhead ended while starting, status %#x",
			    (unsigned)status);
		}
		if (test_left_ms(deadline) == 0)
			fail_msg("bulkhead doesn't listen");
		test_sleep_ms(LOG_STEP_MS);
	}
	if (sscanf(strstr(line, listening) + strlen(listening), "%hu",
		&server->port) != 1)
		fail_msg("no port in: %s", line);
	(void)server_log_wait(server, "<6>bulkhead: ready", SERVER_READY_MS);
}

struct server *
server_make(void)
{
	struct server *server = calloc(1, sizeof(*server));

	assert_non_null(server);
	(void)snprintf(
	    server->dir, sizeof(server->dir), "/tmp/bulkhead-test-XXXXXX");
	if (mkdtemp(server->dir) == NULL)
		fail_msg("%s: %s", server->dir, strerror(errno));
	(void)snprintf(server->control, sizeof(server->control),
	    "%s/control.sock", server->dir);
	(void)snprintf(
	    server->log_path, sizeof(server->log_path), "%s/log", server->dir);
	server->next = running;
	running = server;
	return (server);
}

/* Append them to ${argv}, which has ${n}, up to NULL. */
static void
add_options(const char **argv, size_t n, const char *option, va_list options)
{
	for (; option != NULL && n < PROCESS_ARGUMENTS_MAX - 1;
	     option = va_arg(options, const char *))
		argv[n++] = option;
}

static struct server *
start(const char *script, const char *option, va_list options)
{
	const char *argv[PROCESS_ARGUMENTS_MAX] = { NULL };
	struct server *server = server_make();
	char program[PATH_MAX], state[96];
	size_t n = 0;

	(void)snprintf(state, sizeof(state), "state-dir=%s/state", server->dir);
	process_program("bulkhead", program, sizeof(program));
	if (script != NULL) {
		argv[n++] = "bash";
		argv[n++] = "-c";
		argv[n++] = script;
		argv[n++] = "bash";
	}
	argv[n++] = program;
	argv[n++] = "-l";
	argv[n++] = "127.0.0.1:0";
	argv[n++] = "--control";
	argv[n++] = server->control;
	argv[n++] = "-o";
	argv[n++] = "spares=0"; /* a test that wants one asks for it */
	argv[n++] = "-o";
	argv[n++] = state;
	add_options(argv, n, option, options);
	server->pid = process_spawn(argv, server->log_path);
	wait_ready(server);
	return (server);
}

void
server_launch(struct server *server, const char *option, ...)
{
	const char *argv[PROCESS_ARGUMENTS_MAX] = { NULL };
	char program[PATH_MAX];
	va_list options;

	process_program("bulkhead", program, sizeof(program));
	argv[0] = program;
	argv[1] = "--control";
	argv[2] = server->control;
	va_start(options, option);
	add_options(argv, 3, option, options);
	va_end(options);
	server->pid = process_spawn(argv, server->log_path);
	wait_ready(server);
}

const char *
server_path(const struct server *server, const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	(void)snprintf(path, PATH_MAX, "%s/%s", server->dir, name);
	return (path);
}

void
server_file(
    const struct server *server, const char *name, const char *format, ...)
{
	const char *path = server_path(server, name);
	const char *draft = server_path(server, "draft");
	FILE *file = fopen(draft, "we");
	va_list arguments;

	assert_non_null(file);
	va_start(arguments, format);
	assert_true(vfprintf(file, format, arguments) >= 0);
	va_end(arguments);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename(draft, path), 0);
}

void
server_write_file(const struct server *server, const char *text)
{
	/* Crash reports go where the test's other files are. */
	server_file(server, "bulkhead.conf", "%s\nstate-dir = \"%s/state\"\n",
	    text, server->dir);
}

struct server *
server_start_file(const char *text)
{
	struct server *server = server_make();

	server_write_file(server, text);
	server_launch(server, "-c", server_path(server, "bulkhead.conf"), NULL);
	return (server);
}

struct server *
server_start(const char *option, ...)
{
	struct server *server;
	va_list options;

	va_start(options, option);
	server = start(NULL, option, options);
	va_end(options);
	return (server);
}

struct server *
server_start_by(const char *script, const char *option, ...)
{
	struct server *server;
	va_list options;

	va_start(options, option);
	server = start(script, option, options);
	va_end(options);
	return (server);
}

size_t
server_workers(struct server *server, pid_t ret_pids[static SERVER_WORKERS_MAX])
{
	/* The kernel keeps the first 15 bytes: "bulkhead-worker". */
	return (process_children(
	    server->pid, "bulkhead-worker", ret_pids, SERVER_WORKERS_MAX));
}

/* What ran under a master that has ended is our child now, by its name. */
static size_t
left_behind(pid_t *ret_pids)
{
	return (process_children(
	    getpid(), "bulkhead", ret_pids, SERVER_WORKERS_MAX));
}

static void
reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
}

/* Nothing of the server may outlive it, or not for long. */
static void
check_nothing_left(void)
{
	pid_t left[SERVER_WORKERS_MAX];
	const struct server *other;
	int64_t deadline;
	size_t count, expected = 0;

	for (other = running; other != NULL; other = other->next)
		expected += other->pid != 0;
	deadline = test_deadline(LEFT_BEHIND_MS);
	while ((count = left_behind(left)) > expected) {
		if (test_left_ms(deadline) == 0)
			fail_msg("%zu processes outlived their master",
			    count - expected);
		test_sleep_ms(LOG_STEP_MS);
	}
	if (expected == 0)
		reap();
}

static void
check_log(const struct server *server)
{
	static const char *const reports[] = {
		"ERROR: AddressSanitizer",
		"ERROR: LeakSanitizer",
		"WARNING: ThreadSanitizer",
		": runtime error: ",
	};
	char *log;
	size_t i;

	log = process_read_file(server->log_path, NULL);
	assert_non_null(log);
	for (i = 0; i < sizeof(reports) / sizeof(reports[0]); i++)
		if (strstr(log, reports[i]) != NULL) {
			free(log);
			fail_msg("the log has a report: %s", reports[i]);
		}
	free(log);
}

void
server_ended_with(struct server *server, int wait_status)
{
	int status;

	if (!process_wait(server->pid, SERVER_STOP_MS, &status))
		fail_msg("bulkhead doesn't end");
	server->pid = 0;
	if (status != wait_status)
		fail_msg("bulkhead ended with wait status %#x, not %#x",
		    (unsigned)status, (unsigned)wait_status);
	check_nothing_left();
	if (!server->crash_expected)
		check_log(server);
	forget(server);
}

void
server_ended(struct server *server)
{
	server_ended_with(server, 0);
}

void
server_stop(struct server *server)
{
	if (kill(server->pid, SIGTERM) == -1)
		fail_msg("SIGTERM: %s", strerror(errno));
	server_ended(server);
}

/*
 * Workers are in process groups of their own, and a master that lives starts
 * new ones: so it goes first, and they become our children.
 */
static void
kill_all(void)
{
	pid_t left[SERVER_WORKERS_MAX];
	struct server *server;
	int64_t deadline;
	size_t count, i;

	for (server = running; server != NULL; server = server->next)
		if (server->pid != 0)
			(void)kill(server->pid, SIGKILL);
	deadline = test_deadline(LEFT_BEHIND_MS);
	while ((count = left_behind(left)) > 0 && test_left_ms(deadline) > 0) {
		for (i = 0; i < count; i++)
			(void)kill(left[i], SIGKILL);
		reap();
		test_sleep_ms(LOG_STEP_MS);
	}
}

int
server_teardown(void **state)
{
	pid_t left;

	(void)state;
	/* A test that went well has stopped its servers. */
	if (running == NULL && left_behind(&left) == 0)
		return (0);
	kill_all();
	while (running != NULL) {
		dump_log(running);
		forget(running);
	}
	return (0);
}

void
server_module(const char *name, char *ret_path, size_t size)
{
	char relative[128];

	(void)snprintf(relative, sizeof(relative), "tests/modules/%s.so", name);
	process_build_path(relative, ret_path, size);
}

void
server_put_module(
    struct server *server, const char *from, const char *name, bool other_build)
{
	/* The head of the linker's note; the id follows. */
	static const char note[] = "\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU";
	const char *draft = server_path(server, "draft");
	size_t length;
	char *bytes = process_read_file(from, &length), *at;
	FILE *file = fopen(draft, "we");

	assert_non_null(bytes);
	assert_non_null(file);
	if (other_build) {
		at = memmem(bytes, length, note, sizeof(note));
		assert_non_null(at);
		at[sizeof(note)] ^= 1;
	}
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename(draft, server_path(server, name)), 0);
	free(bytes);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server that a file configures: pools and listeners, sites, secrets, and
 * the file read again.
 */
#include "tests/support/client.h"
#include "tests/support/ctl.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	SOON_MS = 10000,
};

/* GET a target of a host; the body, or "" unless ${status} is its status. */
static void
expect(const struct server *server, const char *host, const char *target,
    int status, const char *body)
{
	struct response response;
	char request[512];

	(void)snprintf(request, sizeof(request),
	    "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", target,
	    host);
	client_exchange(server, request, &response);
	if (response.status != status ||
	    (body != NULL && strcmp(response.body, body) != 0))
		fail_msg("%s%s: %d %s", host, target, response.status,
		    response.body);
	response_free(&response);
}

static void
expect_location(const struct server *server, const char *host,
    const char *target, int status, const char *location)
{
	struct response response;
	char request[512];

	(void)snprintf(request, sizeof(request),
	    "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, host);
	client_exchange(server, request, &response);
	assert_int_equal(response.status, status);
	assert_string_equal(response_header(&response, "Location"), location);
	response_free(&response);
}

static void
serves_sites(void **state)
{
	static const char text[] =
	    "listen \"127.0.0.1:0\" { }\n"
	    "pool main { workers = 1 spares = 0 strict-hosts = on\n"
	    "  module one { file = hello settings { text = one path = /x } }\n"
	    "  module two { file = hello settings { text = two path = /x } }\n"
	    "  module echo { }\n"
	    "}\n"
	    "site first { hosts = { \"a.test\", \"*.b.test\" }\n"
	    "  modules = { one, echo } body-max = 4\n"
	    "  path /gone { deny = 410 }\n"
	    "  path /old { redirect = \"301 http://a.test$target\" }\n"
	    "}\n"
	    "site second { hosts = \"www.b.test\" modules = two\n"
	    "  path /echo { modules = echo body-max = 1k } }\n";
	struct server *server = server_start_file(text);
	struct response response;

	(void)state;
	expect(server, "a.test", "/x", 200, "one");
	expect(server, "A.TEST:80", "/x", 200, "one");
	expect(server, "q.b.test", "/x", 200, "one");
	expect(server, "www.b.test.", "/x", 200, "two");
	expect(server, "c.test", "/x", 421, NULL);
	expect(server, "a.test", "/gone", 410, "410 Gone\n");
	expect(server, "a.test", "//g%6fne/x", 410, NULL);
	expect(server, "a.test", "/gonex", 404, NULL);
	expect_location(
	    server, "a.test", "/old/x?y=z", 301, "http://a.test/old/x?y=z");
	/* A module that the rule doesn't name isn't there. */
	expect(server, "www.b.test", "/echo", 405, NULL);
	expect(server, "www.b.test", "/echo/../x", 404, NULL);
	client_exchange(server,
	    "POST /echo HTTP/1.1\r\nHost: a.test\r\n"
	    "Content-Length: 5\r\n\r\nhello",
	    &response);
	assert_int_equal(response.status, 413);
	response_free(&response);
	client_exchange(server,
	    "POST /echo HTTP/1.1\r\nHost: www.b.test\r\n"
	    "Content-Length: 5\r\n\r\nhello",
	    &response);
	assert_int_equal(response.status, 200);
	assert_string_equal(response.body, "hello");
	response_free(&response);
	server_stop(server);
}

static void
serves_pools_at_their_addresses(void **state)
{
	static const char text[] =
	    "listen \"127.0.0.1:0\" { pool = one }\n"
	    "listen \"127.0.0.2:0\" { pool = two }\n"
	    "pool one { workers = 1 spares = 0\n"
	    "  module hello { settings { path = / text = first } } }\n"
	    "pool two { workers = 1 spares = 0\n"
	    "  module hello { settings { path = / text = second } } }\n"
	    "site x { pool = two hosts = x deny = 403 }\n";
	struct server *server = server_start_file(text);
	struct process_result result;
	char url[96];
	const char *const argv[] = { "curl", "-s", "--max-time", "10", url,
		NULL };
	unsigned port = 0;

	(void)state;
	expect(server, "x", "/", 200, "first");
	server->log_mark = 0;
	assert_int_equal(sscanf(strstr(server_log_wait(server,
					   "listening on 127.0.0.2:", SOON_MS),
				    "127.0.0.2:"),
			     "127.0.0.2:%u", &port),
	    1);
	(void)snprintf(url, sizeof(url), "http://127.0.0.2:%u/", port);
	process_run(argv, SOON_MS, &result);
	assert_string_equal(result.output, "second");
	process_result_free(&result);
	server_stop(server);
}

/* One pool with a text to answer with. */
static const char *
with_text(const char *text)
{
	static char file[512];

	(void)snprintf(file, sizeof(file),
	    "listen \"127.0.0.1:0\" { }\n"
	    "pool main { workers = 1 spares = 0\n"
	    "  module hello { settings { path = / text = %s } } }\n",
	    text);
	return (file);
}

static void
reads_the_file_again(void **state)
{
	struct server *server = server_start_file(with_text("before"));
	uint16_t port;

	(void)state;
	expect(server, "x", "/", 200, "before");
	/* What is wrong is told, and nothing changes. */
	server_write_file(server, with_text("after wrokers = 2"));
	ctl_expect(
	    server, "reload", NULL, 1, "setting 'wrokers' is not known to it");
	expect(server, "x", "/", 200, "before");
	server_write_file(server, "pool main { spares = 99 module hello { } }");
	ctl_expect(server, "reload", NULL, 1,
	    "bulkhead.conf:1: spares can't be '99'; write a number, from 0 to "
	    "16");
	expect(server, "x", "/", 200, "before");
	/* The same address: the port stays what it was. */
	server_write_file(server, with_text("after"));
	port = server->port;
	ctl_expect(server, "reload", NULL, 0, "serves");
	assert_int_equal(server->port, port);
	expect(server, "x", "/", 200, "after");
	server_stop(server);
}

/* Fail if a file has the secret. */
static void
assert_silent(const char *path, const char *secret)
{
	size_t length;
	char *bytes = process_read_file(path, &length);

	if (bytes != NULL && memmem(bytes, length, secret, strlen(secret)))
		fail_msg("the secret stands in %s", path);
	free(bytes);
}

/* The report of the death that was: whole, as it lies there. */
static void
assert_reports_silent(const struct server *server, const char *secret)
{
	char pattern[PATH_MAX];
	int64_t deadline = test_deadline(SOON_MS);
	glob_t found;

	(void)snprintf(
	    pattern, sizeof(pattern), "%s/state/crashes/*.json", server->dir);
	while (glob(pattern, 0, NULL, &found) != 0) {
		if (test_left_ms(deadline) == 0)
			fail_msg("no report: %s", pattern);
		test_sleep_ms(5);
	}
	assert_silent(found.gl_pathv[0], secret);
	globfree(&found);
}

static void
keeps_secrets(void **state)
{
	static const char secret[] = "correct-horse-battery";
	char path[] = "/tmp/bulkhead-secret-XXXXXX";
	char text[512], proc[64];
	pid_t workers[SERVER_WORKERS_MAX];
	struct process_result result;
	struct server *server;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(dprintf(fd, "%s\n", secret), sizeof(secret));
	assert_int_equal(close(fd), 0);
	(void)snprintf(text, sizeof(text),
	    "log-level = debug\nlisten \"127.0.0.1:0\" { }\n"
	    "pool main { workers = 1 spares = 1 module hello {\n"
	    "  settings { path = / } secrets { text = \"%s\" } } }\n",
	    path);
	server = server_start_file(text);
	assert_int_equal(unlink(path), 0);
	expect(server, "x", "/", 200, secret);
	/* The spare needn't be there when the server is ready. */
	while (server_workers(server, workers) < 2)
		test_sleep_ms(5);
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(
		    proc, sizeof(proc), "/proc/%d/cmdline", (int)workers[i]);
		assert_silent(proc, secret);
		(void)snprintf(
		    proc, sizeof(proc), "/proc/%d/environ", (int)workers[i]);
		assert_silent(proc, secret);
	}
	(void)snprintf(
	    proc, sizeof(proc), "/proc/%d/cmdline", (int)server->pid);
	assert_silent(proc, secret);
	server->crash_expected = true;
	assert_int_equal(kill(workers[0], SIGKILL), 0);
	(void)server_log_wait(server, "killed by SIGKILL", SOON_MS);
	assert_reports_silent(server, secret);
	(void)ctl_run(server, "status", "--json", &result);
	assert_non_null(strstr(result.output, "hello"));
	assert_null(strstr(result.output, secret));
	process_result_free(&result);
	/* The file is gone: a reload says so, without what it had. */
	ctl_expect(server, "reload", NULL, 1, "No such file or directory");
	expect(server, "x", "/", 200, secret);
	assert_silent(server->log_path, secret);
	server_stop(server);
}

static void
checks_a_file(void **state)
{
	char path[] = "/tmp/bulkhead-conf-XXXXXX", program[PATH_MAX];
	const char *const argv[] = { program, "-t", "-c", path, NULL };
	struct process_result result;
	int fd = mkstemp(path);

	(void)state;
	process_program("bulkhead", program, sizeof(program));
	assert_true(fd >= 0);
	assert_true(dprintf(fd, "pool main { module hello {\n"
				" settings { colour = red } } }\n") > 0);
	process_run(argv, SOON_MS, &result);
	assert_int_equal(WEXITSTATUS(result.status), 1);
	assert_non_null(
	    strstr(result.output, "setting 'colour' is not known to it"));
	process_result_free(&result);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_true(dprintf(fd, "x = 1\npool main {\n") > 0);
	process_run(argv, SOON_MS, &result);
	assert_int_equal(WEXITSTATUS(result.status), 2);
	assert_non_null(strstr(result.output, ":1: x: there is no such"));
	assert_non_null(strstr(result.output, "pool \"main\" isn't closed"));
	process_result_free(&result);
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(serves_sites),
		PROCESS_TEST(serves_pools_at_their_addresses),
		PROCESS_TEST(reads_the_file_again),
		PROCESS_TEST(keeps_secrets),
		PROCESS_TEST(checks_a_file),
	};

	return (RUN_TESTS(argc, argv, tests));
}

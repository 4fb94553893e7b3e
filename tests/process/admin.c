/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkhead-admin: what it answers, to whom, and that the server doesn't care
 * what becomes of it.
 */
#include "tests/support/admin.h"
#include "tests/support/ctl.h"
#include "tests/support/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define ADMIN     "-o", "admin=127.0.0.1:0"

enum {
	LONG_MS = 20000,
	LOADED = 64, /* as many connections as it takes */
};

static const char *
trouble(void)
{
	static char path[256];

	server_module("trouble", path, sizeof(path));
	return (path);
}

/* OpenMetrics allows no family to come twice. */
static void
expect_families_once(char *metrics)
{
	char *line, *other, *rest = metrics;

	while ((line = strstr(rest, "# TYPE ")) != NULL) {
		rest = line + strcspn(line, "\n");
		assert_int_equal(*rest, '\n');
		*rest++ = '\0';
		other = strstr(rest, line);
		if (other != NULL && other[strlen(line)] == '\n')
			fail_msg("twice: %s", line);
	}
}

static void
every_endpoint_answers(void **state)
{
	static const char *const objects[] = { "/api/status", "/api/stats",
		"/api/history", "/api/state" };
	static const char *const arrays[] = { "/api/workers", "/api/modules",
		"/api/requests", "/api/completions", "/api/crashes" };
	struct server *server = server_start("-m", "hello", ADMIN, NULL);
	struct server admin;
	struct response r;
	json_t *value;

	(void)state;
	admin_of(server, &admin);
	client_expect_get(&admin, "/health", 200, "ok\n");
	admin_wait(&admin, "/ready", 200, "ready\n", LONG_MS);
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		value = admin_json(&admin, objects[i]);
		assert_true(json_is_object(value));
		json_decref(value);
	}
	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
		value = admin_json(&admin, arrays[i]);
		assert_true(json_is_array(value));
		json_decref(value);
	}
	client_expect_get(&admin, "/api/crashes/none", 404, NULL);
	client_expect_get(&admin, "/nothing", 404, NULL);

	client_get(&admin, "/metrics", &r);
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(response_header(&r, "Content-Type"),
	    "application/openmetrics-text"));
	assert_string_equal(r.body + r.body_bytes - 6, "# EOF\n");
	expect_families_once(r.body);
	response_free(&r);

	client_get(&admin, "/text", &r);
	assert_int_equal(r.status, 200);
	assert_non_null(response_header(&r, "Refresh"));
	assert_non_null(strstr(r.body, "serving"));
	response_free(&r);
	server_stop(server);
}

/* Whatever the page needs is in it, and its policy allows nothing else. */
static void
the_page_is_whole_and_locked(void **state)
{
	struct server *server = server_start("-m", "hello", ADMIN, NULL);
	struct server admin;
	struct response r;
	const char *policy;

	(void)state;
	admin_of(server, &admin);
	client_get(&admin, "/", &r);
	assert_int_equal(r.status, 200);
	policy = response_header(&r, "Content-Security-Policy");
	assert_non_null(policy);
	assert_non_null(strstr(policy, "default-src 'none'"));
	assert_non_null(strstr(policy, "script-src 'sha256-"));
	assert_null(strstr(policy, "unsafe"));
	assert_string_equal(
	    response_header(&r, "X-Content-Type-Options"), "nosniff");
	assert_null(strstr(r.body, "src=\"http"));
	assert_null(strstr(r.body, "href=\"http"));
	assert_null(strstr(r.body, " style=\""));
	assert_null(strstr(r.body, " onclick="));
	response_free(&r);
	server_stop(server);
}

static void
figures_are_those_of_the_server(void **state)
{
	struct server *server =
	    server_start("-w", "2", "-m", "hello", ADMIN, NULL);
	struct server admin;
	json_t *value;

	(void)state;
	admin_of(server, &admin);
	for (int i = 0; i < 7; i++)
		client_expect_get(server, "/hello", 200, NULL);
	admin_wait(
	    &admin, "/metrics", 200, "\nbulkhead_requests_total 7\n", LONG_MS);
	admin_wait(&admin, "/api/status", 200, "\"requests\": 7,", LONG_MS);
	value = admin_json(&admin, "/api/history?since=0");
	assert_true(json_array_size(json_object_get(value, "time_ms")) >= 1);
	assert_non_null(json_object_get(
	    json_object_get(json_object_get(value, "modules"), "hello"),
	    "p99_us"));
	json_decref(value);
	server_stop(server);
}

static void
expect(const struct server *admin, const char *request, int status)
{
	struct response r;

	client_exchange(admin, request, &r);
	if (r.status != status)
		fail_msg("%d, not %d, to: %s", r.status, status, request);
	response_free(&r);
}

static void
strangers_are_refused(void **state)
{
	struct server *server = server_start("-m", "hello", ADMIN, NULL);
	struct client client;
	struct server admin;
	struct response r;
	char *head;

	(void)state;
	admin_of(server, &admin);
	expect(&admin,
	    "POST / HTTP/1.1\r\nHost: localhost\r\n"
	    "Content-Length: 2\r\n\r\nab",
	    405);
	expect(&admin,
	    "DELETE /api/crashes HTTP/1.1\r\nHost: localhost\r\n\r\n", 405);
	expect(&admin,
	    "GET / HTTP/1.1\r\nHost: localhost\r\n"
	    "Content-Length: 2\r\n\r\nab",
	    400);
	expect(&admin, "GET / HTTP/1.1\r\nHost: rebound.example\r\n\r\n", 421);
	expect(
	    &admin, "GET / HTTP/1.1\r\nHost: 127.0.0.1.example\r\n\r\n", 421);
	expect(&admin, "GET /health HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 200);
	expect(&admin, "GET /health HTTP/1.0\r\n\r\n", 200);

	client_open(&client, &admin);
	client_send_text(
	    &client, "HEAD /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n");
	client_head_response(&client, &r);
	assert_int_equal(r.status, 200);
	assert_int_equal(r.body_bytes, 0);
	response_free(&r);
	client_close(&client);

	head = malloc(70000);
	assert_non_null(head);
	memset(head, 'a', 70000);
	memcpy(head, "GET / HTTP/1.1\r\nX: ", 19);
	client_open(&client, &admin);
	(void)client_try_send(&client, head, 70000);
	assert_true(client_end(&client, LONG_MS) != CLIENT_OPEN);
	client_close(&client);
	free(head);
	client_expect_get(&admin, "/health", 200, NULL);
	server_stop(server);
}

/* All its places are taken by clients that never get to the point. */
static void
slow_clients_dont_keep_others_out(void **state)
{
	struct server *server = server_start("-m", "hello", ADMIN, NULL);
	struct client clients[LOADED];
	struct server admin;

	(void)state;
	admin_of(server, &admin);
	for (size_t i = 0; i < LOADED; i++) {
		client_open(&clients[i], &admin);
		client_send_text(&clients[i], "GET / HTTP/1.1\r\nHost: loc");
	}
	/* A byte now and then must not help. */
	for (int round = 0; round < 4; round++) {
		test_sleep_ms(1000);
		for (size_t i = 0; i < LOADED; i++)
			(void)client_try_send(&clients[i], "a", 1);
	}
	admin_wait(&admin, "/health", 200, NULL, LONG_MS);
	for (size_t i = 0; i < LOADED; i++)
		client_close(&clients[i]);
	server_stop(server);
}

static void
its_death_is_nobodys(void **state)
{
	struct server *server = server_start("-m", "hello", ADMIN, NULL);
	struct client client;
	struct server admin;
	struct response r;
	pid_t pid;

	(void)state;
	server->crash_expected = true;
	admin_of(server, &admin);
	client_open(&client, server);
	for (int i = 0; i < 3; i++) {
		pid = admin_pid(server);
		assert_true(pid > 0);
		assert_int_equal(kill(pid, SIGSEGV), 0);
		(void)server_log_wait(server, "bulkhead-admin (pid ", LONG_MS);
		client_send_text(&client, GET("/hello"));
		client_response(&client, &r);
		assert_int_equal(r.status, 200);
		response_free(&r);
		admin_wait(&admin, "/ready", 200, NULL, LONG_MS);
		assert_int_not_equal(admin_pid(server), pid);
	}
	client_close(&client);
	server_stop(server);
}

static void
requests_in_flight_are_listed(void **state)
{
	struct server *server =
	    server_start("-w", "1", "-m", "delay", ADMIN, NULL);
	struct client client;
	struct server admin;
	struct response r;

	(void)state;
	admin_of(server, &admin);
	client_open(&client, server);
	client_send_text(&client, GET("/delay?ms=3000"));
	admin_wait(&admin, "/api/requests", 200,
	    "\"asks_for\": \"GET /delay?ms=3000\"", LONG_MS);
	client_response(&client, &r);
	response_free(&r);
	admin_wait(&admin, "/api/completions", 200,
	    "\"operation\": \"conn_received\"", LONG_MS);
	client_close(&client);
	server_stop(server);
}

static void
a_hanging_worker_is_shown(void **state)
{
	struct server *server = server_start("-w", "1", "-m", trouble(), "-o",
	    "hang-limit=60s", "-o", "drain-limit=200ms", ADMIN, NULL);
	struct client client;
	struct server admin;

	(void)state;
	admin_of(server, &admin);
	client_open(&client, server);
	client_send_text(&client, GET("/trouble/hang"));
	admin_wait(
	    &admin, "/api/status", 200, "\"step\": \"begin_request\"", LONG_MS);
	admin_wait(&admin, "/api/requests", 200, "GET /trouble/hang", LONG_MS);
	client_close(&client);
	server_stop(server);
}

static void
a_stopped_master_is_told(void **state)
{
	struct server *server = server_start("-m", "hello", ADMIN, NULL);
	struct server admin;

	(void)state;
	admin_of(server, &admin);
	admin_wait(&admin, "/health", 200, NULL, LONG_MS);
	assert_int_equal(kill(server->pid, SIGSTOP), 0);
	admin_wait(&admin, "/health", 503, "doesn't answer", LONG_MS);
	admin_wait(&admin, "/ready", 503, "doesn't answer", LONG_MS);
	admin_wait(&admin, "/api/state", 200, "\"stale\": true", LONG_MS);
	client_expect_get(&admin, "/api/status", 200, NULL);
	assert_int_equal(kill(server->pid, SIGCONT), 0);
	admin_wait(&admin, "/ready", 200, NULL, LONG_MS);
	server_stop(server);
}

static void
draining_is_not_ready(void **state)
{
	struct server *server = server_start("-m", "delay", ADMIN, NULL);
	struct client client;
	struct server admin;
	struct response r;

	(void)state;
	admin_of(server, &admin);
	admin_wait(&admin, "/ready", 200, NULL, LONG_MS);
	client_open(&client, server);
	client_send_text(&client, GET("/delay?ms=4000"));
	test_sleep_ms(200);
	assert_int_equal(kill(server->pid, SIGTERM), 0);
	admin_wait(&admin, "/ready", 503, "not ready: draining", LONG_MS);
	client_expect_get(&admin, "/health", 200, NULL);
	client_response(&client, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	client_close(&client);
	server_ended(server);
}

static void
crashes_are_named(void **state)
{
	struct server *server =
	    server_start("-w", "1", "-m", trouble(), ADMIN, NULL);
	json_t *list, *one;
	struct server admin;
	struct client client;
	char target[128];

	(void)state;
	server->crash_expected = true;
	admin_of(server, &admin);
	client_open(&client, server);
	client_send_text(&client, GET("/trouble/crash"));
	admin_wait(
	    &admin, "/api/crashes", 200, "\"module\": \"trouble\"", LONG_MS);
	client_close(&client);
	list = admin_json(&admin, "/api/crashes");
	one = json_array_get(list, 0);
	assert_null(json_object_get(one, "recorder"));
	(void)snprintf(target, sizeof(target), "/api/crashes/%s",
	    json_string_value(json_object_get(one, "id")));
	json_decref(list);
	one = admin_json(&admin, target);
	assert_true(json_array_size(json_object_get(one, "recorder")) > 0);
	assert_string_equal(json_string_value(json_object_get(
				json_object_get(one, "culprit"), "target")),
	    "/trouble/crash");
	json_decref(one);
	server_stop(server);
}

/* The value of a line of /proc/PID/status. */
static long
proc_value(pid_t pid, const char *key, int base)
{
	char path[64], *at, *text;
	size_t length;
	long value;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	text = process_read_file(path, &length);
	assert_non_null(text);
	at = strstr(text, key);
	assert_non_null(at);
	value = strtol(at + strlen(key), NULL, base);
	free(text);
	return (value);
}

static void
it_has_given_up_its_rights(void **state)
{
	struct server *server = server_start("-m", "hello", ADMIN, NULL);
	struct server admin;
	pid_t pid;

	(void)state;
	admin_of(server, &admin);
	client_expect_get(&admin, "/health", 200, NULL);
	pid = admin_pid(server);
	assert_true(pid > 0);
	assert_int_not_equal(proc_value(pid, "\nUid:", 10), 0);
	assert_int_equal(proc_value(pid, "\nNoNewPrivs:", 10), 1);
	assert_int_equal(proc_value(pid, "\nCapEff:", 16), 0);
	assert_int_equal(proc_value(pid, "\nCapPrm:", 16), 0);
	if (!test_sanitized())
		assert_int_equal(proc_value(pid, "\nSeccomp:", 10), 2);
	server_stop(server);
}

static void
a_unix_path_is_fine(void **state)
{
	struct server *server;
	struct process_result result;
	char folder[] = "/tmp/bulkhead-admin-XXXXXX", option[96], path[64];

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/page", folder);
	(void)snprintf(option, sizeof(option), "admin=unix:%s", path);
	server = server_start("-m", "hello", "-o", option, NULL);
	process_run(
	    (const char *const[]){ "curl", "-s", "-m", "10", "--retry", "3",
		"--unix-socket", path, "http://any.name/health", NULL },
	    LONG_MS, &result);
	assert_string_equal(result.output, "ok\n");
	process_result_free(&result);
	server_stop(server);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(rmdir(folder), 0);
}

static void
refuses_to_start(const char *option, const char *words)
{
	struct process_result result;
	char program[256];

	process_program("bulkhead", program, sizeof(program));
	process_run((const char *const[]){ program, "-t", "-m", "hello", "-l",
			"127.0.0.1:0", "-o", option, NULL },
	    LONG_MS, &result);
	if (result.status == 0 || strstr(result.output, words) == NULL)
		fail_msg("%s: %s", option, result.output);
	process_result_free(&result);
}

static void
a_bad_address_is_told(void **state)
{
	struct server *server = server_start("-m", "hello", ADMIN, NULL);
	struct process_result result;
	char program[256], option[64], control[160];
	struct server admin;

	(void)state;
	refuses_to_start("admin=0.0.0.0:9090", "can be reached from other");
	refuses_to_start("admin=:9090", "can be reached from other");
	refuses_to_start("admin=nonsense", "not an address");
	admin_of(server, &admin);
	(void)snprintf(
	    option, sizeof(option), "admin=127.0.0.1:%u", (unsigned)admin.port);
	(void)snprintf(control, sizeof(control), "%s.2", server->control);
	process_program("bulkhead", program, sizeof(program));
	process_run(
	    (const char *const[]){ program, "-m", "hello", "-l", "127.0.0.1:0",
		"--control", control, "-o", option, NULL },
	    LONG_MS, &result);
	assert_int_not_equal(result.status, 0);
	assert_non_null(strstr(result.output, "setting admin: "));
	assert_non_null(strstr(result.output, "in use"));
	process_result_free(&result);
	server_stop(server);
}

static void
write_file(const char *path, const char *admin)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	if (admin != NULL)
		(void)fprintf(file, "admin = \"%s\"\n", admin);
	(void)fprintf(file, "state-dir = \"\"\n"
			    "listen \"127.0.0.1:0\" {}\n"
			    "pool main {\n\tmodule hello {}\n}\n");
	assert_int_equal(fclose(file), 0);
}

static void
reload(struct server *server, int status)
{
	struct process_result result;

	assert_int_equal(ctl_run(server, "reload", NULL, &result), status);
	process_result_free(&result);
}

/* Off, on, elsewhere, refused, off: the server serves all the while. */
static void
a_reload_moves_it(void **state)
{
	struct server *server, admin;
	char file[] = "/tmp/bulkhead-admin-XXXXXX", path[64], url[80];
	char script[128];
	const char *line;
	int fd = mkstemp(file);

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	write_file(file, NULL);
	(void)snprintf(
	    script, sizeof(script), "exec \"$1\" --control \"$5\" -c %s", file);
	server = server_start_by(script, "--", NULL);
	assert_int_equal(admin_pid(server), 0);
	write_file(file, "127.0.0.1:0");
	reload(server, 0);
	line = server_log_wait(server, "status page and metrics on", LONG_MS);
	admin = *server;
	assert_int_equal(sscanf(strrchr(line, ':'), ":%hu", &admin.port), 1);
	admin_wait(&admin, "/ready", 200, NULL, LONG_MS);

	write_file(file, "0.0.0.0:1");
	reload(server, 1);
	admin_wait(&admin, "/ready", 200, NULL, LONG_MS);

	(void)snprintf(path, sizeof(path), "%s.sock", file);
	(void)snprintf(url, sizeof(url), "unix:%s", path);
	write_file(file, url);
	reload(server, 0);
	(void)server_log_wait(
	    server, "status page and metrics on unix:", LONG_MS);
	assert_int_equal(access(path, F_OK), 0);
	write_file(file, NULL);
	reload(server, 0);
	(void)server_log_wait(server, "no status page", LONG_MS);
	assert_int_equal(access(path, F_OK), -1);
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
	(void)unlink(file);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		PROCESS_TEST(every_endpoint_answers),
		PROCESS_TEST(the_page_is_whole_and_locked),
		PROCESS_TEST(figures_are_those_of_the_server),
		PROCESS_TEST(strangers_are_refused),
		PROCESS_TEST(slow_clients_dont_keep_others_out),
		PROCESS_TEST(its_death_is_nobodys),
		PROCESS_TEST(requests_in_flight_are_listed),
		PROCESS_TEST(a_hanging_worker_is_shown),
		PROCESS_TEST(a_stopped_master_is_told),
		PROCESS_TEST(draining_is_not_ready),
		PROCESS_TEST(crashes_are_named),
		PROCESS_TEST(it_has_given_up_its_rights),
		PROCESS_TEST(a_unix_path_is_fine),
		PROCESS_TEST(a_bad_address_is_told),
		PROCESS_TEST(a_reload_moves_it),
	};

	return (RUN_TESTS(argc, argv, tests));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The access log: what a line says, that no client can forge one, and that
 * each answered request has exactly one, whatever happens to the file and to
 * the workers meanwhile.
 */
#include "tests/support/client.h"
#include "tests/support/ctl.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	LONG_MS = 10000,
	CLIENTS = 4,
	BATCH = 10, /* requests that one client has on the way at once */
	NUMBERS_MAX = 20000,
};

static char folder[64];

static int
set_up(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/bulkhead-log-XXXXXX");
	return (mkdtemp(folder) == NULL ? -1 : 0);
}

static int
tear_down(void **state)
{
	char path[384];
	struct dirent *entry;
	DIR *list;
	int result = server_teardown(state);

	if ((list = opendir(folder)) != NULL) {
		while ((entry = readdir(list)) != NULL) {
			(void)snprintf(
			    path, sizeof(path), "%s/%s", folder, entry->d_name);
			(void)unlink(path);
		}
		(void)closedir(list);
	}
	(void)rmdir(folder);
	return (result);
}

/* "access-log=PATH", of a file in the folder. */
static const char *
log_to(const char *kind, const char *name)
{
	static char setting[160];

	(void)snprintf(
	    setting, sizeof(setting), "access-log=%s%s/%s", kind, folder, name);
	return (setting);
}

static const char *
path_of(const char *name)
{
	static char paths[2][384];
	static unsigned turn;
	char *path = paths[turn++ % 2];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return (path);
}

static size_t
count_lines(const char *text)
{
	size_t count = 0;

	for (; (text = strchr(text, '\n')) != NULL; text++)
		count++;
	return (count);
}

/* The file, once it has ${lines} lines. free() it. */
static char *
wait_lines(const char *name, size_t lines)
{
	int64_t deadline = test_deadline(LONG_MS);
	char *text;

	for (;;) {
		text = process_read_file(path_of(name), NULL);
		if (text != NULL && count_lines(text) >= lines)
			return (text);
		if (test_left_ms(deadline) == 0)
			fail_msg("%s has never %zu lines, but: %s", name, lines,
			    text == NULL ? "(no file)" : text);
		free(text);
		test_sleep_ms(20);
	}
}

static void
expect_words(const char *text, const char *const *words, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strstr(text, words[i]) == NULL)
			fail_msg("no \"%s\" in %s", words[i], text);
}

static void
ask(const struct server *server, const char *request, int status)
{
	struct response r;

	client_exchange(server, request, &r);
	assert_int_equal(r.status, status);
	response_free(&r);
}

static void
a_combined_line_says_what_happened(void **state)
{
	static const char *const words[] = {
		"127.0.0.1 - - [",
		"] \"GET /hello?a=b HTTP/1.1\" 200 ",
		" \"http://x/\\\"\" \"agent \\xe9\\\\n\" id=1-1 worker=1 "
		"module=hello replays=0 end=whole us=",
		"\"GET /nowhere HTTP/1.0\" 404 ",
		" \"-\" \"-\" id=1-2 worker=1 module=- ",
		"] \"-\" 400 ",
	};
	struct server *server =
	    server_start("-w", "1", "-m", "hello", "-o", log_to("", "a"), NULL);
	char *text;

	(void)state;
	ask(server,
	    "GET /hello?a=b HTTP/1.1\r\nHost: a\r\nReferer: http://x/\"\r\n"
	    "User-Agent: agent \xe9\\n\r\n\r\n",
	    200);
	ask(server, "GET /nowhere HTTP/1.0\r\n\r\n", 404);
	ask(server, "GET /hello\nHTTP/1.1\r\n\r\n", 400);
	text = wait_lines("a", 3);
	expect_words(text, words, sizeof(words) / sizeof(words[0]));
	free(text);
	server_stop(server);
}

static json_t *
only_line(const char *text)
{
	json_t *line = json_loads(text, 0, NULL);

	if (line == NULL)
		fail_msg("this is no JSON: %s", text);
	return (line);
}

static void
expect_member(const json_t *line, const char *name, const char *value)
{
	const char *found = json_string_value(json_object_get(line, name));

	if (found == NULL || strcmp(found, value) != 0)
		fail_msg("%s is %s, not %s", name, found, value);
}

static void
a_json_line_says_what_happened(void **state)
{
	struct server *server = server_start("-w", "1", "-m", "delay", "-o",
	    log_to("", "a"), "-o", "access-log-format=json", NULL);
	json_t *line;
	char *text;

	(void)state;
	ask(server,
	    "GET /delay?ms=30 HTTP/1.1\r\nHost: a\r\n"
	    "User-Agent: caf\xc3\xa9 \xff\"\r\n\r\n",
	    200);
	text = wait_lines("a", 1);
	line = only_line(text);
	free(text);
	expect_member(line, "client", "127.0.0.1");
	expect_member(line, "method", "GET");
	expect_member(line, "target", "/delay?ms=30");
	expect_member(line, "protocol", "HTTP/1.1");
	expect_member(line, "user_agent", "caf\xc3\xa9 \xc3\xbf\"");
	expect_member(line, "module", "delay");
	expect_member(line, "id", "1-1");
	expect_member(line, "end", "whole");
	assert_true(json_is_null(json_object_get(line, "referer")));
	assert_int_equal(
	    json_integer_value(json_object_get(line, "status")), 200);
	assert_in_range(json_integer_value(json_object_get(line, "wait_us")),
	    20000, LONG_MS * 1000);
	assert_in_range(json_integer_value(json_object_get(line, "us")),
	    json_integer_value(json_object_get(line, "wait_us")),
	    LONG_MS * 1000);
	json_decref(line);
	server_stop(server);
}

/* --- Each request once ------------------------------------------------- */

/* Requests with a number each, some on the way at once. */
struct traffic {
	struct server *server;
	struct client clients[CLIENTS];
	unsigned asked; /* numbers so far */
};

static void
begin_traffic(struct traffic *traffic, struct server *server)
{
	size_t i;

	memset(traffic, 0, sizeof(*traffic));
	traffic->server = server;
	for (i = 0; i < CLIENTS; i++)
		client_open(&traffic->clients[i], server);
}

static void
ask_batches(struct traffic *traffic)
{
	char text[BATCH * 80];
	size_t i, used;
	int k;

	for (i = 0; i < CLIENTS; i++) {
		for (used = 0, k = 0; k < BATCH; k++)
			used +=
			    (size_t)snprintf(text + used, sizeof(text) - used,
				"GET /hello?n=%u HTTP/1.1\r\nHost: a\r\n\r\n",
				traffic->asked++);
		client_send(&traffic->clients[i], text, used);
	}
}

static void
take_answers(struct traffic *traffic)
{
	struct response r;
	size_t i;
	int k;

	for (i = 0; i < CLIENTS; i++)
		for (k = 0; k < BATCH; k++) {
			client_response(&traffic->clients[i], &r);
			assert_int_equal(r.status, 200);
			response_free(&r);
		}
}

static void
end_traffic(struct traffic *traffic)
{
	size_t i;

	for (i = 0; i < CLIENTS; i++)
		client_close(&traffic->clients[i]);
}

/* Add up the numbers in a file's lines, which must all be whole. */
static size_t
count_numbers(const char *name, uint8_t *counts)
{
	char *text = process_read_file(path_of(name), NULL), *line, *end;
	const char *number = NULL;
	unsigned long n;
	size_t found = 0;

	if (text == NULL)
		return (0);
	for (line = text; *line != '\0'; line = end + 1) {
		assert_non_null(end = strchr(line, '\n'));
		*end = '\0';
		number = strstr(line, "/hello?n=");
		if (strncmp(line, "127.0.0.1 - - [", 15) != 0 ||
		    number == NULL || strstr(line, " end=whole us=") == NULL)
			fail_msg("%s has this line: %s", name, line);
		assert_non_null(number);
		n = strtoul(number + 9, NULL, 10);
		assert_in_range(n, 0, NUMBERS_MAX - 1);
		counts[n]++;
		found++;
	}
	free(text);
	return (found);
}

/* All files' lines together: each number once. */
static void
expect_each_once(unsigned numbers)
{
	static uint8_t counts[NUMBERS_MAX];
	int64_t deadline = test_deadline(LONG_MS);
	struct dirent *entry;
	size_t found;
	DIR *list;
	unsigned i;

	do {
		test_sleep_ms(50);
		memset(counts, 0, sizeof(counts));
		found = 0;
		assert_non_null(list = opendir(folder));
		while ((entry = readdir(list)) != NULL)
			if (entry->d_name[0] != '.')
				found += count_numbers(entry->d_name, counts);
		(void)closedir(list);
	} while (found < numbers && test_left_ms(deadline) > 0);
	for (i = 0; i < numbers; i++)
		if (counts[i] != 1)
			fail_msg("request %u of %u has %u lines", i, numbers,
			    counts[i]);
}

static void
rotate(struct server *server, unsigned turn)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "a.%u", turn);
	assert_int_equal(rename(path_of("a"), path_of(name)), 0);
	if (turn % 2 == 0)
		ctl_expect(server, "reopen", NULL, 0, "1 access log opened");
	else
		assert_int_equal(kill(server->pid, SIGUSR1), 0);
}

static void
rotation_under_load_loses_no_line(void **state)
{
	struct server *server =
	    server_start("-w", "2", "-m", "hello", "-o", log_to("", "a"), NULL);
	struct traffic traffic;
	unsigned turn;

	(void)state;
	begin_traffic(&traffic, server);
	for (turn = 0; turn < 100; turn++) {
		ask_batches(&traffic);
		if (turn % 10 == 5)
			rotate(server, turn / 10);
		take_answers(&traffic);
		if (turn % 10 == 5) /* a signal takes its time */
			free(wait_lines("a", 0));
	}
	end_traffic(&traffic);
	expect_each_once(traffic.asked);
	server_stop(server);
}

static void
a_kill_takes_no_line_and_doubles_none(void **state)
{
	struct server *server = server_start("-w", "2", "-m", "hello", "-o",
	    log_to("", "a"), "-o", "spares=1", "-o", "state-dir=", NULL);
	pid_t workers[SERVER_WORKERS_MAX];
	struct traffic traffic;
	unsigned turn, kills = test_sanitized() ? 5 : 25;
	size_t count;

	(void)state;
	server->crash_expected = true;
	begin_traffic(&traffic, server);
	srand(17);
	for (turn = 0; turn < kills; turn++) {
		count = server_workers(server, workers);
		ask_batches(&traffic);
		(void)usleep((useconds_t)(rand() % 2000));
		if (count > 0)
			(void)kill(workers[(size_t)rand() % count], SIGKILL);
		take_answers(&traffic);
		ask_batches(&traffic);
		take_answers(&traffic);
		test_sleep_ms(40);
	}
	end_traffic(&traffic);
	expect_each_once(traffic.asked);
	server_stop(server);
}

static void
a_reload_and_an_upgrade_take_no_line(void **state)
{
	struct server *server =
	    server_start("-w", "2", "-m", "hello", "-o", log_to("", "a"), NULL);
	struct traffic traffic;
	unsigned turn;

	(void)state;
	begin_traffic(&traffic, server);
	for (turn = 0; turn < 30; turn++) {
		ask_batches(&traffic);
		if (turn % 10 == 3)
			ctl_expect(server, "reload", NULL, 0, "");
		if (turn == 15)
			ctl_expect(server, "upgrade", NULL, 0, "");
		take_answers(&traffic);
	}
	end_traffic(&traffic);
	expect_each_once(traffic.asked);
	server_stop(server);
}

/* Its module dies in the log step: its answer is out, its line isn't. */
static void
one_that_was_answered_before_the_crash_has_its_line(void **state)
{
	static const char *const words[] = {
		"\"GET /faulty?how=segv&at=log_request&times=1&key=k "
		"HTTP/1.1\" "
		"200 ",
		" \"agent\" id=1-1 worker=1 module=faulty replays=0 end=whole "
		"us=- read=- handle=- wait=- send=-\n",
	};
	char module[512], setting[700], writable[200];
	struct server *server;
	char *text;

	(void)state;
	server_module("faulty", module, sizeof(module));
	(void)snprintf(
	    setting, sizeof(setting), "%s,state=%s", module, path_of("state"));
	(void)snprintf(writable, sizeof(writable), "sandbox-write=%s", folder);
	server = server_start("-w", "1", "-m", setting, "-m", "hello", "-o",
	    writable, "-o", log_to("", "a"), NULL);
	server->crash_expected = true;
	ask(server,
	    "GET /faulty?how=segv&at=log_request&times=1&key=k HTTP/1.1\r\n"
	    "Host: a\r\nUser-Agent: agent\r\n\r\n",
	    200);
	text = wait_lines("a", 1);
	assert_int_equal(count_lines(text), 1);
	expect_words(text, words, sizeof(words) / sizeof(words[0]));
	free(text);
	server_stop(server);
}

static void
a_replayed_request_says_so(void **state)
{
	char module[512], setting[700], writable[200];
	struct server *server;
	char *text;

	(void)state;
	server_module("faulty", module, sizeof(module));
	(void)snprintf(
	    setting, sizeof(setting), "%s,state=%s", module, path_of("state"));
	(void)snprintf(writable, sizeof(writable), "sandbox-write=%s", folder);
	server = server_start("-w", "1", "-m", setting, "-m", "hello", "-o",
	    writable, "-o", log_to("", "a"), NULL);
	server->crash_expected = true;
	ask(server,
	    "GET /faulty?how=segv&at=begin_request&times=1&key=k HTTP/1.1\r\n"
	    "Host: a\r\n\r\n",
	    200);
	text = wait_lines("a", 1);
	assert_int_equal(count_lines(text), 1);
	assert_non_null(strstr(text, " module=faulty replays=1 end=whole "));
	free(text);
	server_stop(server);
}

/* --- Where it goes ----------------------------------------------------- */

static int
listen_at(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct timeval limit = { .tv_sec = LONG_MS / 1000 };

	assert_int_not_equal(fd, -1);
	(void)snprintf(
	    address.sun_path, sizeof(address.sun_path), "%s", path_of(name));
	assert_int_equal(
	    bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return (fd);
}

static void
expect_datagram(const char *kind, const char *beginning, bool newline)
{
	char setting[160], text[1024];
	int fd = listen_at("socket");
	struct server *server;
	ssize_t length;

	(void)snprintf(setting, sizeof(setting), "%s", log_to(kind, "socket"));
	server = server_start("-w", "1", "-m", "hello", "-o", setting, NULL);
	client_expect_get(server, "/hello", 200, NULL);
	client_expect_get(server, "/hello", 200, NULL);
	length = recv(fd, text, sizeof(text) - 1, 0);
	assert_in_range(length, 1, sizeof(text) - 1);
	text[length] = '\0';
	assert_memory_equal(text, beginning, strlen(beginning));
	assert_non_null(strstr(text, "\"GET /hello HTTP/1.1\" 200 "));
	assert_int_equal(text[length - 1] == '\n', newline);
	assert_in_range(recv(fd, text, sizeof(text), 0), 1, sizeof(text));
	(void)close(fd);
	(void)unlink(path_of("socket"));
	server_stop(server);
}

static void
the_journal_and_syslog_get_a_datagram_each(void **state)
{
	(void)state;
	expect_datagram(
	    "syslog:", "<134>bulkhead-access: 127.0.0.1 - - [", false);
	expect_datagram("journal:",
	    "SYSLOG_IDENTIFIER=bulkhead-access\nPRIORITY=6\n"
	    "MESSAGE=127.0.0.1 - - [",
	    true);
}

static uint64_t
figure(struct server *server, const char *name)
{
	struct process_result result;
	json_t *root, *list, *entry;
	uint64_t sum = 0;
	size_t i;

	assert_int_equal(ctl_run(server, "status", "--json", &result), 0);
	assert_non_null(root = json_loads(result.output, 0, NULL));
	process_result_free(&result);
	list = json_object_get(root, "workers");
	json_array_foreach(list, i, entry) sum += (uint64_t)json_integer_value(
	    json_object_get(json_object_get(entry, "stats"), name));
	json_decref(root);
	return (sum);
}

/* More lines than there is room for, and no disk to write them to. */
static void
a_full_disk_costs_lines_and_no_answer(void **state)
{
	struct server *server = server_start(
	    "-w", "1", "-m", "hello", "-o", "access-log=/dev/full", NULL);
	struct traffic traffic;
	unsigned turn;

	(void)state;
	begin_traffic(&traffic, server);
	for (turn = 0; turn < 60; turn++) {
		ask_batches(&traffic);
		take_answers(&traffic);
	}
	(void)server_log_wait(
	    server, "the access log can't be written: No space left", LONG_MS);
	assert_int_equal(figure(server, "log_lines"), traffic.asked);
	assert_in_range(figure(server, "log_lost"), 1, traffic.asked - 1);
	assert_null(server_log_find(server, "can't be written"));
	end_traffic(&traffic);
	server_stop(server);
}

static void
a_log_that_cannot_be_is_refused(void **state)
{
	static const struct {
		const char *setting, *why;
	} cases[] = {
		{ "access-log=jornal", "write a path with a '/' in it" },
		{ "access-log=/nowhere/a", "No such file or directory" },
		{ "access-log=/tmp", "Is a directory" },
		{ "access-log-format=xml", "write combined or json" },
	};
	struct process_result result;
	char program[256];
	size_t i;

	(void)state;
	process_program("bulkhead", program, sizeof(program));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		process_run((const char *const[]){ program, "-t", "-m", "hello",
				"-o", cases[i].setting, NULL },
		    LONG_MS, &result);
		assert_int_not_equal(result.status, 0);
		if (strstr(result.output, cases[i].why) == NULL)
			fail_msg("%s: %s", cases[i].setting, result.output);
		process_result_free(&result);
	}
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(a_combined_line_says_what_happened),
		LOG_TEST(a_json_line_says_what_happened),
		LOG_TEST(rotation_under_load_loses_no_line),
		LOG_TEST(a_kill_takes_no_line_and_doubles_none),
		LOG_TEST(a_reload_and_an_upgrade_take_no_line),
		LOG_TEST(one_that_was_answered_before_the_crash_has_its_line),
		LOG_TEST(a_replayed_request_says_so),
		LOG_TEST(the_journal_and_syslog_get_a_datagram_each),
		LOG_TEST(a_full_disk_costs_lines_and_no_answer),
		LOG_TEST(a_log_that_cannot_be_is_refused),
	};

	return (RUN_TESTS(argc, argv, tests));
}

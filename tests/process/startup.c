/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What keeps the server from starting: one line that names it, a status that
 * isn't 0, and nothing left running; soon.
 */
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <bsd/string.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	SOON_MS = 5000,
	PATH_SIZE = 8192,
};

static size_t
count_text(const char *text, const char *part)
{
	size_t count = 0;

	while ((text = strstr(text, part)) != NULL) {
		count++;
		text += strlen(part);
	}
	return (count);
}

/* Run bulkhead on a free port, with nothing outside of a folder, and these. */
static void
run_bulkhead(const char *const *options, struct process_result *ret_result)
{
	const char *argv[PROCESS_ARGUMENTS_MAX] = { NULL };
	char control[PATH_MAX], dir[] = "/tmp/bulkhead-test-XXXXXX";
	char program[PATH_MAX];
	size_t n = 0;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(control, sizeof(control), "%s/control.sock", dir);
	process_program("bulkhead", program, sizeof(program));
	argv[n++] = program;
	argv[n++] = "-l";
	argv[n++] = "127.0.0.1:0";
	argv[n++] = "--control";
	argv[n++] = control;
	argv[n++] = "-o";
	argv[n++] = "state-dir=";
	for (; *options != NULL && n < PROCESS_ARGUMENTS_MAX - 1; options++)
		argv[n++] = *options;
	process_run(argv, SOON_MS, ret_result);
	/* It took its socket with it. */
	assert_int_equal(access(control, F_OK), -1);
	assert_int_equal(rmdir(dir), 0);
}

/* No child of ours, adopted or not, may be one of the server's. */
static void
check_nothing_left(void)
{
	int64_t deadline;
	pid_t left;

	deadline = test_deadline(SOON_MS);
	while (process_children(getpid(), "bulkhead", &left, 1) != 0) {
		if (test_left_ms(deadline) == 0)
			fail_msg("process %d was left behind", (int)left);
		test_sleep_ms(5);
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue; /* orphans of the server */
}

/* One line of priority "error", with ${names}. */
static void
expect_refusal(const char *const *options, const char *names)
{
	struct process_result result;

	run_bulkhead(options, &result);
	check_nothing_left();
	if (!WIFEXITED(result.status) || WEXITSTATUS(result.status) == 0)
		fail_msg("wait status %#x, output: %s", (unsigned)result.status,
		    result.output);
	if (count_text(result.output, "<3>") != 1 ||
	    strstr(result.output, names) == NULL)
		fail_msg("expected one line with \"%s\", not: %s", names,
		    result.output);
	if (strstr(result.output, "bulkhead: ready") != NULL)
		fail_msg("it said that it is ready: %s", result.output);
	process_result_free(&result);
}

#define EXPECT_REFUSAL(names, ...) \
	expect_refusal((const char *const[]){ __VA_ARGS__, NULL }, names)

static void
a_missing_module_is_named(void **state)
{
	(void)state;
	EXPECT_REFUSAL("no_such_module", "-m", "no_such_module");
	EXPECT_REFUSAL(
	    "/nowhere/at_all.so", "-m", "hello", "-m", "/nowhere/at_all.so");
}

static void
a_module_that_is_not_one_is_named(void **state)
{
	char path[PATH_SIZE], text[] = "/tmp/bulkhead-test-text-XXXXXX";
	int fd;

	(void)state;
	fd = mkstemp(text);
	assert_true(fd != -1);
	assert_int_equal(write(fd, "not an ELF file\n", 16), 16);
	(void)close(fd);
	EXPECT_REFUSAL(text, "-m", text);
	(void)unlink(text);

	server_module("no_stamp", path, sizeof(path));
	EXPECT_REFUSAL("no_stamp", "-m", path);
	server_module("no_entry", path, sizeof(path));
	EXPECT_REFUSAL("bh_register_module", "-m", path);
	EXPECT_REFUSAL("/tmp", "-m", "/tmp");
}

static void
a_module_of_another_abi_is_refused(void **state)
{
	char path[PATH_SIZE];

	(void)state;
	server_module("old_abi", path, sizeof(path));
	EXPECT_REFUSAL("old_abi", "-m", path);
	EXPECT_REFUSAL("ABI 77", "-m", path);
}

static void
a_module_that_registers_wrongly_is_refused(void **state)
{
	char path[PATH_SIZE];

	(void)state;
	server_module("null_callback", path, sizeof(path));
	EXPECT_REFUSAL("null_callback", "-m", path);
	EXPECT_REFUSAL("begin_request", "-m", path);
}

static void
a_module_that_refuses_says_why(void **state)
{
	char path[PATH_SIZE];

	(void)state;
	server_module("refuses", path, sizeof(path));
	EXPECT_REFUSAL(
	    "the moon is in the wrong phase (3)", "-w", "2", "-m", path);
}

static void
a_module_that_crashes_while_loading_is_named(void **state)
{
	char path[PATH_SIZE];

	(void)state;
	/* Without this setting the server would start without it. */
	server_module("unstartable", path, sizeof(path));
	(void)strlcat(path, ",required=yes", sizeof(path));
	EXPECT_REFUSAL("unstartable", "-w", "2", "-m", "hello", "-m", path);
}

static void
an_unknown_setting_is_named(void **state)
{
	(void)state;
	EXPECT_REFUSAL("colour", "-m", "hello,colour=blue");
	EXPECT_REFUSAL("'pth'", "-m", "hello,pth=/x");
	EXPECT_REFUSAL("must begin with '/'", "-m", "hello,path=x");
	EXPECT_REFUSAL("colour", "-m", "hello,colour");
}

static void
bad_options_are_named(void **state)
{
	(void)state;
	EXPECT_REFUSAL("--frobnicate", "--frobnicate");
	EXPECT_REFUSAL("-x", "-x");
	EXPECT_REFUSAL("-w", "-w", "0");
	EXPECT_REFUSAL("-w", "-w", "many");
	EXPECT_REFUSAL("-w", "-w", "99999999999999999999");
	EXPECT_REFUSAL("nonsense", "-l", "nonsense");
	EXPECT_REFUSAL("99999", "-l", "127.0.0.1:99999");
	EXPECT_REFUSAL("-l", "-l");
	EXPECT_REFUSAL("word", "word");
	EXPECT_REFUSAL("-m", "-m", "");
}

static void
a_port_in_use_is_named(void **state)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);
	char text[64];
	int fd;

	(void)state;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(
	    getsockname(fd, (struct sockaddr *)&address, &size), 0);
	(void)snprintf(text, sizeof(text), "127.0.0.1:%u",
	    (unsigned)ntohs(address.sin_port));
	EXPECT_REFUSAL(text, "-l", text, "-m", "hello");
	(void)close(fd);
}

static void
a_second_server_does_not_take_the_control_socket(void **state)
{
	struct server *server = server_start("-w", "1", "-m", "hello", NULL);
	struct process_result result;
	char program[PATH_MAX];

	(void)state;
	process_program("bulkhead", program, sizeof(program));
	process_run((const char *const[]){ program, "-l", "127.0.0.1:0", "-w",
			"1", "--control", server->control, NULL },
	    SOON_MS, &result);
	assert_true(WIFEXITED(result.status));
	assert_int_not_equal(WEXITSTATUS(result.status), 0);
	assert_int_equal(count_text(result.output, "<3>"), 1);
	assert_non_null(strstr(result.output, server->control));
	process_result_free(&result);

	/* And the first still has it. */
	process_program("bulkheadctl", program, sizeof(program));
	process_run((const char *const[]){ program, "--control",
			server->control, "status", NULL },
	    SOON_MS, &result);
	assert_int_equal(result.status, 0);
	process_result_free(&result);
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

static void
a_control_socket_left_by_a_killed_server_is_no_obstacle(void **state)
{
	char control[128], dir[] = "/tmp/bulkhead-test-XXXXXX";
	struct server *server;
	int turn;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(control, sizeof(control), "%s/control.sock", dir);
	for (turn = 0; turn < 2; turn++) {
		/* The last --control counts. */
		server = server_start(
		    "-w", "1", "-m", "hello", "--control", control, NULL);
		assert_int_equal(kill(server->pid, SIGKILL), 0);
		server_ended_with(server, SIGKILL);
		assert_int_equal(access(control, F_OK), 0);
	}
	server = server_start("-w", "1", "--control", control, NULL);
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
	assert_int_equal(rmdir(dir), 0);
}

static void
a_check_says_ok_and_starts_nothing(void **state)
{
	struct process_result result;

	(void)state;
	run_bulkhead(
	    (const char *const[]){ "-t", "-m", "hello", NULL }, &result);
	check_nothing_left();
	assert_int_equal(result.status, 0);
	assert_non_null(strstr(result.output, "ok"));
	assert_null(strstr(result.output, "listening"));
	process_result_free(&result);
	EXPECT_REFUSAL("colour", "-t", "-m", "hello,colour=blue");
}

/* One that root has made isn't one that the service could write. */
static void
a_check_makes_no_access_log(void **state)
{
	char option[PATH_SIZE], dir[] = "/tmp/bulkhead-test-XXXXXX";
	struct process_result result;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(option, sizeof(option), "access-log=%s/log", dir);
	run_bulkhead(
	    (const char *const[]){ "-t", "-m", "hello", "-o", option, NULL },
	    &result);
	assert_int_equal(result.status, 0);
	process_result_free(&result);
	assert_int_equal(rmdir(dir), 0);
	EXPECT_REFUSAL("No such file", "-t", "-m", "hello", "-o", option);
}

static void
the_version_is_told(void **state)
{
	struct process_result result;

	(void)state;
	run_bulkhead((const char *const[]){ "-V", NULL }, &result);
	assert_int_equal(result.status, 0);
	assert_string_equal(result.output, "bulkhead " BULKHEAD_VERSION "\n");
	process_result_free(&result);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(a_missing_module_is_named),
		PROCESS_TEST(a_module_that_is_not_one_is_named),
		PROCESS_TEST(a_module_of_another_abi_is_refused),
		PROCESS_TEST(a_module_that_registers_wrongly_is_refused),
		PROCESS_TEST(a_module_that_refuses_says_why),
		PROCESS_TEST(a_module_that_crashes_while_loading_is_named),
		PROCESS_TEST(an_unknown_setting_is_named),
		PROCESS_TEST(bad_options_are_named),
		PROCESS_TEST(a_port_in_use_is_named),
		PROCESS_TEST(a_second_server_does_not_take_the_control_socket),
		PROCESS_TEST(
		    a_control_socket_left_by_a_killed_server_is_no_obstacle),
		PROCESS_TEST(a_check_says_ok_and_starts_nothing),
		PROCESS_TEST(a_check_makes_no_access_log),
		PROCESS_TEST(the_version_is_told),
	};

	return (RUN_TESTS(argc, argv, tests));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a module may not do fails, is told with its name, and harms nobody.
 */
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LOG_MS = 5000
};

static char prisoner[4096];

static struct server *
start(const char *option)
{
	server_module("prisoner", prisoner, sizeof(prisoner));
	return (option == NULL ? server_start("-w", "1", "-m", prisoner, NULL)
			       : server_start("-w", "1", "-m", prisoner, "-o",
				     option, NULL));
}

/* What the module's attempt came to: an errno, or 0. */
static void
expect(struct server *server, const char *attempt, int error)
{
	char target[600], body[16];

	(void)snprintf(target, sizeof(target), "/prisoner/%s", attempt);
	(void)snprintf(body, sizeof(body), "%d\n", error);
	client_expect_get(server, target, 200, body);
}

static void
a_refused_system_call_is_told_with_the_modules_name(void **state)
{
	struct server *server = start(NULL);
	const char *line;

	(void)state;
	expect(server, "namespace", EPERM);
	line = server_log_wait(server, "unshare", LOG_MS);
	assert_non_null(strstr(line, "prisoner request="));
	assert_non_null(strstr(line, "refused by the sandbox"));
	server_stop(server);
}

static void
a_modules_own_thread_is_found_by_its_stack(void **state)
{
	struct server *server = start(NULL);

	(void)state;
	expect(server, "thread", EPERM);
	(void)server_log_wait(server, "prisoner: system call unshare", LOG_MS);
	server_stop(server);
}

static void
a_thread_without_a_modules_code_is_refused_too(void **state)
{
	struct server *server = start(NULL);

	(void)state;
	if (!test_sanitized()) /* its threads want more stack */
		expect(server, "bare_thread", EPERM);
	server_stop(server);
}

static void
other_programs_and_privileges_are_out_of_reach(void **state)
{
	struct server *server = start(NULL);

	(void)state;
	expect(server, "exec?/bin/true", EPERM);
	(void)server_log_wait(server, "prisoner: system call execve", LOG_MS);
	if (!test_sanitized()) /* whose runtime needs it itself */
		expect(server, "ptrace", EPERM);
	expect(server, "packet", EPERM);
	expect(server, "pair", EPERM);
	expect(server, "disown", EPERM);
	expect(server, "type_ahead", EPERM);
	expect(server, "kill_master", EPERM);
	/* What a C library of tomorrow may try first. */
	expect(server, "unknown", ENOSYS);
	server_stop(server);
}

static void
what_modules_need_is_there(void **state)
{
	struct server *server = start(NULL);

	(void)state;
	expect(server, "read?/etc/passwd", 0);
	expect(server, "write?/dev/null", 0);
	expect(server, "inet", 0);
	expect(server, "raise", 0);
	expect(server, "own", 0);
	server_stop(server);
}

/* Not in a folder that is root's alone. */
static bool
everybody_may_run(const char *path)
{
	char part[4096];
	struct stat status;

	(void)snprintf(part, sizeof(part), "%s", path);
	for (char *at = part + 1; *at != '\0'; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (stat(part, &status) != 0 || (status.st_mode & S_IXOTH) == 0)
			return (false);
		*at = '/';
	}
	return (true);
}

static void
workers_have_their_pools_user(void **state)
{
	struct server *server;
	pid_t workers[SERVER_WORKERS_MAX];
	char path[4096];
	struct stat status;

	(void)state;
	process_program("bulkhead-worker", path, sizeof(path));
	if (geteuid() != 0 || !everybody_may_run(path))
		skip();
	server = start("user=nobody");
	assert_int_equal(server_workers(server, workers), 1);
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)workers[0]);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_uid, 65534);
	expect(server, "inet", 0);
	expect(server, "read?/etc/shadow", EACCES);
	server_stop(server);
}

/* Root's workers included: they have no capabilities. */
static void
a_file_of_another_user_stays_his(void **state)
{
	struct server *server = start("sandbox=off");
	char path[128], attempt[256];
	FILE *file;

	(void)state;
	if (geteuid() != 0) {
		server_stop(server);
		skip();
	}
	(void)snprintf(path, sizeof(path), "%s/theirs", server->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(chown(path, 1, 1), 0);
	(void)snprintf(attempt, sizeof(attempt), "read?%s", path);
	expect(server, attempt, EACCES);
	(void)snprintf(attempt, sizeof(attempt), "chown?%s", path);
	expect(server, attempt, EPERM);
	assert_int_equal(unlink(path), 0);
	server_stop(server);
}

static void
files_are_written_where_it_was_allowed(void **state)
{
	struct server *server;
	char folder[] = "/tmp/bulkhead-sandbox-XXXXXX";
	char option[128], attempt[256];

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(option, sizeof(option), "sandbox-write=%s", folder);
	(void)snprintf(attempt, sizeof(attempt), "write?%s/file", folder);
	server = start(NULL);
	expect(server, attempt, EACCES);
	expect(server, "chown?/nothing-there", EPERM);
	server_stop(server);
	server = start(option);
	expect(server, attempt, 0);
	expect(server, "write?/tmp/bulkhead-sandbox-elsewhere", EACCES);
	/* Of a name that there isn't: the call itself is allowed. */
	expect(server, "chown?/nothing-there", ENOENT);
	server_stop(server);
	(void)snprintf(attempt, sizeof(attempt), "%s/file", folder);
	assert_int_equal(unlink(attempt), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void
files_are_read_where_it_was_allowed(void **state)
{
	struct server *server;
	char option[4200], attempt[512];
	const char *slash;

	(void)state;
	server_module("prisoner", prisoner, sizeof(prisoner));
	slash = strrchr(prisoner, '/');
	(void)snprintf(option, sizeof(option), "sandbox-read=%.*s",
	    (int)(slash - prisoner), prisoner);
	server = start(option);
	expect(server, "read?/etc/passwd", 0);
	expect(server, "read?/proc/1/status", EACCES);
	(void)snprintf(attempt, sizeof(attempt), "read?%s", server->log_path);
	expect(server, attempt, EACCES);
	server_stop(server);
}

static void
system_calls_are_allowed_by_name_and_by_group(void **state)
{
	struct server *server;

	(void)state;
	server = start("sandbox-syscalls=@exec");
	expect(server, "exec?/bin/true", 0);
	expect(server, "namespace", EPERM);
	server_stop(server);
	server = start("sandbox-syscalls=execve fstatfs");
	expect(server, "exec?/bin/true", 0);
	server_stop(server);
}

static void
a_sandbox_that_is_off_lets_everything_through(void **state)
{
	struct server *server = start("sandbox=off");

	(void)state;
	expect(server, "exec?/bin/true", 0);
	expect(server, "kill_master", 0);
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(
		    a_refused_system_call_is_told_with_the_modules_name),
		PROCESS_TEST(a_modules_own_thread_is_found_by_its_stack),
		PROCESS_TEST(a_thread_without_a_modules_code_is_refused_too),
		PROCESS_TEST(other_programs_and_privileges_are_out_of_reach),
		PROCESS_TEST(what_modules_need_is_there),
		PROCESS_TEST(workers_have_their_pools_user),
		PROCESS_TEST(a_file_of_another_user_stays_his),
		PROCESS_TEST(files_are_written_where_it_was_allowed),
		PROCESS_TEST(files_are_read_where_it_was_allowed),
		PROCESS_TEST(system_calls_are_allowed_by_name_and_by_group),
		PROCESS_TEST(a_sandbox_that_is_off_lets_everything_through),
	};

	return (RUN_TESTS(argc, argv, tests));
}

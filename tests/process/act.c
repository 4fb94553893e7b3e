/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkheadctl has the server do things: its log level, leaving; and who may
 * look.
 */
#include "tests/support/client.h"
#include "tests/support/ctl.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LONG_MS = 10000
};

/* completion_info tells of each request, at the level info. */
static void
the_log_level_reaches_the_workers(void **state)
{
	struct server *server =
	    server_start("-w", "1", "-m", "completion_info", NULL);

	(void)state;
	client_expect_get(server, "/completion_info", 200, NULL);
	(void)server_log_wait(server, "completion_info request=", LONG_MS);
	ctl_expect(server, "log-level", "warning", 0, "log from level 4 on");
	/* The answer comes when it is on its way to the worker, before this. */
	client_expect_get(server, "/completion_info", 200, NULL);
	server_log_skip(server);
	client_expect_get(server, "/completion_info", 200, NULL);
	client_expect_get(server, "/completion_info", 200, NULL);
	assert_null(server_log_find(server, "completion_info request="));
	ctl_expect(server, "log-level", "configured", 0, "from level 6 on");
	client_expect_get(server, "/completion_info", 200, NULL);
	client_expect_get(server, "/completion_info", 200, NULL);
	(void)server_log_wait(server, "completion_info request=", LONG_MS);
	/* Who starts from now on has it too. */
	ctl_expect(server, "log-level", "warning", 0, "from level 4 on");
	ctl_expect(server, "recycle", NULL, 0, "1 worker will be replaced");
	ctl_expect(server, "log-level", "loud", 2, "log-level takes error");
	ctl_expect(server, "log-level", NULL, 2, "usage: bulkheadctl");
	server_stop(server);
}

static void
drain_serves_on_and_then_stops(void **state)
{
	struct server *server =
	    server_start("-w", "1", "-m", "hello", "-o", "drain-wait=1m", NULL);

	(void)state;
	ctl_expect(server, "drain", "soon", 2, "drain takes a time");
	ctl_expect(server, "reopen", "--json", 1, "\"done\": false");
	ctl_expect(server, "drain", NULL, 0, "stops in 60 s");
	ctl_expect(server, "status", "--json", 0, "\"phase\": \"leaving\"");
	client_expect_get(server, "/hello", 200, NULL);
	/* Another time counts instead. */
	ctl_expect(server, "drain", "100ms", 0, "stops in 0.1 s");
	(void)server_log_wait(server, "stopping: ", LONG_MS);
	server_ended(server);
}

static void
a_group_may_look(void **state)
{
	struct server *server;
	struct stat status;

	(void)state;
	if (geteuid() != 0) {
		print_message("only root can give a file to any group\n");
		skip();
	}
	server = server_start(
	    "-w", "1", "-m", "hello", "-o", "control-group=4711", NULL);
	assert_int_equal(stat(server->control, &status), 0);
	assert_int_equal(status.st_gid, 4711);
	assert_int_equal(status.st_mode & 0777, 0660);
	server_stop(server);
}

static const struct CMUnitTest tests[] = {
	PROCESS_TEST(the_log_level_reaches_the_workers),
	PROCESS_TEST(drain_serves_on_and_then_stops),
	PROCESS_TEST(a_group_may_look),
};

int
main(int argc, char **argv)
{
	return (RUN_TESTS(argc, argv, tests));
}

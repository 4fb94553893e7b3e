/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several pools, and what a reload does with listeners and pools that come and
 * go.
 */
#include "tests/support/client.h"
#include "tests/support/ctl.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

/* The listener that the test's own port is of comes first. */
#define MAIN "state-dir = \"\"\nlisten \"127.0.0.1:0\" { pool = \"main\" }\n"
#define HELLO(name)                                          \
	"pool \"" name "\" {\n\tworkers = 1\n\tspares = 0\n" \
	"\tmodule \"hello\" { file = \"hello\" }\n}\n"
#define ECHO_(name)                                          \
	"pool \"" name "\" {\n\tworkers = 1\n\tspares = 0\n" \
	"\tmodule \"echo\" { file = \"echo\" }\n}\n"

enum {
	LONG_MS = 20000
};

/* "listen "unix:.../NAME" { pool = "POOL" }". */
static const char *
listen_unix(const struct server *server, const char *name, const char *pool)
{
	static char text[256];

	(void)snprintf(text, sizeof(text),
	    "listen \"unix:%s/%s\" { pool = \"%s\" }\n", server->dir, name,
	    pool);
	return (text);
}

static struct server *
start(struct server *server)
{
	server_launch(server, "-c", server_path(server, "conf"), NULL);
	return (server);
}

static int
try_connect(
    struct client *client, const struct server *server, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s",
	    server_path(server, name));
	memset(client, 0, sizeof(*client));
	client->fd = fd;
	return (
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)));
}

static void
expect(struct client *client, const char *request, int status)
{
	struct response r;

	client_send_text(client, request);
	client_response(client, &r);
	assert_int_equal(r.status, status);
	response_free(&r);
}

static void
each_listener_leads_to_its_pool(void **state)
{
	struct server *server = server_make();
	struct client other;

	(void)state;
	server_file(server, "conf", MAIN "%s" HELLO("main") ECHO_("second"),
	    listen_unix(server, "second", "second"));
	start(server);
	client_expect_get(server, "/hello", 200, NULL);
	client_expect_get(server, "/echo", 404, NULL);
	assert_int_equal(try_connect(&other, server, "second"), 0);
	expect(&other, GET("/hello"), 404);
	expect(&other,
	    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na",
	    200);
	client_close(&other);
	ctl_expect(server, "status", NULL, 0, "second");
	server_stop(server);
}

/* One pool's deaths and quarantine are nothing to the other. */
static void
pools_do_not_feel_each_others_deaths(void **state)
{
	struct server *server = server_make();
	char module[512];
	struct client other;

	(void)state;
	server_module("trouble", module, sizeof(module));
	server->crash_expected = true;
	server_file(server, "conf",
	    MAIN "%s" HELLO("main") "pool \"second\" {\n\tworkers = 1\n"
				    "\tspares = 0\n\tquarantine-crashes = 1\n"
				    "\tmodule \"trouble\" { file = \"%s\" }\n"
				    "\tmodule \"hello\" { file = \"hello\" }\n"
				    "}\n",
	    listen_unix(server, "second", "second"), module);
	start(server);
	assert_int_equal(try_connect(&other, server, "second"), 0);
	/* Of a Unix socket the kernel counts nothing: no 502 after a death. */
	client_send_text(&other, GET("/trouble/crash"));
	assert_int_not_equal(client_end(&other, LONG_MS), CLIENT_OPEN);
	(void)server_log_wait(server, "module trouble has crashed", LONG_MS);
	client_close(&other);
	client_expect_get(server, "/hello", 200, NULL);
	assert_int_equal(try_connect(&other, server, "second"), 0);
	expect(&other, GET("/trouble"), 503);
	client_close(&other);
	server_stop(server);
}

/* Its connections stay, as long as their pool does. */
static void
a_listener_that_is_gone_is_closed(void **state)
{
	struct server *server = server_make();
	struct client stays, late, kept;

	(void)state;
	server_file(server, "conf", MAIN "%s" HELLO("main"),
	    listen_unix(server, "second", "main"));
	start(server);
	assert_int_equal(try_connect(&stays, server, "second"), 0);
	expect(&stays, GET("/hello"), 200);
	client_open(&kept, server);
	expect(&kept, GET("/hello"), 200);
	server_file(server, "conf", MAIN HELLO("main"));
	ctl_expect(server, "reload", NULL, 0, "generation 2 serves");
	assert_int_equal(try_connect(&late, server, "second"), -1);
	client_close(&late);
	expect(&stays, GET("/hello"), 200);
	expect(&kept, GET("/hello"), 200);
	client_close(&stays);
	client_close(&kept);
	/* And back again, on the port that was never closed. */
	server_file(server, "conf", MAIN "%s" HELLO("main"),
	    listen_unix(server, "second", "main"));
	ctl_expect(server, "reload", NULL, 0, "generation 3 serves");
	client_expect_get(server, "/hello", 200, NULL);
	assert_int_equal(try_connect(&late, server, "second"), 0);
	expect(&late, GET("/hello"), 200);
	client_close(&late);
	server_stop(server);
}

/* What is idle goes to the pool that has its listener now. */
static void
a_pool_with_another_name_inherits_by_its_listener(void **state)
{
	struct server *server = server_make();
	struct client client;

	(void)state;
	server_file(server, "conf", MAIN HELLO("main"));
	start(server);
	client_open(&client, server);
	expect(&client, GET("/hello"), 200);
	server_file(server, "conf",
	    "listen \"127.0.0.1:0\" { pool = \"new\" }\n" ECHO_("new"));
	ctl_expect(server, "reload", NULL, 0, "generation 2 serves");
	(void)server_log_wait(server, "generation 1 is gone", LONG_MS);
	expect(&client, GET("/hello"), 404);
	client_close(&client);
	server_stop(server);
}

/* Nobody takes its connections over: they end in order. */
static void
a_pool_that_is_gone_finishes_its_requests(void **state)
{
	struct server *server = server_make();
	struct client idle, busy;
	struct response r;

	(void)state;
	server_file(server, "conf",
	    MAIN "%s" HELLO("main") "pool \"second\" {\n\tworkers = 1\n"
				    "\tmodule \"delay\" { file = \"delay\" }\n"
				    "}\n",
	    listen_unix(server, "second", "second"));
	start(server);
	assert_int_equal(try_connect(&idle, server, "second"), 0);
	expect(&idle, GET("/delay?ms=1"), 200);
	assert_int_equal(try_connect(&busy, server, "second"), 0);
	client_send_text(&busy, GET("/delay?ms=700"));
	test_sleep_ms(100);
	server_file(server, "conf", MAIN HELLO("main"));
	ctl_expect(server, "reload", NULL, 0, "generation 2 serves: 1 workers");
	assert_int_equal(client_end(&idle, LONG_MS), CLIENT_FIN);
	client_response(&busy, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	assert_int_equal(client_end(&busy, LONG_MS), CLIENT_FIN);
	client_close(&idle);
	client_close(&busy);
	(void)server_log_wait(server, "generation 1 is gone", LONG_MS);
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

/* An older generation's workers have connections that were to be its. */
static void
a_pool_that_is_gone_stays_for_those_that_give_back_to_it(void **state)
{
	struct server *server = server_make();
	struct client busy, other;
	struct response r;
	char unix_listener[256];

	(void)state;
	(void)snprintf(unix_listener, sizeof(unix_listener), "%s",
	    listen_unix(server, "main", "main"));
	server_file(server, "conf",
	    "listen \"127.0.0.1:0\" { pool = \"second\" }\n%s" HELLO(
		"main") "pool \"second\" {\n\tworkers = 1\n\tspares = 0\n"
			"\tmodule \"delay\" { file = \"delay\" }\n}\n",
	    unix_listener);
	start(server);
	client_open(&busy, server);
	client_send_text(&busy, GET("/delay?ms=2500"));
	test_sleep_ms(100);
	ctl_expect(server, "reload", NULL, 0, "generation 2 serves");
	server_file(server, "conf", "%s" HELLO("main"), unix_listener);
	ctl_expect(server, "reload", NULL, 0, "generation 3 serves");
	client_response(&busy, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	assert_int_equal(client_end(&busy, LONG_MS), CLIENT_FIN);
	client_close(&busy);
	/* In this order: the first one's connection would be the second's. */
	(void)server_log_wait(server, "generation 1 is gone", LONG_MS);
	(void)server_log_wait(server, "generation 2 is gone", LONG_MS);
	assert_int_equal(try_connect(&other, server, "main"), 0);
	expect(&other, GET("/hello"), 200);
	client_close(&other);
	server_stop(server);
}

/* Neither what is new nor what is gone is touched when it fails. */
static void
a_bad_file_changes_nothing(void **state)
{
	struct server *server = server_make();
	struct client client;

	(void)state;
	server_file(server, "conf", MAIN "%s" HELLO("main"),
	    listen_unix(server, "second", "main"));
	start(server);
	server_file(server, "conf", MAIN "wrokers = 3\n" HELLO("main"));
	ctl_expect(server, "reload", NULL, 1, "wrokers");
	server_file(server, "conf",
	    MAIN "%s" HELLO("main") "listen \"198.51.100.1:9\" {}\n",
	    listen_unix(server, "third", "main"));
	ctl_expect(server, "reload", NULL, 1, "198.51.100.1:9");
	assert_int_equal(try_connect(&client, server, "third"), -1);
	client_close(&client);
	assert_int_equal(access(server_path(server, "third"), F_OK), -1);
	assert_int_equal(try_connect(&client, server, "second"), 0);
	expect(&client, GET("/hello"), 200);
	client_close(&client);
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(each_listener_leads_to_its_pool),
		PROCESS_TEST(pools_do_not_feel_each_others_deaths),
		PROCESS_TEST(a_listener_that_is_gone_is_closed),
		PROCESS_TEST(a_pool_with_another_name_inherits_by_its_listener),
		PROCESS_TEST(a_pool_that_is_gone_finishes_its_requests),
		PROCESS_TEST(
		    a_pool_that_is_gone_stays_for_those_that_give_back_to_it),
		PROCESS_TEST(a_bad_file_changes_nothing),
	};

	return (RUN_TESTS(argc, argv, tests));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What passes between the master and systemd, with a socket of ours in
 * systemd's place: messages, sockets that are handed over, and those that are
 * kept for the next master. tests/systemd/ has the real one.
 */
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	LONG_MS = 10000,
	SCRIPT = 512,
	MESSAGE = 1024,
	PASSED = 100, /* a descriptor that bash gets, below its own */
};

/* Where messages to systemd arrive. */
struct manager {
	char dir[64];
	struct sockaddr_un address;
	int fd;
	int stored; /* the last descriptor that came, or -1 */
	char stored_name[256];
	char message[MESSAGE];
};

static struct manager manager = { .fd = -1, .stored = -1 };

static int
manager_open(void **state)
{
	(void)state;
	(void)snprintf(
	    manager.dir, sizeof(manager.dir), "/tmp/bulkhead-notify-XXXXXX");
	assert_non_null(mkdtemp(manager.dir));
	manager.address.sun_family = AF_UNIX;
	(void)snprintf(manager.address.sun_path,
	    sizeof(manager.address.sun_path), "%s/notify", manager.dir);
	manager.fd =
	    socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(manager.fd >= 0);
	assert_int_equal(
	    0, bind(manager.fd, (const struct sockaddr *)&manager.address,
		   sizeof(manager.address)));
	return (0);
}

static void
forget_stored(void)
{
	if (manager.stored != -1)
		(void)close(manager.stored);
	manager.stored = -1;
}

static int
manager_close(void **state)
{
	int status = server_teardown(state);

	forget_stored();
	(void)close(PASSED);
	(void)close(manager.fd);
	(void)unlink(manager.address.sun_path);
	assert_int_equal(0, rmdir(manager.dir));
	return (status);
}

static void
take_descriptor(struct msghdr *header)
{
	const struct cmsghdr *control = CMSG_FIRSTHDR(header);
	const char *name = strstr(manager.message, "FDNAME=");

	if (control == NULL || control->cmsg_type != SCM_RIGHTS)
		return;
	forget_stored();
	memcpy(&manager.stored, CMSG_DATA(control), sizeof(int));
	assert_non_null(name);
	(void)snprintf(manager.stored_name, sizeof(manager.stored_name), "%.*s",
	    (int)strcspn(name + 7, "\n"), name + 7);
}

/* The next message; false when there is none in time. */
static bool
next_message(int64_t deadline)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = { manager.message, MESSAGE - 1 };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
	struct pollfd ready = { .fd = manager.fd, .events = POLLIN };
	ssize_t length;

	if (poll(&ready, 1, test_left_ms(deadline)) != 1)
		return (false);
	header.msg_control = control.bytes;
	header.msg_controllen = sizeof(control.bytes);
	length = recvmsg(manager.fd, &header, MSG_CMSG_CLOEXEC);
	assert_true(length > 0);
	manager.message[length] = '\0';
	take_descriptor(&header);
	return (true);
}

/* Wait for a message with ${text}, past those without. */
static void
expect_message(const char *text)
{
	int64_t deadline = test_deadline(LONG_MS);

	while (next_message(deadline))
		if (strstr(manager.message, text) != NULL)
			return;
	fail_msg("systemd was never told %s", text);
}

static uint16_t
port_of(int fd)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	assert_int_equal(
	    0, getsockname(fd, (struct sockaddr *)&address, &length));
	return (ntohs(address.sin_port));
}

/* A listening socket, as systemd makes one from ListenStream=. */
static int
listen_anywhere(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(
	    0, bind(fd, (const struct sockaddr *)&address, sizeof(address)));
	assert_int_equal(0, listen(fd, 16));
	return (fd);
}

/* What comes before exec "$@": descriptor PASSED is handed over. */
static void
script_passing(int fd, const char *name, char ret_script[static SCRIPT])
{
	assert_true(dup2(fd, PASSED) == PASSED); /* without close-on-exec */
	(void)snprintf(ret_script, SCRIPT,
	    "exec 3<&%d %d<&-; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=%s "
	    "NOTIFY_SOCKET=%s exec \"$@\"",
	    PASSED, PASSED, name, manager.address.sun_path);
}

static const char *
hello_module(void)
{
	static char path[PATH_MAX];

	process_build_path("modules/hello.so", path, sizeof(path));
	return (path);
}

static void
systemd_is_told_of_its_life(void **state)
{
	struct server *server;
	struct client client;
	char script[SCRIPT];

	(void)state;
	(void)snprintf(script, sizeof(script), "NOTIFY_SOCKET=%s exec \"$@\"",
	    manager.address.sun_path);
	server = server_start_by(script, "-w", "1", NULL);
	expect_message("READY=1");
	expect_message("STATUS=Serving: 1 workers ready, 0 connections open");
	client_open(&client, server);
	expect_message("STATUS=Serving: 1 workers ready, 1 connections open");
	client_close(&client);
	server_stop(server);
	/* 30 s for the drain and 15 s on top. */
	expect_message("STOPPING=1\nEXTEND_TIMEOUT_USEC=45000000");
}

/* Whatever comes of it, systemd waits for READY. */
static void
a_reload_is_told(void **state)
{
	struct server *server;
	char script[SCRIPT], module[256];

	(void)state;
	(void)snprintf(module, sizeof(module), "%s/hello.so", manager.dir);
	assert_int_equal(0, symlink(hello_module(), module));
	(void)snprintf(script, sizeof(script), "NOTIFY_SOCKET=%s exec \"$@\"",
	    manager.address.sun_path);
	server = server_start_by(script, "-w", "1", "-m", module, NULL);
	expect_message("STATUS=Serving: 1 workers ready");
	assert_int_equal(0, kill(server->pid, SIGHUP));
	expect_message("RELOADING=1\nMONOTONIC_USEC=");
	expect_message("READY=1");
	expect_message("STATUS=Serving: 1 workers ready");
	assert_int_equal(0, unlink(module));
	assert_int_equal(0, kill(server->pid, SIGHUP));
	expect_message("RELOADING=1\nMONOTONIC_USEC=");
	expect_message("READY=1");
	expect_message("; the last reload failed: ");
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

static void
the_watchdog_is_fed_while_the_loop_turns(void **state)
{
	struct server *server;
	char script[SCRIPT];

	(void)state;
	(void)snprintf(script, sizeof(script),
	    "NOTIFY_SOCKET=%s WATCHDOG_PID=$$ WATCHDOG_USEC=200000 "
	    "exec \"$@\"",
	    manager.address.sun_path);
	server = server_start_by(script, "-w", "1", NULL);
	for (int i = 0; i < 5; i++)
		expect_message("WATCHDOG=1");
	assert_int_equal(0, kill(server->pid, SIGSTOP));
	test_sleep_ms(50);
	while (next_message(test_now_ms()))
		continue;
	assert_false(next_message(test_now_ms() + 600));
	assert_int_equal(0, kill(server->pid, SIGCONT));
	expect_message("WATCHDOG=1");
	server_stop(server);
}

static void
a_socket_units_socket_is_served(void **state)
{
	int fd = listen_anywhere();
	struct server *server;
	struct client early;
	struct response response;
	char script[SCRIPT], address[64];
	struct server there = { .port = port_of(fd) };

	(void)state;
	(void)snprintf(
	    address, sizeof(address), "127.0.0.1:%u", (unsigned)there.port);
	script_passing(fd, "bulkhead.socket", script);
	/* The first client comes before the server. */
	client_open(&early, &there);
	client_send_text(&early, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
	server = server_start_by(script, "-w", "1", "-l", address, NULL);
	client_response(&early, &response);
	assert_int_equal(200, response.status);
	response_free(&response);
	client_close(&early);
	/* It isn't ours to give to systemd; the other one is. */
	expect_message("FDSTORE=1");
	assert_int_equal(server->port, port_of(manager.stored));
	expect_message("READY=1");
	assert_null(strstr(manager.stored_name, address + 10));
	server_stop(server);
	(void)close(fd);
}

static void
a_socket_that_nobody_configured_is_told_and_closed(void **state)
{
	int fd = listen_anywhere(), client;
	struct server *server;
	char script[SCRIPT], line[128];
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port_of(fd)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	(void)state;
	script_passing(fd, "bulkhead.socket", script);
	(void)close(fd);
	(void)snprintf(line, sizeof(line),
	    "systemd has a socket for 127.0.0.1:%u (bulkhead.socket), but no "
	    "listener",
	    (unsigned)ntohs(address.sin_port));
	server = server_start_by(script, "-w", "1", NULL);
	(void)close(PASSED);
	server->log_mark = 0;
	(void)server_log_wait(server, line, LONG_MS);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
	    -1, connect(client, (struct sockaddr *)&address, sizeof(address)));
	assert_int_equal(ECONNREFUSED, errno);
	(void)close(client);
	server_stop(server);
}

static void
what_is_no_listener_is_told_and_closed(void **state)
{
	struct server *server;
	char script[SCRIPT];
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	script_passing(fd, "odd", script);
	(void)close(fd);
	server = server_start_by(script, "-w", "1", NULL);
	server->log_mark = 0;
	(void)server_log_wait(server,
	    "systemd has handed us 'odd', which isn't a listening stream "
	    "socket",
	    LONG_MS);
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

/* The next master gets the socket, and who waited in it gets an answer. */
static void
a_killed_masters_listener_is_kept(void **state)
{
	struct server *server;
	struct client client;
	struct response response;
	char script[SCRIPT], address[64];
	struct server there;

	(void)state;
	(void)snprintf(script, sizeof(script), "NOTIFY_SOCKET=%s exec \"$@\"",
	    manager.address.sun_path);
	server = server_start_by(script, "-w", "1", NULL);
	expect_message("FDSTORE=1");
	assert_non_null(strstr(manager.message, "FDPOLL=0"));
	there = (struct server){ .port = server->port };
	assert_int_equal(0, kill(server->pid, SIGKILL));
	server_ended_with(server, SIGKILL);

	client_open(&client, &there);
	client_send_text(&client, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
	(void)snprintf(
	    address, sizeof(address), "127.0.0.1:%u", (unsigned)there.port);
	script_passing(manager.stored, manager.stored_name, script);
	server = server_start_by(script, "-w", "1", "-l", address, NULL);
	client_response(&client, &response);
	assert_int_equal(200, response.status);
	response_free(&response);
	client_close(&client);
	server_stop(server);
}

static void
a_kept_listener_that_is_not_configured_is_let_go(void **state)
{
	struct server *server;
	char script[SCRIPT], name[300];
	int fd = listen_anywhere();

	(void)state;
	script_passing(fd, "bulkhead-listener-127.0.0.1_1", script);
	(void)close(fd);
	server = server_start_by(script, "-w", "1", NULL);
	(void)snprintf(name, sizeof(name),
	    "FDSTOREREMOVE=1\nFDNAME=bulkhead-listener-127.0.0.1_1");
	expect_message(name);
	server_stop(server);
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, manager_open, manager_close)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CASE(systemd_is_told_of_its_life),
		CASE(a_reload_is_told),
		CASE(the_watchdog_is_fed_while_the_loop_turns),
		CASE(a_socket_units_socket_is_served),
		CASE(a_socket_that_nobody_configured_is_told_and_closed),
		CASE(what_is_no_listener_is_told_and_closed),
		CASE(a_killed_masters_listener_is_kept),
		CASE(a_kept_listener_that_is_not_configured_is_let_go),
	};

	return (RUN_TESTS(argc, argv, tests));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listening sockets: options that are inherited, and what goes wrong.
 */
#include "master/listener.h"
#include "tests/unit/master/test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void
parse(const char *text, struct address *ret_address)
{
	struct reason why;

	assert_int_equal(address_parse(text, ret_address, &why), 0);
}

static int
option_of(int fd, int level, int option)
{
	socklen_t length = sizeof(int);
	int value = -1;

	assert_int_equal(getsockopt(fd, level, option, &value, &length), 0);
	return (value);
}

static int
connect_to(const char *name)
{
	struct address address;
	int fd;

	parse(name, &address);
	fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(
	    connect(fd, (struct sockaddr *)&address.storage, address.length),
	    0);
	return (fd);
}

/* The server relies on it, so that accept is one system call. */
static void
hands_its_options_down_to_what_it_accepts(void **state)
{
	struct listener listener;
	struct address address;
	struct reason why;
	int accepted, client;

	(void)state;
	parse("127.0.0.1:0", &address);
	assert_int_equal(listener_open(&listener, &address, &why), 0);
	client = connect_to(listener.name);
	accepted =
	    accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(accepted >= 0);
	assert_int_equal(option_of(accepted, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(option_of(accepted, SOL_SOCKET, SO_OOBINLINE), 1);
	(void)close(accepted);
	(void)close(client);
	listener_close(&listener);
}

static void
does_not_block_and_is_not_inherited(void **state)
{
	struct listener listener;
	struct address address;
	struct reason why;

	(void)state;
	parse("127.0.0.1:0", &address);
	assert_int_equal(listener_open(&listener, &address, &why), 0);
	assert_true(fcntl(listener.fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(listener.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(accept(listener.fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	listener_close(&listener);
	listener_close(&listener); /* closed is fine */
}

static void
names_the_port_that_is_in_use(void **state)
{
	struct listener first, second;
	struct address address;
	struct reason why;
	char expected[256];

	(void)state;
	parse("127.0.0.1:0", &address);
	assert_int_equal(listener_open(&first, &address, &why), 0);
	parse(first.name, &address);
	assert_int_equal(listener_open(&second, &address, &why), -EADDRINUSE);
	(void)snprintf(expected, sizeof(expected),
	    "can't listen on %s: Address already in use; another program "
	    "listens there: stop it or choose another port with -l",
	    first.name);
	assert_string_equal(why.text, expected);
	assert_int_equal(second.fd, -1);
	/* For -t a server that runs already is no mistake. */
	assert_int_equal(listener_check(&address, &why), 0);
	listener_close(&first);
}

static void
names_the_address_that_is_not_ours(void **state)
{
	struct listener listener;
	struct address address;
	struct reason why;

	(void)state;
	parse("192.0.2.1:80", &address); /* for documentation only */
	assert_int_equal(
	    listener_open(&listener, &address, &why), -EADDRNOTAVAIL);
	assert_string_equal(why.text,
	    "can't listen on 192.0.2.1:80: Cannot assign requested address; "
	    "no interface of this machine has that address");
	assert_int_equal(listener_check(&address, &why), -EADDRNOTAVAIL);
}

static void
listens_on_both_families_at_every_address(void **state)
{
	struct listener listener;
	struct address address;
	struct reason why;
	char name[64];

	(void)state;
	parse(":0", &address);
	assert_int_equal(listener_open(&listener, &address, &why), 0);
	(void)snprintf(
	    name, sizeof(name), "127.0.0.1%s", strrchr(listener.name, ':'));
	(void)close(connect_to(name));
	listener_close(&listener);
}

static void
leaves_ipv4_alone_when_only_ipv6_is_asked_for(void **state)
{
	struct listener four, six;
	struct address address;
	struct reason why;
	char name[64];

	(void)state;
	parse("[::]:0", &address);
	if (listener_open(&six, &address, &why) == -EAFNOSUPPORT)
		skip();
	(void)snprintf(name, sizeof(name), "0.0.0.0%s", strrchr(six.name, ':'));
	parse(name, &address);
	assert_int_equal(listener_open(&four, &address, &why), 0);
	listener_close(&four);
	listener_close(&six);
}

static void
replaces_a_stale_path_but_not_a_live_one(void **state)
{
	struct listener first, second;
	struct address address;
	struct reason why;
	struct stat status;
	char folder[] = "/tmp/bulkhead-listener-XXXXXX";
	char text[64];

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(text, sizeof(text), "unix:%s/s", folder);
	parse(text, &address);
	assert_int_equal(listener_open(&first, &address, &why), 0);
	assert_string_equal(first.name, text);
	assert_int_equal(listener_open(&second, &address, &why), -EADDRINUSE);
	assert_non_null(strstr(why.text, "another server answers there"));
	(void)close(first.fd); /* as a crash would: the file stays */
	assert_int_equal(stat(text + 5, &status), 0);
	assert_int_equal(listener_open(&second, &address, &why), 0);
	listener_close(&second);
	assert_int_equal(stat(text + 5, &status), -1);
	assert_int_equal(rmdir(folder), 0);
}

static void
leaves_a_file_that_is_not_a_socket_alone(void **state)
{
	struct listener listener;
	struct address address;
	struct reason why;
	char path[] = "/tmp/bulkhead-listener-XXXXXX";
	char text[64];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	(void)snprintf(text, sizeof(text), "unix:%s", path);
	parse(text, &address);
	assert_int_equal(listener_open(&listener, &address, &why), -EADDRINUSE);
	assert_non_null(strstr(why.text, "a file that isn't a socket"));
	assert_int_equal(unlink(path), 0);
}

/* A successor may have taken the path over meanwhile. */
static void
removes_only_its_own_file(void **state)
{
	struct listener listener;
	struct address address;
	struct reason why;
	char folder[] = "/tmp/bulkhead-listener-XXXXXX";
	char text[64];
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(text, sizeof(text), "unix:%s/s", folder);
	parse(text, &address);
	assert_int_equal(listener_open(&listener, &address, &why), 0);
	assert_int_equal(unlink(text + 5), 0);
	fd = open(text + 5, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	listener_close(&listener);
	assert_int_equal(unlink(text + 5), 0);
	assert_int_equal(rmdir(folder), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hands_its_options_down_to_what_it_accepts),
		cmocka_unit_test(does_not_block_and_is_not_inherited),
		cmocka_unit_test(names_the_port_that_is_in_use),
		cmocka_unit_test(names_the_address_that_is_not_ours),
		cmocka_unit_test(listens_on_both_families_at_every_address),
		cmocka_unit_test(leaves_ipv4_alone_when_only_ipv6_is_asked_for),
		cmocka_unit_test(replaces_a_stale_path_but_not_a_live_one),
		cmocka_unit_test(leaves_a_file_that_is_not_a_socket_alone),
		cmocka_unit_test(removes_only_its_own_file),
	};

	return (RUN_TESTS(argc, argv, tests));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reload with fake workers: who serves, who is let go, and what stays when it
 * fails. process/reload.c and process/pools.c do it with real ones.
 */
#include "tests/unit/master/support.h"
#include "tests/unit/master/test.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
reload(struct running *running, const char *text)
{
	assert_int_equal(kill(running->pid, SIGHUP), 0);
	assert_true(running_says(running, text));
}

/* Who answers there: a worker's number. */
static unsigned
ask_who(int fd)
{
	unsigned number;
	char text[1024];

	assert_true(ask(fd, "GET /\n", text) > 0);
	assert_int_equal(sscanf(text, "worker %u", &number), 1);
	return (number);
}

/* Generations of 1, 2 and 1 workers, each with one in reserve. */
static void
goes_over_to_the_next_generation(void **state)
{
	struct running running;
	int fd;

	(void)state;
	running_prepare(&running, 1, "");
	(void)running_add(&running, 2, "");
	(void)running_add(&running, 1, "");
	running_launch(&running);
	fd = running_connect(&running);
	assert_int_equal(ask_who(fd), 1);
	reload(&running, "generation 2 serves: 2 workers, 1 modules");
	assert_true(running_says(&running, "generation 1 is gone"));
	assert_in_range(ask_who(fd), 3, 4);
	/* Numbers that nobody has any more are used again. */
	reload(&running, "generation 3 serves: 1 workers, 1 modules");
	assert_true(running_says(&running, "generation 2 is gone"));
	assert_int_equal(ask_who(fd), 1);
	(void)close(fd);
	running_end(&running);
}

/* A port that somebody else listens on. */
static int
occupy(unsigned *ret_port)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t length = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&in, length), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &length), 0);
	*ret_port = ntohs(in.sin_port);
	return (fd);
}

static void
changes_nothing_when_it_fails(void **state)
{
	struct running running;
	struct config *config;
	struct reason why;
	char address[64];
	unsigned port;
	int fd, other;

	(void)state;
	other = occupy(&port);
	running_prepare(&running, 1, "");
	(void)running_add(&running, 2, "fail=not today");
	config = running_add(&running, 1, "");
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	assert_int_equal(
	    address_parse(address, &config->listeners[1].address, &why), 0);
	config->listener_count = 2;
	config = running_add(&running, 1, "load=slow");
	config->pools[0]->start_limit_ms = 200;
	(void)running_add(&running, 1, "load=crash");
	running_launch(&running);
	fd = running_connect(&running);
	reload(&running, "nothing has changed: not today\n");
	reload(&running, "nothing has changed: can't listen on ");
	reload(&running, "did not become ready in 0.2 s\n");
	reload(&running, "nothing has changed: worker 3 (pid ");
	reload(&running, "nothing has changed: there is no other\n");
	assert_int_equal(running_said(&running, "under quarantine"), 0);
	assert_int_equal(ask_who(fd), 1);
	(void)close(fd);
	(void)close(other);
	running_end(&running);
}

static void
ends_in_order_while_another_is_on_trial(void **state)
{
	struct running running;

	(void)state;
	running_prepare(&running, 1, "");
	(void)running_add(&running, 2, "load=slow");
	running_launch(&running);
	reload(&running, "reloading\n");
	assert_int_equal(kill(running.pid, SIGTERM), 0);
	assert_int_equal(running_wait(&running), 0);
	assert_true(
	    running_says(&running, "nothing has changed: the server stops\n"));
	running_gone(&running);
}

/* Those that still finish are four at most. */
static void
waits_for_generations_that_do_not_end(void **state)
{
	struct running running;
	char text[64];

	(void)state;
	running_prepare(&running, 1, "retire=never");
	for (unsigned i = 0; i < RUNNING_RELOADS; i++)
		(void)running_add(&running, 1, "retire=never");
	running_launch(&running);
	for (unsigned i = 2; i <= 4; i++) {
		(void)snprintf(
		    text, sizeof(text), "generation %u serves: 1 workers", i);
		reload(&running, text);
	}
	reload(&running, "the reload waits until an older generation");
	assert_int_equal(running_said(&running, "is gone"), 0);
	running_end(&running);
}

/* One that is over its limit makes room for the one that waits. */
static void
goes_on_when_an_old_generation_is_killed(void **state)
{
	struct running running;
	char text[64];

	(void)state;
	running_prepare(&running, 1, "retire=never");
	running.config->pools[0]->drain_limit_ms = 1500;
	for (unsigned i = 0; i < RUNNING_RELOADS; i++)
		(void)running_add(&running, 1, "retire=never");
	running_launch(&running);
	for (unsigned i = 2; i <= 5; i++) {
		(void)snprintf(
		    text, sizeof(text), "generation %u serves: 1 workers", i);
		reload(&running, text);
	}
	assert_int_equal(
	    running_said(&running, "did not finish in 1.5 s: killed"), 1);
	running_end(&running);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_over_to_the_next_generation),
		cmocka_unit_test(changes_nothing_when_it_fails),
		cmocka_unit_test(ends_in_order_while_another_is_on_trial),
		cmocka_unit_test(waits_for_generations_that_do_not_end),
		cmocka_unit_test(goes_on_when_an_old_generation_is_killed),
	};

	return (RUN_TESTS(argc, argv, tests));
}

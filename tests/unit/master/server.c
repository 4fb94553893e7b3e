/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole master with fake workers: start, hand-over, death, replacement,
 * stop.
 */
#include "tests/unit/master/support.h"
#include "tests/unit/master/test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void
sleep_ms(long ms)
{
	(void)nanosleep(
	    &(struct timespec){ ms / 1000, ms % 1000 * 1000 * 1000 }, NULL);
}

static void
starts_answers_and_stops(void **state)
{
	struct running running;
	char text[1024];
	int fd;

	(void)state;
	running_start(&running, 2, "");
	assert_true(
	    running_says(&running, "<6>bulkhead: ready: 2 workers, 1 modules"));
	fd = running_connect(&running);
	assert_true(ask(fd, "GET /\n", text) > 0);
	assert_non_null(strstr(text, "incarnation"));
	assert_true(ask(fd, "GET /close\n", text) > 0);
	assert_int_equal(listen_to(fd, text), 0);
	(void)close(fd);
	running_end(&running);
}

static void
spreads_connections_over_workers(void **state)
{
	struct running running;
	unsigned number, seen[3] = { 0, 0, 0 };
	char text[1024];
	int fds[30];

	(void)state;
	running_start(&running, 3, "");
	for (size_t i = 0; i < 30; i++) {
		fds[i] = running_connect(&running);
		assert_true(ask(fds[i], "GET /\n", text) > 0);
		assert_int_equal(sscanf(text, "worker %u", &number), 1);
		assert_in_range(number, 1, 3);
		seen[number - 1]++;
	}
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(seen[i], 10);
	for (size_t i = 0; i < 30; i++)
		(void)close(fds[i]);
	running_end(&running);
}

/* A reset, not a quiet end, and the same worker number serves on. */
static void
replaces_a_worker_that_crashed(void **state)
{
	struct running running;
	char text[1024];
	int fd, idle;

	(void)state;
	running_start(&running, 1, "");
	idle = running_connect(&running);
	assert_true(ask(idle, "GET /\n", text) > 0);
	fd = running_connect(&running);
	assert_int_equal(ask(fd, "GET /crash\n", text), -ECONNRESET);
	assert_int_equal(listen_to(idle, text), -ECONNRESET);
	assert_true(running_says(&running,
	    "killed by SIGSEGV in module fake, begin_request, request 7-17"));
	assert_int_equal(
	    running_said(&running, "<3>bulkhead: worker 1 (pid"), 1);
	(void)close(fd);
	(void)close(idle);
	fd = running_connect(&running);
	assert_true(ask(fd, "GET /\n", text) > 0);
	assert_string_equal(text, "worker 1 incarnation 2\n");
	(void)close(fd);
	running_end(&running);
}

static void
backs_off_when_a_worker_keeps_dying(void **state)
{
	struct running running;
	char text[1024];
	int fd;

	(void)state;
	running_start(&running, 1, "");
	for (int i = 0; i < 3; i++) {
		fd = running_connect(&running);
		(void)ask(fd, "GET /crash\n", text);
		(void)close(fd);
	}
	assert_true(running_says(&running, "its next start in 100 ms"));
	assert_true(running_says(&running, "its next start in 200 ms"));
	fd = running_connect(&running);
	assert_true(ask(fd, "GET /\n", text) > 0);
	assert_string_equal(text, "worker 1 incarnation 4\n");
	(void)close(fd);
	running_end(&running);
}

static void
kills_a_worker_that_sends_nonsense(void **state)
{
	struct running running;
	char text[1024];
	int fd;

	(void)state;
	running_start(&running, 1, "");
	fd = running_connect(&running);
	tell(fd, "GET /nonsense\n");
	assert_true(running_says(&running, "broke the protocol"));
	(void)close(fd);
	fd = running_connect(&running);
	assert_true(ask(fd, "GET /\n", text) > 0);
	assert_string_equal(text, "worker 1 incarnation 2\n");
	(void)close(fd);
	running_end(&running);
}

static void
ignores_reports_that_are_not_true(void **state)
{
	struct running running;
	char text[1024];
	int fd;

	(void)state;
	running_start(&running, 1, "");
	fd = running_connect(&running);
	assert_true(ask(fd, "GET /lie\n", text) > 0);
	assert_true(ask(fd, "GET /lie\n", text) > 0);
	assert_true(ask(fd, "GET /\n", text) > 0);
	assert_string_equal(text, "worker 1 incarnation 1\n");
	assert_true(running_says(&running, "which it isn't"));
	assert_int_equal(running_said(&running, "which it isn't"), 1);
	(void)close(fd);
	running_end(&running);
}

static void
replaces_a_worker_that_hung_up(void **state)
{
	struct running running;
	char text[1024];
	int fd;

	(void)state;
	running_start(&running, 1, "");
	fd = running_connect(&running);
	assert_int_equal(ask(fd, "GET /hangup\n", text), -ECONNRESET);
	(void)close(fd);
	fd = running_connect(&running);
	assert_true(ask(fd, "GET /\n", text) > 0);
	assert_string_equal(text, "worker 1 incarnation 2\n");
	(void)close(fd);
	running_end(&running);
}

static void
gives_refused_connections_to_nobody_until_someone_can(void **state)
{
	struct running running;
	char text[1024];
	int fd;

	(void)state;
	running_start(&running, 2, "take=never");
	fd = running_connect(&running);
	sleep_ms(200);
	/* Stopping with it still in the queue: it is reset, in a second. */
	assert_int_equal(kill(running.pid, SIGTERM), 0);
	assert_int_equal(running_wait(&running), 0);
	assert_int_equal(listen_to(fd, text), -ECONNRESET);
	(void)close(fd);
	running_gone(&running);
}

static void
gives_a_worker_no_descriptors_but_its_own(void **state)
{
	struct running running;
	char text[1024];
	int fd;

	(void)state;
	running_start(&running, 1, "");
	fd = running_connect(&running);
	assert_true(ask(fd, "GET /fds\n", text) > 0);
	assert_string_equal(text, "0 1 2 3 4 ");
	(void)close(fd);
	running_end(&running);
}

static void
drains_in_order_and_closes_what_is_open(void **state)
{
	struct running running;
	char text[1024];
	int fd;

	(void)state;
	running_start(&running, 2, "");
	fd = running_connect(&running);
	assert_true(ask(fd, "GET /\n", text) > 0);
	running_end(&running);
	assert_int_equal(listen_to(fd, text), 0);
	(void)close(fd);
}

static void
ends_at_once_at_the_second_signal(void **state)
{
	struct running running;
	char text[1024];
	int fd;

	(void)state;
	running_start(&running, 2, "drain=never");
	fd = running_connect(&running);
	assert_true(ask(fd, "GET /\n", text) > 0);
	assert_int_equal(kill(running.pid, SIGINT), 0);
	assert_true(running_says(&running, "stopping: 1 connections"));
	assert_int_equal(kill(running.pid, SIGINT), 0);
	assert_int_equal(running_wait(&running), 0);
	assert_int_equal(listen_to(fd, text), -ECONNRESET);
	(void)close(fd);
	running_gone(&running);
}

static void
kills_workers_that_do_not_drain_in_time(void **state)
{
	struct running running;

	(void)state;
	running_prepare(&running, 1, "drain=never");
	running.config->pools[0]->drain_limit_ms = 200;
	running_launch(&running);
	assert_int_equal(kill(running.pid, SIGTERM), 0);
	assert_int_equal(running_wait(&running), 0);
	assert_true(running_says(&running, "did not finish in 0.2 s"));
	running_gone(&running);
}

/* One clear line, status 1, nothing left. */
static void
assert_start_fails(struct running *running, const char *line)
{
	assert_int_equal(running_wait(running), 1);
	assert_true(running_says(running, line));
	assert_int_equal(running_said(running, "\n"), 1);
	running_gone(running);
}

static void
tells_why_a_worker_failed_and_ends(void **state)
{
	struct running running;

	(void)state;
	running_start(&running, 3, "fail=no such symbol");
	assert_start_fails(&running, "<3>bulkhead: no such symbol\n");
}

static void
tells_which_module_crashed_while_loading(void **state)
{
	struct running running;

	(void)state;
	running_start(&running, 1, "load=crash,required=yes");
	assert_start_fails(
	    &running, "killed by SIGSEGV in module fake, register_module\n");
}

/* It crashes again though it was told not to load it: that is the end. */
static void
does_not_try_for_ever_to_start_without_a_module(void **state)
{
	struct running running;

	(void)state;
	running_start(&running, 1, "load=crash");
	assert_int_equal(running_wait(&running), 1);
	assert_int_equal(running_said(&running, "under quarantine"), 1);
	assert_int_equal(running_said(&running, "killed by SIGSEGV"), 2);
	running_gone(&running);
}

static void
tells_when_a_worker_does_not_become_ready(void **state)
{
	struct running running;

	(void)state;
	running_prepare(&running, 1, "load=slow");
	running.config->pools[0]->start_limit_ms = 300;
	running_launch(&running);
	assert_start_fails(
	    &running, "worker 1 did not become ready in 0.3 s\n");
}

static void
ends_when_a_worker_skips_a_step(void **state)
{
	struct running running;

	(void)state;
	running_start(&running, 1, "load=garbage");
	assert_int_equal(running_wait(&running), 1);
	running_gone(&running);
}

static void
ends_when_the_worker_program_cannot_run(void **state)
{
	struct running running;

	(void)state;
	running_prepare(&running, 1, "");
	free(running.config->worker);
	running.config->worker = strdup("/nonexistent/worker");
	running_launch(&running);
	assert_int_equal(running_wait(&running), 1);
	assert_true(running_says(&running, "can't run /nonexistent/worker"));
	running_gone(&running);
}

static void
ends_when_the_port_is_in_use(void **state)
{
	struct running first, second;
	struct reason why;
	char address[64];

	(void)state;
	running_start(&first, 1, "");
	running_prepare(&second, 1, "");
	(void)snprintf(address, sizeof(address), "127.0.0.1:%d", first.port);
	assert_int_equal(
	    address_parse(address, &second.config->listeners[0].address, &why),
	    0);
	running_launch(&second);
	assert_int_equal(running_wait(&second), 1);
	(void)snprintf(address, sizeof(address),
	    "can't listen on 127.0.0.1:%d: Address already in use", first.port);
	assert_true(running_says(&second, address));
	assert_int_equal(running_said(&second, "\n"), 1);
	assert_int_equal(kill(first.pid, SIGTERM), 0);
	assert_int_equal(running_wait(&first), 0);
	running_gone(&first);
	running_gone(&second);
}

static void
checks_a_configuration_and_ends(void **state)
{
	struct running running;

	(void)state;
	running_prepare(&running, 1, "");
	running.config->check = true;
	running_launch(&running);
	assert_int_equal(running_wait(&running), 0);
	assert_true(running_says(&running, "configuration ok\n"));
	assert_int_equal(running_said(&running, "\n"), 1);
	running_gone(&running);
	running_prepare(&running, 1, "fail=wrong");
	running.config->check = true;
	running_launch(&running);
	assert_start_fails(&running, "<3>bulkhead: wrong\n");
}

/* More clients than slots: they wait, and the master sleeps meanwhile. */
static void
waits_for_room_when_the_table_is_full(void **state)
{
	struct running running;
	struct timespec before, after;
	char text[1024];
	clockid_t clock;
	int fds[8];

	(void)state;
	running_prepare(&running, 1, "");
	running.config->slots_max = 4;
	running_launch(&running);
	for (size_t i = 0; i < 8; i++)
		fds[i] = running_connect(&running);
	for (size_t i = 0; i < 4; i++)
		assert_true(ask(fds[i], "GET /\n", text) > 0);
	assert_true(running_says(&running, "the connection table is full"));
	assert_int_equal(clock_getcpuclockid(running.pid, &clock), 0);
	assert_int_equal(clock_gettime(clock, &before), 0);
	sleep_ms(300);
	assert_int_equal(clock_gettime(clock, &after), 0);
	assert_true((after.tv_sec - before.tv_sec) * 1000000000L +
			after.tv_nsec - before.tv_nsec <
		    50 * 1000 * 1000);
	for (size_t i = 0; i < 8; i++) {
		assert_true(ask(fds[i], "GET /close\n", text) > 0);
		(void)close(fds[i]);
	}
	running_end(&running);
}

static void
listens_on_a_unix_path_and_removes_it(void **state)
{
	struct running running;
	struct reason why;
	char path[128];

	(void)state;
	running_prepare(&running, 1, "");
	(void)snprintf(path, sizeof(path), "unix:%s/http", running.folder);
	assert_int_equal(
	    address_parse(path, &running.config->listeners[1].address, &why),
	    0);
	running.config->listener_count = 2;
	running_launch(&running);
	assert_true(running_says(&running, path));
	assert_int_equal(access(path + 5, F_OK), 0);
	running_end(&running);
	assert_int_equal(access(path + 5, F_OK), -1);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_answers_and_stops),
		cmocka_unit_test(spreads_connections_over_workers),
		cmocka_unit_test(replaces_a_worker_that_crashed),
		cmocka_unit_test(backs_off_when_a_worker_keeps_dying),
		cmocka_unit_test(kills_a_worker_that_sends_nonsense),
		cmocka_unit_test(ignores_reports_that_are_not_true),
		cmocka_unit_test(replaces_a_worker_that_hung_up),
		cmocka_unit_test(
		    gives_refused_connections_to_nobody_until_someone_can),
		cmocka_unit_test(gives_a_worker_no_descriptors_but_its_own),
		cmocka_unit_test(drains_in_order_and_closes_what_is_open),
		cmocka_unit_test(ends_at_once_at_the_second_signal),
		cmocka_unit_test(kills_workers_that_do_not_drain_in_time),
		cmocka_unit_test(tells_why_a_worker_failed_and_ends),
		cmocka_unit_test(tells_which_module_crashed_while_loading),
		cmocka_unit_test(
		    does_not_try_for_ever_to_start_without_a_module),
		cmocka_unit_test(tells_when_a_worker_does_not_become_ready),
		cmocka_unit_test(ends_when_a_worker_skips_a_step),
		cmocka_unit_test(ends_when_the_worker_program_cannot_run),
		cmocka_unit_test(ends_when_the_port_is_in_use),
		cmocka_unit_test(checks_a_configuration_and_ends),
		cmocka_unit_test(waits_for_room_when_the_table_is_full),
		cmocka_unit_test(listens_on_a_unix_path_and_removes_it),
	};

	return (RUN_TESTS(argc, argv, tests));
}

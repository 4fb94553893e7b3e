/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who ended a worker: signals, and the kernel's count of what it killed for
 * want of memory.
 */
#include "master/cause.h"
#include "master/master.h"
#include "shm/activity.h"
#include "shm/base/clock.h"
#include "tests/unit/master/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
	struct master master;
	struct worker worker;
	char path[64];
};

static void
count_kills(const struct fixture *fixture, unsigned count)
{
	FILE *file = fopen(fixture->path, "we");

	assert_non_null(file);
	(void)fprintf(file, "low 0\noom 9\noom_kill %u\n", count);
	assert_int_equal(fclose(file), 0);
}

static int
set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	int fd;

	assert_non_null(fixture);
	fixture->worker.master = &fixture->master;
	(void)snprintf(
	    fixture->path, sizeof(fixture->path), "/tmp/bulkhead-oom-XXXXXX");
	fd = mkstemp(fixture->path);
	assert_true(fd >= 0);
	(void)close(fd);
	count_kills(fixture, 4);
	assert_true(oom_watch(&fixture->master.oom, fixture->path));
	*state = fixture;
	return (0);
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	(void)unlink(fixture->path);
	free(fixture);
	return (0);
}

static enum cause
by_signal(const struct fixture *fixture, int number)
{
	const siginfo_t end = { .si_code = CLD_KILLED, .si_status = number };

	return (cause_find(&fixture->worker, &end));
}

static void
a_fault_is_its_own_and_an_order_is_not(void **state)
{
	static const int own[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL,
		SIGSYS, SIGXCPU, SIGALRM };
	static const int outside[] = { SIGKILL, SIGTERM, SIGINT, SIGHUP,
		SIGQUIT, SIGUSR1 };
	const siginfo_t exited = { .si_code = CLD_EXITED,
		.si_status = SIGKILL };
	const siginfo_t dumped = { .si_code = CLD_DUMPED,
		.si_status = SIGSEGV };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		assert_int_equal(by_signal(fixture, own[i]), CAUSE_OWN);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		assert_int_equal(by_signal(fixture, outside[i]), CAUSE_OUTSIDE);
	assert_int_equal(cause_find(&fixture->worker, &exited), CAUSE_OWN);
	assert_int_equal(cause_find(&fixture->worker, &dumped), CAUSE_OWN);
}

/* The kernel told the worker who sent it, and the worker has told us. */
static void
a_fault_that_was_sent_is_an_order(void **state)
{
	struct segment_consumer *consumer = calloc(1, sizeof(*consumer));
	struct fixture *fixture = *state;

	assert_non_null(consumer);
	fixture->worker.view.consumer = consumer;
	activity_set_fatal(consumer, 0);
	assert_int_equal(by_signal(fixture, SIGSEGV), CAUSE_OWN);
	activity_set_sent(consumer);
	assert_int_equal(activity_fatal(consumer), -1);
	assert_int_equal(by_signal(fixture, SIGSEGV), CAUSE_OUTSIDE);
	fixture->worker.hung = true;
	assert_int_equal(by_signal(fixture, SIGABRT), CAUSE_MASTER);
	free(consumer);
}

static void
what_we_end_is_ours(void **state)
{
	struct fixture *fixture = *state;

	fixture->worker.killed = true;
	assert_int_equal(by_signal(fixture, SIGKILL), CAUSE_MASTER);
	assert_int_equal(by_signal(fixture, SIGSEGV), CAUSE_OWN);
	fixture->worker.killed = false;
	fixture->worker.hung = true;
	assert_int_equal(by_signal(fixture, SIGABRT), CAUSE_MASTER);
	assert_int_equal(by_signal(fixture, SIGKILL), CAUSE_MASTER);
}

/* Each that the kernel has counted stands for one death. */
static void
a_kill_for_want_of_memory_is_known_by_the_count(void **state)
{
	struct fixture *fixture = *state;
	struct oom *oom = &fixture->master.oom;
	uint64_t now;

	count_kills(fixture, 5);
	assert_int_equal(by_signal(fixture, SIGKILL), CAUSE_MEMORY);
	assert_int_equal(by_signal(fixture, SIGKILL), CAUSE_OUTSIDE);
	count_kills(fixture, 7);
	assert_int_equal(by_signal(fixture, SIGTERM), CAUSE_OUTSIDE);
	now = clock_now();
	assert_true(oom_killed(oom, now));
	assert_true(oom_killed(oom, now + 1));
	assert_false(oom_killed(oom, now + 2));
	(void)unlink(fixture->path);
	assert_int_equal(by_signal(fixture, SIGKILL), CAUSE_OUTSIDE);
}

/* The timer may see the count grow before the victim is dead. */
static void
a_kill_for_want_of_memory_may_have_been_counted_before(void **state)
{
	struct fixture *fixture = *state;
	struct oom *oom = &fixture->master.oom;
	const uint64_t now = clock_now();

	count_kills(fixture, 5);
	oom_look(oom, now - 2 * CLOCK_NS_PER_SEC);
	oom_look(oom, now - 1 * CLOCK_NS_PER_SEC);
	assert_int_equal(by_signal(fixture, SIGKILL), CAUSE_MEMORY);
	assert_int_equal(by_signal(fixture, SIGKILL), CAUSE_OUTSIDE);
}

/* That was another process, and this is an operator. */
static void
a_kill_long_after_the_count_has_grown_is_an_operators(void **state)
{
	struct fixture *fixture = *state;
	struct oom *oom = &fixture->master.oom;
	const uint64_t now = clock_now();

	count_kills(fixture, 5);
	oom_look(oom, now - 4 * CLOCK_NS_PER_SEC);
	assert_int_equal(by_signal(fixture, SIGKILL), CAUSE_OUTSIDE);
	/* Nor does it count for a later one that is told in time. */
	count_kills(fixture, 6);
	assert_int_equal(by_signal(fixture, SIGKILL), CAUSE_MEMORY);
	assert_int_equal(by_signal(fixture, SIGKILL), CAUSE_OUTSIDE);
	/* A death of another kind sees it, too. */
	count_kills(fixture, 7);
	fixture->worker.hung = true;
	assert_int_equal(by_signal(fixture, SIGABRT), CAUSE_MASTER);
	assert_int_equal(oom->seen, 7);
}

/* Whether or not anybody dies; and not at each of its looks at workers. */
static void
the_count_is_kept_fresh_by_the_watchs_timer(void **state)
{
	struct fixture *fixture = *state;
	struct master *master = &fixture->master;
	struct oom *oom = &master->oom;
	struct loop_timer *timer = &master->watch_timer;

	TAILQ_INIT(&master->pools);
	assert_int_equal(loop_init(&master->loop), 0);
	watch_init(master);
	count_kills(fixture, 5);
	timer->handle(timer);
	assert_int_equal(oom->seen, 5);
	count_kills(fixture, 6);
	timer->handle(timer);
	assert_int_equal(oom->seen, 5);
	oom->looked_ns -= OOM_LOOK_MS * CLOCK_NS_PER_MS;
	timer->handle(timer);
	assert_int_equal(oom->seen, 6);
	loop_timer_clear(&master->loop, timer);
	loop_fini(&master->loop);
}

static void
the_count_is_found_by_the_control_group(void **state)
{
	char path[OOM_PATH];
	uint64_t count;

	(void)state;
	assert_true(oom_path("0::/system.slice/bulkhead.service\n", path));
	assert_string_equal(
	    path, "/sys/fs/cgroup/system.slice/bulkhead.service/memory.events");
	assert_true(oom_path("9:name=systemd:/\n4:memory:/a/b\n0::/\n", path));
	assert_string_equal(
	    path, "/sys/fs/cgroup/memory/a/b/memory.oom_control");
	assert_false(oom_path("", path));
	assert_false(oom_path("nonsense", path));
	assert_false(oom_path("4:cpu:/a\n", path));
	assert_true(
	    oom_parse("oom 3\noom_kill 12\noom_group_kill 1\n", &count));
	assert_int_equal(count, 12);
	assert_true(oom_parse("oom_kill 1", &count));
	assert_false(oom_parse("oom_kill -1\n", &count));
	assert_false(oom_parse("oom_kill x\n", &count));
	assert_false(oom_parse("oom_killer 1\n", &count));
	assert_false(oom_parse("", &count));
}

static void
a_machine_has_a_count(void **state)
{
	struct oom oom;

	(void)state;
	oom_init(&oom);
	assert_string_not_equal(oom.path, "");
	assert_false(oom_watch(&oom, "/proc/uptime"));
	assert_false(oom_watch(&oom, "/nonexistent"));
	assert_false(oom_killed(&oom, 1));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_fault_is_its_own_and_an_order_is_not, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_fault_that_was_sent_is_an_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    what_we_end_is_ours, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_kill_for_want_of_memory_is_known_by_the_count, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    a_kill_for_want_of_memory_may_have_been_counted_before,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_kill_long_after_the_count_has_grown_is_an_operators,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    the_count_is_kept_fresh_by_the_watchs_timer, set_up,
		    tear_down),
		cmocka_unit_test(the_count_is_found_by_the_control_group),
		cmocka_unit_test(a_machine_has_a_count),
	};

	return (RUN_TESTS(argc, argv, tests));
}

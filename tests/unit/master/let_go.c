/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Letting go of a segment and of a process: descriptors are closed and the
 * child is reaped, with a thread or without.
 */
#include "master/let_go.h"
#include "tests/unit/master/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void
open_all(struct segment_fds *ret_fds)
{
	ret_fds->rw = memfd_create("rw", MFD_CLOEXEC);
	ret_fds->ro = memfd_create("ro", MFD_CLOEXEC);
	ret_fds->buffers = memfd_create("buffers", MFD_CLOEXEC);
	assert_true(ret_fds->buffers != -1);
}

/* Within 10 s at most. */
static bool
is_closed(int fd)
{
	for (int i = 0; i < 1000; i++) {
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
			return (true);
		(void)usleep(10000);
	}
	return (false);
}

/* Within 10 s at most. */
static bool
is_at_rest(void)
{
	for (int i = 0; i < 1000; i++) {
		if (!let_go_busy())
			return (true);
		(void)usleep(10000);
	}
	return (false);
}

static void
expect_closed(bool at_once)
{
	struct segment_fds fds, before;

	open_all(&fds);
	before = fds;
	let_go(&fds, NULL);
	assert_int_equal(fds.rw, -1);
	assert_int_equal(fds.ro, -1);
	assert_int_equal(fds.buffers, -1);
	if (at_once)
		assert_int_equal(fcntl(before.buffers, F_GETFD), -1);
	assert_true(is_closed(before.rw));
	assert_true(is_closed(before.ro));
	assert_true(is_closed(before.buffers));
}

static void
all_are_closed(void **state)
{
	struct segment_fds none = { -1, -1, -1 };
	int no_child = -1;

	(void)state;
	for (int i = 0; i < 20; i++)
		expect_closed(false);
	assert_true(is_at_rest());
	let_go(&none, &no_child);
	assert_false(let_go_busy());
}

/*
 * Reaping once kept the master for as long as the kernel was busy with the
 * dead worker's entries in /proc, and its clients waited.
 */
static void
a_child_that_cannot_be_reaped_yet_keeps_nobody_waiting(void **state)
{
	int lifeline[2], pidfd, before;
	pid_t pid;
	char byte;

	(void)state;
	assert_int_equal(pipe2(lifeline, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid != -1);
	if (pid == 0) {
		(void)close(lifeline[1]);
		_exit(read(lifeline[0], &byte, 1) == 0 ? 0 : 1);
	}
	before = pidfd = pidfd_open(pid, 0);
	assert_true(pidfd != -1);
	let_go(NULL, &pidfd);
	assert_int_equal(pidfd, -1);
	assert_true(let_go_busy());
	assert_int_equal(kill(pid, 0), 0);
	(void)close(lifeline[1]);
	assert_true(is_at_rest());
	assert_true(is_closed(before));
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	(void)close(lifeline[0]);
}

static void
without_a_thread_they_are_closed_at_once(void **state)
{
	struct rlimit before, none;

	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip(); /* they need more memory for nothing at all */
#endif
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	none = before;
	none.rlim_cur = 0; /* no stack for it */
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	for (int i = 0; i < 20; i++)
		expect_closed(i > 0); /* the C library may keep one stack */
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_thread_they_are_closed_at_once),
		cmocka_unit_test(all_are_closed),
		cmocka_unit_test(
		    a_child_that_cannot_be_reaped_yet_keeps_nobody_waiting),
	};

	return (RUN_TESTS(argc, argv, tests));
}

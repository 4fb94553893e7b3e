/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens between fork and exec of a worker.
 */
#include "master/spawn.h"
#include "shm/base/fd.h"
#include "shm/message.h"
#include "tests/unit/master/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const names[] = { "hello" };

static void
make_fds(struct segment_fds *ret_fds)
{
	const struct segment_geometry geometry = segment_default_geometry(8, 1);

	assert_int_equal(segment_create(&geometry, 1, 1, names, ret_fds), 0);
}

static void
close_fds(struct segment_fds *fds)
{
	fd_close(&fds->rw);
	fd_close(&fds->ro);
	fd_close(&fds->buffers);
}

static bool
is_allocated(int fd)
{
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	return (status.st_blocks >= status.st_size / 512);
}

/* Runs ${path} to its end; returns its exit status and what it said. */
static int
run(const char *path, const struct segment_fds *fds, uint8_t *said, size_t size,
    ssize_t *ret_length)
{
	const struct identity nobody = { .change = false };
	struct spawn spawn = {
		.path = path,
		.fds = fds,
		.identity = &nobody,
	};
	siginfo_t end = { 0 };
	int sockets[2], pidfd, truncated;
	size_t count = 0;
	pid_t pid;

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
	spawn.socket = sockets[1];
	assert_int_equal(spawn_worker(&spawn, &pid, &pidfd), 0);
	fd_close(&sockets[1]);
	(void)fd_send(sockets[0], "BOOT", 4, NULL, 0);
	assert_int_equal(waitid(P_PIDFD, (id_t)pidfd, &end, WEXITED), 0);
	assert_int_equal(end.si_code, CLD_EXITED);
	do /* a second time if the child hasn't read our BOOT */
		*ret_length = fd_receive(
		    sockets[0], said, size, NULL, 0, &count, &truncated);
	while (*ret_length == -ECONNRESET);
	fd_close(&sockets[0]);
	fd_close(&pidfd);
	return (end.si_status);
}

static void
the_memory_is_there_before_the_worker_runs(void **state)
{
	struct segment_fds fds;
	uint8_t said[512];
	ssize_t length;

	(void)state;
	make_fds(&fds);
	assert_false(is_allocated(fds.rw));
	assert_false(is_allocated(fds.buffers));
	assert_int_equal(
	    run("/bin/true", &fds, said, sizeof(said), &length), 0);
	assert_int_equal(length, 0);
	assert_true(is_allocated(fds.rw));
	assert_true(is_allocated(fds.buffers));
	close_fds(&fds);
}

/* FAILED with ${text}, as a worker itself would say it, and status 127. */
static void
expect_failure(
    const char *path, const struct segment_fds *fds, const char *text)
{
	uint8_t said[512];
	ssize_t length;

	assert_int_equal(run(path, fds, said, sizeof(said) - 1, &length), 127);
	assert_true(length > 0);
	said[length] = '\0';
	assert_int_equal(
	    message_check(said, (size_t)length, 0), MESSAGE_FAILED);
	assert_string_equal(
	    (const char *)said + sizeof(struct message_header), text);
}

static void
without_the_memory_it_does_not_run_and_says_so(void **state)
{
	struct segment_fds fds, wrong;

	(void)state;
	make_fds(&fds);
	wrong = fds;
	wrong.buffers = fds.ro; /* not one to allocate by */
	expect_failure("/bin/true", &wrong,
	    "no memory for its segment: Bad file descriptor");
	close_fds(&fds);
}

static void
a_program_that_is_not_there_is_named(void **state)
{
	struct segment_fds fds;

	(void)state;
	make_fds(&fds);
	expect_failure("/nowhere/worker", &fds,
	    "can't run /nowhere/worker: No such file or directory");
	close_fds(&fds);
}

/* A module that speaks to systemd would speak for the master. */
static void
a_worker_knows_nothing_of_systemd(void **state)
{
	static const char script[] =
	    "#!/bin/sh\n"
	    "[ \"$NOTIFY_SOCKET$WATCHDOG_PID$WATCHDOG_USEC\" = '' ] || exit 3\n"
	    "[ \"$KEPT\" = yes ] || exit 4\n";
	char path[] = "/tmp/bulkhead-spawn-XXXXXX";
	struct segment_fds fds;
	uint8_t said[512];
	ssize_t length;
	int fd;

	(void)state;
	make_fds(&fds);
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(
	    write(fd, script, sizeof(script) - 1), sizeof(script) - 1);
	assert_int_equal(fchmod(fd, 0700), 0);
	fd_close(&fd);
	assert_int_equal(setenv("NOTIFY_SOCKET", "/run/notify", 1), 0);
	assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0);
	assert_int_equal(setenv("WATCHDOG_USEC", "1", 1), 0);
	assert_int_equal(setenv("KEPT", "yes", 1), 0);
	assert_int_equal(run(path, &fds, said, sizeof(said), &length), 0);
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	assert_int_equal(unlink(path), 0);
	close_fds(&fds);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_memory_is_there_before_the_worker_runs),
		cmocka_unit_test(
		    without_the_memory_it_does_not_run_and_says_so),
		cmocka_unit_test(a_program_that_is_not_there_is_named),
		cmocka_unit_test(a_worker_knows_nothing_of_systemd),
	};

	return (RUN_TESTS(argc, argv, tests));
}

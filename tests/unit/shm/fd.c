/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passing descriptors: all of them, or a known part, and none left open.
 */
#include "unit.h"

#include "shm/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct pair {
	int ends[2];
};

static int
setup(void **state)
{
	static struct pair pair;

	*state = &pair;
	return (
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.ends));
}

static int
teardown(void **state)
{
	struct pair *pair = *state;

	fd_close(&pair->ends[0]);
	fd_close(&pair->ends[1]);
	return (0);
}

/* How many descriptors this process has open, of the first 1024. */
static int
count_open(void)
{
	int count = 0, fd;

	for (fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) != -1;
	return (count);
}

static bool
is_same_file(int a, int b)
{
	struct stat x, y;

	assert_int_equal(0, fstat(a, &x));
	assert_int_equal(0, fstat(b, &y));
	return (x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

static void
closing_clears_and_keeps_errno(void **state)
{
	int fd = eventfd(0, 0);

	(void)state;
	assert_true(fd != -1);
	errno = ENOTTY;
	fd_close(&fd);
	assert_int_equal(-1, fd);
	fd_close(&fd);
	assert_int_equal(ENOTTY, errno);
}

static void
nonblock_is_added_to_the_flags(void **state)
{
	struct pair *pair = *state;

	assert_int_equal(0, fd_set_nonblock(pair->ends[0]));
	assert_true(fcntl(pair->ends[0], F_GETFL) & O_NONBLOCK);
	assert_int_equal(-EBADF, fd_set_nonblock(-1));
}

static void
the_limit_is_raised_to_the_hard_one(void **state)
{
	struct rlimit before, after;
	size_t limit;

	(void)state;
	assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &before));
	assert_int_equal(0, fd_raise_limit(&limit));
	assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &after));
	assert_int_equal(before.rlim_max, after.rlim_cur);
	assert_int_equal(limit, after.rlim_cur);
	assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &before));
}

static void
bytes_and_descriptors_arrive_in_order_and_close_on_exec(void **state)
{
	struct pair *pair = *state;
	const size_t counts[] = { 0, 1, 2, 3, FD_PASS_MAX };
	int sent[2] = { open("/", O_PATH), open("/proc", O_PATH) };
	int fds[FD_PASS_MAX], got[FD_PASS_MAX], truncated;
	size_t count, i, k;
	char buffer[16];

	for (i = 0; i < FD_PASS_MAX; i++)
		fds[i] = sent[i % 2];
	for (k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
		assert_int_equal(
		    0, fd_send(pair->ends[0], "hello", 5, fds, counts[k]));
		assert_int_equal(
		    5, fd_receive(pair->ends[1], buffer, sizeof(buffer), got,
			   FD_PASS_MAX, &count, &truncated));
		assert_memory_equal("hello", buffer, 5);
		assert_int_equal(counts[k], count);
		assert_int_equal(0, truncated);
		for (i = 0; i < count; i++) {
			assert_true(is_same_file(fds[i], got[i]));
			assert_true(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
			fd_close(&got[i]);
		}
	}
	fd_close(&sent[0]);
	fd_close(&sent[1]);
}

static void
no_more_descriptors_are_taken_than_asked_for(void **state)
{
	struct pair *pair = *state;
	int fds[4] = { 0, 0, 0, 0 }, got[4] = { -7, -7, -7, -7 };
	size_t count, max;
	int before, truncated;
	char byte;

	before = count_open();
	for (max = 0; max < 4; max++) {
		assert_int_equal(0, fd_send(pair->ends[0], "x", 1, fds, 4));
		assert_int_equal(1, fd_receive(pair->ends[1], &byte, 1, got,
					max, &count, &truncated));
		assert_int_equal(max, count);
		assert_int_equal(1, truncated);
		assert_int_equal(-7, got[max]);
		while (count > 0)
			fd_close(&got[--count]);
		got[0] = got[1] = got[2] = -7;
	}
	assert_int_equal(before, count_open());
}

static void
at_the_descriptor_limit_a_prefix_arrives(void **state)
{
	struct pair *pair = *state;
	int fds[8] = { 0, 0, 0, 0, 0, 0, 0, 0 }, got[8], truncated;
	struct rlimit before, low;
	size_t count, i;
	int highest;
	char byte;

	assert_int_equal(0, fd_send(pair->ends[0], "x", 1, fds, 8));
	assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &before));
	/* Room for three more: the lowest free numbers. */
	for (i = 0; i < 3; i++)
		got[i] = dup(0);
	highest = got[2];
	for (i = 0; i < 3; i++)
		fd_close(&got[i]);
	low = before;
	low.rlim_cur = (rlim_t)highest + 1;
	assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &low));
	assert_int_equal(
	    1, fd_receive(pair->ends[1], &byte, 1, got, 8, &count, &truncated));
	assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &before));
	assert_int_equal(3, count);
	assert_int_equal(1, truncated);
	for (i = 0; i < count; i++) {
		assert_true(is_same_file(0, got[i]));
		fd_close(&got[i]);
	}
}

static void
a_message_too_long_leaves_no_descriptor_behind(void **state)
{
	struct pair *pair = *state;
	int fds[3] = { 0, 0, 0 }, got[3], before, truncated = 9;
	size_t count = 9;
	char buffer[4];

	before = count_open();
	assert_int_equal(0, fd_send(pair->ends[0], "12345", 5, fds, 3));
	assert_int_equal(
	    -EMSGSIZE, fd_receive(pair->ends[1], buffer, sizeof(buffer), got, 3,
			   &count, &truncated));
	assert_int_equal(9, count);
	assert_int_equal(before, count_open());
}

static void
nothing_blocks(void **state)
{
	struct pair *pair = *state;
	char block[4096];
	size_t count;
	int error, got, truncated;

	assert_int_equal(-EAGAIN,
	    fd_receive(pair->ends[1], block, 1, &got, 1, &count, &truncated));
	memset(block, 0, sizeof(block));
	do {
		error = fd_send(pair->ends[0], block, sizeof(block), NULL, 0);
	} while (error == 0);
	assert_int_equal(-EAGAIN, error);
}

static void
a_peer_that_is_gone_is_seen_without_a_signal(void **state)
{
	struct pair *pair = *state;
	size_t count;
	int got, truncated;
	char byte;

	fd_close(&pair->ends[1]);
	assert_int_equal(-EPIPE, fd_send(pair->ends[0], "x", 1, NULL, 0));
	assert_int_equal(0,
	    fd_receive(pair->ends[0], &byte, 1, &got, 1, &count, &truncated));
	assert_int_equal(0, count);
}

/* The size of the kernel's table of ours. */
static size_t
table_size(void)
{
	char line[128];
	size_t size = 0;
	FILE *file = fopen("/proc/self/status", "re");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		(void)sscanf(line, "FDSize: %zu", &size);
	assert_int_equal(0, fclose(file));
	return (size);
}

static void
room_is_made_for_as_many_as_may_be(void **state)
{
	struct rlimit before, limit;

	(void)state;
	assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &before));
	limit = before;
	limit.rlim_cur = 900;
	assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &limit));
	assert_int_equal(0, fd_make_room(STDERR_FILENO, 500));
	assert_true(table_size() >= 500);
	assert_int_equal(0, fd_make_room(STDERR_FILENO, 100000));
	assert_true(table_size() >= 900);
	assert_int_equal(-1, fcntl(899, F_GETFD)); /* nothing is left open */
	assert_int_equal(0, fd_make_room(STDERR_FILENO, 0));
	assert_int_equal(-EBADF, fd_make_room(-1, 10));
	assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &before));
}

#define FD_TEST(function) \
	cmocka_unit_test_setup_teardown(function, setup, teardown)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(closing_clears_and_keeps_errno),
	FD_TEST(nonblock_is_added_to_the_flags),
	cmocka_unit_test(the_limit_is_raised_to_the_hard_one),
	FD_TEST(bytes_and_descriptors_arrive_in_order_and_close_on_exec),
	FD_TEST(no_more_descriptors_are_taken_than_asked_for),
	FD_TEST(at_the_descriptor_limit_a_prefix_arrives),
	FD_TEST(a_message_too_long_leaves_no_descriptor_behind),
	FD_TEST(nothing_blocks),
	FD_TEST(a_peer_that_is_gone_is_seen_without_a_signal),
	cmocka_unit_test(room_is_made_for_as_many_as_may_be),
};

UNIT_MAIN(tests)

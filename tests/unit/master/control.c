/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket of a whole master with fake workers.
 */
#include "shm/retired.h"
#include "shm/base/fd.h"
#include "shm/message.h"
#include "shm/segment.h"
#include "tests/unit/master/support.h"
#include "tests/unit/master/test.h"

#include "master/supervise.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct answer {
	struct message_header header;
	union {
		struct message_status_master master;
		struct message_status_worker worker;
	} body;
};

static int
connect_control(const struct running *running)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)snprintf(
	    un.sun_path, sizeof(un.sun_path), "%s", running->control);
	assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return (fd);
}

static void
ask_status(int fd)
{
	struct message_header header;

	message_init(&header, MESSAGE_STATUS, 0, 0);
	assert_int_equal(fd_send(fd, &header, sizeof(header), NULL, 0), 0);
}

/* Returns the next message's type, or what fd_receive() said. */
static int
next(int fd, struct answer *ret_answer, int *ret_segment)
{
	size_t count = 0;
	ssize_t size;
	int truncated;

	*ret_segment = -1;
	(void)poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 10000);
	size = fd_receive(fd, ret_answer, sizeof(*ret_answer), ret_segment, 1,
	    &count, &truncated);
	if (size <= 0)
		return ((int)size);
	return (message_check(ret_answer, (size_t)size, 0));
}

static void
check_worker(const struct answer *answer, int segment, uint32_t number)
{
	struct segment view;

	assert_int_equal(answer->body.worker.worker, number);
	assert_int_equal(answer->body.worker.state, WORKER_SERVING);
	assert_string_equal(answer->body.worker.state_name, "serving");
	assert_true(answer->body.worker.pid > 0);
	assert_int_equal(answer->body.worker.segment_fd, 1);
	assert_int_equal(segment_map_reader(segment, &view), 0);
	assert_int_equal(view.worker, number);
	segment_unmap(&view);
	/* Sealed: nobody out there can write it. */
	assert_ptr_equal(mmap(NULL, SEGMENT_PAGE, PROT_READ | PROT_WRITE,
			     MAP_SHARED, segment, 0),
	    MAP_FAILED);
	(void)close(segment);
}

static void
tells_the_master_and_each_worker_with_its_segment(void **state)
{
	struct running running;
	struct retired_copy retired;
	struct answer answer;
	char text[1024];
	int client, fd, segment;

	(void)state;
	running_start(&running, 3, "");
	client = running_connect(&running);
	assert_true(ask(client, "GET /\n", text) > 0);
	fd = connect_control(&running);
	for (int round = 0; round < 2; round++) {
		ask_status(fd);
		assert_int_equal(
		    next(fd, &answer, &segment), MESSAGE_STATUS_MASTER);
		assert_int_equal(answer.body.master.pid, running.pid);
		assert_int_equal(answer.body.master.workers, 3);
		assert_int_equal(answer.body.master.accepted, 1);
		assert_int_equal(answer.body.master.connections_open, 1);
		assert_int_equal(answer.body.master.connections_max, 256);
		assert_string_equal(
		    answer.body.master.version, BULKHEAD_VERSION);
		(void)snprintf(
		    text, sizeof(text), "127.0.0.1:%d\n", running.port);
		assert_string_equal(answer.body.master.listeners, text);
		for (uint32_t i = 1; i <= 3; i++) {
			assert_int_equal(
			    next(fd, &answer, &segment), MESSAGE_STATUS_WORKER);
			check_worker(&answer, segment, i);
		}
		assert_int_equal(
		    next(fd, &answer, &segment), MESSAGE_STATUS_MODULE);
		assert_int_equal(
		    next(fd, &answer, &segment), MESSAGE_STATUS_RETIRED);
		assert_int_equal(retired_read(segment, &retired), 0);
		retired_copy_free(&retired);
		(void)close(segment);
		assert_int_equal(
		    next(fd, &answer, &segment), MESSAGE_STATUS_END);
	}
	(void)close(fd);
	(void)close(client);
	running_end(&running);
}

/* Ask so often that the answers are more than a socket's buffer holds. */
static unsigned
ask_too_much(int fd)
{
	struct message_header header;
	unsigned asked = 0;

	message_init(&header, MESSAGE_STATUS, 0, 0);
	while (
	    asked < 2000 && fd_send(fd, &header, sizeof(header), NULL, 0) == 0)
		asked++;
	return (asked);
}

/* Read until the end; how many answers were whole? */
static unsigned
count_answers(int fd, unsigned most)
{
	struct answer answer;
	unsigned count = 0;
	int segment, type;

	while (count < most && (type = next(fd, &answer, &segment)) > 0) {
		if (segment != -1)
			(void)close(segment);
		count += type == MESSAGE_STATUS_END;
	}
	return (count);
}

static void
answers_as_fast_as_the_client_reads(void **state)
{
	struct running running;
	unsigned asked;
	int fd;

	(void)state;
	running_start(&running, 4, "");
	fd = connect_control(&running);
	asked = ask_too_much(fd);
	assert_int_equal(poll(NULL, 0, 100), 0);
	assert_int_equal(count_answers(fd, asked), asked);
	(void)close(fd);
	running_end(&running);
}

static void
drops_a_client_that_does_not_read(void **state)
{
	struct running running;
	unsigned asked;
	int fd;

	(void)state;
	running_start(&running, 4, "");
	fd = connect_control(&running);
	asked = ask_too_much(fd);
	assert_int_equal(poll(NULL, 0, 2500), 0);
	assert_true(count_answers(fd, asked) < asked);
	(void)close(fd);
	running_end(&running);
}

static void
drops_a_client_that_speaks_wrongly(void **state)
{
	struct running running;
	struct message_header header;
	struct answer answer;
	int fd, segment;

	(void)state;
	running_start(&running, 1, "");
	fd = connect_control(&running);
	message_init(&header, MESSAGE_DRAIN, 0, 0);
	assert_int_equal(fd_send(fd, &header, sizeof(header), NULL, 0), 0);
	assert_int_equal(next(fd, &answer, &segment), 0);
	(void)close(fd);
	fd = connect_control(&running);
	assert_int_equal(fd_send(fd, "status\n", 7, NULL, 0), 0);
	assert_int_equal(next(fd, &answer, &segment), 0);
	(void)close(fd);
	running_end(&running);
}

static void
serves_a_newcomer_when_idle_clients_hold_every_place(void **state)
{
	struct running running;
	struct answer answer;
	int fds[40], segment;

	(void)state;
	running_start(&running, 1, "");
	for (size_t i = 0; i < 40; i++)
		fds[i] = connect_control(&running);
	ask_status(fds[39]);
	assert_int_equal(
	    next(fds[39], &answer, &segment), MESSAGE_STATUS_MASTER);
	for (size_t i = 0; i < 40; i++)
		(void)close(fds[i]);
	running_end(&running);
}

static void
is_for_owner_and_group_only(void **state)
{
	struct running running;
	struct stat status;

	(void)state;
	running_start(&running, 1, "");
	assert_int_equal(stat(running.control, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0660);
	running_end(&running);
}

static void
replaces_a_stale_socket_but_not_a_live_one(void **state)
{
	struct running first, second;
	char line[256];

	(void)state;
	running_start(&first, 1, "");
	running_prepare(&second, 1, "");
	(void)snprintf(second.config->control, strlen(first.control) + 1, "%s",
	    first.control);
	running_launch(&second);
	assert_int_equal(running_wait(&second), 1);
	(void)snprintf(line, sizeof(line),
	    "can't listen on unix:%s: Address already in use", first.control);
	assert_true(running_says(&second, line));
	/* As a crash would: the file stays, and the next one starts. */
	assert_int_equal(kill(first.pid, SIGKILL), 0);
	assert_int_equal(waitpid(first.pid, NULL, 0), first.pid);
	assert_int_equal(access(first.control, F_OK), 0);
	running_launch(&second);
	assert_true(second.port != 0);
	assert_int_equal(kill(second.pid, SIGTERM), 0);
	assert_int_equal(running_wait(&second), 0);
	while (waitpid(-1, NULL, 0) > 0)
		continue; /* the first one's worker, which has noticed */
	running_gone(&first);
	running_gone(&second);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    tells_the_master_and_each_worker_with_its_segment),
		cmocka_unit_test(answers_as_fast_as_the_client_reads),
		cmocka_unit_test(drops_a_client_that_does_not_read),
		cmocka_unit_test(drops_a_client_that_speaks_wrongly),
		cmocka_unit_test(
		    serves_a_newcomer_when_idle_clients_hold_every_place),
		cmocka_unit_test(is_for_owner_and_group_only),
		cmocka_unit_test(replaces_a_stale_socket_but_not_a_live_one),
	};

	return (RUN_TESTS(argc, argv, tests));
}

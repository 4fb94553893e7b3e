/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkheadctl against a master that lies: whatever comes, it ends by itself,
 * in time, with a status and words. And the master against clients of its
 * control socket that don't speak its protocol.
 */
#include "shm/base/fd.h"
#include "shm/message.h"
#include "shm/segment.h"
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	TOOL_MS = 15000,
	MESSAGE_SIZE = 4096,
};

/* A socket of ours in the master's place. */
struct liar {
	char dir[64];
	char path[96];
	int listener;
};

static void
liar_open(struct liar *liar)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(
	    liar->dir, sizeof(liar->dir), "/tmp/bulkhead-test-XXXXXX");
	assert_non_null(mkdtemp(liar->dir));
	(void)snprintf(liar->path, sizeof(liar->path), "%s/control", liar->dir);
	(void)snprintf(
	    address.sun_path, sizeof(address.sun_path), "%s", liar->path);
	liar->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_true(liar->listener != -1);
	assert_int_equal(bind(liar->listener, (const struct sockaddr *)&address,
			     sizeof(address)),
	    0);
	assert_int_equal(listen(liar->listener, 4), 0);
}

static void
liar_close(struct liar *liar)
{
	(void)close(liar->listener);
	(void)unlink(liar->path);
	(void)rmdir(liar->dir);
}

static void
say(int s, enum message_type type, const void *body, size_t size, int fd)
{
	uint8_t bytes[MESSAGE_SIZE];
	struct message_header header;

	message_init(&header, type, 0, (uint32_t)size);
	memcpy(bytes, &header, sizeof(header));
	if (size > 0)
		memcpy(bytes + sizeof(header), body, size);
	(void)fd_send(s, bytes, sizeof(header) + size, &fd, fd == -1 ? 0 : 1);
}

static void
say_master(int s)
{
	struct message_status_master master = { .pid = 1 };

	/* No NUL anywhere in its texts, and bytes for a terminal. */
	memset(master.version, 0x1b, sizeof(master.version));
	memset(master.listeners, '\n', sizeof(master.listeners));
	memset(master.listeners, 0x9b, 8);
	say(s, MESSAGE_STATUS_MASTER, &master, sizeof(master), -1);
}

static void
say_worker(int s, int fd)
{
	struct message_status_worker worker = { .worker = 1, .segment_fd = 1 };

	memset(worker.state_name, 0x07, sizeof(worker.state_name));
	say(s, MESSAGE_STATUS_WORKER, &worker, sizeof(worker), fd);
}

/* A segment of the right form whose content is noise. */
static int
make_segment(bool header_too)
{
	static const char *const names[] = { "one", "two" };
	struct segment_geometry geometry;
	struct segment_fds fds;
	unsigned char *base;
	struct stat size;
	off_t i;

	geometry = segment_default_geometry(64, 2);
	assert_int_equal(segment_create(&geometry, 1, 1, names, &fds), 0);
	assert_int_equal(fstat(fds.rw, &size), 0);
	base = mmap(NULL, (size_t)size.st_size, PROT_READ | PROT_WRITE,
	    MAP_SHARED, fds.rw, 0);
	assert_true(base != MAP_FAILED);
	for (i = header_too ? 0 : SEGMENT_PAGE; i < size.st_size; i++)
		base[i] = (unsigned char)(i * 131 + i / 7 + 200);
	(void)munmap(base, (size_t)size.st_size);
	(void)close(fds.rw);
	(void)close(fds.buffers);
	return (fds.ro);
}

static void
lie_garbage(int s)
{
	(void)send(s, "hello", 5, MSG_NOSIGNAL);
}

static void
lie_nothing(int s)
{
	(void)s; /* closed when this returns */
}

static void
lie_end_only(int s)
{
	say(s, MESSAGE_STATUS_END, NULL, 0, -1);
}

static void
lie_wrong_size(int s)
{
	static const uint8_t zeros[100];

	say(s, MESSAGE_STATUS_MASTER, zeros, sizeof(zeros), -1);
}

static void
lie_other_version(int s)
{
	struct message_header header;

	message_init(&header, MESSAGE_STATUS_END, 0, 0);
	header.version++;
	(void)send(s, &header, sizeof(header), MSG_NOSIGNAL);
}

static void
lie_workers_without_end(int s)
{
	struct pollfd writable = { .fd = s, .events = POLLOUT };
	int i;

	say_master(s);
	for (i = 0; i < 20000 && poll(&writable, 1, 2000) == 1; i++)
		say_worker(s, -1);
}

static void
tell_odd_segments(int s)
{
	int fd;

	say_master(s);
	fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	say_worker(s, fd);
	(void)close(fd);
	fd = memfd_create("empty", MFD_CLOEXEC);
	say_worker(s, fd);
	(void)close(fd);
	fd = make_segment(true);
	say_worker(s, fd);
	(void)close(fd);
	fd = make_segment(false);
	say_worker(s, fd);
	(void)close(fd);
	say_worker(s, -1);
	say(s, MESSAGE_STATUS_END, NULL, 0, -1);
}

/* Serve one bulkheadctl with these lies; its exit status. */
static int
ask(void (*lie)(int), const char *option, struct process_result *result)
{
	const char *argv[6];
	char output[] = "/tmp/bulkhead-test-output-XXXXXX";
	char program[PATH_MAX], question[64];
	struct pollfd asked;
	struct liar liar;
	pid_t pid;
	int fd, s;

	liar_open(&liar);
	process_program("bulkheadctl", program, sizeof(program));
	argv[0] = program;
	argv[1] = "--control";
	argv[2] = liar.path;
	argv[3] = "status";
	argv[4] = option;
	argv[5] = NULL;
	fd = mkstemp(output);
	assert_true(fd != -1);
	(void)close(fd);
	pid = process_spawn(argv, output);
	asked = (struct pollfd){ .fd = liar.listener, .events = POLLIN };
	assert_int_equal(
	    poll(&asked, 1, test_left_ms(test_deadline(TOOL_MS))), 1);
	s = accept4(liar.listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(s != -1);
	asked.fd = s;
	assert_int_equal(
	    poll(&asked, 1, test_left_ms(test_deadline(TOOL_MS))), 1);
	assert_true(recv(s, question, sizeof(question), 0) > 0);
	lie(s);
	(void)close(s);
	if (!process_wait(pid, TOOL_MS, &result->status)) {
		(void)kill(pid, SIGKILL);
		fail_msg("bulkheadctl doesn't end");
	}
	result->output = process_read_file(output, &result->output_length);
	(void)unlink(output);
	liar_close(&liar);
	assert_non_null(result->output);
	if (!WIFEXITED(result->status))
		fail_msg("bulkheadctl crashed: %s", result->output);
	return (WEXITSTATUS(result->status));
}

static void
bulkheadctl_refuses_what_is_no_status(void **state)
{
	static void (*const lies[])(int) = { lie_garbage, lie_nothing,
		lie_end_only, lie_wrong_size, lie_other_version,
		lie_workers_without_end };
	struct process_result result;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		if (ask(lies[i], NULL, &result) != 1)
			fail_msg("lie %zu was believed: %s", i, result.output);
		assert_non_null(strstr(result.output, "bulkheadctl: "));
		process_result_free(&result);
	}
}

static void
bulkheadctl_shows_what_it_can_of_corrupt_segments(void **state)
{
	static const char *const options[] = { NULL, "--json" };
	struct process_result result;
	size_t i, k;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_int_equal(
		    ask(tell_odd_segments, options[i], &result), 0);
		for (k = 0; k < result.output_length; k++)
			if (result.output[k] != '\n' &&
			    (result.output[k] < ' ' || result.output[k] > '~'))
				fail_msg("byte %#x reached the terminal",
				    (unsigned char)result.output[k]);
		process_result_free(&result);
	}
}

static int
connect_control(const struct server *server)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int s;

	(void)snprintf(
	    address.sun_path, sizeof(address.sun_path), "%s", server->control);
	s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_true(s != -1);
	assert_int_equal(
	    connect(s, (const struct sockaddr *)&address, sizeof(address)), 0);
	return (s);
}

static void
the_master_survives_odd_control_clients(void **state)
{
	struct server *server = server_start("-w", "1", "-m", "hello", NULL);
	static char large[100000];
	struct message_header header;
	struct process_result result;
	char program[PATH_MAX];
	int i, silent[32], s;

	(void)state;
	for (i = 0; i < 32; i++)
		silent[i] = connect_control(server);
	for (i = 0; i < 50; i++) {
		s = connect_control(server);
		message_init(&header, (enum message_type)i, 7, 1000000);
		(void)send(s, &header, sizeof(header), MSG_NOSIGNAL);
		(void)send(s, large, sizeof(large), MSG_NOSIGNAL);
		message_init(&header, MESSAGE_STATUS, 0, 0);
		(void)fd_send(s, &header, sizeof(header), &s, 1);
		(void)close(s);
	}
	process_program("bulkheadctl", program, sizeof(program));
	process_run((const char *const[]){ program, "--control",
			server->control, "status", NULL },
	    TOOL_MS, &result);
	if (result.status != 0)
		fail_msg("%s", result.output);
	process_result_free(&result);
	for (i = 0; i < 32; i++)
		(void)close(silent[i]);
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(bulkheadctl_refuses_what_is_no_status),
		PROCESS_TEST(bulkheadctl_shows_what_it_can_of_corrupt_segments),
		PROCESS_TEST(the_master_survives_odd_control_clients),
	};

	return (RUN_TESTS(argc, argv, tests));
}

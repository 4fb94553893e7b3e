/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting a worker process. Runs in the master, and between fork and exec in
 * the child.
 */
#include "master/spawn.h"

#include "master/child.h"
#include "shm/base/fd.h"
#include "shm/base/log.h"
#include "shm/message.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	FAILED_TEXT = 256,
	BOOT_MS = 10000,
};

/*
 * The kernel tells a death only after the core is written, so there is none
 * unless it was asked for, and then without shared memory (bit 1): the wreck
 * is read by others.
 */
static void
arrange_cores(bool wanted)
{
	static const char filter[] = "0x31";
	struct rlimit limit;
	int fd;

	if (getrlimit(RLIMIT_CORE, &limit) != 0)
		return;
	limit.rlim_cur = wanted ? limit.rlim_max : 0;
	(void)setrlimit(RLIMIT_CORE, &limit);
	if (!wanted)
		return;
	fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	/* Without it the core is larger, no more. */
	if (write(fd, filter, sizeof(filter) - 1) < 0)
		log_warn(
		    "can't keep the segment out of cores: %s", strerror(errno));
	(void)close(fd);
}

/* Both limits, so that nobody can raise it again. */
static int
limit_descriptors(size_t most)
{
	const struct rlimit limit = { .rlim_cur = most, .rlim_max = most };

	if (most == 0 || setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return (0);
	return (-errno);
}

/* As the worker itself would say it: the master hears FAILED, then its end. */
static _Noreturn void
give_up(int socket, const char *what, const char *name, int error)
{
	struct {
		struct message_header header;
		char text[FAILED_TEXT];
	} message;
	struct pollfd boot = { .fd = socket, .events = POLLIN };
	int length;

	/*
	 * Without a reader the master couldn't send its BOOT. Its end may be
	 * among our own descriptors still: should it be killed now, the socket
	 * doesn't tell.
	 */
	(void)poll(&boot, 1, BOOT_MS);
	(void)recv(socket, message.text, sizeof(message.text), MSG_TRUNC);
	length = snprintf(message.text, sizeof(message.text), "%s%s: %s", what,
	    name, strerror(-error));
	if (length >= (int)sizeof(message.text))
		length = (int)sizeof(message.text) - 1;
	message_init(&message.header, MESSAGE_FAILED, 0, (uint32_t)length);
	(void)fd_send(
	    socket, &message, sizeof(message.header) + (size_t)length, NULL, 0);
	_exit(127);
}

static _Noreturn void
become_worker(const struct spawn *spawn)
{
	char name[] = "bulkhead-worker";
	char option[] = "--socket";
	char number[] = "3";
	char *const arguments[] = { name, option, number, NULL };
	int error;

	child_begin();
	arrange_cores(spawn->core_dumps);
	error = segment_allocate(spawn->fds);
	if (error != 0)
		give_up(spawn->socket, "no memory for its segment", "", error);
	error = child_arrange_descriptors(&spawn->socket, 1);
	if (error != 0)
		give_up(spawn->socket, "no descriptors", "", error);
	/* Only now: before, a free one may have been beyond it. */
	error = limit_descriptors(spawn->descriptors);
	if (error != 0)
		give_up(
		    CHILD_FIRST_FD, "can't limit its descriptors", "", error);
	error = identity_assume(spawn->identity);
	if (error != 0)
		give_up(CHILD_FIRST_FD, "can't become its user", "", error);
	(void)execv(spawn->path, arguments);
	give_up(CHILD_FIRST_FD, "can't run ", spawn->path, -errno);
}

int
spawn_worker(const struct spawn *spawn, pid_t *ret_pid, int *ret_pidfd)
{
	int error, pidfd;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		return (-errno);
	if (pid == 0)
		become_worker(spawn);
	error = child_watch(pid, &pidfd);
	if (error != 0)
		return (error);
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	return (0);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bulkhead-admin that was taken over: it asks the master for what it may
 * have and wants done what it may not, and says in the log what came of it.
 */
#include "shm/base/fd.h"
#include "shm/base/log.h"
#include "shm/message.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LISTENER = 3,
	CONTROL = 4,
	MESSAGE = 4096,
};

static char bytes[MESSAGE];

/* The next message's type; 0: the master hung up. */
static int
next(int *ret_fd)
{
	size_t count = 0;
	ssize_t size;
	int truncated;

	*ret_fd = -1;
	(void)poll(&(struct pollfd){ CONTROL, POLLIN, 0 }, 1, -1);
	size = fd_receive(
	    CONTROL, bytes, sizeof(bytes), ret_fd, 1, &count, &truncated);
	if (count == 0)
		*ret_fd = -1;
	return (size <= 0 ? 0 : message_check(bytes, (size_t)size, 0));
}

static void
ask(enum message_type type)
{
	struct message_header header;

	message_init(&header, type, 0, 0);
	(void)fd_send(CONTROL, &header, sizeof(header), NULL, 0);
}

static void
want(void)
{
	struct {
		struct message_header header;
		struct message_command body;
	} message;
	const struct message_answer *answer;
	int fd;

	memset(&message, 0, sizeof(message));
	message_init(&message.header, MESSAGE_COMMAND, 0,
	    (uint32_t)sizeof(message.body));
	message.body.what = COMMAND_RECYCLE;
	(void)fd_send(CONTROL, &message, sizeof(message), NULL, 0);
	if (next(&fd) != MESSAGE_ANSWER)
		return;
	answer = (const void *)(bytes + sizeof(struct message_header));
	log_info("command: %d", (int)answer->status);
}

/* Can what came be written? */
static void
look(const char *what, int fd)
{
	char path[64];
	int again;

	(void)snprintf(path, sizeof(path), "%s: %s", what,
	    fd != -1 && write(fd, "x", 1) == 1 ? "writable" : "read-only");
	again = fd;
	fd_close(&again);
	log_info("%s", path);
}

static unsigned
take_answers(enum message_type wanted, const char *what)
{
	unsigned count = 0;
	int fd, type;

	while ((type = next(&fd)) > 0 && type != MESSAGE_STATUS_END) {
		if (type == (int)wanted && fd != -1) {
			look(what, fd);
			count++;
		} else {
			fd_close(&fd);
		}
	}
	return (count);
}

int
main(void)
{
	log_init("fake-admin", 0);
	want();
	ask(MESSAGE_STATUS);
	log_info(
	    "segments: %u", take_answers(MESSAGE_STATUS_WORKER, "segment"));
	ask(MESSAGE_CRASHES);
	log_info("reports: %u", take_answers(MESSAGE_CRASH, "report"));
	ask(MESSAGE_START); /* means nothing here: we are hung up on */
	(void)take_answers(MESSAGE_STATUS_END, "nothing");
	log_info("hung up on");
	/* A leak checker starts a process for its end, which may outlive us. */
	_exit(3);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * greedy: at its paths it takes more of what it shares with others than is its
 * own.
 *
 *	/greedy/linger    SO_LINGER on all clients of its worker, whose master
 *	                  has the same sockets; and an answer that is too long
 *	                  for a client that doesn't read
 *	/greedy/flight    as many descriptors in messages that nobody receives
 *	                  as the kernel lets it; how many
 *	/greedy/descriptors
 *	                  all descriptors that its worker may have; how many
 */
#include "answer.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

enum {
	FDS_MAX = 1024,
	LINGER_S = 60,
	LONG_ANSWER = 256 * 1024,
	PASS_MAX = 253, /* SCM_MAX_FD */
};

static enum bh_notification_status
linger(struct bh_context *context)
{
	static const char body[LONG_ANSWER];
	const struct bh_data_chunk chunk = { BH_CHUNK_MEMORY, body,
		sizeof(body) };
	const struct linger on = { .l_onoff = 1, .l_linger = LINGER_S };
	const int room = 2 * LONG_ANSWER;

	for (int fd = 3; fd < FDS_MAX; fd++) {
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &on, sizeof(on));
		/* For all of the answer to be the kernel's at once. */
		(void)setsockopt(
		    fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	}
	(void)bh_response_write_entity_chunks(
	    bh_context_response(context), &chunk, 1, false, false, NULL, NULL);
	return (BH_FINISH_REQUEST);
}

/* One message with ${count} descriptors, which stays where it is. */
static bool
send_away(size_t count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(PASS_MAX * sizeof(int))];
	} control;
	struct iovec vector = { .iov_base = (char[]){ "" }, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	int ends[2], fds[PASS_MAX];
	bool sent;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return (false);
	for (size_t i = 0; i < count; i++)
		fds[i] = STDERR_FILENO;
	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	sent = sendmsg(ends[0], &message, MSG_DONTWAIT) == 1;
	if (!sent) {
		(void)close(ends[0]);
		(void)close(ends[1]);
	}
	return (sent);
}

/* Up to its limit, and then one more message, before the kernel sees it. */
static enum bh_notification_status
flight(struct bh_context *context)
{
	size_t sent = 0, count;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return (answer(context, "no limit\n"));
	for (;;) {
		count = limit.rlim_cur > sent ? limit.rlim_cur - sent : 0;
		if (count == 0 || count > PASS_MAX)
			count = PASS_MAX;
		if (!send_away(count))
			return (answer(context, "%zu\n", sent));
		sent += count;
	}
}

/* All that there are. */
static enum bh_notification_status
descriptors(struct bh_context *context)
{
	size_t count = 0;

	while (fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0) != -1)
		count++;
	return (answer(context, "%zu\n", count));
}

static enum bh_notification_status
on_execute(
    void *self, struct bh_context *context, struct bh_event_provider *provider)
{
	(void)self;
	(void)provider;
	if (path_is(context, "/greedy/linger"))
		return (linger(context));
	if (path_is(context, "/greedy/flight"))
		return (flight(context));
	if (path_is(context, "/greedy/descriptors"))
		return (descriptors(context));
	return (BH_CONTINUE);
}

static const struct bh_module_ops ops = {
	.size = sizeof(ops),
	.on_execute_request_handler = on_execute,
};

int
bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server)
{
	(void)server_version, (void)server;
	return (bh_registration_set_request_notifications(
	    registration, &ops, NULL, BH_RQ_EXECUTE_REQUEST_HANDLER, 0));
}

BH_MODULE();

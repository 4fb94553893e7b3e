/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * greedy: at its paths it takes more of what it shares with others than is its
 * own.
 *
 *	/greedy/linger    SO_LINGER on all clients of its worker, whose master
 *	                  has the same sockets; and an answer that is too long
 *	                  for a client that doesn't read
 */
#include "answer.h"

#include <sys/socket.h>
#include <sys/types.h>

enum {
	FDS_MAX = 1024,
	LINGER_S = 60,
	LONG_ANSWER = 256 * 1024,
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

static enum bh_notification_status
on_execute(
    void *self, struct bh_context *context, struct bh_event_provider *provider)
{
	(void)self;
	(void)provider;
	if (path_is(context, "/greedy/linger"))
		return (linger(context));
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

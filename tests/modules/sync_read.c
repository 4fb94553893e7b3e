/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync_read: reads the whole body of a request to /sync_read with synchronous
 * calls and answers how many bytes there were and their sum. A client that
 * trickles its body makes each call wait.
 */
#include "answer.h"

#include <errno.h>
#include <inttypes.h>

static enum bh_notification_status
on_execute(
    void *self, struct bh_context *context, struct bh_event_provider *provider)
{
	unsigned char buffer[1000]; /* on the stack that is parked */
	uint64_t sum = 0, total = 0;
	size_t i, received;
	int error;

	(void)self;
	(void)provider;
	if (!path_is(context, "/sync_read"))
		return (BH_CONTINUE);
	while ((error = bh_request_read_entity_body(bh_context_request(context),
		    buffer, sizeof(buffer), false, &received, NULL)) == 0) {
		for (i = 0; i < received; i++)
			sum += buffer[i];
		total += received;
	}
	if (error != -BH_EOF)
		return (answer(context, "error %d after %" PRIu64 " bytes\n",
		    error, total));
	return (answer(
	    context, "%" PRIu64 " bytes, sum %" PRIu64 "\n", total, sum));
}

static const struct bh_module_ops ops = {
	.size = sizeof(ops),
	.on_execute_request_handler = on_execute,
};

int
bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server)
{
	(void)server_version;
	(void)server;
	return (bh_registration_set_request_notifications(
	    registration, &ops, NULL, BH_RQ_EXECUTE_REQUEST_HANDLER, 0));
}

BH_MODULE();

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A module without settings.
 */
#include <bulkhead/module.h>

static enum bh_notification_status
on_begin_request(
    void *self, struct bh_context *context, struct bh_event_provider *provider)
{
	(void)self;
	(void)context;
	(void)provider;
	return (BH_CONTINUE);
}

static const struct bh_module_ops ops = {
	.size = sizeof(ops),
	.on_begin_request = on_begin_request,
};

int
bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server)
{
	(void)server_version;
	(void)server;
	return (bh_registration_set_request_notifications(
	    registration, &ops, NULL, BH_RQ_BEGIN_REQUEST, 0));
}

BH_MODULE();

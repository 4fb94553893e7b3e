/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A module without BH_MODULE().
 */
#include <bulkhead/module.h>

int
bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server)
{
	(void)server_version;
	(void)registration;
	(void)server;
	return (0);
}

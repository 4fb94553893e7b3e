/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A module that calls something of a server that has it, which this one
 * hasn't.
 */
#include <bulkhead/module.h>

extern int bh_of_a_later_server(void);

int
bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server)
{
	(void)server_version;
	(void)registration;
	(void)server;
	return (bh_of_a_later_server());
}

BH_MODULE();

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * refuses: says in bh_register_module() that it can't work here, and why.
 */
#include <bulkhead/module.h>

#include <errno.h>

int
bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server)
{
	(void)server_version;
	(void)server;
	bh_registration_error(
	    registration, "the moon is in the wrong phase (%d)", 3);
	return (-ENXIO);
}

BH_MODULE();

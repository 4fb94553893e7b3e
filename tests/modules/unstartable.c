/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unstartable: crashes in bh_register_module().
 */
#include <bulkhead/module.h>

#include <stdlib.h>

int
bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server)
{
	(void)server_version;
	(void)registration;
	(void)server;
	abort();
}

BH_MODULE();

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * old_abi: whole, but built for a module ABI that this server doesn't have.
 * Its entry point must not be called.
 */
#include <bulkhead/module.h>

#include <stdlib.h>

BH_EXPORT extern const struct bh_module_abi bh_module_abi;
const struct bh_module_abi bh_module_abi = {
	BH_ABI_MAGIC,
	BH_ABI_VERSION + 76,
	sizeof(struct bh_module_ops),
};

int
bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server)
{
	(void)server_version;
	(void)registration;
	(void)server;
	abort();
}

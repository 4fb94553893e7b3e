/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Only a stamp, as the build says: a right one and no bh_register_module(), or
 * one that was never made by this server's BH_MODULE().
 */
#include <bulkhead/module.h>

#ifndef STAMP_MAGIC
#define STAMP_MAGIC BH_ABI_MAGIC
#endif
#ifndef STAMP_VERSION
#define STAMP_VERSION BH_ABI_VERSION
#endif
#ifndef STAMP_SIZE
#define STAMP_SIZE sizeof(struct bh_module_ops)
#endif

BH_EXPORT extern const struct bh_module_abi bh_module_abi;
const struct bh_module_abi bh_module_abi = {
	.magic = STAMP_MAGIC,
	.version = STAMP_VERSION,
	.ops_size = STAMP_SIZE,
};

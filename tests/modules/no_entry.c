/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * no_entry: has the stamp, but no bh_register_module().
 */
#include <bulkhead/module.h>

BH_MODULE();

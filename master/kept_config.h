/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A configuration as the next image of the master gets it: all of it, for the
 * files that it was read from may have changed since.
 */
#ifndef MASTER_KEPT_CONFIG_H
#define MASTER_KEPT_CONFIG_H

#include "master/config.h"
#include "master/reason.h"

#include <jansson.h>

/* kept_config_save(config): NULL when there is no memory. */
json_t *kept_config_save(const struct config *config);

/*
 * kept_config_load(object, ret_config, why):
 * A new configuration, users looked up. Returns 0, or -errno with the line in
 * ${why}.
 */
int kept_config_load(
    const json_t *object, struct config **ret_config, struct reason *why);

#endif

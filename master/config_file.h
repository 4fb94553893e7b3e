/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration file: libconfuse reads it, settings.def and sections.c say
 * what may stand in it.
 */
#ifndef MASTER_CONFIG_FILE_H
#define MASTER_CONFIG_FILE_H

#include "master/config.h"
#include "master/config_errors.h"
#include "master/reason.h"

/*
 * config_file_read(path, config, ret_errors):
 * Read the file and what it includes into a new ${config}. Mistakes become
 * lines in ${ret_errors} (to be freed), as many as can be found in one go: a
 * wrong value or name doesn't stop it, wrong syntax does. Then ${config} is
 * good for nothing but config_free(). Not reentrant.
 */
void config_file_read(
    const char *path, struct config *config, struct config_errors *ret_errors);

/*
 * config_file_load(path, config, why):
 * The same, with the mistakes logged when there are several. Returns 0, or
 * -EINVAL with one line in ${why}.
 */
int config_file_load(
    const char *path, struct config *config, struct reason *why);

#endif

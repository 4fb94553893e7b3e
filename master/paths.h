/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where things are: the worker program, the modules, the control socket. All
 * are found from the place of the running executable or the environment, so
 * that a build tree and an installation work without being told.
 */
#ifndef MASTER_PATHS_H
#define MASTER_PATHS_H

#include "master/config.h"

/*
 * paths_resolve(config, why):
 * Fill in config->worker, config->control (making its default folder),
 * config->state_dir (not making it) and each module's path, and check that the
 * files are there. What is set already stays. Returns 0, or -errno with the
 * line in ${why}.
 */
int paths_resolve(struct config *config, struct reason *why);

/*
 * paths_resolve_from(config, folder, why):
 * The same for an executable that stands in ${folder}.
 */
int paths_resolve_from(
    struct config *config, const char *folder, struct reason *why);

#endif

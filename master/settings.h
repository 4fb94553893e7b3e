/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server's settings by name: -o NAME=VALUE, and later a configuration
 * file. settings.def has them all.
 */
#ifndef MASTER_SETTINGS_H
#define MASTER_SETTINGS_H

#include "master/config.h"
#include "master/reason.h"

enum {
	SETTINGS_HELP = 8192, /* enough for all of them */
};

/*
 * settings_init(config), settings_init_pool(pool): the defaults of the
 * server's own settings, of a pool's.
 */
void settings_init(struct config *config);
void settings_init_pool(struct config_pool *pool);

/* settings_free(config), settings_free_pool(pool): what they own in them. */
void settings_free(struct config *config);
void settings_free_pool(struct config_pool *pool);

/*
 * settings_set(config, pool, text, why):
 * Follow "name=value"; what is a pool's is set in ${pool}. Of two with the same
 * name the later holds. Returns 0, -EINVAL with the line in ${why}, or -ENOMEM.
 */
int settings_set(struct config *config, struct config_pool *pool,
    const char *text, struct reason *why);

/*
 * settings_help(ret_text): a line or two a setting, with its default, into
 * SETTINGS_HELP bytes.
 */
void settings_help(char ret_text[static SETTINGS_HELP]);

#endif

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
	SETTINGS_HELP = 4096, /* enough for all of them */
};

/* settings_init(config): the defaults. */
void settings_init(struct config *config);

/* settings_free(config): what the settings own in it. */
void settings_free(struct config *config);

/*
 * settings_set(config, text, why):
 * Follow "name=value". Of two with the same name the later holds. Returns 0,
 * -EINVAL with the line in ${why}, or -ENOMEM.
 */
int settings_set(struct config *config, const char *text, struct reason *why);

/*
 * settings_help(ret_text): a line or two a setting, with its default, into
 * SETTINGS_HELP bytes.
 */
void settings_help(char ret_text[static SETTINGS_HELP]);

#endif

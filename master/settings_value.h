/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers with units, as settings are written. For settings.c.
 */
#ifndef MASTER_SETTINGS_VALUE_H
#define MASTER_SETTINGS_VALUE_H

#include "master/settings.h"

#include <stdbool.h>

/*
 * value_parse(kind, text, ret_value):
 * Digits and a unit: of a time (which needs one, unless it is 0), a size or a
 * count. False when ${text} isn't one.
 */
bool value_parse(enum setting_kind kind, const char *text, uint64_t *ret_value);

/* value_format(kind, value, ret_text): in the largest unit that is exact. */
void value_format(
    enum setting_kind kind, uint64_t value, char ret_text[static SETTING_ROOM]);

/* level_parse(text, ret_level), level_name(level): a syslog level by name. */
bool level_parse(const char *text, int *ret_level);
const char *level_name(int level);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mistakes that libconfuse finds, told in our words. For config_file.c.
 */
#ifndef MASTER_CONFIG_COMPLAIN_H
#define MASTER_CONFIG_COMPLAIN_H

#include "master/config_errors.h"
#include "master/sections.h"

/*
 * config_complain_unknown(errors, place, here, name):
 * There is no ${name} in the section ${here}: what may have been meant, or
 * where it belongs.
 */
void config_complain_unknown(struct config_errors *errors, struct place place,
    enum section_id here, const char *name);

/*
 * config_complain_syntax(errors, place, format, argument):
 * Tell the parser's own message ${format} with its only ${argument}, or "".
 */
void config_complain_syntax(struct config_errors *errors, struct place place,
    const char *format, const char *argument);

#endif

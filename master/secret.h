/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values that must not be seen: they come from files of their own, go to the
 * module, and are written nowhere.
 */
#ifndef MASTER_SECRET_H
#define MASTER_SECRET_H

#include "master/reason.h"

#include <stddef.h>

enum {
	SECRET_MAX = 4096, /* bytes, with its NUL */
};

/*
 * secret_read(name, ret_value, why):
 * The contents of a file, without the line's end at its end. A ${name} without
 * '/' is a file in $CREDENTIALS_DIRECTORY. Returns 0, or -errno with the reason
 * in ${why}, which never has a part of the contents.
 */
int secret_read(
    const char *name, char ret_value[static SECRET_MAX], struct reason *why);

#endif

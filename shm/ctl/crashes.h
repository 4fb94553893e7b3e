/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The crash reports that the master has left in its state folder.
 */
#ifndef SHM_CTL_CRASHES_H
#define SHM_CTL_CRASHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * crashes_list(folder, json, out, ret_error, size):
 * A line a report, the oldest first; as JSON an array of the whole reports.
 * ${folder} is the server's state folder; one without reports has none.
 * Returns 0, or -errno with a line about it in ${ret_error}.
 */
int crashes_list(
    const char *folder, bool json, FILE *out, char *ret_error, size_t size);

/* crashes_show(folder, id, json, out, ret_error, size): one of them. */
int crashes_show(const char *folder, const char *id, bool json, FILE *out,
    char *ret_error, size_t size);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crash reports as files: state-dir/crashes/ID.json, of which the newest are
 * kept.
 */
#ifndef MASTER_CRASH_FILE_H
#define MASTER_CRASH_FILE_H

#include "master/crash.h"

/*
 * crash_file_write(crash, folder, most):
 * Write ${crash} into ${folder}/crashes, making both folders, whole or not at
 * all, and remove the oldest reports beyond ${most}. Returns 0 or -errno.
 */
int crash_file_write(
    const struct crash *crash, const char *folder, size_t most);

/* crash_file_format(crash): as JSON, to be freed; NULL without memory. */
char *crash_file_format(const struct crash *crash);

#endif

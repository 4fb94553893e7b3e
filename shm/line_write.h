/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines into a file, the journal or syslog. Any thread, any process.
 */
#ifndef SHM_LINE_WRITE_H
#define SHM_LINE_WRITE_H

#include "shm/message.h"

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/* line_write_first(parts): bytes of the first line of two parts. */
size_t line_write_first(const struct iovec parts[2]);

/*
 * line_write(fd, kind, parts, length):
 * Write the first ${length} bytes of two parts, each of whose lines ends with
 * its '\n'; for the journal and syslog that must be one line. Returns how many
 * were written, or -errno.
 */
ssize_t line_write(
    int fd, enum log_kind kind, const struct iovec parts[2], size_t length);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines on their way to a log, in the segment: what the worker has appended
 * outlives it, and the master writes what it had not yet written itself.
 *
 * One appends (the dispatch thread), one writes out (the log's thread):
 *
 *	          written       writing        head
 *	   free      |  doubtful   |  waiting   |  free
 *	-------------+-------------+------------+---------> bytes ever, modulo
 *	                                                    the log's size
 *
 * Between `written` and `writing` lies what has been given to a write(2) that
 * isn't known to have returned. The lines are whole, each with its '\n'.
 */
#ifndef SHM_LINE_LOG_H
#define SHM_LINE_LOG_H

#include "shm/segment.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/*
 * line_log_append(segment, line, length, request):
 * Append one line, that of request ${request}, by one store: a reader sees
 * all of it or nothing. False when there is no room. Dispatch thread only.
 */
bool line_log_append(const struct segment *segment, const char *line,
    size_t length, uint64_t request);

/*
 * line_log_waiting(segment, ret_parts): what is to be written next, in two
 * parts as it may wrap, the second perhaps empty. Returns their bytes. The
 * log's thread only, as are the next two.
 */
size_t line_log_waiting(
    const struct segment *segment, struct iovec ret_parts[2]);

/* line_log_writing(segment, size): so many of these bytes are being written. */
void line_log_writing(const struct segment *segment, size_t size);

/* line_log_written(segment, size): so many of them are. */
void line_log_written(const struct segment *segment, size_t size);

/* line_log_pending(segment): bytes that are not written yet. */
size_t line_log_pending(const struct segment *segment);

/*
 * line_log_tells_of(wreck, request):
 * Is the line of this request, which a dead worker was in last, in its log?
 */
bool line_log_tells_of(const struct segment *wreck, uint64_t request);

/*
 * line_log_rescue(wreck, ret_lines, ret_length, ret_doubtful):
 * Copy what a dead worker had not written: printable text in whole lines, ended
 * each by its '\n', whatever the wreck holds. The first *${ret_doubtful} bytes
 * may have been written. free() them. Returns 0, also when there are none
 * (NULL), -ENOMEM, or -EPROTO when the wreck's counts can't be.
 */
int line_log_rescue(const struct segment *wreck, char **ret_lines,
    size_t *ret_length, size_t *ret_doubtful);

/*
 * line_log_character(bytes, length):
 * How many bytes at the front are one character of UTF-8 that may stand in a
 * log: 0 for a control character and for what isn't UTF-8. Pure.
 */
size_t line_log_character(const uint8_t *bytes, size_t length);

#endif

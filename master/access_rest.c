/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a dead worker had not written to its access log. Runs in the master,
 * which bounds and cleans the lines and doesn't know what they say.
 *
 * A worker that dies within its write(2) leaves lines of which nobody says
 * whether they are in the file. They went there in one piece, so it is looked
 * for at the file's end.
 */
#include "master/access_log.h"

#include "master/master.h"
#include "shm/base/fd.h"
#include "shm/base/log.h"
#include "shm/line_log.h"
#include "shm/line_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	/* What the others can have written since, and more. */
	TAIL_MAX = 4 * SEGMENT_LOG_SIZE
};

void
access_log_take(struct worker *worker, struct access_rest *ret_rest)
{
	int error;

	memset(ret_rest, 0, sizeof(*ret_rest));
	if (worker->view.header == NULL || worker->pool->log.fd == -1)
		return;
	error = line_log_rescue(&worker->view, &ret_rest->lines,
	    &ret_rest->length, &ret_rest->doubtful);
	if (error != 0)
		log_err("worker %u: its last lines of the access log are "
			"lost: %s",
		    (unsigned)worker->number,
		    error == -EPROTO ? "its segment is corrupt"
				     : strerror(-error));
}

/* The end of the file, which we may only append to. NULL: unreadable. */
static char *
read_tail(int log, size_t *ret_length)
{
	struct stat status;
	char path[32], *bytes = NULL;
	off_t from;
	ssize_t length = -1;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", log);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return (NULL);
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
	    (bytes = malloc(TAIL_MAX)) != NULL) {
		from =
		    status.st_size > TAIL_MAX ? status.st_size - TAIL_MAX : 0;
		length = pread(fd, bytes, TAIL_MAX, from);
	}
	fd_close(&fd);
	if (length >= 0) {
		*ret_length = (size_t)length;
		return (bytes);
	}
	free(bytes);
	return (NULL);
}

static size_t
common(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t at = 0;

	while (at < a_length && at < b_length && a[at] == b[at])
		at++;
	return (at);
}

/* Where the last line that ends at or before ${at} ends. */
static size_t
line_end(const char *lines, size_t at)
{
	while (at > 0 && lines[at - 1] != '\n')
		at--;
	return (at);
}

/*
 * How many bytes of the doubtful lines the file has. Of a line that was cut
 * the rest follows if the cut is the file's end; else it comes again as a
 * whole.
 */
static size_t
count_written(const struct access_rest *rest, const char *tail, size_t length)
{
	const char *first = rest->lines, *found, *end = tail + length;
	const size_t line =
	    (size_t)((char *)memchr(first, '\n', rest->length) - first) + 1;
	size_t same;

	found = memmem(tail, length, first, line);
	if (found != NULL) {
		same =
		    common(found, (size_t)(end - found), first, rest->doubtful);
		return (found + same == end ? same : line_end(first, same));
	}
	/* Not one line of them; a part of one, at the very end? */
	for (same = line - 1 < length ? line - 1 : length; same > 0; same--)
		if (memcmp(end - same, first, same) == 0)
			break;
	return (same);
}

static void
skip_written(
    const struct access_log *log, struct access_rest *rest, size_t *ret_from)
{
	size_t length;
	char *tail;

	*ret_from = 0;
	if (rest->doubtful == 0 || log->kind != LOG_KIND_FILE ||
	    (tail = read_tail(log->fd, &length)) == NULL)
		return;
	*ret_from = count_written(rest, tail, length);
	free(tail);
}

static size_t
count_lines(const char *lines, size_t length)
{
	size_t count = 0, i;

	for (i = 0; i < length; i++)
		count += lines[i] == '\n';
	return (count);
}

void
access_log_put(struct pool *pool, struct access_rest *rest)
{
	const struct access_log *log = &pool->log;
	struct iovec parts[2] = { { NULL, 0 }, { NULL, 0 } };
	size_t at = 0, length;
	ssize_t done = 0;

	if (rest->length > 0)
		skip_written(log, rest, &at);
	for (; at < rest->length; at += (size_t)done) {
		parts[0].iov_base = rest->lines + at;
		parts[0].iov_len = length = rest->length - at;
		if (log->kind != LOG_KIND_FILE)
			length = line_write_first(parts);
		done = line_write(log->fd, log->kind, parts, length);
		if (done < 0) {
			log_err("%zu lines of the access log that a dead "
				"worker left can't be written: %s",
			    count_lines(rest->lines + at, rest->length - at),
			    strerror((int)-done));
			break;
		}
	}
	free(rest->lines);
	rest->lines = NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing lines. A file takes many at once, in one write(2), so that those of
 * several workers don't mix; the journal and syslog take datagrams.
 */
#include "shm/line_write.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Facility local0, severity info: 16 * 8 + 6. */
#define SYSLOG_HEAD  "<134>bulkhead-access: "
#define JOURNAL_HEAD "SYSLOG_IDENTIFIER=bulkhead-access\nPRIORITY=6\nMESSAGE="

size_t
line_write_first(const struct iovec parts[2])
{
	const char *end;
	size_t before = 0;
	int i;

	for (i = 0; i < 2; i++) {
		end = parts[i].iov_len == 0
			  ? NULL
			  : memchr(parts[i].iov_base, '\n', parts[i].iov_len);
		if (end != NULL)
			return (before + 1 +
				(size_t)(end - (char *)parts[i].iov_base));
		before += parts[i].iov_len;
	}
	return (before);
}

/* The two parts, cut to their first ${length} bytes. */
static void
cut(const struct iovec parts[2], size_t length, struct iovec *ret_parts)
{
	ret_parts[0] = parts[0];
	ret_parts[1] = parts[1];
	if (ret_parts[0].iov_len > length)
		ret_parts[0].iov_len = length;
	ret_parts[1].iov_len = length - ret_parts[0].iov_len;
}

/* A field of the journal's ends with the line's own '\n'; syslog's has none. */
static ssize_t
send_line(int fd, const char *head, size_t size, const struct iovec parts[2],
    size_t length, bool newline)
{
	struct iovec all[3] = { { (void *)(uintptr_t)head, size } };
	struct msghdr message = { .msg_iov = all, .msg_iovlen = 3 };

	cut(parts, newline ? length : length - 1, &all[1]);
	if (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == -1)
		return (-errno);
	return ((ssize_t)length);
}

ssize_t
line_write(
    int fd, enum log_kind kind, const struct iovec parts[2], size_t length)
{
	struct iovec all[2];
	ssize_t written;

	if (kind == LOG_KIND_JOURNAL)
		return (send_line(fd, JOURNAL_HEAD, sizeof(JOURNAL_HEAD) - 1,
		    parts, length, true));
	if (kind == LOG_KIND_SYSLOG)
		return (send_line(fd, SYSLOG_HEAD, sizeof(SYSLOG_HEAD) - 1,
		    parts, length, false));
	cut(parts, length, all);
	do
		written = writev(fd, all, 2);
	while (written == -1 && errno == EINTR);
	if (written == -1)
		return (-errno);
	return (written == 0 ? -ENOSPC : written);
}

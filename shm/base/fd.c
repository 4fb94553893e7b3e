/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File descriptors: closing, options, and passing them over a Unix socket,
 * which is how a connection reaches its worker. Any process.
 */
#include "shm/base/fd.h"

#include "shm/base/panic.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Room for the control message with the most descriptors, well aligned. */
union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(FD_PASS_MAX * sizeof(int))];
};

void
fd_close(int *fd)
{
	int saved_errno = errno;

	if (*fd == -1)
		return;
	/*
	 * Linux has released the number even when close(2) fails: trying again
	 * could close a descriptor of another thread.
	 */
	(void)close(*fd);
	*fd = -1;
	errno = saved_errno;
}

int
fd_set_nonblock(int fd)
{
	int flags;

	flags = fcntl(fd, F_GETFL);
	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return (-errno);
	return (0);
}

int
fd_raise_limit(size_t *ret_limit)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return (-errno);
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		return (-errno);
	*ret_limit = (size_t)limit.rlim_cur;
	return (0);
}

int
fd_make_room(int fd, size_t count)
{
	struct rlimit limit;
	int highest;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return (-errno);
	if (count > limit.rlim_cur)
		count = (size_t)limit.rlim_cur;
	if (count == 0)
		return (0);
	/* The table is made for the highest that there ever was. */
	highest = fcntl(fd, F_DUPFD_CLOEXEC, (int)count - 1);
	if (highest == -1)
		return (-errno);
	(void)close(highest);
	return (0);
}

int
fd_allocate(int fd, size_t size)
{
	while (fallocate(fd, 0, 0, (off_t)size) == -1)
		if (errno != EINTR)
			return (-errno);
	return (0);
}

int
fd_send(
    int socket, const void *bytes, size_t size, const int *fds, size_t count)
{
	union control control;
	struct iovec vector;
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
	struct cmsghdr *header;

	bh_assert(count <= FD_PASS_MAX);
	/* sendmsg(2) only reads it; the field has no const for us. */
	memcpy(&vector.iov_base, &bytes, sizeof(bytes));
	vector.iov_len = size;
	if (count > 0) {
		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(header), fds, count * sizeof(int));
	}
	if (sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		return (-errno);
	return (0);
}

/* Copy out the descriptors that came with ${message}: at most ${max}. */
static size_t
take_descriptors(struct msghdr *message, int *fds, size_t max)
{
	struct cmsghdr *header;
	size_t bytes, count = 0;

	for (header = CMSG_FIRSTHDR(message); header != NULL;
	     header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level != SOL_SOCKET ||
		    header->cmsg_type != SCM_RIGHTS)
			continue;
		bytes = header->cmsg_len - CMSG_LEN(0);
		bh_assert(bytes / sizeof(int) <= max - count);
		memcpy(fds + count, CMSG_DATA(header), bytes);
		count += bytes / sizeof(int);
	}
	return (count);
}

ssize_t
fd_receive(int socket, void *buffer, size_t size, int *fds, size_t max,
    size_t *ret_count, int *ret_truncated)
{
	union control control;
	struct iovec vector = { .iov_base = buffer, .iov_len = size };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
	ssize_t length;
	size_t count;

	bh_assert(max <= FD_PASS_MAX);
	if (max > 0) {
		message.msg_control = &control;
		/*
		 * CMSG_LEN, not CMSG_SPACE: the kernel would use the padding
		 * for one descriptor more than ${fds} has room for.
		 */
		message.msg_controllen = CMSG_LEN(max * sizeof(int));
	}
	length = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (length == -1)
		return (-errno);
	count = take_descriptors(&message, fds, max);
	if (message.msg_flags & MSG_TRUNC) {
		while (count > 0)
			fd_close(&fds[--count]);
		return (-EMSGSIZE);
	}
	*ret_count = count;
	*ret_truncated = (message.msg_flags & MSG_CTRUNC) != 0;
	return (length);
}

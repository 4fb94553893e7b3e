/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File descriptors: closing, options, and passing them over a Unix socket.
 */
#ifndef SHM_BASE_FD_H
#define SHM_BASE_FD_H

#include <stddef.h>
#include <sys/types.h>

/* The kernel's limit of descriptors in one message (SCM_MAX_FD). */
enum { FD_PASS_MAX = 253 };

/*
 * fd_close(fd):
 * Close *${fd} unless it is -1, and set it to -1. errno is preserved.
 */
void fd_close(int *fd);

/*
 * fd_set_nonblock(fd): 0 or -errno.
 */
int fd_set_nonblock(int fd);

/*
 * fd_raise_limit(ret_limit):
 * Raise RLIMIT_NOFILE to its hard limit and store the limit in force.
 * Returns 0 or -errno.
 */
int fd_raise_limit(size_t *ret_limit);

/*
 * fd_make_room(fd, count):
 * Have the kernel make room for ${count} descriptors, or as many as the limit
 * allows; ${fd} is any that is open. A table that grows later, in a process
 * with threads, waits for all CPUs (an RCU grace period): tens of
 * milliseconds, and seconds on a busy machine. So: before the first thread.
 * Returns 0 or -errno, and then it grows later.
 */
int fd_make_room(int fd, size_t count);

/*
 * fd_allocate(fd, size):
 * All the memory of a memfd's first ${size} bytes, now: a page that can't be
 * had when it is first touched is a SIGBUS. A signal may have it begin anew.
 * Returns 0 or -errno.
 */
int fd_allocate(int fd, size_t size);

/*
 * fd_send(socket, bytes, size, fds, count):
 * Send one message of ${size} bytes with ${count} (0 to FD_PASS_MAX)
 * descriptors over a SOCK_SEQPACKET socket, without blocking and without
 * SIGPIPE. The descriptors stay open here. Returns 0 or -errno (-EAGAIN: the
 * socket's buffer is full; -ETOOMANYREFS: too many descriptors in flight).
 */
int fd_send(int socket, const void *bytes, size_t size, const int *fds,
    size_t count);

/*
 * fd_receive(socket, buffer, size, fds, max, ret_count, ret_truncated):
 * Receive one message of at most ${size} bytes and up to ${max} descriptors
 * (all close-on-exec) into ${fds}; *${ret_count} is how many came. At our own
 * descriptor limit the kernel installs a prefix of them and drops the rest:
 * then *${ret_truncated} is 1. Returns the message's length, 0 when the peer
 * is gone, or -errno (-EAGAIN: nothing there; -EMSGSIZE: longer than
 * ${size}; its descriptors have been closed). The caller owns what came.
 */
ssize_t fd_receive(int socket, void *buffer, size_t size, int *fds, size_t max,
    size_t *ret_count, int *ret_truncated);

#endif

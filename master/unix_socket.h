/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listening on a path: a stale socket file is replaced, a live one is not,
 * and at the end only the file that we made is removed.
 */
#ifndef MASTER_UNIX_SOCKET_H
#define MASTER_UNIX_SOCKET_H

#include "master/reason.h"

#include <sys/stat.h>
#include <sys/un.h>

struct unix_socket {
	int fd;
	struct sockaddr_un address;
	/* The file that bind(2) made; another one under the path isn't ours. */
	dev_t device;
	ino_t inode;
};

/*
 * unix_socket_listen(socket, path, type, mode, why):
 * Bind and listen, non-blocking and close-on-exec. ${type} is SOCK_STREAM or
 * SOCK_SEQPACKET; ${mode} is the file's. Returns 0, or -errno with the line in
 * ${why} (-EADDRINUSE: someone answers there) and nothing left behind.
 */
int unix_socket_listen(struct unix_socket *listener, const char *path, int type,
    mode_t mode, struct reason *why);

/* unix_socket_close(socket): close it and remove its file. Closed is fine. */
void unix_socket_close(struct unix_socket *listener);

#endif

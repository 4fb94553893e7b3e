/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listening Unix sockets. Runs in the master.
 */
#include "master/unix_socket.h"

#include "shm/base/fd.h"

#include <bsd/string.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Nobody listens there, and it is a socket, not somebody's file. */
static bool
is_stale(const struct sockaddr_un *address, int type)
{
	struct stat status;
	bool refused;
	int fd;

	if (lstat(address->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode))
		return (false);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return (false);
	refused = connect(fd, (const struct sockaddr *)address,
		      sizeof(*address)) != 0 &&
		  errno == ECONNREFUSED;
	fd_close(&fd);
	return (refused);
}

static int
bind_path(const struct unix_socket *listener, int type)
{
	const struct sockaddr *address =
	    (const struct sockaddr *)&listener->address;
	socklen_t length = sizeof(listener->address);

	if (bind(listener->fd, address, length) == 0)
		return (0);
	if (errno != EADDRINUSE)
		return (-errno);
	if (!is_stale(&listener->address, type))
		return (-EADDRINUSE);
	if (unlink(listener->address.sun_path) != 0)
		return (-errno);
	return (bind(listener->fd, address, length) == 0 ? 0 : -errno);
}

static int
describe(const char *path, int error, struct reason *why)
{
	struct stat status;

	if (error == -EADDRINUSE && lstat(path, &status) == 0 &&
	    !S_ISSOCK(status.st_mode))
		return (reason_set(why, error,
		    "can't listen on unix:%s: a file that isn't a socket is in "
		    "the way; remove it or choose another path",
		    path));
	return (reason_set(why, error, "can't listen on unix:%s: %s%s", path,
	    strerror(-error),
	    error == -EADDRINUSE
		? "; another server answers there: stop it or choose another "
		  "path"
		: ""));
}

/* Between bind(2) and listen(2) nobody can connect, whatever the mode. */
static int
open_path(struct unix_socket *listener, int type, mode_t mode)
{
	struct stat status;
	int error;

	listener->fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0)
		return (-errno);
	error = bind_path(listener, type);
	if (error != 0)
		return (error);
	if (lstat(listener->address.sun_path, &status) != 0)
		return (-errno);
	listener->device = status.st_dev;
	listener->inode = status.st_ino;
	if (chmod(listener->address.sun_path, mode) != 0 ||
	    listen(listener->fd, SOMAXCONN) != 0)
		return (-errno);
	return (0);
}

int
unix_socket_listen(struct unix_socket *listener, const char *path, int type,
    mode_t mode, struct reason *why)
{
	int error;

	memset(listener, 0, sizeof(*listener));
	listener->fd = -1;
	listener->address.sun_family = AF_UNIX;
	if (strlcpy(listener->address.sun_path, path,
		sizeof(listener->address.sun_path)) >=
	    sizeof(listener->address.sun_path))
		return (reason_set(why, -ENAMETOOLONG,
		    "the socket path %s is longer than the %zu bytes that the "
		    "system allows",
		    path, sizeof(listener->address.sun_path) - 1));
	error = open_path(listener, type, mode);
	if (error != 0) {
		unix_socket_close(listener);
		return (describe(path, error, why));
	}
	return (0);
}

void
unix_socket_close(struct unix_socket *listener)
{
	struct stat status;

	if (listener->fd == -1)
		return;
	fd_close(&listener->fd);
	if (listener->inode != 0 &&
	    lstat(listener->address.sun_path, &status) == 0 &&
	    status.st_dev == listener->device &&
	    status.st_ino == listener->inode)
		(void)unlink(listener->address.sun_path);
	listener->inode = 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening and closing listening sockets. Runs in the master, before step 1 of
 * a request's life.
 */
#include "master/listener.h"

#include "shm/base/fd.h"

#include <bsd/string.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *
hint(int error)
{
	switch (error) {
	case -EADDRINUSE:
		return ("; another program listens there: stop it or choose "
			"another port with -l");
	case -EACCES:
		return ("; ports below 1024 need root or "
			"CAP_NET_BIND_SERVICE");
	case -EADDRNOTAVAIL:
		return ("; no interface of this machine has that address");
	default:
		return ("");
	}
}

static int
describe(const struct address *address, int error, struct reason *why)
{
	char name[ADDRESS_TEXT];

	address_format(&address->storage, address->length, name);
	return (reason_set(why, error, "can't listen on %s: %s%s", name,
	    strerror(-error), hint(error)));
}

static int
set_option(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) != 0)
		return (-errno);
	return (0);
}

/*
 * Linux copies TCP_NODELAY and SO_OOBINLINE to accepted sockets
 * (tests/unit/master/listener.c holds it to that), which saves two calls a
 * connection. SO_OOBINLINE: DESIGN section 5 counts every received byte.
 */
static int
set_inherited(int fd)
{
	int error;

	error = set_option(fd, SOL_SOCKET, SO_OOBINLINE, 1);
	if (error == 0)
		error = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	return (error);
}

static int
set_options(int fd, const struct address *address)
{
	int error;

	error = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (error == 0)
		error = set_inherited(fd);
	if (error == 0 && address->storage.ss_family == AF_INET6)
		error =
		    set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !address->any);
	return (error);
}

int
listener_adopt(
    struct listener *listener, int fd, const char *name, struct reason *why)
{
	struct address address;
	int error;

	memset(listener, 0, sizeof(*listener));
	listener->fd = -1;
	listener->path.fd = -1;
	memset(&address, 0, sizeof(address));
	address.length = sizeof(address.storage);
	error = fd_set_nonblock(fd);
	if (error == 0 && getsockname(fd, (struct sockaddr *)&address.storage,
			      &address.length) != 0)
		error = -errno;
	if (error == 0 && address.storage.ss_family != AF_UNIX)
		error = set_inherited(fd);
	if (error != 0)
		return (reason_set(why, error,
		    "can't use the open socket for %s: %s",
		    name, strerror(-error)));
	(void)strlcpy(listener->name, name, sizeof(listener->name));
	listener->fd = fd;
	return (0);
}

static int
bind_tcp(const struct address *address, int *ret_fd)
{
	int error, fd;

	fd = socket(address->storage.ss_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return (-errno);
	error = set_options(fd, address);
	if (error == 0 && bind(fd, (const struct sockaddr *)&address->storage,
			      address->length) != 0)
		error = -errno;
	if (error != 0) {
		fd_close(&fd);
		return (error);
	}
	*ret_fd = fd;
	return (0);
}

/* On a kernel without IPv6 "every address" is every IPv4 address. */
static int
open_tcp(const struct address *address, int *ret_fd)
{
	const struct sockaddr_in6 *in6 =
	    (const struct sockaddr_in6 *)&address->storage;
	struct address fallback;
	struct sockaddr_in *in = (struct sockaddr_in *)&fallback.storage;
	int error;

	error = bind_tcp(address, ret_fd);
	if (!address->any ||
	    (error != -EAFNOSUPPORT && error != -EADDRNOTAVAIL))
		return (error);
	memset(&fallback, 0, sizeof(fallback));
	in->sin_family = AF_INET;
	in->sin_port = in6->sin6_port;
	fallback.length = sizeof(*in);
	return (bind_tcp(&fallback, ret_fd));
}

static int
listen_tcp(struct listener *listener, const struct address *address)
{
	struct sockaddr_storage storage;
	socklen_t length = sizeof(storage);
	int error;

	error = open_tcp(address, &listener->fd);
	if (error != 0)
		return (error);
	if (listen(listener->fd, SOMAXCONN) != 0 ||
	    getsockname(listener->fd, (struct sockaddr *)&storage, &length) !=
		0) {
		error = -errno;
		fd_close(&listener->fd);
		return (error);
	}
	address_format(&storage, length, listener->name);
	return (0);
}

int
listener_open(struct listener *listener, const struct address *address,
    struct reason *why)
{
	const struct sockaddr_un *un =
	    (const struct sockaddr_un *)&address->storage;
	int error;

	memset(listener, 0, sizeof(*listener));
	listener->fd = -1;
	listener->path.fd = -1;
	if (address->storage.ss_family != AF_UNIX) {
		error = listen_tcp(listener, address);
		return (error == 0 ? 0 : describe(address, error, why));
	}
	/* As with a port, whoever reaches the folder may connect. */
	error = unix_socket_listen(
	    &listener->path, un->sun_path, SOCK_STREAM, 0666, why);
	if (error != 0)
		return (error);
	listener->fd = listener->path.fd;
	address_format(&address->storage, address->length, listener->name);
	return (0);
}

void
listener_close(struct listener *listener)
{
	if (listener->path.fd != -1) {
		unix_socket_close(&listener->path);
		listener->fd = -1;
	}
	fd_close(&listener->fd);
}

/* A Unix path: its folder must let us make the file. */
static int
check_unix(const struct sockaddr_un *un, struct reason *why)
{
	char folder[sizeof(un->sun_path)];
	char *slash;

	(void)strlcpy(folder, un->sun_path, sizeof(folder));
	slash = strrchr(folder, '/');
	if (slash == NULL)
		(void)strlcpy(folder, ".", sizeof(folder));
	else
		slash[slash == folder ? 1 : 0] = '\0';
	if (access(folder, W_OK | X_OK) == 0)
		return (0);
	return (reason_set(why, -errno, "can't listen on unix:%s: %s: %s",
	    un->sun_path, folder, strerror(errno)));
}

int
listener_check(const struct address *address, struct reason *why)
{
	int error, fd;

	if (address->storage.ss_family == AF_UNIX)
		return (check_unix(
		    (const struct sockaddr_un *)&address->storage, why));
	error = open_tcp(address, &fd);
	if (error == -EADDRINUSE)
		return (0);
	if (error != 0)
		return (describe(address, error, why));
	fd_close(&fd);
	return (0);
}

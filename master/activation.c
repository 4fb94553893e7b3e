/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets from systemd. Runs in the master before step 1 of a request's life.
 *
 * A copy of each TCP listener stays with systemd under a name that begins with
 * STORED_NAME. Whoever is started next gets it back, with the connections that
 * wait in it: between a master's end and the next one's start nobody is turned
 * away. Unix sockets aren't kept, for their path goes with their master.
 */
#include "master/activation.h"

#include "master/notify.h"
#include "shm/base/fd.h"
#include "shm/base/log.h"

#include <bsd/string.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define STORED_NAME "bulkhead-listener-"

/* A name is printable ASCII without colons. */
static void
make_name(const char *text, char *ret_name)
{
	(void)snprintf(ret_name, ACTIVATION_NAME, "%s%s", STORED_NAME, text);
	for (char *at = ret_name; *at != '\0'; at++)
		if (*at == ':' || *at <= ' ' || *at > '~')
			*at = '_';
}

static bool
is_same(const struct address *a, const struct address *b)
{
	const struct sockaddr_in *in_a = (const void *)&a->storage;
	const struct sockaddr_in *in_b = (const void *)&b->storage;
	const struct sockaddr_in6 *in6_a = (const void *)&a->storage;
	const struct sockaddr_in6 *in6_b = (const void *)&b->storage;
	const struct sockaddr_un *un_a = (const void *)&a->storage;
	const struct sockaddr_un *un_b = (const void *)&b->storage;

	if (a->storage.ss_family != b->storage.ss_family)
		return (false);
	switch (a->storage.ss_family) {
	case AF_INET:
		return (in_a->sin_port == in_b->sin_port &&
			in_a->sin_addr.s_addr == in_b->sin_addr.s_addr);
	case AF_INET6:
		return (
		    in6_a->sin6_port == in6_b->sin6_port &&
		    in6_a->sin6_scope_id == in6_b->sin6_scope_id &&
		    IN6_ARE_ADDR_EQUAL(&in6_a->sin6_addr, &in6_b->sin6_addr));
	case AF_UNIX:
		return (strncmp(un_a->sun_path, un_b->sun_path,
			    sizeof(un_a->sun_path)) == 0);
	default:
		return (false);
	}
}

/* False when it isn't one that we could accept from. */
static bool
collect(struct activation *activation, int fd, const char *name)
{
	struct activation_socket *place;

	if (activation->count == ACTIVATION_SOCKETS_MAX ||
	    sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
		return (false);
	place = &activation->sockets[activation->count];
	memset(place, 0, sizeof(*place));
	place->address.length = sizeof(place->address.storage);
	if (getsockname(fd, (struct sockaddr *)&place->address.storage,
		&place->address.length) != 0)
		return (false);
	place->fd = fd;
	place->stored =
	    strncmp(name, STORED_NAME, sizeof(STORED_NAME) - 1) == 0;
	(void)strlcpy(place->name, name, sizeof(place->name));
	address_format(
	    &place->address.storage, place->address.length, place->text);
	activation->count++;
	return (true);
}

/* Nobody has asked for an address but the socket unit. */
static void
configure(const struct activation *activation, struct config *config)
{
	size_t count = 0;

	if (!config->listeners_default)
		return;
	for (size_t i = 0;
	     i < activation->count && count < CONFIG_LISTENERS_MAX; i++) {
		if (activation->sockets[i].stored)
			continue;
		memset(&config->listeners[count], 0,
		    sizeof(config->listeners[count]));
		config->listeners[count++].address =
		    activation->sockets[i].address;
	}
	if (count > 0)
		config->listener_count = count;
}

void
activation_open(struct activation *activation, struct config *config)
{
	char **names = NULL;
	const char *name;
	int count, fd;

	activation->count = 0;
	count = sd_listen_fds_with_names(1, &names);
	if (count < 0)
		log_warn("can't take the sockets that systemd has for us: %s",
		    strerror(-count));
	for (int i = 0; i < count; i++) {
		fd = SD_LISTEN_FDS_START + i;
		name = names != NULL ? names[i] : "";
		if (collect(activation, fd, name))
			continue;
		log_warn("systemd has handed us '%s', which isn't a listening "
			 "stream socket: closed",
		    name);
		fd_close(&fd);
	}
	for (int i = 0; names != NULL && i < count; i++)
		free(names[i]);
	free(names);
	configure(activation, config);
}

static struct activation_socket *
find(struct activation *activation, const struct address *address)
{
	for (size_t i = 0; i < activation->count; i++)
		if (activation->sockets[i].fd != -1 &&
		    is_same(&activation->sockets[i].address, address))
			return (&activation->sockets[i]);
	return (NULL);
}

static void
store(const struct listener *listener)
{
	char name[ACTIVATION_NAME];

	if (listener->path.fd != -1)
		return;
	make_name(listener->name, name);
	notify_store(listener->fd, name);
}

int
activation_listen(struct activation *activation, struct listener *listener,
    const struct address *address, struct reason *why)
{
	struct activation_socket *given = NULL;
	int error;

	if (activation != NULL)
		given = find(activation, address);
	if (given == NULL) {
		error = listener_open(listener, address, why);
		if (error == 0)
			store(listener);
		return (error);
	}
	error = listener_adopt(listener, given->fd, given->text, why);
	if (error != 0)
		return (error);
	given->fd = -1;
	listener->given = !given->stored;
	log_info("%s comes from systemd (%s)", given->text,
	    given->stored ? "kept by it for us" : given->name);
	return (0);
}

void
activation_forget(const struct listener *listener)
{
	char name[ACTIVATION_NAME];

	if (listener->given || listener->path.fd != -1)
		return;
	make_name(listener->name, name);
	notify_forget(name);
}

void
activation_close(struct activation *activation)
{
	struct activation_socket *left;

	for (size_t i = 0; i < activation->count; i++) {
		left = &activation->sockets[i];
		if (left->fd == -1)
			continue;
		if (left->stored) {
			notify_forget(left->name);
			log_info(
			    "%s is no longer configured: closed", left->text);
		} else {
			log_warn("systemd has a socket for %s (%s), but no "
				 "listener has that address: closed; make "
				 "ListenStream= and the configuration agree",
			    left->text, left->name);
		}
		fd_close(&left->fd);
	}
	activation->count = 0;
}

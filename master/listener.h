/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listening sockets for clients: TCP over IPv4 or IPv6, or a Unix path.
 */
#ifndef MASTER_LISTENER_H
#define MASTER_LISTENER_H

#include "master/address.h"
#include "master/loop.h"
#include "master/unix_socket.h"

struct acceptor;
struct pool;

struct listener {
	struct acceptor *acceptor; /* whose it is, set by it */
	struct pool *pool;         /* whose its connections are, likewise */
	bool kept;                 /* a reload goes on with it */
	struct loop_source source;
	struct unix_socket path; /* fd -1 when it isn't one */
	int fd;
	bool given;              /* a socket unit's, not ours */
	struct address address;  /* as it was written, set by its acceptor */
	char name[ADDRESS_TEXT]; /* its real address, port 0 resolved */
};

/*
 * listener_open(listener, address, why):
 * Bind and listen: non-blocking, close-on-exec, with the options that accepted
 * sockets inherit (TCP_NODELAY, SO_OOBINLINE). Returns 0, or -errno with the
 * line in ${why} and nothing left open.
 */
int listener_open(struct listener *listener, const struct address *address,
    struct reason *why);

/*
 * listener_adopt(listener, fd, name, why):
 * Listen with ${fd}, which somebody else has opened, as ${name}. It is the
 * listener's then. Returns 0, or -errno with the line in ${why} and ${fd}
 * still the caller's.
 */
int listener_adopt(
    struct listener *listener, int fd, const char *name, struct reason *why);

/* listener_close(listener): out of any loop already. Closed is fine. */
void listener_close(struct listener *listener);

/*
 * listener_check(address, why):
 * Could we listen there? A port in use is fine: most likely the server that
 * is to be replaced has it. Leaves nothing behind.
 */
int listener_check(const struct address *address, struct reason *why);

#endif

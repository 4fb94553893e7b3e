/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listening sockets that systemd hands to us (sd_listen_fds(3)): those of a
 * socket unit, and those that we had it keep before a restart or a crash. Both
 * kinds are matched with the configured listeners by their addresses.
 */
#ifndef MASTER_ACTIVATION_H
#define MASTER_ACTIVATION_H

#include "master/config.h"
#include "master/listener.h"

enum {
	ACTIVATION_SOCKETS_MAX = 2 * CONFIG_LISTENERS_MAX,
	ACTIVATION_NAME = ADDRESS_TEXT + 32,
};

struct activation_socket {
	int fd;      /* -1: taken */
	bool stored; /* we had it kept; else a socket unit's */
	struct address address;
	char name[ACTIVATION_NAME]; /* by which it is kept */
	char text[ADDRESS_TEXT];
};

struct activation {
	struct activation_socket sockets[ACTIVATION_SOCKETS_MAX];
	size_t count;
};

/*
 * activation_open(activation, config):
 * Collect what systemd has handed over; the environment forgets it. What isn't
 * a listening stream socket is told and closed. Where nobody has configured a
 * listener, ${config} gets the socket unit's instead of the default one.
 */
void activation_open(struct activation *activation, struct config *config);

/*
 * activation_listen(activation, listener, address, why):
 * listener_open(), or a matching socket that was handed over. Either way
 * systemd keeps a copy of a TCP socket of ours from now on.
 */
int activation_listen(struct activation *activation, struct listener *listener,
    const struct address *address, struct reason *why);

/*
 * activation_forget(listener):
 * It is no longer configured: systemd needn't keep it. Before
 * listener_close(). Not when the server ends: a restart wants it back.
 */
void activation_forget(const struct listener *listener);

/*
 * activation_close(activation):
 * All listeners are open: what is left matches none; tell, and close.
 */
void activation_close(struct activation *activation);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket: bulkheadctl asks, the master answers and hands out
 * read-only descriptors of the segments. Whoever may open the socket may read
 * the figures of all workers; root and the server's own user may command.
 */
#ifndef MASTER_CONTROL_H
#define MASTER_CONTROL_H

#include "master/crash_list.h"
#include "master/loop.h"
#include "master/reason.h"
#include "master/unix_socket.h"

enum {
	CONTROL_CLIENTS = 16,
	CONTROL_PATIENCE_MS = 2000, /* for a client to take its answer */
	CONTROL_RETRY_MS = 1000,
	CONTROL_MODE = 0660,
};

struct master;

struct control_client {
	struct control *control;
	struct loop_source source;
	struct loop_timer patience;
	int fd;        /* -1: free */
	uint32_t next; /* 0: master, then workers, modules, the end */
	bool answering;
	struct crash_list *crashes; /* what it is being sent instead */
};

struct control {
	struct master *master;
	struct unix_socket listener;
	struct loop_source source;
	struct loop_timer retry; /* after accept(2) failed */
	uint32_t turn;           /* whose place is next to be taken away */
	struct control_client clients[CONTROL_CLIENTS];
	/* bulkhead-admin: may read crash reports, and command nothing. */
	struct control_client admin;
	struct crash_list crashes; /* on their way to it */
};

/*
 * control_open(control, master, why):
 * Listen at the configured path. Returns 0, or -errno with the line in ${why}.
 */
int control_open(
    struct control *control, struct master *master, struct reason *why);

/*
 * control_close(control): and remove the socket's file. A zeroed or closed one
 * is fine.
 */
void control_close(struct control *control);

/*
 * control_attach(control, fd):
 * bulkhead-admin is at the other end of this socket, which is ours from now
 * on. Returns 0, or -errno and it is closed.
 * control_detach(control): it is gone. When it was never there: fine.
 */
int control_attach(struct control *control, int fd);
void control_detach(struct control *control);

#endif

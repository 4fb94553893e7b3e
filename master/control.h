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

/* Where a status has got to: what it tells of, in this order. */
enum control_part {
	CONTROL_MASTER = 0,
	CONTROL_WORKERS,
	CONTROL_MODULES,
	CONTROL_RETIRED,
	CONTROL_END,
};

struct control_cursor {
	enum control_part part;
	uint32_t worker; /* the number of the last one */
	uint32_t module; /* the next, counted through all pools */
};

struct control_client {
	struct control *control;
	struct loop_source source;
	struct loop_timer patience;
	int fd; /* -1: free */
	struct control_cursor cursor;
	bool answering;
	struct crash_list *crashes; /* what it is being sent instead */
	uint32_t reload;            /* waits for the end of this one; 0: none */
	bool upgrade;               /* waits for the end of an upgrade */
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
 * control_adopt(control, master, listener, why):
 * The same with a listener that another image of this program had; takes it.
 */
int control_adopt(struct control *control, struct master *master,
    const struct unix_socket *listener, struct reason *why);

/*
 * control_tell_reload(control, number, status, text):
 * The reload of that number is over: tell those that wait for it. ${status} is
 * 0 or -errno.
 */
void control_tell_reload(
    struct control *control, uint32_t number, int status, const char *text);

/*
 * control_tell_upgrade(control, status, text): the same for an upgrade that
 * came to nothing. One that was made is over with the reload that follows it.
 */
void control_tell_upgrade(
    struct control *control, int status, const char *text);

/*
 * control_upgrade_client(control): the descriptor of who waits for the
 * upgrade, or -1. control_resume(control, fd, reload): in the next image he
 * waits for the reload of that number, or with 0 for control_tell_upgrade();
 * takes ${fd}, which may be -1.
 */
int control_upgrade_client(const struct control *control);
void control_resume(struct control *control, int fd, uint32_t reload);

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
